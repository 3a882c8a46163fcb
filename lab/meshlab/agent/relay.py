"""Copy standard input and output to a port on 127.0.0.1 of a pod: `python -I -S relay.py NAMESPACE_FILE PORT`.

kwok runs it once per forwarded connection, so it starts fast: the standard library alone, nothing of meshlab.
"""

from __future__ import annotations

import _socket
import ctypes
import os
import select
import sys

_CLONE_NEWNET = 0x40000000
_CHUNK = 65536


def relay(source: int, sink: int, connection: _socket.socket) -> None:
    """Both directions until the server has said all. The end of input is passed on as a half-close."""
    descriptor = connection.fileno()
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(descriptor, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            data = os.read(ready, _CHUNK)
            if ready == source:
                if data:
                    connection.sendall(data)
                else:
                    poll.unregister(source)
                    connection.shutdown(_socket.SHUT_WR)
            elif data:
                _write(sink, data)
            else:
                return


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]


def main(namespace: str, port: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"enter {namespace}")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect(("127.0.0.1", port))
    relay(0, 1, connection)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"port {sys.argv[2]} of the pod: {error}")

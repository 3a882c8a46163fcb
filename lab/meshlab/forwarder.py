"""Relays 127.0.0.1:PORT of the root namespace to a cluster's API server, through the lab's wan.

Run as a process per cluster. It listens on the loopback device, then moves into the wan namespace, from where it
dials. A control file tells it what fault to play; SIGHUP makes it read the file again. Where the kernel has no
netem, a delay is played here; traffic of pods to a delayed API server is sent through it too (faults.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .layout import API_SERVER_PORT
from .netns import enter

LISTENER = "MESHLAB_LISTENER"  # names the inherited file descriptor that listens on the port already
_CHUNK = 1 << 16
_BACKLOG = 128


@dataclass(frozen=True)
class Control:
    """`delay` is added to the round trip, in seconds; while `refuse` is set connections are reset."""

    delay: float = 0.0
    refuse: bool = False


def read_control(path: Path) -> Control:
    """The control file's content; no file means no fault."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return Control()
    return Control(float(document.get("delay_ms", 0)) / 1000, bool(document.get("refuse", False)))


def write_control(path: Path, control: Control) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"delay_ms": control.delay * 1000, "refuse": control.refuse}))
    partial.replace(path)


def delay_port(index: int) -> int:
    """Port on the wan's router at which the forwarder of cluster number `index` plays a delay for pods."""
    return 26000 + index


class Forwarder:
    def __init__(self, target: tuple[str, int], control: Path) -> None:
        self._target = target
        self._path = control
        self._control = read_control(control)
        self._connections: set[asyncio.StreamWriter] = set()

    def reload(self) -> None:
        self._control = read_control(self._path)
        if self._control.refuse:
            for writer in list(self._connections):
                _reset(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._control.refuse:
            _reset(writer)
            return
        try:
            # A handshake costs a round trip too.
            await asyncio.sleep(self._control.delay)
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        pair = {writer, upstream_writer}
        self._connections |= pair
        try:
            # The whole delay lies on the way there: answers then come a round trip later.
            await asyncio.gather(
                _relay(reader, upstream_writer, lambda: self._control.delay),
                _relay(upstream_reader, writer, lambda: 0.0),
            )
        finally:
            self._connections -= pair
            for each in pair:
                each.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float]) -> None:
    """Copy until the end of the stream, each piece `delay` seconds late, without holding back the next one."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
    loop = asyncio.get_running_loop()

    async def receive() -> None:
        data = b"first"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            await pieces.put((loop.time() + delay(), data))

    async def send() -> None:
        while True:
            due, data = await pieces.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            try:
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
            except (OSError, RuntimeError):
                # The other side is gone: say so to this side, which ends receive().
                reader.feed_eof()
                writer.close()
                return

    receiver = asyncio.ensure_future(receive())
    try:
        await send()
    finally:
        receiver.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await receiver


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset, as a host does on which nothing listens."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    if writer.transport is not None:
        writer.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the port is in use."""
    # asyncio turns Nagle's algorithm off only where the protocol is given: else a request may wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def _run(listeners: list[socket.socket], forwarder: Forwarder) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, forwarder.reload)
    servers = [await asyncio.start_server(forwarder.serve, sock=each) for each in listeners]
    await asyncio.gather(*(each.serve_forever() for each in servers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--router", required=True)
    parser.add_argument("--router-port", type=int, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--control", type=Path, required=True)
    given = parser.parse_args()
    # Until the handler is in place a hang-up would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inherited = os.environ.get(LISTENER)
    outside = socket.socket(fileno=int(inherited)) if inherited else listen("127.0.0.1", given.port)
    enter(given.namespace)
    inside = listen(given.router, given.router_port)
    asyncio.run(_run([outside, inside], Forwarder((given.target, API_SERVER_PORT), given.control)))


if __name__ == "__main__":
    main()

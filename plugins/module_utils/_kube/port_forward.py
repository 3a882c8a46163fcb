# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a port of a pod through the API server, over a WebSocket (subprotocol ``v4.channel.k8s.io``).

Each message begins with a channel byte: 0 is data, 1 carries an error text. The first message of each channel is the
port's number (two bytes, little endian). The kubelet's side of it: k8s.io/kubelet/pkg/cri/streaming/portforward.
"""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import KubeError, Unreachable
from .transport import Session
from .websockets import open_websocket

if TYPE_CHECKING:
    import websocket

_DATA, _ERROR = 0, 1


class ForwardedSocket:
    """A connection to one port of a pod, with as much of a socket's interface as ``http.client`` uses."""

    def __init__(self, cluster: str, place: str, connection: websocket.WebSocket) -> None:
        self._cluster = cluster
        self._place = place
        self._connection = connection
        self._received = bytearray()
        self._opened: set[int] = set()
        self._ended = False

    def __enter__(self) -> ForwardedSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def settimeout(self, seconds: float | None) -> None:
        """Seconds that one ``recv`` or ``sendall`` may take."""
        self._connection.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises Unreachable."""
        import websocket

        try:
            self._connection.send_binary(bytes([_DATA]) + bytes(data))
        except (websocket.WebSocketException, OSError) as error:
            raise self._make_broken_error(error) from None

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end. Raises Unreachable, also where nothing listens at the pod's port."""
        while not self._received and not self._ended:
            self._receive()
        taken = bytes(self._received[:size])
        del self._received[: len(taken)]
        return taken

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BufferedReader:
        """For reading, as ``http.client`` wants it. Closing it leaves the connection open."""
        if mode != "rb":
            raise ValueError(f"a forwarded connection is read as 'rb', not {mode!r}")
        return io.BufferedReader(_Reader(self), io.DEFAULT_BUFFER_SIZE if buffering in (None, -1) else buffering or 1)

    def close(self) -> None:
        """End the connection; harmless a second time."""
        self._ended = True
        self._connection.shutdown()

    def _receive(self) -> None:
        import websocket

        try:
            code, message = self._connection.recv_data()
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            self._ended = True
            return
        except (websocket.WebSocketException, OSError) as error:
            raise self._make_broken_error(error) from None
        if code == websocket.ABNF.OPCODE_CLOSE or not message:
            self._ended = code == websocket.ABNF.OPCODE_CLOSE
            return
        channel, payload = message[0], message[1:]
        if channel not in self._opened:
            self._opened.add(channel)
        elif channel == _DATA:
            self._received += payload
        elif channel == _ERROR and payload:
            text = " ".join(payload.decode("utf-8", "replace").split())[:300]
            raise Unreachable(
                self._cluster,
                f"port-forward to {self._place}: {text}",
                remedy="see whether the pod runs and listens at that port",
            )

    def _make_broken_error(self, error: BaseException) -> Unreachable:
        import websocket

        late = isinstance(error, (TimeoutError, websocket.WebSocketTimeoutException))
        found = "no data within the time limit" if late else "the connection broke"
        return Unreachable(
            self._cluster,
            f"port-forward to {self._place}: {found}",
            remedy="see whether the pod runs, or allow more time",
        )


class _Reader(io.RawIOBase):
    def __init__(self, source: ForwardedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def connect(
    cluster: str, session: Session, namespace: str, pod: str, port: int, *, timeout: float
) -> Iterator[ForwardedSocket]:
    """An open connection to ``port`` of a pod. Raises KubeError."""
    place = f"port {port} of Pod {namespace}/{pod}"
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward?ports={port}"
    connection = open_websocket(cluster, session, path, action=f"port-forward to {place}", timeout=timeout)
    with ForwardedSocket(cluster, place, connection) as forwarded:
        yield forwarded


def http_get(
    cluster: str, session: Session, namespace: str, pod: str, port: int, path: str, *, timeout: float
) -> bytes:
    """The body of ``GET path`` at ``port`` of a pod. Raises KubeError (``status``: the pod's HTTP status)."""
    ends = time.monotonic() + timeout
    action = f"GET {path} at port {port} of Pod {namespace}/{pod}"
    with connect(cluster, session, namespace, pod, port, timeout=timeout) as forwarded:
        exchange = http.client.HTTPConnection("localhost", port)
        exchange.sock = forwarded  # has what http.client uses of a socket
        try:
            # Not "Connection: close": a forward that the pod ends may lose what was still on its way.
            exchange.request("GET", path, headers={"Accept": "*/*"})
            answer = exchange.getresponse()
            chunks: list[bytes] = []
            while chunk := answer.read(65536):
                chunks.append(chunk)
                forwarded.settimeout(max(0.001, ends - time.monotonic()))
        except (http.client.HTTPException, OSError) as error:
            raise Unreachable(
                cluster,
                f"{action}: no complete HTTP answer ({type(error).__name__})",
                remedy="see whether the pod runs and speaks HTTP at that port",
            ) from None
    body = b"".join(chunks)
    if answer.status != 200:
        text = " ".join(body[:300].decode("utf-8", "replace").split())
        raise KubeError(
            cluster,
            f"{action}: HTTP {answer.status} {answer.reason}: {text}",
            status=answer.status,
            remedy="see the logs of this pod",
        )
    return body

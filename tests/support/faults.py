# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults between a client and the real API server, and a proxy."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from support.control_plane import Authority, ControlPlane


class _Listener:
    """Accepts connections on loopback and serves each in a thread, until the ``with`` block ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone does not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(5)

    def cut(self) -> None:
        """Reset every open connection."""
        with self._lock:
            victims, self._open = self._open, []
        for victim in victims:
            with contextlib.suppress(OSError):
                victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                victim.shutdown(socket.SHUT_RDWR)
            victim.close()

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def _keep(self, connection: socket.socket) -> socket.socket:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.append(connection)
        return connection

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._keep(client)
            threading.Thread(target=self._serve_quietly, args=(client,), daemon=True).start()

    def _serve_quietly(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.serve(client)

    def _relay(self, one: socket.socket, other: socket.socket) -> None:
        back = threading.Thread(target=_copy, args=(other, one), daemon=True)
        back.start()
        _copy(one, other)
        back.join()


def _copy(source: socket.socket, sink: socket.socket, passes: Callable[[], bool] = lambda: True) -> None:
    """What comes from one goes to the other, while ``passes`` says so; what does not pass is lost."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if passes():
                sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Wire(_Listener):
    """Relays TCP to the API server, and can be disturbed while connections are open.

    ``silent``: accepts and never says a word (a black hole above TCP). ``shut``: resets who connects. ``delay``: for so
    many seconds everything on its way to the API server is held up. ``loses``: what does not arrive, ``requests`` or
    ``answers``.
    """

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__()
        self._target = urlsplit(plane.url)
        self.silent = False
        self.shut = False
        self.delay = 0.0
        self.loses: Literal["", "requests", "answers"] = ""
        self.url = f"https://127.0.0.1:{self.port}"

    def sever(self) -> None:
        """Reset all connections, and from now on whoever connects."""
        self.shut = True
        self.cut()

    def heal(self) -> None:
        """Relay as at first; connections that were disturbed are reset."""
        self.silent, self.shut, self.delay, self.loses = False, False, 0.0, ""
        self.cut()

    def serve(self, client: socket.socket) -> None:
        if self.shut:
            self.cut()
            return
        if self.silent:
            while client.recv(65536):
                pass
            return
        server = self._keep(socket.create_connection((self._target.hostname, self._target.port)))
        back = threading.Thread(target=_copy, args=(server, client, lambda: self.loses != "answers"), daemon=True)
        back.start()
        under_way: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        arriving = threading.Thread(target=self._deliver, args=(under_way, server), daemon=True)
        arriving.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                under_way.put((time.monotonic() + self.delay, data))
        under_way.put((0.0, b""))
        arriving.join()
        back.join()

    def _deliver(self, under_way: SimpleQueue[tuple[float, bytes]], server: socket.socket) -> None:
        """What was sent, each piece when its time has come, up to the empty one."""
        with contextlib.suppress(OSError):
            while (piece := under_way.get())[1]:
                time.sleep(max(0.0, piece[0] - time.monotonic()))
                if self.loses != "requests":
                    server.sendall(piece[1])
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)


class ConnectProxy(_Listener):
    """An HTTP proxy: ``targets`` are what it was asked to connect to; ``user_information`` is asked for when set."""

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.targets: list[str] = []
        self.user_information = ""

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        line, *headers = head.decode("latin-1").split("\r\n")
        target = line.split()[1]
        self.targets.append(target)
        wanted = "Proxy-Authorization: Basic " + base64.b64encode(self.user_information.encode()).decode()
        if self.user_information and wanted.lower() not in [header.lower() for header in headers]:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        host, port = target.rsplit(":", 1)
        server = self._keep(socket.create_connection((host, int(port))))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._relay(client, server)


class SecureConnectProxy(ConnectProxy):
    """The same behind TLS, with a certificate of the API server's authority."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__()
        self.url = f"https://127.0.0.1:{self.port}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*plane.authority.issue("proxy", server=True))

    def serve(self, client: socket.socket) -> None:
        super().serve(self._context.wrap_socket(client, server_side=True))


Step = tuple[int, dict[str, str]] | str


class Front:
    """Terminates TLS before the API server, and answers the next requests as ``script`` says, one entry each.

    Entries: ``(status, headers)`` answers so, ``"cut"`` closes the connection after the API server has done what was
    asked, ``"pass"`` relays. When the script is used up ``answers`` says it of method and path. ``requests`` has both,
    ``headers`` the pairs of name and value of each request. ``authority`` signs its certificate.
    """

    def __init__(self, plane: ControlPlane, authority: Authority | None = None) -> None:
        certificate, key = (authority or plane.authority).issue("front", server=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.script: deque[Step] = deque()
        self.answers: Callable[[str, str], Step] = lambda _method, _path: "pass"
        self.requests: list[tuple[str, str]] = []
        self.headers: list[list[tuple[str, str]]] = []
        trust = ssl.create_default_context(cafile=str(plane.ca))
        target = urlsplit(plane.url)
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                front.requests.append((self.command, self.path))
                front.headers.append(self.headers.items())
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                step = front.script.popleft() if front.script else front.answers(self.command, self.path)
                if not isinstance(step, str):
                    self.answer(step[0], step[1], b'{"kind":"Status","message":"injected","code":%d}' % step[0])
                    return
                server = http.client.HTTPSConnection(target.hostname or "", target.port, context=trust)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                server.request(self.command, self.path, body or None, headers)
                reply = server.getresponse()
                content = reply.read()
                server.close()
                if step == "cut":
                    self.close_connection = True
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                kept = {name: value for name, value in reply.getheaders() if name.lower() == "content-type"}
                self.answer(reply.status, kept, content)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any

            def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Front:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

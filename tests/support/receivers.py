# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP servers on loopback that answer as they are told, and keep what they were sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """``before`` is called before the status is sent, ``headers`` and ``body`` are sent with it."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Any] = lambda: None
    echo: bool = False


@dataclass
class Receiver:
    """``requests`` are (path, headers, body) in the order in which they came; ``connections`` count those without."""

    url: str
    connections: int = 0
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def receiving(answers: Sequence[Answer], tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server that gives the answers one after the other, the last one again and again."""
    lock = threading.Lock()
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                answer = answers[min(len(receiver.requests), len(answers) - 1)]
                receiver.requests.append((self.path, dict(self.headers.items()), json.loads(sent)))
            answer.before()
            body = answer.body.encode() + (f"{self.path} {self.headers.items()}".encode() if answer.echo else b"")
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> Any:
            receiver.connections += 1
            return super().get_request()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that leave are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

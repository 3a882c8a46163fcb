# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio's charts as others serve them: a chart repository over https, and registries with TLS and without, on loopback.

Both with TLS ask for a user and a password, and their certificates are of an authority of their own.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support.control_plane import Authority, Processes
from support.ports import free_port

USER, PASSWORD = "charts", "charts-password-5c1d"
_PASSWORD_FILE = f"{USER}:$2b$04$aBUAYaq8wPvnDr/tv1u1kOLGObdPZ/nnyRnr0Uanl4vaWk2zmmK0W\n"
"""Its bcrypt, the only form that the registry takes."""
CHARTS = ("base", "istiod", "gateway")
VERSIONS = ("1.31.0", "1.31.1")


def package(helm: Path, charts: Path, folder: Path) -> None:
    """The lab's charts, as archives of each version."""
    for chart in CHARTS:
        for version in VERSIONS:
            _run(helm, "package", charts / chart, "--version", version, "--app-version", version, "-d", folder)


@contextmanager
def repository(helm: Path, archives: Path, authority: Authority) -> Iterator[str]:
    """Files below https, with the index that Helm makes of them."""
    certificate, key = authority.issue("repository", server=True)
    handler = functools.partial(_Handler, directory=str(archives))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://127.0.0.1:{server.server_port}"
        _run(helm, "repo", "index", archives, "--url", url)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing of it is wanted among the results of tests."""


@contextmanager
def registry(helm: Path, archives: Path, folder: Path, authority: Authority | None) -> Iterator[str]:
    """A registry that holds the archives; without an authority it speaks plain http, and asks for no password."""
    address = f"127.0.0.1:{free_port()}"
    configuration: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": address},
    }
    options: list[str | Path] = ["--plain-http"]
    if authority is not None:
        certificate, key = authority.issue("registry", server=True)
        passwords, login = folder / "htpasswd", folder / "login.json"
        passwords.write_text(_PASSWORD_FILE)
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        login.write_text(json.dumps({"auths": {address: {"auth": token}}}))
        configuration["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
        configuration["auth"] = {"htpasswd": {"realm": "charts", "path": str(passwords)}}
        options = ["--ca-file", authority.path, "--registry-config", login]
    file = folder / "registry.yml"
    file.write_text(yaml.safe_dump(configuration))
    processes = Processes()
    try:
        log = folder / "registry.log"
        process = processes.start(["docker-registry", "serve", str(file)], log)
        _await_port(address, process, log)
        for archive in sorted(archives.glob("*.tgz")):
            _run(helm, "push", archive, f"oci://{address}/istio", *options)
        yield f"oci://{address}/istio"
    finally:
        processes.stop()


def _await_port(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, _colon, port = address.partition(":")
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the registry does not listen:\n{log.read_text(errors='replace')[-3000:]}")


def _run(program: Path, *arguments: str | Path) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""Requests to a cluster's API server, as its administrator, with nothing but the standard library.

Commands of the lab must start fast; the kubernetes package alone takes half a second to import.
"""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any


class ApiError(Exception):
    """The API server answered with an error, or did not answer (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """`pki` is the folder with ca.crt, admin.crt and admin.key; the address is host and port."""

    def __init__(self, host: str, port: int, pki: Path, *, timeout: float = 5.0) -> None:
        self._host, self._port, self._pki, self._timeout = host, port, pki, timeout
        self._context: ssl.SSLContext | None = None

    def request(self, method: str, path: str, body: Any = None, *, content: str = "application/json") -> Any:
        """The decoded answer. Raises ApiError; .status is 404 for what is not there."""
        try:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls())
            try:
                payload = None if body is None else json.dumps(body)
                connection.request(method, path, payload, {"Content-Type": content})
                answer = connection.getresponse()
                text = answer.read().decode()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"{self._host}:{self._port} does not answer: {error}") from error
        if answer.status >= 400:
            raise ApiError(answer.status, f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if answer.getheader("Content-Type", "").startswith("application/json") else text

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def ready(self) -> bool:
        try:
            return bool(self.get("/readyz") == "ok")
        except (ApiError, FileNotFoundError):
            return False

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
            # kwokctl makes its authority without the extensions that strict verification asks for.
            context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
            context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
            self._context = context
        return self._context

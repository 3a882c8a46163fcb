# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one API server: connections kept alive, one TLS context for all of them, retries, time limits."""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import os
import random
import socket
import ssl
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit

from . import retry
from .credentials import Credentials, without_user_information
from .errors import CertificateRefused, CredentialsError, KubeError, Unreachable, error_of_response
from .libraries import make_missing_library_error
from .tls import make_client_context

try:
    import urllib3
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    # Version 1 does not hand an IP address to a TLS context that checks names, so it could not verify most API servers.
    _VERSION: str = getattr(urllib3, "__version__", "")
    _URLLIB3_IMPORT_ERROR = f"version 2 or later is needed, found {_VERSION}" if _VERSION.startswith("1.") else ""
except ImportError:
    _URLLIB3_IMPORT_ERROR = traceback.format_exc()

CONNECT_TIMEOUT = 5.0
"""Seconds for a TCP connection where the request's own limit is not shorter: three SYN packets."""
_CHUNK = 65536
_USER_AGENT = "onemesh.istio"


class Response(NamedTuple):
    """An answer with a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Session:
    """What one set of credentials needs for requests: a connection pool, a TLS context and headers."""

    def __init__(self, cluster: str, credentials: Credentials, *, connections: int) -> None:
        if _URLLIB3_IMPORT_ERROR:
            raise make_missing_library_error(
                cluster, "urllib3", "talking to a Kubernetes API server", _URLLIB3_IMPORT_ERROR
            )
        self.credentials = credentials
        self.headers = tuple(request_headers(credentials))
        self.tls = tls_context(cluster, credentials) if credentials.server.startswith("https://") else None
        server = urlsplit(credentials.server)
        proxied = credentials.proxy and not bypasses_proxy(server.hostname or "", credentials.no_proxy)
        self.proxy = credentials.proxy if proxied else ""
        self._manager = self._new_manager(connections)

    def send(
        self, method: str, url: str, body: bytes | None, headers: Iterable[tuple[str, str]], timeout: float
    ) -> urllib3.BaseHTTPResponse:
        """One attempt; the body is not yet read. Raises urllib3's HTTPError."""
        # A dictionary could not hold the header Impersonate-Group more than once.
        every = urllib3.HTTPHeaderDict()
        for name, value in (*self.headers, *headers):
            every.add(name, value)
        limits = urllib3.Timeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout))
        return self._manager.request(
            method, url, body=body, headers=every, timeout=limits, retries=False, redirect=False, preload_content=False
        )

    def open_socket(self, timeout: float) -> socket.socket:
        """A connection of its own to the API server, by the same way, for what is not HTTP requests.

        Raises OSError (of which ssl.SSLError is one).
        """
        server = urlsplit(self.credentials.server)
        host, port = server.hostname or "", server.port or (443 if self.tls else 80)
        if self.proxy:
            proxy = urlsplit(self.proxy)
            if proxy.scheme != "http":
                raise OSError("only an http:// proxy can carry a port-forward")
            tunnel = http.client.HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=timeout)
            tunnel.set_tunnel(host, port, headers=self._proxy_headers())
            tunnel.connect()
            plain = tunnel.sock
        else:
            plain = socket.create_connection((host, port), timeout=timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return plain
        try:
            return self.tls.wrap_socket(plain, server_hostname=self.credentials.tls_server_name or host)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        self._manager.clear()

    def _proxy_headers(self) -> dict[str, str]:
        user_information = proxy_user_information(self.proxy)
        return dict(urllib3.make_headers(proxy_basic_auth=user_information)) if user_information else {}

    def _new_manager(self, connections: int) -> urllib3.PoolManager:
        settings: dict[str, Any] = {"num_pools": 1, "maxsize": connections}
        if self.tls is not None:
            settings["ssl_context"] = self.tls
            if self.credentials.tls_server_name:
                settings["server_hostname"] = self.credentials.tls_server_name
            if not self.credentials.verify:
                settings["assert_hostname"] = False
                urllib3.disable_warnings(InsecureRequestWarning)
        if not self.proxy:
            return urllib3.PoolManager(**settings)
        return urllib3.ProxyManager(
            without_user_information(self.proxy), proxy_headers=self._proxy_headers(), **settings
        )


class Transport:
    """Sends requests to the API server of ``cluster``. Safe to use from several threads.

    ``timeout`` is the limit in seconds for a request with all its retries and pauses, from the first byte sent to the
    last byte read. ``connections`` are kept open for reuse; more threads than that open short-lived ones.
    """

    def __init__(self, cluster: str, credentials: Credentials, *, timeout: float, connections: int) -> None:
        self.cluster = cluster
        self.timeout = timeout
        self._connections = connections
        self._lock = threading.Lock()
        self._session = Session(cluster, credentials, connections=connections)

    @property
    def session(self) -> Session:
        """With the credentials in use; another one after they had to be renewed."""
        with self._lock:
            return self._session

    def request(
        self,
        method: str,
        path: str,
        *,
        action: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
        idempotent: bool | None = None,
        secrets: Iterable[str] = (),
    ) -> Response:
        """The answer to one request. Raises KubeError.

        ``body`` is sent as JSON. ``action`` names the request in errors ("get Secret istio-system/cacerts").
        ``idempotent`` (default: every method but POST) allows another attempt after the first may have taken effect.
        ``secrets`` are kept out of errors.
        """
        limit = self.timeout if timeout is None else timeout
        ends = time.monotonic() + limit
        twice_is_harmless = method != "POST" if idempotent is None else idempotent
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = [("Accept", accept)]
        if data is not None:
            headers.append(("Content-Type", content_type))
        session = self.session
        attempt, renewed = 0, False
        while True:
            attempt += 1
            remaining = max(0.001, ends - time.monotonic())
            retry_after: float | None = None
            failure: retry.Failure | None = None
            status: int | None = None
            try:
                answer = session.send(method, _url(session, path, query), data, headers, remaining)
                status = answer.status
                content = read_all(answer, ends)
                if status < 400:
                    return Response(status, answer.headers, content)
                retry_after = retry.retry_after_seconds(answer.headers)
            except (HTTPError, OSError) as error:
                failure, status = self._explain(error, session, limit), None
            if status == 401 and not renewed and session.credentials.renew is not None:
                renewed, session = True, self._renew(session)
                continue
            pause = retry.pause_before_retry(
                attempt=attempt,
                idempotent=twice_is_harmless,
                status=status,
                retry_after=retry_after,
                trouble=failure.trouble if failure else None,
                remaining=ends - time.monotonic(),
                jitter=random.random(),  # spreads load, guards nothing
            )
            if pause is not None:
                time.sleep(pause)
                continue
            if failure is not None:
                refused = failure.trouble is retry.Trouble.REFUSED_TLS
                error_class = CertificateRefused if refused else Unreachable
                raise error_class(self.cluster, f"{action}: {failure.message}", remedy=failure.remedy) from None
            raise self._make_error(action, status or 0, content, session, secrets)

    def stream(
        self, path: str, *, action: str, query: Mapping[str, Any], ends: float, silence: float
    ) -> Iterator[bytes]:
        """The lines of a streamed answer as they come, until the server ends it.

        Stops with Unreachable where nothing comes for ``silence`` seconds, or at the moment ``ends`` (of
        ``time.monotonic()``). Raises KubeError; nothing is retried here.
        """
        session = self.session
        limit = max(0.001, min(silence, ends - time.monotonic()))
        try:
            answer = session.send("GET", _url(session, path, query), None, [("Accept", "application/json")], limit)
            if answer.status >= 400:
                content = read_all(answer, ends)
                if answer.status == 401 and session.credentials.renew is not None:
                    self._renew(session)
                raise self._make_error(action, answer.status, content, session, ())
            try:
                yield from _lines(answer, ends, silence)
            finally:
                # The rest of a stream is never read, so its connection cannot be used again.
                answer.close()
                answer.release_conn()
        except (HTTPError, OSError) as error:
            failure = self._explain(error, session, limit)
            raise Unreachable(self.cluster, f"{action}: {failure.message}", remedy=failure.remedy) from None

    def close(self) -> None:
        """Close the connections kept for reuse."""
        self.session.close()

    def _explain(self, error: BaseException, session: Session, limit: float) -> retry.Failure:
        server = without_user_information(session.credentials.server)
        proxy = without_user_information(session.proxy) if session.proxy else ""
        return retry.explain(error, server=server, proxy=proxy, seconds=limit)

    def _make_error(
        self, action: str, status: int, content: bytes, session: Session, secrets: Iterable[str]
    ) -> KubeError:
        credentials = session.credentials
        return error_of_response(
            self.cluster,
            action,
            status,
            content,
            credentials=credentials.origin,
            beyond=credentials.beyond,
            secrets=(*credentials.secrets, *secrets),
        )

    def _renew(self, used: Session) -> Session:
        """A session with fresh credentials; of several threads that were turned away together only one fetches them."""
        with self._lock:
            if self._session is used and used.credentials.renew is not None:
                fresh = used.credentials.renew()
                self._session = Session(self.cluster, fresh, connections=self._connections)
            return self._session


def tls_context(cluster: str, credentials: Credentials) -> ssl.SSLContext:
    """The one TLS context of a cluster: making one per connection costs 20 ms each. Raises CredentialsError."""
    try:
        context = make_client_context(verify=credentials.verify, authorities=credentials.ca or None)
    except (ssl.SSLError, ValueError):
        raise CredentialsError(
            cluster,
            f"the certificate authority of {credentials.origin} is no PEM certificate",
            remedy="correct ca_cert, or certificate-authority in the kubeconfig",
        ) from None
    if credentials.client_certificate:
        _load_client_certificate(context, cluster, credentials)
    return context


def request_headers(credentials: Credentials) -> Iterator[tuple[str, str]]:
    """Headers that say who asks, and as whom. Pure."""
    yield "User-Agent", _USER_AGENT
    if credentials.token:
        yield "Authorization", f"Bearer {credentials.token}"
    elif credentials.username:
        basic = urllib3.make_headers(basic_auth=f"{credentials.username}:{credentials.password}")
        yield "Authorization", basic["authorization"]
    if credentials.impersonate_user:
        yield "Impersonate-User", credentials.impersonate_user
    if credentials.impersonate_uid:
        yield "Impersonate-Uid", credentials.impersonate_uid
    for group in credentials.impersonate_groups:
        yield "Impersonate-Group", group
    for name, values in credentials.impersonate_extra.items():
        for value in values:
            yield f"Impersonate-Extra-{quote(name, safe='')}", value


def bypasses_proxy(host: str, no_proxy: str) -> bool:
    """Whether ``host`` is in the comma-separated list of names, domains, addresses and networks. Pure."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for element in (part.strip().lower() for part in no_proxy.split(",")):
        if not element:
            continue
        if element == "*" or element == host.lower():
            return True
        if address is None:
            if host.lower().endswith("." + element.lstrip("*").lstrip(".")):
                return True
        elif _in_network(address, element):
            return True
    return False


def proxy_user_information(proxy: str) -> str:
    """``user:password`` of a proxy's URL, decoded; empty where it has none. Pure."""
    parts = urlsplit(proxy)
    if not parts.username:
        return ""
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, element: str) -> bool:
    try:
        return address in ipaddress.ip_network(element, strict=False)
    except (ValueError, TypeError):
        return False


def _load_client_certificate(context: ssl.SSLContext, cluster: str, credentials: Credentials) -> None:
    """Load certificate and key: Python takes them from a file only, so one that we alone can read exists meanwhile."""
    descriptor, path = tempfile.mkstemp(prefix="onemesh-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(credentials.client_certificate.rstrip() + b"\n" + credentials.client_key)
        # Without a password function OpenSSL would ask for one on the terminal.
        context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = (getattr(error, "reason", "") or "not PEM").replace("_", " ").lower()
        raise CredentialsError(
            cluster,
            f"the client certificate and key of {credentials.origin} cannot be used: {reason}",
            remedy="give a PEM certificate and the unencrypted key that belongs to it",
        ) from None
    finally:
        os.unlink(path)


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _url(session: Session, path: str, query: Mapping[str, Any] | None) -> str:
    values = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return f"{session.credentials.server}{path}?{urlencode(values)}" if values else session.credentials.server + path


def read_all(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    """The whole body; a server that sends it drop by drop is left at the moment ``ends``."""
    chunks: list[bytes] = []
    try:
        _limit_silence(answer, ends - time.monotonic())
        for chunk in answer.stream(_CHUNK):
            chunks.append(chunk)
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            _limit_silence(answer, left)
    except BaseException:
        answer.close()
        raise
    finally:
        answer.release_conn()
    return b"".join(chunks)


def _lines(answer: urllib3.BaseHTTPResponse, ends: float, silence: float) -> Iterator[bytes]:
    pending = b""
    _limit_silence(answer, min(silence, ends - time.monotonic()))
    for chunk in answer.stream(_CHUNK):
        *complete, pending = (pending + chunk).split(b"\n")
        yield from complete
        _limit_silence(answer, min(silence, ends - time.monotonic()))
    if pending:
        yield pending


def _limit_silence(answer: urllib3.BaseHTTPResponse, seconds: float) -> None:
    """Set how long the next read may take: urllib3 fixes that once per request, before the server answers."""
    connection = answer.connection
    sock = getattr(connection, "sock", None)
    if sock is not None:
        sock.settimeout(max(0.001, seconds) if math.isfinite(seconds) else None)

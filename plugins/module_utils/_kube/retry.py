# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a request got no answer, and whether it is sent again. Pure."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import NamedTuple

MAX_ATTEMPTS = 10
"""Attempts of one request, whatever time there is."""

LONGEST_PAUSE = 2.0
"""Seconds between two attempts, where the server names none."""

_LATER = frozenset({429, 500, 502, 503, 504})
_BUSY = frozenset({502, 503, 504})
_NO_WAY_THERE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN})


class Trouble(Enum):
    """Where an attempt ended that got no answer."""

    NOT_SENT = "not sent"
    """No connection: nothing reached the API server."""
    CUT_OFF = "cut off"
    """The connection broke: the API server may have done what was asked."""
    LATE = "late"
    """The time was used up."""
    REFUSED_TLS = "tls"
    """The two sides do not agree on certificates; trying again changes nothing."""


class Failure(NamedTuple):
    """An attempt without an answer: ``message`` what failed, ``remedy`` what to set or to look at."""

    trouble: Trouble
    message: str
    remedy: str


def pause_before_retry(
    *,
    attempt: int,
    idempotent: bool,
    status: int | None = None,
    retry_after: float | None = None,
    trouble: Trouble | None = None,
    remaining: float,
    jitter: float = 0.0,
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    ``attempt`` counts from 1; ``remaining`` is what is left of the request's time limit in seconds, and a pause that
    would outlast it is given up at once; ``jitter`` from 0 to 1 spreads clients that were turned away together.

    - 429 is sent again whatever the method: the API server turns it away before it does anything.
    - 502, 503, 504, and other 5xx that carry Retry-After, are sent again where twice does no harm.
    - Without a connection nothing was sent: once more. Cut off: once more where twice does no harm.
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    backoff = _backoff(0.1, attempt, jitter)
    if status is not None:
        again = status == 429 or (idempotent and (status in _BUSY or (status >= 500 and retry_after is not None)))
        pause = backoff if retry_after is None else retry_after + backoff * 0.1
    else:
        again = attempt == 1 and (trouble is Trouble.NOT_SENT or (trouble is Trouble.CUT_OFF and idempotent))
        pause = backoff
    return pause if again and pause < remaining else None


def pause_before_repost(
    *,
    attempt: int,
    retries: int,
    status: int | None = None,
    retry_after: float | None = None,
    trouble: Trouble | None = None,
    remaining: float,
    jitter: float = 0.0,
) -> float | None:
    """Seconds to wait before JSON is sent again to a server that may get it twice, or None to give up.

    It is, as often as the user says (``retries``), where the server says "later" or no answer came; not where
    certificates do not match. ``attempt``, ``remaining`` and ``jitter`` are those of ``pause_before_retry``; here
    ``remaining`` is what the pause may last, so that the attempt after it has its own time.
    """
    later = status in _LATER if status is not None else trouble is not Trouble.REFUSED_TLS
    pause = _backoff(0.2, attempt, jitter) if retry_after is None else retry_after
    return pause if later and attempt <= retries and pause <= remaining else None


def _backoff(shortest: float, attempt: int, jitter: float) -> float:
    return float(min(shortest * 2 ** (attempt - 1), LONGEST_PAUSE)) * (0.5 + jitter / 2)


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The ``Retry-After`` header, seconds or an HTTP date, as seconds from now; None where it is missing or no time."""
    value = (headers.get("Retry-After") or "").strip()
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def explain(error: BaseException, *, server: str, proxy: str = "", seconds: float = 0.0) -> Failure:
    """What a transport exception means. ``server`` and ``proxy`` are URLs fit for messages."""
    causes = list(_chain(error))
    host = server.split("://", 1)[-1]
    through = f" through the proxy {proxy}" if proxy else ""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _explain_certificate(cause, server)
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            name = proxy or host
            return Failure(
                Trouble.NOT_SENT,
                f"the name in {name} cannot be resolved",
                "correct the server in the kubeconfig (or host, proxy), or the machine's DNS",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Failure(
                Trouble.NOT_SENT,
                f"{proxy or server} refused the connection",
                "nothing listens there: see whether it runs, and correct the address and the port",
            )
    tunnel = next((str(cause) for cause in causes if "Tunnel connection failed" in str(cause)), "")
    if tunnel:
        return Failure(
            Trouble.NOT_SENT,
            f"the proxy {proxy} does not connect to {host}: {tunnel.split('failed: ', 1)[-1][:100]}",
            "see the proxy's rules and credentials, or set no_proxy for this server",
        )
    if any(isinstance(cause, TimeoutError) or "timed out" in str(cause) for cause in causes):
        return Failure(
            Trouble.LATE,
            f"{server} gave no answer within {seconds:g} s{through}",
            "see whether a firewall or a route drops packets to it, or allow more time",
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return _explain_tls(cause, server)
    unreachable = next((c for c in causes if isinstance(c, OSError) and c.errno in _NO_WAY_THERE), None)
    if unreachable is not None:
        return Failure(
            Trouble.NOT_SENT,
            f"no connection to {server}{through}: {unreachable.strerror}",
            "see whether this machine has a route to it",
        )
    # Whatever else it is: the API server may have done what was asked.
    return Failure(
        Trouble.CUT_OFF,
        f"{server} closed the connection before it answered{through} ({type(causes[-1]).__name__})",
        "it restarts, or something between cuts connections: run again when it is up",
    )


def _explain_certificate(error: ssl.SSLCertVerificationError, server: str) -> Failure:
    said = error.verify_message or "certificate verify failed"
    # Numbers of OpenSSL's X509_V_ERR_*: not yet valid, has expired; hostname, IP address mismatch.
    if error.verify_code in (9, 10):
        remedy = "renew the server's certificate, or correct this machine's clock"
    elif error.verify_code in (62, 64):
        remedy = "set tls_server_name to a name that the certificate has, or use an address that it has"
    else:
        remedy = "set ca_cert (in a kubeconfig: certificate-authority) to the authority that signed its certificate"
    return Failure(Trouble.REFUSED_TLS, f"the certificate of {server} is not accepted: {said}", remedy)


def _explain_tls(error: ssl.SSLError, server: str) -> Failure:
    reason = (error.reason or "").replace("_", " ").lower() or "handshake failed"
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Failure(
            Trouble.REFUSED_TLS, f"{server} does not speak TLS ({reason})", "correct the port, or the scheme (http://)"
        )
    return Failure(
        Trouble.REFUSED_TLS,
        f"no TLS connection to {server}: {reason}",
        "see whether the client certificate and key belong together, and are what this server accepts",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all it stems from; urllib3 keeps some of it only in ``args``."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [argument for argument in current.args if isinstance(argument, BaseException)]
        pending += [cause for cause in (current.__cause__, current.__context__) if cause is not None]

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import socket
import ssl

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.retry import (
    MAX_ATTEMPTS,
    Trouble,
    explain,
    pause_before_repost,
    pause_before_retry,
    retry_after_seconds,
)
from urllib3.exceptions import ProtocolError, ReadTimeoutError, SSLError


@pytest.mark.parametrize(
    ("attempt", "idempotent", "status", "retry_after", "trouble", "again"),
    [
        (1, False, 429, 1.0, None, True),
        (1, False, 429, None, None, True),
        (1, True, 503, None, None, True),
        (5, True, 503, None, None, True),
        (1, False, 503, None, None, False),
        (1, False, 503, 1.0, None, False),
        (1, True, 500, None, None, False),
        (1, True, 500, 1.0, None, True),
        (1, True, 404, None, None, False),
        (1, True, 409, 1.0, None, False),
        (1, False, None, None, Trouble.NOT_SENT, True),
        (2, True, None, None, Trouble.NOT_SENT, False),
        (1, True, None, None, Trouble.CUT_OFF, True),
        (2, True, None, None, Trouble.CUT_OFF, False),
        (1, False, None, None, Trouble.CUT_OFF, False),
        (1, True, None, None, Trouble.LATE, False),
        (1, True, None, None, Trouble.REFUSED_TLS, False),
        (MAX_ATTEMPTS, True, 429, 0.0, None, False),
    ],
)
def test_what_is_sent_again(
    attempt: int,
    idempotent: bool,
    status: int | None,
    retry_after: float | None,
    trouble: Trouble | None,
    again: bool,
) -> None:
    pause = pause_before_retry(
        attempt=attempt,
        idempotent=idempotent,
        status=status,
        retry_after=retry_after,
        trouble=trouble,
        remaining=60,
    )
    assert (pause is not None) is again


@pytest.mark.parametrize(
    ("retry_after", "remaining", "again"), [(5.0, 4.0, False), (5.0, 6.0, True), (0.0, 0.0, False)]
)
def test_pause_that_outlasts_the_time_limit_is_given_up(retry_after: float, remaining: float, again: bool) -> None:
    pause = pause_before_retry(
        attempt=1, idempotent=True, status=429, retry_after=retry_after, remaining=remaining, jitter=1
    )
    assert (pause is not None) is again


def test_pauses_grow_to_a_bound_and_never_come_before_the_time_asked_for() -> None:
    pauses = [
        pause_before_retry(attempt=attempt, idempotent=True, status=503, remaining=60, jitter=1) or 0
        for attempt in range(1, MAX_ATTEMPTS)
    ]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2
    asked = pause_before_retry(attempt=1, idempotent=True, status=429, retry_after=3, remaining=60)
    assert asked is not None
    assert asked >= 3


@pytest.mark.parametrize(
    ("attempt", "status", "retry_after", "trouble", "pause"),
    [
        (1, 200, None, None, None),
        (1, 403, None, None, None),
        (1, 302, 1.0, None, None),
        (1, 501, None, None, None),
        (1, 429, None, None, 0.2),
        (1, 500, None, None, 0.2),
        (2, 502, None, None, 0.4),
        (3, 503, None, None, 0.8),
        (9, 504, None, None, 2.0),
        (1, 503, 7.0, None, 7.0),
        (1, 503, 0.0, None, 0.0),
        (1, 503, 10.0, None, 10.0),
        (1, 503, 11.0, None, None),
        (10, 503, None, None, None),
        (1, None, None, Trouble.NOT_SENT, 0.2),
        (2, None, None, Trouble.CUT_OFF, 0.4),
        (2, None, None, Trouble.LATE, 0.4),
        (1, None, None, Trouble.REFUSED_TLS, None),
    ],
)
def test_what_is_posted_again_and_when(
    attempt: int, status: int | None, retry_after: float | None, trouble: Trouble | None, pause: float | None
) -> None:
    found = pause_before_repost(
        attempt=attempt, retries=9, status=status, retry_after=retry_after, trouble=trouble, remaining=10, jitter=1
    )
    assert found == pause


def test_nothing_is_posted_again_unasked() -> None:
    assert pause_before_repost(attempt=1, retries=0, status=503, remaining=10) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    ten_o_clock = 1795255200.0
    headers = {} if value is None else {"Retry-After": value}
    assert retry_after_seconds(headers, now=ten_o_clock) == seconds


def certificate_error(code: int, text: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, text
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def caused(cause: BaseException) -> Exception:
    outer = ProtocolError("Connection aborted.")
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "trouble", "message", "remedy"),
    [
        (
            caused(ConnectionRefusedError(111, "refused")),
            Trouble.NOT_SENT,
            "https://h:1 refused the connection",
            "nothing listens there",
        ),
        (
            caused(socket.gaierror(-2, "Name or service not known")),
            Trouble.NOT_SENT,
            "the name in h:1 cannot be resolved",
            "DNS",
        ),
        (
            caused(OSError(113, "No route to host")),
            Trouble.NOT_SENT,
            "no connection to https://h:1: No route to host",
            "route",
        ),
        (
            OSError("Tunnel connection failed: 403 Forbidden"),
            Trouble.NOT_SENT,
            "does not connect to h:1: 403 Forbidden",
            "no_proxy",
        ),
        (ReadTimeoutError(None, "/", "Read timed out."), Trouble.LATE, "no answer within 5 s", "firewall"),
        (TimeoutError("timed out"), Trouble.LATE, "no answer within 5 s", "firewall"),
        (
            ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")),
            Trouble.CUT_OFF,
            "closed the connection",
            "run again",
        ),
        (
            ProtocolError("Connection aborted.", http.client.RemoteDisconnected("x")),
            Trouble.CUT_OFF,
            "closed the connection",
            "run again",
        ),
        (SSLError(ssl.SSLEOFError(8, "EOF")), Trouble.CUT_OFF, "closed the connection", "run again"),
        (
            SSLError(certificate_error(19, "self-signed certificate in certificate chain")),
            Trouble.REFUSED_TLS,
            "self-signed",
            "set ca_cert",
        ),
        (
            SSLError(certificate_error(20, "unable to get local issuer certificate")),
            Trouble.REFUSED_TLS,
            "issuer",
            "set ca_cert",
        ),
        (
            SSLError(certificate_error(10, "certificate has expired")),
            Trouble.REFUSED_TLS,
            "expired",
            "renew the server's certificate",
        ),
        (
            SSLError(certificate_error(62, "Hostname mismatch")),
            Trouble.REFUSED_TLS,
            "Hostname mismatch",
            "set tls_server_name",
        ),
        (
            SSLError(certificate_error(64, "IP address mismatch")),
            Trouble.REFUSED_TLS,
            "IP address mismatch",
            "set tls_server_name",
        ),
        (SSLError(tls_error("WRONG_VERSION_NUMBER")), Trouble.REFUSED_TLS, "does not speak TLS", "correct the port"),
        (
            SSLError(tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED")),
            Trouble.REFUSED_TLS,
            "certificate required",
            "client certificate",
        ),
    ],
)
def test_explanations(error: BaseException, trouble: Trouble, message: str, remedy: str) -> None:
    failure = explain(error, server="https://h:1", proxy="", seconds=5)
    assert failure.trouble is trouble
    assert message in failure.message
    assert remedy in failure.remedy

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Istio's echo client prints, as answers. Pure.

Lines are ``[3] StatusCode=200`` for what the client knows and ``[3 body] Cluster=west`` for what the server said
(pkg/test/echo/fields.go, server/endpoint/http.go). Where one request gets no answer at all the client prints none of
them, and an error on its standard error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from ..._times import go_seconds
from .facts import Answers

_LINE = re.compile(r"\[(\d+)( body)?\] (.*)")
_CLIENT_ERROR = re.compile(r"Error (?:.*first error: )?(.*)")
_IDENTITY = re.compile(r"URI=(spiffe://[^;,\"\s]+)")


def read_answers(sent: int, stdout: str, stderr: str, exit_code: int) -> Answers:
    """The answers of one run of the client that was to send ``sent`` requests."""
    requests: dict[int, dict[str, str]] = {}
    bodies: dict[int, list[str]] = {}
    for line in stdout.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        number, body, text = int(found[1]), found[2], found[3]
        if body:
            bodies.setdefault(number, []).append(text)
        elif "=" in text:
            name, _separator, value = text.partition("=")
            requests.setdefault(number, {}).setdefault(name, value)
    by_cluster: Counter[str] = Counter()
    identities: set[str] = set()
    latencies: list[float] = []
    failure = ""
    for number, fields in sorted(requests.items()):
        body = bodies.get(number, [])
        status = fields.get("StatusCode", "")
        said = dict(line.partition("=")[::2] for line in body if "=" in line)
        if status == "200" and said.get("Cluster"):
            by_cluster[said["Cluster"]] += 1
            latencies.append((go_seconds(fields.get("Latency", "")) or 0.0) * 1000)
            identities.update(_identity(body))
        elif not failure:
            failure = f"HTTP {status}: {' '.join(body)[:300] or 'no body'}"
    if not requests:
        failure = _client_error(stderr) or f"the client ended with code {exit_code} and printed no answer"
    elif not failure and len(requests) < sent:
        failure = f"only {len(requests)} of {sent} requests were answered"
    return Answers(sent, dict(by_cluster), frozenset(identities), tuple(latencies), failure)


def _identity(body: list[str]) -> Mapping[str, None]:
    # The header lists one entry for each proxy on the way; the last is the nearest.
    for line in body:
        if line.lower().startswith("requestheader=x-forwarded-client-cert:"):
            return dict.fromkeys(_IDENTITY.findall(line)[-1:])
    return {}


def _client_error(stderr: str) -> str:
    # Logs of the client stand before its error, one line each, tab-separated: time, level, scope, text.
    for line in reversed(stderr.splitlines()):
        found = _CLIENT_ERROR.search(line)
        if found:
            return found[1].strip()[:300]
    return stderr.strip().splitlines()[-1][:300] if stderr.strip() else ""

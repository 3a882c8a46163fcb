# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Istio's echo client prints. The texts are its own, shortened."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import echo

ANSWERED = """\
[{n}] Url=http://probe-west.onemesh-verify.svc.cluster.local:80/
[{n}] SourceIP=10.65.128.4
[{n}] Latency={latency}
[{n}] ActiveRequests=1
[{n}] StatusCode=200
[{n}] ResponseHeader=Server:envoy
[{n} body] ServiceVersion=west
[{n} body] Host=probe-west.onemesh-verify.svc.cluster.local
[{n} body] Cluster=west
[{n} body] RequestHeader=X-Forwarded-Client-Cert:By=spiffe://cluster.local/ns/a/sa/b;Hash=c;Subject="";URI={identity}
[{n} body] Hostname=probe-1

"""
FAILED = """\
[{n}] Url=http://probe-west
[{n}] Latency=12ms
[{n}] StatusCode=503
[{n}] ResponseHeader=Server:envoy
[{n} body] no healthy upstream

"""
IDENTITY = "spiffe://cluster.local/ns/onemesh-verify/sa/default"


def answered(number: int, latency: str = "3.5ms") -> str:
    return ANSWERED.format(n=number, latency=latency, identity=IDENTITY)


def test_answers_are_counted_by_the_cluster_that_gave_them() -> None:
    output = answered(0) + answered(1, "1.25s") + answered(2).replace("Cluster=west", "Cluster=east")
    found = echo.read_answers(3, output, "", 0)
    assert found.by_cluster == {"west": 2, "east": 1}
    assert found.identities == {IDENTITY}
    assert found.latencies == (3.5, 1250.0, 3.5)
    assert found.failure == ""


def test_an_answer_over_plain_text_shows_no_identity() -> None:
    output = "".join(line for line in answered(0).splitlines(True) if "Client-Cert" not in line)
    assert echo.read_answers(1, output, "", 0).identities == frozenset()


def test_of_several_proxies_on_the_way_the_nearest_counts() -> None:
    output = answered(0).replace(f"URI={IDENTITY}", f"URI=spiffe://a/ns/far/sa/x,By=spiffe://b;URI={IDENTITY}")
    assert echo.read_answers(1, output, "", 0).identities == {IDENTITY}


def test_the_first_failure_is_told_with_its_status_and_body() -> None:
    found = echo.read_answers(2, answered(0) + FAILED.format(n=1), "", 0)
    assert found.successes == 1
    assert found.failure == "HTTP 503: no healthy upstream"


def test_an_answer_of_something_else_is_a_failure() -> None:
    output = "[0] StatusCode=200\n[0 body] <html>welcome</html>\n"
    assert echo.read_answers(1, output, "", 0).failure == "HTTP 200: <html>welcome</html>"


@pytest.mark.parametrize(
    ("stderr", "failure"),
    [
        (
            "2026-11-21T09:37:31Z\tfatal\t"
            'Error 2/2 requests had errors; first error: Get "http://x": dial tcp: lookup x: no such host\n',
            'Get "http://x": dial tcp: lookup x: no such host',
        ),
        (
            "2026-11-21T09:37:31Z\tfatal\t"
            "Error request set timed out after 5s and only 0/2 requests completed (0s avg)\n",
            "request set timed out after 5s and only 0/2 requests completed (0s avg)",
        ),
        ("exec format error\n", "exec format error"),
        ("", "the client ended with code 1 and printed no answer"),
    ],
    ids=["name", "time", "other", "silent"],
)
def test_without_any_answer_the_clients_own_error_is_told(stderr: str, failure: str) -> None:
    found = echo.read_answers(2, "", stderr, 1)
    assert (found.sent, found.successes, found.failure) == (2, 0, failure)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks against real HTTP servers: slow ones, broken ones, ones that want TLS, and ones that repeat secrets."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates.webhooks import (
    WEBHOOK_ARGUMENT_SPEC,
    HookAnswer,
    HookType,
    Payload,
    ask_webhooks,
    webhooks_of,
)
from support.control_plane import Authority
from support.receivers import Answer, Receiver, receiving

PAYLOAD = Payload("cart", "shop", "progressing", "5f3c", {"step": "3"})
KIND: HookType = "confirm-rollout"


def asked(*hooks: dict[str, Any], kinds: tuple[HookType, ...] = (KIND,)) -> dict[HookType, HookAnswer]:
    """Options go through Ansible's own validator, as in a task."""
    spec = {"hooks": {"type": "list", "elements": "dict", "options": WEBHOOK_ARGUMENT_SPEC}}
    entries = [{"name": "gate", "type": KIND, **hook} for hook in hooks]
    validated = ArgumentSpecValidator(spec).validate({"hooks": entries})
    assert validated.error_messages == []
    return ask_webhooks(webhooks_of(validated.validated_parameters["hooks"]), kinds, PAYLOAD)


def reason_of(answers: dict[HookType, HookAnswer]) -> str:
    [reason] = answers[KIND].reasons
    return reason


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (200, "open", None),
        (202, "open", None),
        (204, "open", None),
        (302, "closed", "redirects are not followed"),
        (403, "closed", "HTTP 403: nobody said yes"),
        (500, "closed", "HTTP 500: nobody said yes"),
    ],
)
def test_statuses(status: int, answer: str, reason: str | None) -> None:
    body = "" if status == 204 else "nobody\nsaid  yes"
    with receiving([Answer(status, body, {"Location": "http://127.0.0.1:1/"})]) as gate:
        found = asked({"url": f"{gate.url}/check"})[KIND]
    assert found.answer == answer
    assert len(gate.requests) == 1
    assert [reason in said for said in found.reasons] == ([] if reason is None else [True])  # type: ignore[operator]


def test_what_is_sent() -> None:
    with receiving([Answer()]) as gate:
        host = gate.url.partition("//")[2]
        asked(
            {"url": f"http://ada:love%40lace@{host}/check?x=1#f", "headers": {"X-Team": "cart"}, "metadata": {"n": 5}}
        )
    [(path, headers, body)] = gate.requests
    assert path == "/check?x=1"
    assert headers["Authorization"] == "Basic YWRhOmxvdmVAbGFjZQ=="
    assert (headers["X-Team"], headers["Content-Type"]) == ("cart", "application/json")
    assert body == {
        "name": "cart",
        "namespace": "shop",
        "phase": "Progressing",
        "checksum": "5f3c",
        "metadata": {"n": "5", "step": "3"},
    }


def test_only_the_types_of_the_moment_are_asked_and_a_type_without_hooks_has_no_answer() -> None:
    with receiving([Answer()]) as gate:
        found = asked(
            {"url": f"{gate.url}/a"}, {"url": f"{gate.url}/b", "type": "rollback"}, kinds=("rollback", "event")
        )
    assert found == {"rollback": HookAnswer("open", ("webhook gate asks for a rollback",))}
    assert [path for path, _headers, _body in gate.requests] == ["/b"]


@pytest.mark.parametrize(
    ("retries", "statuses", "answer", "requests"),
    [
        (2, [503, 500, 200], "open", 3),
        (1, [503, 503, 200], "closed", 2),
        (0, [503, 200], "closed", 1),
        # A refusal is an answer: asking again would not change it.
        (2, [403, 200], "closed", 1),
    ],
)
def test_retries(retries: int, statuses: list[int], answer: str, requests: int) -> None:
    with receiving([Answer(status) for status in statuses]) as gate:
        found = asked({"url": gate.url, "retries": retries})
    assert found[KIND].answer == answer
    assert len(gate.requests) == requests


def test_a_server_that_wants_to_be_asked_too_late_is_not_asked_again() -> None:
    with receiving([Answer(503, headers={"Retry-After": "3600"})]) as gate:
        assert "HTTP 503" in reason_of(asked({"url": gate.url, "retries": 5}))
    assert len(gate.requests) == 1


def test_hooks_are_asked_at_the_same_time() -> None:
    # Each answers only when the other one has been asked too.
    together = threading.Barrier(2, timeout=10)
    with ExitStack() as stack:
        gates = [stack.enter_context(receiving([Answer(before=together.wait)])) for _number in range(2)]
        assert asked(*({"url": gate.url} for gate in gates))[KIND].answer == "open"


def test_a_slow_one_holds_nobody_longer_than_its_time() -> None:
    over = threading.Event()
    with receiving([Answer(before=lambda: over.wait(30))]) as gate, receiving([Answer()]) as quick:
        found = asked({"url": gate.url, "timeout": 0.3}, {"url": quick.url})
        over.set()
    assert found[KIND].answer == "closed"
    assert "gave no answer within 0.3 s" in reason_of(found)


def test_all_attempts_of_a_slow_one_are_made() -> None:
    over = threading.Event()
    with receiving([Answer(before=lambda: over.wait(30))]) as gate:
        found = asked({"url": gate.url, "timeout": 0.3, "retries": 2})
        over.set()
    assert "gave no answer" in reason_of(found)
    assert len(gate.requests) == 3


def test_a_body_that_never_ends_does_not_hold_up_the_answer() -> None:
    with receiving([Answer(200, "x", {"Content-Length": "1000000"})]) as gate:
        assert asked({"url": gate.url, "timeout": 0.5})[KIND].answer == "open"


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert f"http://127.0.0.1:{port} refused the connection" in reason_of(asked({"url": f"http://127.0.0.1:{port}/x"}))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "gates")


@pytest.fixture
def secure(authority: Authority) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("gate", server=True))
    with receiving([Answer()], context) as gate:
        yield gate


def test_a_certificate_of_an_unknown_authority_is_not_accepted(secure: Receiver) -> None:
    reason = reason_of(asked({"url": secure.url, "retries": 3}))
    assert "is not accepted" in reason
    assert "ca_cert" in reason
    # Asking again would not change it.
    assert (secure.connections, secure.requests) == (1, [])


def test_its_authority_can_be_given(secure: Receiver, authority: Authority) -> None:
    assert asked({"url": secure.url, "ca_cert": str(authority.path)})[KIND].answer == "open"


def test_or_nothing_is_checked(secure: Receiver) -> None:
    assert asked({"url": secure.url, "validate_certs": False})[KIND].answer == "open"


SECRETS = {
    "header": "tok-0123456789abcdef",
    "basic": "bmFtZTpzZWNyZXRwYXNz",
    "decoded": "secretpass",
    "query": "query%2Fsecret",
    "password": "url-password",
    "path": "T0123456789ABCDEFGH",
}


@pytest.mark.parametrize("answer", [Answer(403, echo=True), Answer(302, echo=True), Answer(403, "you sent secretpass")])
def test_what_came_with_the_address_is_in_no_message_even_if_the_server_repeats_it(answer: Answer) -> None:
    with receiving([answer]) as gate:
        host = gate.url.partition("//")[2]
        url = f"http://ada:{SECRETS['password']}@{host}/hooks/{SECRETS['path']}?token={SECRETS['query']}"
        headers = {"X-Token": SECRETS["header"], "Authorization": f"Basic {SECRETS['basic']}"}
        said = json.dumps(asked({"url": url, "headers": headers}))
    assert len(gate.requests) == 1
    assert [name for name, secret in SECRETS.items() if secret in said] == []


def test_nor_where_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://ada:{SECRETS['password']}@127.0.0.1:{port}/hooks/{SECRETS['path']}?token={SECRETS['query']}"
    said = json.dumps(asked({"url": url, "headers": {"X-Token": SECRETS["header"]}}))
    assert [name for name, secret in SECRETS.items() if secret in said] == []

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hooks are sent, what their answers mean together, and which options are refused: one row per case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates import webhooks
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates.webhooks import HookType, Payload, Webhook
from ansible_collections.onemesh.istio.plugins.module_utils._canary.posts import PostTarget, Reply
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError

TARGET = PostTarget("webhook w", "http://127.0.0.1", "http://127.0.0.1", 1.0, 0, {}, None, ())

OK, NO_CONTENT, REFUSED = Reply(200, ""), Reply(204, ""), Reply(403, "not now")
MOVED, SILENT = Reply(302, ""), Reply(None, "refused the connection")


def options(**changes: Any) -> dict[str, Any]:
    return {
        "name": "w",
        "type": "rollout",
        "metadata": {},
        "url": "http://gate.example/check",
        "timeout": 10.0,
        "retries": 0,
        "headers": {},
        "validate_certs": True,
        "ca_cert": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("kind", "replies", "answer", "reasons"),
    [
        ("confirm-rollout", [OK], "open", []),
        ("confirm-rollout", [OK, REFUSED], "closed", ["webhook w (confirm-rollout): HTTP 403: not now"]),
        ("confirm-traffic-increase", [SILENT], "closed", ["(confirm-traffic-increase): refused the connection"]),
        ("confirm-promotion", [NO_CONTENT], "open", []),
        ("confirm-promotion", [MOVED], "closed", ["HTTP 302: redirects are not followed"]),
        ("pre-rollout", [OK, NO_CONTENT], "open", []),
        ("pre-rollout", [REFUSED], "failed", ["HTTP 403: not now"]),
        ("rollout", [REFUSED, SILENT, OK], "failed", ["HTTP 403", "refused the connection"]),
        ("rollback", [REFUSED, SILENT], "closed", []),
        ("rollback", [REFUSED, OK], "open", ["webhook w asks for a rollback"]),
        ("post-rollout", [REFUSED], "open", ["HTTP 403: not now"]),
        ("event", [SILENT, OK], "open", ["refused the connection"]),
    ],
)
def test_verdict(kind: HookType, replies: list[Reply], answer: str, reasons: list[str]) -> None:
    found = webhooks.judge_replies(kind, [(Webhook(kind, TARGET), reply) for reply in replies])
    assert found.answer == answer
    assert len(found.reasons) == len(reasons)
    assert all(part in reason for part, reason in zip(reasons, found.reasons, strict=True))


def test_the_body_is_what_flaggers_receivers_decode() -> None:
    [hook] = webhooks.webhooks_of(
        [options(metadata={"cmd": "hey", "rps": 10, "tls": True, "list": ["a"], "eventType": "mine"})]
    )
    body = webhooks.body_of(hook, Payload("cart", "shop", "waiting_promotion", "5f3c", {"eventType": "Normal"}))
    assert body == {
        "name": "cart",
        "namespace": "shop",
        "phase": "WaitingPromotion",
        "checksum": "5f3c",
        # Go decodes a map of strings and refuses all else; what the event says is not overwritten.
        "metadata": {"cmd": "hey", "rps": "10", "tls": "true", "list": '["a"]', "eventType": "Normal"},
    }


@pytest.mark.parametrize(
    ("changes", "check", "message"),
    [
        ({"url": "ftp://gate.example"}, "url", "its url is no http:// or https:// address"),
        ({"url": "gate.example/check"}, "url", "its url is no"),
        ({"url": "http://[::1"}, "url", "its url is no"),
        ({"url": "http://gate.example:port/"}, "url", "its url is no"),
        ({"timeout": 0.0}, "timeout", "timeout is 0 s"),
        ({"retries": -1}, "retries", "retries is -1"),
        ({"headers": {"Authorization": "Bearer sssssecret\n"}}, "headers", "a header has a line break in it"),
        ({"headers": {"X": "gehüpft"}}, "headers", "letters outside ASCII"),
        ({"url": "https://g", "ca_cert": "/nowhere.pem"}, "ca-cert", "/nowhere.pem cannot be read: No such file"),
        ({"url": "https://g", "ca_cert": "/dev/null"}, "ca-cert", "/dev/null has no PEM certificate"),
        ({"url": "https://g", "ca_cert": __file__}, "ca-cert", "test_webhooks.py has no PEM certificate"),
    ],
)
def test_refused_options(changes: dict[str, Any], check: str, message: str) -> None:
    with pytest.raises(MeshError) as raised:
        webhooks.webhooks_of([options(), options(**changes)])
    [finding] = raised.value.findings
    assert (finding.check, finding.object) == (f"option-{check}", "webhook w")
    assert message in finding.message
    assert "sssssecret" not in str(raised.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(MeshError) as raised:
        webhooks.webhooks_of([options(name="a", url="x"), options(name="b", timeout=-1.0, retries=-1)])
    assert [finding.object for finding in raised.value.findings] == ["webhook a", "webhook b", "webhook b"]


def test_a_webhook_shows_nothing_secret_of_its_address() -> None:
    url = "https://ada:lovelace@gate.example:8443/hooks/T0123456789ABCDEF?token=queryquery"
    [hook] = webhooks.webhooks_of([options(url=url, headers={"X-Token": "headerheader"})])
    shown = json.dumps([repr(hook), hook.target.shown])
    assert hook.target.shown == "https://gate.example:8443"
    for secret in ("lovelace", "T0123456789ABCDEF", "queryquery", "headerheader", "YWRhOmxvdmVsYWNl"):
        assert secret not in shown

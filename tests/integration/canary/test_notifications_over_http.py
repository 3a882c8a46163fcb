# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications sent to real HTTP servers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import notifications
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.notifications import Receiver, Standing
from support.receivers import Answer, receiving

SECRET = "B0123456789abcdefghij"


def receivers(*entries: dict[str, Any]) -> tuple[Receiver, ...]:
    spec = {"notices": {"type": "list", "elements": "dict", "options": notifications.NOTIFICATION_ARGUMENT_SPEC}}
    validated = ArgumentSpecValidator(spec).validate({"notices": list(entries)})
    assert validated.error_messages == []
    return notifications.receivers_of(validated.validated_parameters["notices"])


def message(phase: str) -> dict[str, Any]:
    made = notifications.make_notification(
        None,
        Standing(phase),  # type: ignore[arg-type]  # the parameter is one of them
        now=1795608000.0,
        name="cart",
        namespace="shop",
        revision="5f3c",
        step=1,
        of=5,
        weights={"eu1": 5},
    )
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("phase", "reached"),
    [("progressing", ["/info"]), ("waiting", ["/info", "/warn"]), ("failed", ["/error", "/info", "/warn"])],
)
def test_each_receiver_gets_what_it_asked_for_and_above(phase: str, reached: list[str]) -> None:
    with receiving([Answer(204)]) as chat:
        all_three = [{"url": f"{chat.url}/{severity}", "severity": severity} for severity in ("info", "warn", "error")]
        assert notifications.send_notification(receivers(*all_three), message(phase)) == []
    assert sorted(path for path, _headers, _body in chat.requests) == reached


def test_bodies() -> None:
    with receiving([Answer()]) as chat:
        both = receivers({"url": f"{chat.url}/j"}, {"url": f"{chat.url}/s", "kind": "slack"})
        notifications.send_notification(both, message("failed"))
    bodies = {path: body for path, _headers, body in chat.requests}
    assert bodies["/j"] == message("failed")
    assert bodies["/s"]["attachments"][0]["color"] == "#D55E00"


@pytest.mark.parametrize("answer", [Answer(404, "no_service"), Answer(302, echo=True), Answer(500, echo=True)])
def test_one_that_does_not_take_it_is_a_warning_without_its_secret(answer: Answer) -> None:
    with receiving([answer]) as chat:
        wanted = receivers({"url": f"{chat.url}/services/{SECRET}", "headers": {"Authorization": f"Bearer {SECRET}x"}})
        [warning] = notifications.send_notification(wanted, message("failed"))
    assert f"receiver 1 of notices ({chat.url}) did not take the notice: HTTP {answer.status}" in warning
    assert SECRET not in warning

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications to people: one for each change of state, and none for a tick in which nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..._findings import Finding, MeshError
from ..._times import moment_of, rfc3339
from ..model import Phase
from ..posts import POST_ARGUMENT_SPEC, PostTarget, post_all, target_of

Severity = Literal["info", "warn", "error"]

_SEVERITIES: tuple[Severity, ...] = ("info", "warn", "error")

NOTIFICATION_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "kind": {"type": "str", "choices": ["json", "slack"], "default": "json"},
    "severity": {"type": "str", "choices": list(_SEVERITIES), "default": "info"},
    **POST_ARGUMENT_SPEC,
}
"""``severity`` is the least that is sent. Flagger sends nothing where it is left out, although its documentation says
info; here it is info."""

# Okabe and Ito's, which all eyes tell apart.
_COLOURS: Mapping[Severity, str] = {"info": "#009E73", "warn": "#E69F00", "error": "#D55E00"}

_SENTENCES: Mapping[Phase, str] = {
    "initializing": "is being set up",
    "initialized": "is set up: all traffic goes to the stable side",
    "waiting": "waits for approval before it starts",
    "progressing": "is on its way",
    "waiting_promotion": "waits for approval before it is promoted",
    "promoting": "passed: the stable side becomes the new revision",
    "finalising": "is promoted: the canary's own workload is taken away",
    "succeeded": "succeeded",
    "failed": "failed: all traffic is back on the stable side",
}


@dataclass(frozen=True)
class Standing:
    """What a notification is about. ``hold`` says what is waited for, in the same words as long as it is the same, and
    is empty where the canary moves."""

    phase: Phase
    hold: str = ""


@dataclass(frozen=True)
class Receiver:
    """Somebody who wants notifications from ``severity`` upwards, as plain JSON or as a chat takes them."""

    kind: Literal["json", "slack"]
    severity: Severity
    target: PostTarget


def receivers_of(options: Iterable[Mapping[str, Any]]) -> tuple[Receiver, ...]:
    """The receivers that options with NOTIFICATION_ARGUMENT_SPEC mean. Raises MeshError with all that is wrong."""
    problems: list[Finding] = []
    receivers = []
    for number, entry in enumerate(options, 1):
        target = target_of(entry, f"receiver {number} of notices", problems)
        if target is not None:
            kind, severity = cast(Literal["json", "slack"], entry["kind"]), cast(Severity, entry["severity"])
            receivers.append(Receiver(kind, severity, target))
    if problems:
        raise MeshError("The receivers of notices cannot be used.", problems)
    return tuple(receivers)


def make_notification(
    before: Standing | None,
    after: Standing,
    *,
    now: float,
    name: str,
    namespace: str,
    revision: str,
    step: int,
    of: int,
    weights: Mapping[str, int],
    reasons: Sequence[str] = (),
) -> dict[str, Any] | None:
    """The notification of a change as plain data; None where nothing changed. Pure.

    ``before`` is None in the first tick. ``weights`` is what each cluster's canary gets, ``reasons`` why it came to
    this. The result is fit for an artifact of a job too.
    """
    if before == after:
        return None
    return {
        "time": rfc3339(now),
        "name": name,
        "namespace": namespace,
        "revision": revision,
        "severity": severity_of(after),
        "phase": after.phase,
        "phase_before": before.phase if before else "",
        "hold": after.hold,
        "step": step,
        "of": of,
        "weights": dict(weights),
        "message": f"Canary {namespace}/{name} {describe_change(before, after)}",
        "reasons": list(reasons),
    }


def severity_of(standing: Standing) -> Severity:
    """``error`` where it failed, ``warn`` where it waits for something, else ``info``. Pure."""
    if standing.phase == "failed":
        return "error"
    if standing.hold or standing.phase in ("waiting", "waiting_promotion"):
        return "warn"
    return "info"


def describe_change(before: Standing | None, after: Standing) -> str:
    """What happened, as the end of a sentence that begins with the canary's name. Pure."""
    if after.hold:
        return f"{_SENTENCES[after.phase]}, and is held: {after.hold}"
    if before is not None and before.phase == after.phase:
        return f"goes on: it {_SENTENCES[after.phase]}"
    return _SENTENCES[after.phase]


def format_for_slack(message: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as Slack, and what imitates it, take it. Pure."""
    weights = ", ".join(f"{cluster} {weight}" for cluster, weight in message["weights"].items())
    fields = [
        ("Phase", message["phase"].replace("_", " ")),
        ("Step", f"{message['step']} of {message['of']}"),
        ("Revision", message["revision"]),
        ("Canary weights", weights),
    ]
    return {
        "text": _escape(message["message"]),
        "attachments": [
            {
                "color": _COLOURS[message["severity"]],
                "fallback": _escape(message["message"]),
                "text": "\n".join(f"• {_escape(reason)}" for reason in message["reasons"]),
                "fields": [
                    {"title": title, "value": _escape(value), "short": len(value) < 40}
                    for title, value in fields
                    if value
                ],
                "ts": int(moment_of(message["time"]).timestamp()),
            }
        ],
    }


def send_notification(receivers: Sequence[Receiver], message: Mapping[str, Any]) -> list[str]:
    """Send a notification to all who want it, at the same time.

    Returns a warning for each that did not take it: a chat that is down is no reason to stop a release.
    """
    rank = _SEVERITIES.index(message["severity"])
    asked = [receiver for receiver in receivers if _SEVERITIES.index(receiver.severity) <= rank]
    bodies = [format_for_slack(message) if receiver.kind == "slack" else dict(message) for receiver in asked]
    posts = [(receiver.target, body) for receiver, body in zip(asked, bodies, strict=True)]
    return [
        f"{receiver.target.name} ({receiver.target.shown}) did not take the notice: "
        + (f"HTTP {reply.status} {reply.message}".rstrip() if reply.status else reply.message)
        for receiver, reply in zip(asked, post_all(posts), strict=True)
        if not reply.good
    ]


def _escape(text: str) -> str:
    """As Slack wants it, where <, > and & are markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

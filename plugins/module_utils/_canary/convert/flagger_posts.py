# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks and alerts of a Canary as webhooks and notices of a release. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from ..._times import go_seconds
from ..gates.webhooks import HookType
from .manifest_reader import ManifestPart, RelatedObjects, drop_empty

_AS_SLACK = {"slack": "", "rocket": "", "discord": "/slack"}
"""Chats that take what Slack takes, with what their address ends with for that (pkg/notifier of Flagger)."""

_SEVERITIES = ("info", "warn", "error")


def take_webhooks(given: ManifestPart, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    webhooks = [made for hook in given.parts("webhooks") if (made := _take_webhook(hook, plan)) is not None]
    if webhooks:
        given.differs(
            "webhooks",
            "they are asked from where the task runs, once for all clusters, and not from inside of each",
            "give addresses that are reachable from there",
        )
    return webhooks


def _take_webhook(hook: ManifestPart, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = hook.text("type") or "rollout"
    made = drop_empty(
        name=hook.required("name"),
        type=kind,
        url=hook.required("url"),
        timeout=_take_timeout(hook),
        retries=hook.whole("retries"),
        metadata=hook.mapping("metadata"),
        validate_certs=False if hook.truth("disableTLS") else None,
    )
    hook.drop("muteAlert", "a webhook has nothing like it: notices are of changes of the release", "see notices")
    if kind not in get_args(HookType):
        hook.differs("type", f"there is no {kind}, so it is left out; Flagger never asks it", "write the type meant")
        return None
    if kind == "confirm-promotion" and plan.get("iterations") and not plan.get("matched"):
        hook.differs(
            "",
            "in blue/green it is asked once; Flagger asks again after the switch, and goes back if it is refused",
            "to end a release after the switch, use a webhook of type rollback",
        )
    if kind == "confirm-traffic-increase":
        hook.differs("", "while it refuses there is one notice, and not one for each tick", "nothing")
    return made


def _take_timeout(hook: ManifestPart) -> float | None:
    text = hook.text("timeout")
    seconds = None if text is None else go_seconds(text)
    if text is not None and (seconds is None or seconds <= 0):
        hook.differs("timeout", f"{text!r} is no length of time, so that it is 10 s", "write it right")
        return None
    return seconds


def take_notices(given: ManifestPart, related: RelatedObjects, namespace: str) -> list[dict[str, Any]]:
    return [made for alert in given.parts("alerts") for made in _take_alert(alert, related, namespace)]


def _take_alert(alert: ManifestPart, related: RelatedObjects, namespace: str) -> Iterator[dict[str, Any]]:
    alert.ignore("name")
    severity = alert.text("severity")
    reference = alert.part("providerRef")
    reference.ignore("apiVersion", "kind")
    name = reference.text("name") or ""
    provider = related.find("AlertProvider", name, reference.text("namespace") or namespace)
    kind, url = ("", None) if provider is None else _take_provider(provider.part("spec"))
    if url is None:
        alert.differs(
            "",
            f"the address of AlertProvider {name} is not known, or is in a Secret",
            "add it to notices, with the url from a vault",
        )
        return
    if kind not in _AS_SLACK:
        alert.differs("", f"for {kind or 'it'} there is JSON only", "let something translate it, or use slack")
    if severity is None:
        alert.differs("", "without severity Flagger never sends it; here it is info", "leave it out, if never is meant")
    elif severity not in _SEVERITIES:
        alert.differs("severity", f"there is no severity {severity}; here it is info", "write info, warn or error")
    ending = _AS_SLACK.get(kind, "")
    yield drop_empty(
        url=url if url.endswith(ending) else url.rstrip("/") + ending,
        kind="slack" if kind in _AS_SLACK else "json",
        severity=severity if severity in _SEVERITIES else None,
    )


def _take_provider(spec: ManifestPart) -> tuple[str, str | None]:
    """The kind of chat and its address, which is not known where a Secret has it."""
    kind, address = spec.text("type") or "", spec.text("address")
    for name in ("channel", "username"):
        spec.drop(name, "the address decides where a notice goes and by whom it is", "set it there")
    spec.drop("proxy", "notices go straight to their address", "give an address that can be reached")
    secret = spec.has("secretRef")
    spec.drop("secretRef", "a Secret is not read, and what it has would count more than address", "see notices")
    return kind, None if secret else address

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: what Flagger's are, so that its load tester and gates made for it serve here too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast, get_args

from ..._findings import Finding, MeshError
from ..model import GateAnswer, Phase
from ..posts import POST_ARGUMENT_SPEC, PostTarget, Reply, post_all, target_of

HookType = Literal[
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-traffic-increase",
    "confirm-promotion",
    "post-rollout",
    "rollback",
    "event",
]

WEBHOOK_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(get_args(HookType)), "default": "rollout"},
    "metadata": {"type": "dict", "default": {}},
    **POST_ARGUMENT_SPEC,
}

_CHECKS: frozenset[HookType] = frozenset({"pre-rollout", "rollout"})
_TOLD: frozenset[HookType] = frozenset({"post-rollout", "event"})


@dataclass(frozen=True)
class Webhook:
    """One that is asked. ``metadata`` are texts, as Flagger's receivers read nothing else."""

    type: HookType
    target: PostTarget
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Payload:
    """What every hook is told. ``checksum`` is the canary's revision; ``metadata`` is what only we know of the event
    and counts more than what the hook has of its own."""

    name: str
    namespace: str
    phase: Phase
    checksum: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class HookAnswer(NamedTuple):
    """``reasons``: what each hook that did not agree said; of a rollback hook, which one asks for it."""

    answer: GateAnswer
    reasons: tuple[str, ...] = ()


def webhooks_of(options: Iterable[Mapping[str, Any]]) -> tuple[Webhook, ...]:
    """The hooks that options with WEBHOOK_ARGUMENT_SPEC mean. Raises MeshError with all that is wrong."""
    problems: list[Finding] = []
    hooks = []
    for entry in options:
        target = target_of(entry, f"webhook {entry['name']}", problems)
        if target is not None:
            metadata = {str(key): text_of(value) for key, value in (entry["metadata"] or {}).items()}
            hooks.append(Webhook(cast(HookType, entry["type"]), target, metadata))
    if problems:
        raise MeshError("The webhooks cannot be used.", problems)
    return tuple(hooks)


def ask_webhooks(
    webhooks: Sequence[Webhook], types: Iterable[HookType], payload: Payload
) -> dict[HookType, HookAnswer]:
    """Ask the hooks of these types, all at the same time. A type without a hook is not in the answer.

    - confirm-*: ``open`` where all agree, else ``closed``: hold.
    - pre-rollout, rollout: ``open`` where all agree, else ``failed``.
    - rollback: ``open`` where one agrees, which means: roll back. Else ``closed``.
    - post-rollout, event: ``open``, for they are only told; the reasons are warnings.
    """
    wanted = tuple(dict.fromkeys(types))
    asked = [hook for hook in webhooks if hook.type in wanted]
    replies = post_all([(hook.target, body_of(hook, payload)) for hook in asked])
    return {
        kind: judge_replies(
            kind, [(hook, reply) for hook, reply in zip(asked, replies, strict=True) if hook.type == kind]
        )
        for kind in wanted
        if any(hook.type == kind for hook in asked)
    }


def body_of(hook: Webhook, payload: Payload) -> dict[str, Any]:
    """What one hook is sent. Pure."""
    return {
        "name": payload.name,
        "namespace": payload.namespace,
        "phase": flagger_phase(payload.phase),
        "checksum": payload.checksum,
        "metadata": {**hook.metadata, **payload.metadata},
    }


def flagger_phase(phase: Phase) -> str:
    """The phase as Flagger spells it: ``WaitingPromotion``. Pure."""
    return "".join(word.capitalize() for word in phase.split("_"))


def text_of(value: Any) -> str:
    """A value of metadata as text: Flagger's receivers decode a map of strings, and refuse all else. Pure."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def judge_replies(kind: HookType, replies: Sequence[tuple[Webhook, Reply]]) -> HookAnswer:
    """What the hooks of one type say together. Pure.

    Any 2xx agrees. Flagger stops at 202 and so takes 204, which a gate without anything to say answers, for a refusal.
    """
    if kind == "rollback":
        agreed = tuple(f"{hook.target.name} asks for a rollback" for hook, reply in replies if reply.good)
        return HookAnswer("open" if agreed else "closed", agreed)
    reasons = tuple(_describe_refusal(hook, reply) for hook, reply in replies if not reply.good)
    if not reasons or kind in _TOLD:
        return HookAnswer("open", reasons)
    return HookAnswer("failed" if kind in _CHECKS else "closed", reasons)


def _describe_refusal(hook: Webhook, reply: Reply) -> str:
    who = f"{hook.target.name} ({hook.type})"
    if reply.status is None:
        return f"{who}: {reply.message}"
    if 300 <= reply.status < 400:
        return f"{who}: HTTP {reply.status}: redirects are not followed: give the address that it points to"
    return f"{who}: HTTP {reply.status}" + (f": {reply.message}" if reply.message else "")

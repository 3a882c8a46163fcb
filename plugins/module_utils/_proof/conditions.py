# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status of a Gateway API object says of its present generation: the rule of level ``accepted``. Pure.

Istio's own kinds have no such status: istiod's validating webhook has judged them when they were written, and it writes
no conditions for them since PILOT_ENABLE_STATUS is gone (1.31: pilot/pkg/features). For them accepted is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._kube import kinds

Object = Mapping[str, Any]

ISTIO_CONTROLLERS = "istio.io/"
"""The controllers of Istio begin so: ``istio.io/gateway-controller``, ``istio.io/unmanaged-gateway``, ..."""

_GROUP = kinds.HTTP_ROUTE.group
_ROUTES = frozenset(
    kind.kind for kind in (kinds.HTTP_ROUTE, kinds.GRPC_ROUTE, kinds.TCP_ROUTE, kinds.TLS_ROUTE, kinds.UDP_ROUTE)
)


@dataclass(frozen=True)
class Verdict:
    """``waiting``: what nobody has said yet; ``refused``: conditions that are False, with their messages."""

    waiting: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.waiting and not self.refused


def has_conditions(changed: Object) -> bool:
    """Whether Istio writes conditions for objects of this kind."""
    group = kinds.group_of(str(changed.get("apiVersion") or ""))
    return group == _GROUP and (changed.get("kind") in _ROUTES or is_gateway(changed))


def is_gateway(changed: Object) -> bool:
    """Whether it is a Gateway of the Gateway API, which only says by its class whose it is."""
    return changed.get("kind") == "Gateway" and kinds.group_of(str(changed.get("apiVersion") or "")) == _GROUP


def judge(live: Object) -> Verdict:
    """What its status says. Parents that another controller answers for are not asked of Istio."""
    generation = live["metadata"].get("generation", 0)
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if is_gateway(live):
        parts = [_judge_conditions("", status.get("conditions"), ("Accepted", "Programmed"), generation)]
        parts += [
            _judge_conditions(
                f"listener {listener.get('name')}: ",
                listener.get("conditions"),
                ("Accepted", "ResolvedRefs", "Programmed"),
                generation,
            )
            for listener in status.get("listeners") or ()
        ]
        return _join_verdicts(parts)
    namespace = live["metadata"].get("namespace", "")
    entries = status.get("parents") or ()
    return _join_verdicts(
        _judge_parent(parent, entries, namespace, generation) for parent in spec.get("parentRefs") or ()
    )


def _judge_parent(parent: Object, entries: Iterable[Object], namespace: str, generation: int) -> Verdict:
    said = [
        entry for entry in entries if _identify(entry.get("parentRef") or {}, namespace) == _identify(parent, namespace)
    ]
    ours = [entry for entry in said if str(entry.get("controllerName") or "").startswith(ISTIO_CONTROLLERS)]
    name = _describe(parent, namespace)
    if not said:
        return Verdict(waiting=(f"no controller says anything of its parent {name}",))
    return _join_verdicts(
        _judge_conditions(f"{name}: ", entry.get("conditions"), ("Accepted", "ResolvedRefs"), generation)
        for entry in ours
    )


def _judge_conditions(
    prefix: str, conditions: Iterable[Object] | None, wanted: Iterable[str], generation: int
) -> Verdict:
    found = {condition["type"]: condition for condition in conditions or ()}
    waiting, refused = [], []
    for name in wanted:
        condition = found.get(name)
        if condition is None or condition.get("observedGeneration", 0) < generation:
            waiting.append(f"{prefix}{name} is not said of generation {generation} yet")
        elif condition["status"] == "False":
            refused.append(f"{prefix}{name} is False ({condition.get('reason', '')}): {condition.get('message', '')}")
        elif condition["status"] != "True":
            waiting.append(f"{prefix}{name} is {condition['status']}: {condition.get('message', '')}")
    return Verdict(tuple(waiting), tuple(refused))


def _join_verdicts(verdicts: Iterable[Verdict]) -> Verdict:
    given = list(verdicts)
    return Verdict(
        tuple(text for verdict in given for text in verdict.waiting),
        tuple(text for verdict in given for text in verdict.refused),
    )


def _identify(parent: Object, namespace: str) -> tuple[Any, ...]:
    return (
        parent.get("group", _GROUP),
        parent.get("kind") or "Gateway",
        parent.get("namespace") or namespace,
        parent.get("name"),
        parent.get("sectionName"),
        parent.get("port"),
    )


def _describe(parent: Object, namespace: str) -> str:
    _group, kind, place, name, section, port = _identify(parent, namespace)
    return f"{kind} {place}/{name}" + (f" section {section}" if section else "") + (f" port {port}" if port else "")

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates that a person opens, with approvals as data. Pure.

An approval is bound to one run of one release by its checksum (``ReleaseState.run``), so that none is left open for
the next run, of the same revision either, and it goes with its run. It is a ConfigMap beside the records on the hub::

    metadata: {labels: {onemesh.istio/approval: shop}}     # the canary's name
    data: {gate: half, checksum: 5f3c, decision: open, expires: "2026-11-25T18:00:00Z", by: ada}

or an annotation of the canary's route or workload on the hub::

    onemesh.istio/approve-half: "5f3c until 2026-11-25T18:00:00Z"
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..._change.moving import LABEL_APPROVAL
from ..._kube.kinds import CONFIG_MAP
from ..._ownership import owned
from ..._times import moment_of, rfc3339
from ..model import GateAnswer

ANNOTATION_APPROVE = "onemesh.istio/approve-"
EVERY_GATE = "*"

_COMPONENT = "canary"
_KEYS = ("gate", "checksum", "decision", "expires", "by")
_GATE = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Approval:
    """What somebody said about a gate. ``source`` is the object that says so, ``expires`` in seconds since the epoch.
    ``problem`` is why it cannot be understood."""

    gate: str
    checksum: str
    decision: str
    source: str
    expires: float | None = None
    by: str = ""
    problem: str = ""

    def concerns(self, gate: str) -> bool:
        return self.gate in (gate, EVERY_GATE)


class GateReply(NamedTuple):
    """``reason`` says who opened it; or why it is closed, and what opens it."""

    answer: GateAnswer
    reason: str


@dataclass(frozen=True)
class Door:
    """Where a person finds the gates of a canary: its name, the namespace of the records, the context of the hub, an
    object on the hub that can be annotated, if there is one (``("virtualservice", "shop", "cart")``), and the
    kubeconfig that has the context."""

    canary: str
    namespace: str
    context: str = ""
    object: tuple[str, str, str] | None = None
    kubeconfig: str = ""


def is_gate_name(name: str) -> bool:
    """Whether a gate can have this name: it becomes part of the name of an object and of an annotation."""
    return _GATE.fullmatch(name) is not None


def judge_gate(gate: str, checksum: str, approvals: Iterable[Approval], now: float) -> GateReply:
    """Whether a gate is open for a run at ``now`` (seconds since the epoch).

    Closed until somebody opens it. ``decision: closed`` counts more than any number of open ones, and so does one that
    says something which we do not understand: whoever wrote it may have meant to stop. Those for other runs and expired
    ones count for nothing, but are named.
    """
    opens: Approval | None = None
    unused: list[str] = []
    for approval in approvals:
        if not approval.concerns(gate):
            continue
        if approval.problem:
            if approval.decision != "open":
                return GateReply("closed", f"{approval.source} cannot be understood: {approval.problem}")
            unused.append(f"{approval.source} cannot be understood: {approval.problem}")
        elif approval.checksum != checksum:
            unused.append(f"{approval.source} is for run {approval.checksum}, this one is {checksum}")
        elif approval.expires is not None and approval.expires <= now:
            unused.append(f"{approval.source} expired at {rfc3339(approval.expires)}")
        elif approval.decision == "closed":
            return GateReply("closed", f"closed {_whose(approval)}")
        elif opens is None:
            opens = approval
    if opens is not None:
        until = "" if opens.expires is None else f" until {rfc3339(opens.expires)}"
        return GateReply("open", f"opened {_whose(opens)}{until}")
    return GateReply("closed", "; ".join(unused) or "nobody has opened it yet")


def list_commands(gate: str, checksum: str, door: Door) -> tuple[str, ...]:
    """The lines by which a person opens a gate for this run: one is enough. First the shorter one."""
    context = ["--kubeconfig", door.kubeconfig] if door.kubeconfig else []
    context += ["--context", door.context] if door.context else []
    lines = []
    if door.object is not None:
        kind, namespace, name = door.object
        annotation = f"{ANNOTATION_APPROVE}{gate}={checksum}"
        lines.append(
            shlex.join(["kubectl", *context, "-n", namespace, "annotate", "--overwrite", kind, name, annotation])
        )
    literals = [f"--from-literal={key}={value}" for key, value in (("gate", gate), ("checksum", checksum))]
    name = approval_name(door.canary, gate)
    create = ["create", "configmap", name, *literals, "--from-literal=decision=open", "--dry-run=client", "-o", "yaml"]
    label = ["label", "--local", "-f", "-", f"{LABEL_APPROVAL}={door.canary}", "-o", "yaml"]
    # Applied, not created: one that has expired may stand there under the same name.
    apply = [*context, "-n", door.namespace, "apply", "-f", "-"]
    lines.append(" | ".join(shlex.join(["kubectl", *words]) for words in (create, label, apply)))
    return tuple(lines)


def approval_name(canary: str, gate: str) -> str:
    """The name of the ConfigMap that we write. The dot keeps apart what hyphens in names would mix up."""
    name = f"onemesh-approval.{canary}"
    return name if gate == EVERY_GATE else f"{name}.{gate}"


def approval_manifest(
    canary: str,
    namespace: str,
    gate: str,
    checksum: str,
    *,
    decision: Literal["open", "closed"] = "open",
    expires: float | None = None,
    by: str = "",
) -> dict[str, Any]:
    """The ConfigMap of an approval, to be applied on the hub. ``expires`` in seconds since the epoch."""
    data = {"gate": gate, "checksum": checksum, "decision": decision, "by": by}
    if expires is not None:
        data["expires"] = rfc3339(expires)
    manifest = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": approval_name(canary, gate),
            "namespace": namespace,
            "labels": {LABEL_APPROVAL: canary},
        },
        "data": {key: value for key, value in data.items() if value},
    }
    return owned(manifest, _COMPONENT)


def of_config_map(live: Mapping[str, Any]) -> Approval:
    """The approval that a ConfigMap with our label is."""
    metadata = live["metadata"]
    source = f"ConfigMap {metadata.get('namespace')}/{metadata['name']}"
    data = {key: str(value).strip() for key, value in (live.get("data") or {}).items()}
    problems = [f"it has no {key}" for key in _KEYS[:3] if not data.get(key)]
    problems += [f"{key} is no key of an approval" for key in sorted(set(data) - set(_KEYS))]
    decision = data.get("decision", "")
    if decision not in ("", "open", "closed"):
        problems.append(f"its decision is {decision!r}, expected open or closed")
    expires, trouble = _moment(data.get("expires", ""))
    # One that does not say which gate it means may mean any.
    gate = data.get("gate") or EVERY_GATE
    return Approval(
        gate,
        data.get("checksum", ""),
        decision,
        source,
        expires,
        data.get("by", ""),
        "; ".join([*problems, *filter(None, [trouble])]),
    )


def of_annotations(live: Mapping[str, Any]) -> list[Approval]:
    """The approvals that an object's annotations are; there is no way to say ``closed`` by one."""
    metadata = live["metadata"]
    place = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
    found = []
    for key, value in sorted((metadata.get("annotations") or {}).items()):
        if not key.startswith(ANNOTATION_APPROVE):
            continue
        words: Sequence[str] = str(value).split()
        checksum = words[0] if words else ""
        expires, problem = _moment(words[2]) if len(words) == 3 and words[1] == "until" else (None, "")
        if len(words) not in (1, 3) or (len(words) == 3 and words[1] != "until"):
            problem = f"it is {str(value)!r}, expected the run's checksum, or that and `until` and a time"
        source = f"annotation {key} of {live.get('kind')} {place}"
        found.append(Approval(key.removeprefix(ANNOTATION_APPROVE), checksum, "open", source, expires, "", problem))
    return found


def _moment(text: str) -> tuple[float | None, str]:
    """The time of a text that may be empty, and what is wrong with it."""
    if not text:
        return None, ""
    try:
        return moment_of(text).timestamp(), ""
    except ValueError as error:
        return None, str(error)


def _whose(approval: Approval) -> str:
    return f"by {approval.by} ({approval.source})" if approval.by else f"by {approval.source}"

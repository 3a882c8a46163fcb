# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check says, and what several of them say in the same words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..facts import ClusterFacts, IstiodAnswers, ProxyRejection

CHECKS = ("trust", "names", "synced", "gateway", "endpoints", "requests")
"""In causal order: where roots differ every later check fails too, and only the first is the cause."""

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """One check of one pair. ``cluster`` is where to act; ``eventual`` says that waiting may help."""

    name: str
    state: State
    cause: str = ""
    remedy: str = ""
    cluster: str = ""
    object: str = ""
    eventual: bool = False

    def as_dict(self) -> dict[str, str]:
        return {"state": self.state, "cause": self.cause, "remedy": self.remedy}


REJECTED = "correct the configuration that the reason names (an EnvoyFilter, or an Envoy without Istio's extensions)"


def list_rejections(istiods: Iterable[IstiodAnswers]) -> list[ProxyRejection]:
    """What proxies of these istiods refused."""
    return [rejection for istiod in istiods for rejection in istiod.rejections]


def describe_rejection(rejection: ProxyRejection) -> str:
    """A refusal in words, the same wherever it is the cause."""
    return f"proxy {rejection.proxy} rejects its {rejection.resource} configuration: {rejection.reason}"


def make_failed(
    name: str, facts: ClusterFacts, cause: str, remedy: str, *, object: str = "", eventual: bool = False
) -> Check:
    """A check that failed; ``facts`` are those of the cluster where to act."""
    return Check(name, "failed", cause, remedy, facts.name, object, eventual)


def without_istiod(facts: ClusterFacts) -> tuple[str, str]:
    """What is said of a cluster where no istiod is ready, and what to do."""
    if facts.control_plane:
        return (
            f"the istiod of {facts.control_plane}, which controls {facts.name}, is not ready: requests of running pods "
            "go on, and new pods wait",
            f"see that {facts.control_plane} answers and its istiod is ready",
        )
    namespace, pods = facts.istio_namespace, ", ".join(facts.istiods_not_ready)
    if not pods:
        return f"no istiod runs in namespace {namespace}", "install it first: playbook onemesh.istio.site"
    return (
        f"no istiod is ready in {namespace}: {pods}",
        f"see kubectl -n {namespace} describe pods -l app=istiod, and its log",
    )

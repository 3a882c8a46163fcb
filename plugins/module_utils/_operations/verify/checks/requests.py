# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``requests``: the target answers requests from the source. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts import Answers, ClusterFacts, Obstacle, Traffic
from .check import Check, make_failed


def check(
    source: ClusterFacts,
    target: ClusterFacts,
    seen: Traffic,
    obstacles: Mapping[str, Obstacle],
    no_requests: str,
) -> Check:
    """What became of the requests, or why none were made."""
    if no_requests:
        return Check("requests", "skipped", no_requests)
    obstacle = obstacles.get(source.name) or obstacles.get(target.name)
    if obstacle:
        return Check(
            "requests",
            "failed",
            obstacle.message,
            obstacle.remedy,
            obstacle.cluster,
            obstacle.object,
            obstacle.eventual,
        )
    answers = seen.answers
    if answers is None:
        return Check("requests", "skipped", seen.why_none or "no request was made")
    if not answers.successes:
        return make_failed(
            "requests",
            source,
            f"none of {answers.sent} requests from {source.name} was answered by {target.name}: {answers.failure}",
            _remedy_for(answers.failure, source, target),
            eventual=True,
        )
    others = {name: count for name, count in answers.by_cluster.items() if name != target.name}
    if others:
        return make_failed(
            "requests",
            source,
            f"requests from {source.name} to {target.name} were answered by {_counts(others)}",
            "a cluster's remote secret leads to another cluster: see the servers in them",
            eventual=True,
        )
    if answers.successes < answers.sent:
        return make_failed(
            "requests",
            source,
            f"{answers.sent - answers.successes} of {answers.sent} requests from {source.name} to {target.name} "
            f"failed: {answers.failure}",
            _remedy_for(answers.failure, source, target),
            eventual=True,
        )
    return Check("requests", "ok", f"{answers.successes} of {answers.sent} answered by {target.name}")


def _remedy_for(failure: str, source: ClusterFacts, target: ClusterFacts) -> str:
    """What to do about Envoy's words (the response flags' long texts) or the client's."""
    lower = failure.lower()
    if "certificate_verify_failed" in lower or "tls_error" in lower or "certificate" in lower:
        return "compare the roots that the proxies hold; those started before a root changed have to be restarted"
    if "no healthy upstream" in lower:
        return f"{source.name}'s proxy has no endpoint of {target.name}: see whether its pods and gateway are ready"
    if "no such host" in lower:
        return f"the Service has to exist in {source.name} too, for its name to be resolved"
    if "rbac" in lower:
        return f"an AuthorizationPolicy of {target.name} forbids it"
    if source.network != target.network:
        addresses = ", ".join(f"{host}:{port}" for gateway in target.gateways for host, port in gateway.addresses)
        return f"see that pods of {source.name} reach {addresses or 'the gateway'} of {target.name} (firewall, route)"
    return f"see that pods of {source.name} reach pods of {target.name} (firewall, route)"


def _counts(by_cluster: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(by_cluster.items()))


def check_unlinked(source: ClusterFacts, target: ClusterFacts, answers: Answers | None) -> Check:
    """Whether a target answered that the source shall not be linked to."""
    if answers is None:
        return Check("requests", "skipped", "no request was made")
    if answers.by_cluster.get(target.name):
        return make_failed(
            "requests",
            source,
            f"{target.name} answered {answers.by_cluster[target.name]} requests of {source.name}, which shall not be "
            "linked to it",
            "see which ServiceEntry or link leads there",
            eventual=True,
        )
    return Check("requests", "ok", "not answered, as wanted")

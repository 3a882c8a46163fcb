# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``wipe``: everything of Istio and of ours off clusters, and what names them off their peers.

The peers' remote secrets go first, while the API servers that they name still answer: an istiod whose remote cluster
goes away under it can stop reading secrets at all. Objects that neither Istio nor we made stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._cluster import (
    CLUSTER_ARGUMENT_SPEC,
    CLUSTER_MUTUALLY_EXCLUSIVE,
    FLEET_ARGUMENT_SPEC,
    Cluster,
    fleet_of_parameters,
)
from ..._finding_kinds import STILL_THERE
from ..._findings import Finding, MeshError
from ..._fleet import LaneOutcome, Member
from ..._kube.errors import LeftPlay, Unreachable
from ..._summary.lines import name_some
from ..._summary.summary import ClusterSummary, Summary, collect_remarks
from ..finding_kinds import REMOTE_LEFT_BEHIND, SIDECAR_LEFT
from ..operation import Context, fleet_of
from . import peers
from .execute import Executor, WipeReport
from .peers import ForeignToken
from .plan import Kept, Scope, WipePlan, WipeStep, find_others, make_plan
from .scan import scan

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "peers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": CLUSTER_ARGUMENT_SPEC,
        "mutually_exclusive": CLUSTER_MUTUALLY_EXCLUSIVE,
    },
    "namespaces": {"type": "list", "elements": "str", "default": ["istio-system"]},
    "keep_crds": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 120.0},
    "unreachable": {"type": "str", "choices": ["fail", "ignore"], "default": "fail"},
}

MOMENT = "last"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Wipe ``clusters``. Raises MeshError that names each cluster that was away, and each object that is left."""
    return _Wipe(parameters, context).run()


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    clusters = {name: _summarize_cluster(part) for name, part in result.get("clusters", {}).items()}
    peers = {
        name: ClusterSummary(removed=tuple(each["object"] for each in part["removed"]))
        for name, part in result.get("peers", {}).items()
    }
    remarks = collect_remarks(each for each in result.get("findings", ()) if each["severity"] == "warning")
    return Summary("wipe", foretold=foretold, clusters={**clusters, **peers}, remarks=remarks)


def _summarize_cluster(part: Mapping[str, Any]) -> ClusterSummary:
    cleared = part["finalizers_cleared"]
    return ClusterSummary(
        looked_at=sum(len(part[words]) for words in ("removed", "stays", "leaked")),
        removed=tuple(each["object"] for each in part["removed"]),
        kept=tuple(f"{each['object']} ({each['reason']})" for each in part["stays"]),
        facts={"finalizers taken off": name_some(cleared)} if cleared else {},
    )


class _Wipe:
    def __init__(self, parameters: Mapping[str, Any], context: Context) -> None:
        self._context = context
        self._timeout: float = parameters["timeout"]
        self._request_timeout: float = parameters["request_timeout"]
        self._ignore_unreachable = parameters["unreachable"] == "ignore"
        self._clusters = fleet_of_parameters(parameters["clusters"])
        peers = [peer for peer in parameters["peers"] if peer["name"] not in self._clusters]
        self._peers = fleet_of_parameters(peers) if peers else {}
        self._refuse_to_leave_remotes()
        self._scopes = {name: self._make_scope(cluster, parameters) for name, cluster in self._clusters.items()}
        self._fleet = fleet_of(parameters, context, {**self._clusters, **self._peers})
        self._reports = {name: WipeReport() for name in self._clusters}
        self._peer_steps: dict[str, list[WipeStep]] = {name: [] for name in self._peers}
        self._findings: list[Finding] = []
        self._failed: set[str] = set()

    def _refuse_to_leave_remotes(self) -> None:
        """Nobody would inject into them any more, and their webhook would refuse every new pod."""
        left = [peer for peer in self._peers.values() if peer.is_remote and peer.control_plane in self._clusters]
        if left:
            raise MeshError(
                "Nothing was wiped.",
                [
                    Finding(
                        peer.name,
                        REMOTE_LEFT_BEHIND,
                        f"it is a remote of {peer.control_plane}, without whose istiod no pod could start here",
                        f"name {peer.name} too, so that it is wiped with its primary",
                    )
                    for peer in left
                ],
            )

    @staticmethod
    def _make_scope(cluster: Cluster, parameters: Mapping[str, Any]) -> Scope:
        namespaces = dict.fromkeys([*parameters["namespaces"], cluster.istio_namespace])
        return Scope(tuple(namespaces), keep_crds=parameters["keep_crds"])

    def run(self) -> dict[str, Any]:
        plans = self._plan_clusters()
        present = {name for name, cluster in self._clusters.items() if not cluster.away}
        gone = set(plans) if not self._ignore_unreachable else present
        # Before anything goes: afterwards nobody knows which tokens there were.
        tokens = self._list_tokens(plans)
        tokens += self._clean_peers(gone, tokens)
        for name, plan in plans.items():
            self._reports[name].foresee(plan)
        if not self._context.check_mode:
            self._wipe_clusters(plans)
            self._prove_revoked(plans, gone, tokens)
        self._judge(plans)
        result = self._make_result()
        failures = [finding for finding in self._findings if finding.severity == "error"]
        if failures:
            raise MeshError("The wipe is not complete.", self._findings, result)
        return result

    # Each step on all clusters at once

    def _plan_clusters(self) -> dict[str, WipePlan]:
        """What is to go. Raises MeshError where it would take another cluster's Istio along."""

        def look(member: Member) -> tuple[WipePlan, list[Finding]]:
            scope = self._scopes[member.name]
            member.client.version()
            inventory = scan(member.client, scope)
            return make_plan(inventory, scope), find_others(inventory, member.identity)

        outcomes = self._fleet.each(look, deadline=self._timeout, only=self._clusters)
        others = [finding for outcome in outcomes.values() if outcome.value for finding in outcome.value[1]]
        if others:
            message = "Nothing was removed: a wipe takes off all Istio, and what is there is another cluster's too."
            raise MeshError(message, others)
        self._note_errors(outcomes, "its plan could not be made, nothing was removed from it")
        return {name: outcome.get()[0] for name, outcome in outcomes.items() if outcome.error is None}

    def _list_tokens(self, plans: Mapping[str, WipePlan]) -> list[ForeignToken]:
        outcomes = self._fleet.each(peers.list_tokens, deadline=self._timeout, only=plans)
        self._note_errors(outcomes, "its tokens of other clusters are not known, and are not shown to be refused")
        tokens = [each for outcome in outcomes.values() for each in outcome.value or ()]
        self._findings += peers.report_strangers(tokens, {*self._clusters, *self._peers})
        return tokens

    def _clean_peers(self, gone: set[str], tokens: Sequence[ForeignToken]) -> list[ForeignToken]:
        """A cluster that is away keeps its place on the peers, unless it is to be ignored: deleting the secret of a
        cluster that does not answer can wedge their istiods."""

        probes: dict[str, list[ForeignToken]] = {}

        def clean(member: Member) -> None:
            steps = peers.plan_steps(member, gone, tokens)
            if not self._context.check_mode:
                probes[member.name] = peers.make_probes(member, steps, tokens)
            for step in steps:
                if self._context.check_mode or peers.take(member.client, step, gone):
                    self._peer_steps[member.name].append(step)

        outcomes = self._fleet.each(clean, deadline=self._timeout, only=self._peers)
        leaving = ",".join(sorted(gone))
        self._note_errors(
            outcomes,
            f"remote secrets for {leaving} may still be there, and tokens that {leaving} had are still valid: when it "
            f"answers, run `ansible-playbook onemesh.istio.wipe --limit {leaving}` again",
        )
        return [each for found in probes.values() for each in found]

    def _wipe_clusters(self, plans: Mapping[str, WipePlan]) -> None:
        def wipe(member: Member) -> None:
            report = self._reports[member.name]
            report.changed, report.removed = False, {}
            executor = Executor(
                member.client,
                self._scopes[member.name],
                report,
                timeout=self._timeout,
                progress=self._context.progress,
            )
            executor.run(plans[member.name])

        # Requests that are under way at the time limit, and the last scan, may still end.
        outcomes = self._fleet.each(wipe, deadline=self._timeout + 3 * self._request_timeout, only=plans)
        self._note_errors(outcomes, "the wipe was interrupted; run it again")

    def _prove_revoked(self, plans: Mapping[str, WipePlan], gone: set[str], tokens: Sequence[ForeignToken]) -> None:
        """No cluster takes a token that one that leaves had, and nothing by which it had them is left."""

        def ask(member: Member) -> list[Finding]:
            left = peers.plan_steps(member, gone, tokens) if member.name in self._peers else []
            return [
                *(_report_left(member.name, step) for step in left),
                *peers.find_still_valid(member, tokens, self._timeout),
            ]

        asked = [name for name in (*plans, *self._peers) if name not in self._failed]
        outcomes = self._fleet.each(ask, deadline=2 * self._timeout, only=asked)
        consequence = "tokens of it that wiped clusters had were not shown to be refused; run the wipe again"
        self._note_errors(outcomes, consequence)
        self._findings += [finding for outcome in outcomes.values() for finding in outcome.value or ()]

    def _note_errors(self, outcomes: Mapping[str, LaneOutcome[Any]], consequence: str) -> None:
        for name, outcome in outcomes.items():
            error = outcome.error
            if error is None:
                continue
            self._failed.add(name)
            # A host that failed for a reason of its own does not show that its cluster is gone for good.
            gone = isinstance(error, Unreachable) and not isinstance(error, LeftPlay)
            ignored = self._ignore_unreachable and gone and not self._has_begun(name)
            self._findings.append(
                Finding(
                    name,
                    error.kind,
                    f"{error.message}; {consequence}",
                    error.remedy or "see whether its API server answers",
                    "warning" if ignored else "error",
                )
            )

    def _has_begun(self, name: str) -> bool:
        report = self._reports.get(name)
        return report is not None and report.changed and not report.finished

    # What came of it

    def _judge(self, plans: Mapping[str, WipePlan]) -> None:
        for name in plans:
            report = self._reports[name]
            self._findings += [
                Finding(name, STILL_THERE, kept.reason, "remove the cause, then run the wipe again", object=kept.object)
                for kept in report.leaked
            ]
            self._findings += [
                Finding(
                    name,
                    SIDECAR_LEFT,
                    f"pods in namespace {namespace} still have a sidecar: {', '.join(workloads)}",
                    f"kubectl -n {namespace} rollout restart {' '.join(workloads)}",
                    "warning",
                    f"Namespace {namespace}",
                )
                for namespace, workloads in report.sidecars.items()
            ]

    def _make_result(self) -> dict[str, Any]:
        clusters = {name: _make_cluster_result(report) for name, report in self._reports.items()}
        peers = {
            name: {"changed": bool(steps), "removed": [_describe_removed(step) for step in steps]}
            for name, steps in self._peer_steps.items()
        }
        warnings = [finding for finding in self._findings if finding.severity == "warning"]
        diff = [
            entry
            for name, removed in [
                *((name, self._reports[name].removed.values()) for name in self._reports),
                *((name, steps) for name, steps in self._peer_steps.items()),
            ]
            if (entry := _make_difference(name, list(removed)))
        ]
        return {
            "changed": any(part["changed"] for part in (*clusters.values(), *peers.values())),
            "clusters": clusters,
            "peers": peers,
            "findings": [finding.as_dict() for finding in warnings],
            "warnings": [str(finding) for finding in warnings],
            "diff": diff,
        }


def _report_left(peer: str, step: WipeStep) -> Finding:
    return Finding(
        peer,
        STILL_THERE,
        f"{step} is still there: {step.reason}",
        "look for finalizers in it and for what makes it again, then run the wipe again",
        object=str(step.found),
    )


def _make_cluster_result(report: WipeReport) -> dict[str, Any]:
    return {
        "changed": report.changed,
        "removed": [_describe_removed(step) for step in report.removed.values()],
        "stays": [_describe_kept(kept) for kept in report.stays if not kept.problem],
        "finalizers_cleared": list(report.finalizers_cleared),
        "leaked": [_describe_kept(kept) for kept in report.leaked],
        "sidecars": {namespace: list(workloads) for namespace, workloads in report.sidecars.items()},
    }


def _describe_removed(step: WipeStep) -> dict[str, str]:
    return {"object": str(step), "reason": step.reason}


def _describe_kept(kept: Kept) -> dict[str, str]:
    return {"object": kept.object, "reason": kept.reason}


def _make_difference(cluster: str, removed: Sequence[WipeStep]) -> dict[str, str]:
    """Names only: a body could hold what must not be shown, and all of it goes."""
    if not removed:
        return {}
    return {
        "before_header": cluster,
        "after_header": f"{cluster} after the wipe",
        "before": "".join(f"{step}\n" for step in removed),
        "after": "",
    }

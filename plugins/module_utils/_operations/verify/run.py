# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``verify``: does each cluster reach each other one, and if not, why.

First what can be read is judged and, where it may come right by itself, waited for; then requests are made. The order
of events: facts of all clusters, the probe into all of them, requests between all of them, the probe away again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..._cluster import FLEET_ARGUMENT_SPEC, MESH_ARGUMENT_SPEC
from ..._deployment_model import DeploymentModel
from ..._files import write_whole
from ..._finding_kinds import CLUSTER_UNKNOWN
from ..._findings import Finding, MeshError, errors
from ..._fleet import Fleet, Member
from ..._istio.remote_secret import RemoteCluster
from ..._istiod.dial import dial, find_cause, read_credentials
from ..._summary.summary import ClusterSummary, Summary
from ..finding_kinds import REPORT_NOT_WRITTEN, VERIFY_LEFT_BEHIND
from ..operation import Context, mesh_of
from . import gather, judge, probe, report, traffic
from .checks.check import without_istiod
from .control_planes import list_gateways, serve_remotes
from .facts import Answers, ClusterFacts, Obstacle, RemoteSecret, Traffic

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **MESH_ARGUMENT_SPEC,
    "from": {"type": "list", "elements": "str", "default": []},
    "to": {"type": "list", "elements": "str", "default": []},
    "links": {
        "type": "list",
        "elements": "dict",
        "options": {"from": {"type": "str", "required": True}, "to": {"type": "str", "required": True}},
    },
    "probe": {"type": "str", "choices": ["deploy", "existing", "none"], "default": "deploy"},
    "probe_image": {"type": "str"},
    "keep_probe": {"type": "bool", "default": False},
    "requests": {"type": "int", "default": 10},
    "client": {
        "type": "dict",
        "options": {
            "namespace": {"type": "str", "required": True},
            "selector": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str"},
        },
    },
    "service": {
        "type": "dict",
        "options": {
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "port": {"type": "int", "default": 80},
        },
    },
    "report_file": {"type": "path"},
    "timeout": {"type": "float", "default": 60.0},
    "probe_timeout": {"type": "float", "default": 120.0},
}
REQUIRED_IF = [("probe", "existing", ("client", "service"))]

_DIALLING = 3.0
"""Seconds in which an API server that this machine reaches has answered."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0
_NEWS_EVERY = 5.0
_REMOVAL = 60.0
"""Seconds for the probe's namespace to be gone; a healthy cluster needs about 7."""

MOMENT = "last"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Verify every ordered pair. Raises MeshError with the whole result where a pair fails or a cluster is away.

    Result: ``matrix`` (source -> target -> verdict), ``clusters``, ``findings``, ``report`` (lines of text).
    """
    fleet = mesh_of(parameters, context)
    model = DeploymentModel.of(member.cluster for member in fleet)
    links = follow_primaries(list_wanted_links(fleet.names, parameters), model)
    verification = _Verification(fleet, links, parameters, context)
    try:
        verification.read()
        verification.request()
        verification.try_links()
    finally:
        verification.clean_up()
    result = verification.result()
    if parameters["report_file"] and not context.check_mode:
        _write(parameters["report_file"], {name: result[name] for name in ("matrix", "clusters", "findings")})
    failures = errors(verification.findings)
    if failures:
        failed = sum(not pair.ok for pair in verification.pairs)
        raise MeshError(f"{failed} of {len(verification.pairs)} pairs of clusters failed.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """The report, which has every finding. Pure."""
    pairs = [pair for row in result.get("matrix", {}).values() for pair in row.values()]
    good = sum(pair["ok"] for pair in pairs)
    return Summary(
        "verify",
        f"{good} of {len(pairs)} pairs of clusters are as they are to be",
        foretold=foretold,
        clusters={name: ClusterSummary("left out", "has no istiod yet") for name in result.get("later", ())},
        body=tuple(result.get("report", ())),
        tells_findings="report" in result,
    )


def list_wanted_links(names: Iterable[str], parameters: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The pairs (source, target) that shall work. Raises MeshError for a name that the fleet does not have."""
    names = list(names)
    if parameters.get("links") is not None:
        pairs = [(link["from"], link["to"]) for link in parameters["links"]]
    else:
        pairs = [(one, other) for one in parameters.get("from") or names for other in parameters.get("to") or names]
    unknown = sorted({name for pair in pairs for name in pair if name not in names})
    if unknown:
        raise MeshError(
            "The links cannot be verified.",
            [
                Finding(
                    name,
                    CLUSTER_UNKNOWN,
                    f"a link names it, but the clusters are {', '.join(names)}",
                    "correct the name, or add the cluster to the inventory",
                )
                for name in unknown
            ],
        )
    return {pair for pair in pairs if pair[0] != pair[1]}


def follow_primaries(links: set[tuple[str, str]], model: DeploymentModel) -> set[tuple[str, str]]:
    """With what the istiod of a primary reads for its remotes too: they reach what it reaches, and it. Pure."""
    others = {(source, target) for source, target in links if not model.is_remote(source)}
    return others | {
        (remote, target)
        for remote in model.remotes
        for target in model.primaries
        if target != remote and (target == model.primaries[remote] or (model.primaries[remote], target) in others)
    }


class _Verification:
    """One run: what is known so far, and the steps that add to it."""

    def __init__(
        self, fleet: Fleet, links: set[tuple[str, str]], parameters: Mapping[str, Any], context: Context
    ) -> None:
        self.fleet = fleet
        self.links = links
        self.parameters = parameters
        self.context = context
        self.acted = {each["name"] for each in parameters["clusters"]}
        self.facts: dict[str, ClusterFacts] = {}
        self.traffic: dict[tuple[str, str], Traffic] = {}
        self.spread: dict[str, Answers] = {}
        self.probes: dict[str, traffic.Probe] = {}
        self.obstacles: dict[str, Obstacle] = {}
        self.touched: list[str] = []
        self.left_behind: list[Finding] = []
        self.changed = False
        # In check mode nothing is under way that could come right by itself.
        self.timeout: float = 0.0 if context.check_mode else parameters["timeout"]
        self.probe_timeout: float = parameters["probe_timeout"]
        self.lane: float = 4 * parameters["request_timeout"]

    # -- what is known ------------------------------------------------------------------------------------------------

    @property
    def no_requests(self) -> str:
        """Why none are made at all; empty where they are."""
        if self.parameters["probe"] == "none":
            return "no probe was asked for"
        return "check mode makes none" if self.context.check_mode else ""

    @property
    def pairs(self) -> list[judge.Pair]:
        pairs = judge.judge(
            self.facts, self.links, self.traffic, obstacles=self.obstacles, no_requests=self.no_requests
        )
        return [pair for pair in pairs if self._concerns(pair.source, pair.target)]

    def _concerns(self, source: str, target: str) -> bool:
        """Whether a pair is looked at: of clusters that a limit leaves out only what goes from or to the others, and
        only of those that have joined."""
        return bool({source, target} & self.acted) and not {source, target} & self.not_joined

    @property
    def not_joined(self) -> set[str]:
        """Clusters beside the limit that answer and have no istiod, nor a root of the one that is to control them."""
        return {
            name
            for name, facts in self.facts.items()
            if name not in self.acted
            and not (facts.away or facts.istiods or facts.istiods_not_ready)
            and not (facts.control_plane and facts.root_distributed)
        }

    @property
    def findings(self) -> list[Finding]:
        return [*judge.report_causes(serve_remotes(self.facts), self.pairs), *self.left_behind]

    def result(self) -> dict[str, Any]:
        pairs, findings = self.pairs, self.findings
        return {
            "changed": self.changed,
            "matrix": report.make_matrix(pairs),
            "clusters": report.describe_clusters(self.facts, self.spread, pairs),
            "findings": [finding.as_dict() for finding in findings],
            "report": report.write_lines(self.facts, pairs, findings, self.spread),
            "later": sorted(self.not_joined),
        }

    # -- steps --------------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read all clusters until no pair waits for anything."""
        self._read_facts(self.fleet.names)

        def waits() -> list[judge.Pair]:
            pairs = judge.judge(self.facts, self.links, {}, no_requests="not yet")
            return [pair for pair in pairs if pair.waiting and self._concerns(pair.source, pair.target)]

        self._wait(waits, lambda _pairs: self._read_facts(self._present))

    def request(self) -> None:
        """Make requests between all clusters until no pair waits for anything."""
        if self.no_requests:
            return
        if self.parameters["probe"] == "deploy":
            self._deploy()
            self._ask((source, target) for source in self._present for target in self._present)
            self._read_facts(self._present)

            def again(pairs: list[judge.Pair]) -> None:
                self._ask((pair.source, pair.target) for pair in pairs)
                self._read_facts(self._present)

            self._wait(self._list_waiting_for_traffic, again)
            self._ask_all()
        else:
            self._ask_existing()
            self._wait(self._list_waiting_for_traffic, lambda _pairs: self._ask_existing())

    def try_links(self) -> None:
        """Of the links that istiods do not read, learn why: what is in their secrets is tried from here."""

        def on_cluster(member: Member) -> dict[str, RemoteSecret]:
            facts = self.facts[member.name]
            registered = gather.read_registrations(member.client, member.cluster)
            return {
                target: replace(secret, cause=self._find_cause(member, remote, target))
                for target, secret in facts.secrets.items()
                if (member.name, target) in self.links and not facts.reads(target)
                if (remote := registered.get(target)) is not None
            }

        unread = {
            source
            for source, target in self.links
            if not (self.facts[source].control_plane or self.facts[source].reads(target))
        }
        asked = [name for name in self._present if name in unread]
        deadline = self.lane + _DIALLING * len(self.facts)
        for name, outcome in self.fleet.each(on_cluster, deadline=deadline, only=asked).items():
            facts = self.facts[name]
            self.facts[name] = replace(facts, secrets={**facts.secrets, **(outcome.value or {})})

    def _find_cause(self, member: Member, remote: RemoteCluster, target: str) -> str:
        known = self.facts.get(target)
        dialled = dial(member.name, read_credentials(remote), timeout=_DIALLING)
        return find_cause(dialled, known.uid if known is not None else "", target)

    def clean_up(self) -> None:
        """Take the probe away, wherever it may have been put, unless it shall stay."""
        if self.parameters["keep_probe"] or not self.touched:
            return
        # However little time there was for the rest: what is left behind is in the way of the next run.
        allowed = max(self.probe_timeout, _REMOVAL)
        ends = time.monotonic() + allowed
        outcomes = self.fleet.each(
            lambda member: traffic.remove(member.client, ends=ends),
            deadline=allowed + self.lane,
            only=self.touched,
        )
        for name, outcome in outcomes.items():
            created = name not in self.probes or self.probes[name].created
            if outcome.error:
                self.changed = True
                self.left_behind.append(
                    Finding(
                        name,
                        VERIFY_LEFT_BEHIND,
                        f"the probe could not be taken away: {outcome.error.message}",
                        f"run verify again, or kubectl delete namespace {probe.NAMESPACE}",
                        "warning",
                        f"Namespace {probe.NAMESPACE}",
                    )
                )
            elif not created and outcome.value:
                self.changed = True

    # -- parts --------------------------------------------------------------------------------------------------------

    @property
    def _present(self) -> list[str]:
        return [name for name, facts in self.facts.items() if not facts.away]

    def _read_facts(self, names: Iterable[str]) -> None:
        outcomes = self.fleet.each(
            lambda member: gather.facts_of(member.cluster, member.client), deadline=self.lane, only=names
        )
        for name, outcome in outcomes.items():
            if outcome.error is None:
                self.facts[name] = replace(outcome.get(), uid=self.fleet[name].identity.uid)
            else:
                error = outcome.error
                cluster = self.fleet[name].cluster
                self.facts[name] = ClusterFacts(
                    name,
                    cluster.network,
                    away=error.message,
                    away_remedy=error.remedy or "see whether its API server answers",
                    control_plane=cluster.control_plane if cluster.is_remote else "",
                )

    def _deploy(self) -> None:
        names = list(self.facts)
        ends = time.monotonic() + self.probe_timeout
        able = []
        served = serve_remotes(self.facts)
        for name in self._present:
            if served[name].istiods:
                able.append(name)
            else:
                said, remedy = without_istiod(served[name])
                self.obstacles[name] = Obstacle(name, f"{said}, so pods get no sidecar", remedy)
        self.touched = able

        def on_cluster(member: Member) -> traffic.Probe | Obstacle:
            facts = served[member.name]
            image = self.parameters["probe_image"] or f"docker.io/istio/app:{facts.istio_version or 'latest'}"
            manifests = probe.make_manifests(
                facts,
                names,
                [] if facts.control_plane else list_gateways(served, member.name),
                image=image,
                default_revision=gather.has_default_revision(member.client),
            )
            return traffic.deploy(member.client, facts, manifests, ends=ends, progress=self.context.progress)

        outcomes = self.fleet.each(on_cluster, deadline=self.probe_timeout + self.lane, only=able)
        for name, outcome in outcomes.items():
            made = outcome.value
            if isinstance(made, traffic.Probe):
                self.probes[name] = made
                self.changed = self.changed or (made.created and self.parameters["keep_probe"])
            elif made is not None:
                self.obstacles[name] = made
            elif outcome.error is not None:
                self.obstacles[name] = traffic.describe_obstacle(outcome.error, f"no probe runs in {name}")

    def _ask(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Requests for the given pairs; all sources at the same time, the targets of each one after another."""
        targets: dict[str, list[str]] = {}
        for source, target in pairs:
            if source in self.probes and target in self.probes and self._concerns(source, target):
                targets.setdefault(source, []).append(target)

        def on_cluster(member: Member) -> dict[str, Traffic]:
            return {
                target: traffic.ask(
                    member.client,
                    self.probes[member.name],
                    target,
                    domain=self.facts[member.name].domain,
                    requests=self.parameters["requests"],
                )
                for target in targets[member.name]
            }

        deadline = self.lane + 25 * max((len(each) for each in targets.values()), default=0)
        for source, outcome in self.fleet.each(on_cluster, deadline=deadline, only=targets).items():
            if outcome.error is None:
                self.obstacles.pop(source, None)
                for target, seen in outcome.get().items():
                    self.traffic[source, target] = seen
            else:
                self.obstacles[source] = traffic.describe_obstacle(
                    outcome.error, f"no request could be made in {source}", eventual=True
                )

    def _ask_all(self) -> None:
        """Requests to the Service that every cluster serves: where they go is reported, not judged."""

        def on_cluster(member: Member) -> Answers:
            return traffic.ask_service(
                member.client,
                self.probes[member.name],
                probe.NAME,
                domain=self.facts[member.name].domain,
                requests=2 * self.parameters["requests"],
            )

        outcomes = self.fleet.each(on_cluster, deadline=self.lane + 25, only=self.probes)
        self.spread = {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}

    def _ask_existing(self) -> None:
        service, client = self.parameters["service"], self.parameters["client"]
        requests = self.parameters["requests"]

        def on_cluster(member: Member) -> dict[str, Traffic] | Obstacle:
            facts = self.facts[member.name]
            host = f"{service['name']}.{service['namespace']}.svc.{facts.domain}"
            url = f"http://{host}:{service['port']}/"
            command = client["command"] or ["curl", "-sS", "-f", "-o", "/dev/null", "--max-time", "5", url]
            existing = traffic.Existing(
                client["namespace"], client["selector"], client["container"], tuple(command), host, service["port"]
            )
            return traffic.ask_existing(member.client, facts, self.facts, existing, requests=requests)

        outcomes = self.fleet.each(on_cluster, deadline=self.lane + 25 * requests, only=self._present)
        for source, outcome in outcomes.items():
            seen = outcome.value
            if outcome.error is not None:
                seen = traffic.describe_obstacle(outcome.error, f"no request could be made in {source}")
            if isinstance(seen, Obstacle):
                seen = {target: Traffic(why_none=seen.message) for target in self.facts}
            for target, each in (seen or {}).items():
                self.traffic[source, target] = each

    def _list_waiting_for_traffic(self) -> list[judge.Pair]:
        return [pair for pair in self.pairs if pair.waiting and pair.failure and pair.failure.name in _TRAFFIC_CHECKS]

    def _wait(self, unmet: Callable[[], list[judge.Pair]], again: Callable[[list[judge.Pair]], None]) -> None:
        """Do ``again`` until ``unmet`` gives nothing or the time is over; say now and then what is waited for."""
        began = time.monotonic()
        pause, news = _FIRST_PAUSE, _NEWS_EVERY
        while pairs := unmet():
            waited = time.monotonic() - began
            if waited >= self.timeout:
                return
            if waited >= news:
                news = waited + _NEWS_EVERY
                causes = dict.fromkeys(pair.failure.cause for pair in pairs if pair.failure)
                self.context.progress(
                    f"verify: waiting for {len(pairs)} pairs of clusters (for {waited:.0f} s): {next(iter(causes))}"
                )
            # istiod's and Envoy's debug interfaces have nothing to watch.
            time.sleep(min(pause, self.timeout - waited))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            again(pairs)


_TRAFFIC_CHECKS = ("endpoints", "requests")


def _write(path: str, document: Mapping[str, Any]) -> None:
    """The report as JSON, readable by all, whole or not at all."""
    target = os.path.abspath(os.path.expanduser(path))
    try:
        write_whole(target, json.dumps(document, indent=2, ensure_ascii=False) + "\n", mode=0o644)
    except OSError as error:
        raise MeshError(
            "The report could not be written.",
            [Finding("", REPORT_NOT_WRITTEN, f"{target}: {error.strerror}", "give another report_file")],
        ) from None

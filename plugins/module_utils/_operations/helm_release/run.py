# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``helm_release``: Helm releases as they are asked for and as they stand, on every given cluster.

What Helm keeps of a release says which chart, values and objects it was made of. Each object is compared with what is
there, and helm runs only where something differs, so a run that changes nothing starts no helm at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..._cluster import FLEET_ARGUMENT_SPEC
from ..._finding_kinds import HELM_FAILED
from ..._findings import Finding, MeshError
from ..._fleet import Member, findings_of
from ..._helm import leftovers as left
from ..._helm import live as cluster_objects
from ..._helm import release as releases
from ..._helm.chart import NotAChart, is_exact, read_chart
from ..._helm.live import Difference
from ..._helm.live_leftovers import adopt, find_dead_webhooks, look_at, remove
from ..._helm.manifest import ManifestObject, Owner, objects_of
from ..._helm.program import Helm
from ..._helm.release import HelmRelease
from ..._helm.source import CHARTS_ARGUMENT_SPEC, Charts, ChartSource
from ..._kube.client import Client
from ..._kube.errors import KubeError, WaitTimeout
from ..._kube.kinds import SECRET
from ..._kube.kubeconfig_file import private_kubeconfig
from ..._summary.hunks import Hunk
from ..._summary.summary import Summary
from ..._yaml import NotYaml
from ..finding_kinds import CHANGED_AGAIN
from ..operation import Context, fleet_of
from . import plan
from .plan import Wish

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "releases": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "chart": {"type": "str", "required": True},
            "chart_values": {"type": "dict", "default": {}},
        },
    },
    **CHARTS_ARGUMENT_SPEC,
    "namespace": {"type": "str"},
    "leftovers": {"type": "str", "choices": [*left.CHOICES], "default": left.REFUSE},
    "grace": {"type": "float", "default": 15.0},
    "timeout": {"type": "float", "default": 300.0},
}


@dataclass
class HelmReleaseOutcome:
    """What came of one release on one cluster."""

    name: str
    action: str = "unchanged"
    reasons: list[str] = field(default_factory=list)
    revision: int = 0
    recovered: str = ""
    adopted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Those before."""

    @property
    def changed(self) -> bool:
        return self.action != "unchanged" or bool(self.recovered or self.adopted or self.removed)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "action": self.action,
            "reasons": self.reasons,
            "revision": self.revision,
            "recovered": self.recovered,
            "adopted": self.adopted,
            "removed": self.removed,
        }


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """All releases on all clusters at once, those of one cluster in their order. Raises MeshError."""
    fleet = fleet_of(parameters, context)
    done: dict[str, list[HelmReleaseOutcome]] = {name: [] for name in fleet.names}

    def on_cluster(member: Member) -> None:
        _Cluster(member, parameters, context, done[member.name]).run()

    count = len(parameters["releases"])
    limit = (parameters["timeout"] * 2 + parameters["grace"] + 10 * parameters["request_timeout"]) * count
    outcomes = fleet.each(on_cluster, deadline=limit)
    result = {
        "changed": any(release.changed for outcomes_ in done.values() for release in outcomes_),
        "clusters": {
            name: {
                "changed": any(release.changed for release in outcomes_),
                "releases": [release.as_dict() for release in outcomes_],
            }
            for name, outcomes_ in done.items()
        },
        "diff": plan.make_diff(
            (hunk for outcomes_ in done.values() for release in outcomes_ for hunk in release.hunks),
            *(each["chart_values"] for each in parameters["releases"]),
            *(release.values for outcomes_ in done.values() for release in outcomes_),
        ),
    }
    failures = [
        finding
        for name, outcome in outcomes.items()
        if outcome.error is not None
        for finding in (
            outcome.error.findings
            if isinstance(outcome.error, _Refused)
            else findings_of({name: outcome}, outcome.error.kind)
        )
    ]
    if failures:
        raise MeshError("Not all releases are as they are asked for.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return Summary(
        f"helm_release {', '.join(each['name'] for each in parameters['releases'])}",
        unit="release",
        foretold=foretold,
        clusters={
            name: plan.summarize_releases(part["releases"], foretold=foretold)
            for name, part in result.get("clusters", {}).items()
        },
    )


class _Refused(KubeError):
    """A cluster's releases are left as they are, for these reasons."""

    def __init__(self, cluster: str, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(cluster, "; ".join(map(str, self.findings)))


class _Cluster:
    """The releases of one cluster."""

    def __init__(
        self, member: Member, parameters: Mapping[str, Any], context: Context, outcomes: list[HelmReleaseOutcome]
    ) -> None:
        self._name = member.name
        self._client: Client = member.client
        self._parameters = parameters
        self._context = context
        self._namespace: str = parameters["namespace"] or member.cluster.istio_namespace
        self._choice: str = parameters["leftovers"]
        self._outcomes = outcomes
        self._charts = Charts.from_parameters(parameters)

    def run(self) -> None:
        wanted = self._parameters["releases"]
        names = ",".join(each["name"] for each in wanted)
        # Superseded revisions are most of what Helm keeps, and each may be a megabyte.
        selector = f"{releases.SELECTOR},name in ({names}),status!=superseded"
        secrets = self._client.list(SECRET, self._namespace, label_selector=selector)
        for each in wanted:
            outcome = HelmReleaseOutcome(each["name"])
            self._outcomes.append(outcome)
            self._release(each, secrets, outcome)

    def _release(self, asked: Mapping[str, Any], secrets: list[dict[str, Any]], outcome: HelmReleaseOutcome) -> None:
        release = self._find_finished(asked["name"], secrets, outcome)
        source = self._charts.of(asked["chart"])
        wish = self._make_wish(asked, source)
        owner = Owner(asked["name"], self._namespace)
        objects = self._list_objects(release.manifest if release else "", asked["name"])
        differences = self._find_differences(objects, owner)
        outcome.reasons = plan.find_reasons(wish, release)
        action = plan.name_action(release, outcome.reasons, differences)
        outcome.revision = release.revision if release else 0
        if action == "unchanged":
            return
        outcome.reasons += plan.describe_differences(differences)
        outcome.values = release.values if release else {}
        if self._context.diff:
            outcome.hunks += plan.diff_of_values(self._name, asked["name"], outcome.values, wish.values)
            outcome.hunks += plan.diff_of_differences(self._name, differences)
        with ExitStack() as opened:
            helm = self._open_helm(opened)
            if action != "repaired":
                rendered = self._render(helm, asked, source, wish, release)
                self._clear_the_way(objects, rendered, owner, outcome)
                if self._context.diff:
                    outcome.hunks += plan.diff_of_manifests(self._name, objects, rendered)
            if not self._context.check_mode:
                helm.upgrade(asked["name"], self._namespace, source, wish.values)
            outcome.action = action
        if self._context.check_mode:
            return
        self._make_sure(asked["name"], owner, outcome)

    # What is there

    def _find_finished(
        self, name: str, secrets: list[dict[str, Any]], outcome: HelmReleaseOutcome
    ) -> HelmRelease | None:
        """The newest revision that a Helm has finished, after one that was interrupted is out of the way."""
        remaining = list(secrets)
        while (secret := releases.find_newest(remaining, name)) is not None and releases.is_pending(secret):
            finished = self._recover(secret, outcome)
            remaining.remove(secret)
            if finished is not None:
                remaining.append(finished)
        if secret is None:
            # An interrupted upgrade has superseded nothing yet; what was superseded before is no longer of interest.
            return None
        try:
            return releases.release_of(secret)
        except releases.NotARelease as error:
            raise KubeError(
                self._name,
                f"{error} that can be read, so nobody can say what release {name} consists of",
                kind=HELM_FAILED,
                remedy="see whether another tool has written it; `helm history` shows the revisions before it",
            ) from None

    def _recover(self, secret: dict[str, Any], outcome: HelmReleaseOutcome) -> dict[str, Any] | None:
        """Take away what an interrupted Helm left, so that it can run again; one still at work gets time to finish."""
        metadata = secret["metadata"]
        if self._context.check_mode:
            outcome.recovered = str(metadata["name"])
            return None
        self._context.progress(
            f"{self._name}: release {outcome.name} is {releases.status_of(secret)}: "
            f"giving Helm {self._parameters['grace']:.0f} s to finish"
        )
        try:
            return self._client.wait_for(
                SECRET,
                metadata["name"],
                metadata["namespace"],
                lambda found: not releases.is_pending(found),
                timeout=self._parameters["grace"],
            )
        except WaitTimeout:
            self._client.delete(SECRET, metadata["name"], metadata["namespace"], uid=metadata["uid"])
            outcome.recovered = str(metadata["name"])
            return None

    def _list_objects(self, manifest: str, name: str) -> list[ManifestObject]:
        try:
            return objects_of(manifest)
        except NotYaml as error:
            raise KubeError(
                self._name, f"the manifest of release {name} is not YAML: {error}", kind=HELM_FAILED
            ) from None

    def _find_differences(self, objects: list[ManifestObject], owner: Owner) -> list[Difference]:
        found = cluster_objects.read(self._client, objects, self._namespace)
        return cluster_objects.find_differences(self._client, objects, found, owner)

    # What is asked for

    def _make_wish(self, asked: Mapping[str, Any], source: ChartSource) -> Wish:
        # Ansible's own kinds of text become text.
        wish = Wish(asked["name"], json.loads(json.dumps(asked["chart_values"], default=str)), source.version)
        if self._charts.is_folder(asked["chart"]):
            try:
                return replace(wish, chart=read_chart(Path(source.reference)))
            except NotAChart as error:
                raise KubeError(
                    self._name,
                    f"{source.reference} is no chart: {error}",
                    reason="chart",
                    remedy="set charts to the folder that holds Istio's charts, a repository or a registry",
                ) from None
        if is_exact(source.version):
            return wish
        # Only Helm knows which one is the newest.
        with ExitStack() as opened:
            helm = self._open_helm(opened)
            return replace(wish, version=helm.find_newest_version(source))

    def _open_helm(self, opened: ExitStack) -> Helm:
        """Helm for this cluster, until ``opened`` is closed."""
        kubeconfig = opened.enter_context(
            private_kubeconfig(self._client.credentials, cluster=self._name, environ=self._context.environ)
        )
        environment = opened.enter_context(self._charts.login(kubeconfig.environment))
        helm = Helm(self._name, self._parameters["binary_path"], environment, self._parameters["timeout"])
        if self._charts.needs_index:
            helm.read_index()
        return helm

    def _render(
        self, helm: Helm, asked: Mapping[str, Any], source: ChartSource, wish: Wish, release: HelmRelease | None
    ) -> list[ManifestObject]:
        manifest = helm.template(
            asked["name"],
            self._namespace,
            source,
            wish.values,
            kubernetes=self._client.version()["gitVersion"],
            upgrade=release is not None,
        )
        return self._list_objects(manifest, asked["name"])

    # What others left

    def _clear_the_way(
        self, before: list[ManifestObject], after: list[ManifestObject], owner: Owner, outcome: HelmReleaseOutcome
    ) -> None:
        """Of objects that come to the release only now Helm takes none that lacks its marks."""
        known = {each.id for each in before}
        coming = [each for each in after if each.id not in known]
        found = cluster_objects.read(self._client, coming, self._namespace)
        strangers = look_at(self._client, found, owner)
        findings = left.report_leftovers(self._name, strangers, self._choice)
        if findings:
            raise _Refused(self._name, findings)
        if self._choice == left.REMOVE:
            services = {(self._namespace, each["name"]) for each in self._parameters["releases"]}
            gone = find_dead_webhooks(self._client, services)
            strangers += [each for each in gone if each.id not in {one.id for one in strangers}]
        act: Callable[..., None] = adopt if self._choice == left.ADOPT else remove
        for each in strangers:
            act(self._client, each, owner, self._namespace, check_mode=self._context.check_mode)
            (outcome.adopted if self._choice == left.ADOPT else outcome.removed).append(str(each.id))
        for words in left.describe_still_listed(strangers):
            self._context.progress(f"{self._name}: {outcome.name}: {words}")

    # What came of it

    def _make_sure(self, name: str, owner: Owner, outcome: HelmReleaseOutcome) -> None:
        """See that everything stands as Helm was asked for, and put right what its merge passes over."""
        selector = f"{releases.SELECTOR},name={name},status!=superseded"
        secret = releases.find_newest(self._client.list(SECRET, self._namespace, label_selector=selector), name)
        if secret is None:
            raise KubeError(self._name, f"Helm has ended, and keeps nothing of release {name}", kind=HELM_FAILED)
        release = releases.release_of(secret)
        outcome.revision = release.revision
        objects = self._list_objects(release.manifest, name)
        differences = self._find_differences(objects, owner)
        if not differences:
            return
        concerned = {each.id for each in differences}
        remaining = [each for each in objects if each.id in concerned]
        found = cluster_objects.read(self._client, remaining, self._namespace)
        cluster_objects.put_right(self._client, remaining, found, owner)
        differences = self._find_differences(remaining, owner)
        if differences:
            raise _Refused(
                self._name,
                [
                    Finding(
                        self._name,
                        CHANGED_AGAIN,
                        f"release {name} was written, and something changes it again: {each}",
                        "find out who writes it (`kubectl get -o yaml --show-managed-fields`), "
                        "and leave it to one of the two",
                        object=str(each.id),
                    )
                    for each in differences
                ],
            )

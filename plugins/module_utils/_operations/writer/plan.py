# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each cluster's writer needs: its account, its roles, and a kubeconfig on the hub. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ..._accounts import OwnedObject, kubeconfigs_for
from ..._cluster import Cluster
from ..._findings import Finding
from ..._istio import accounts, remote_secret, writer
from ..._istio.accounts import Rules
from ..._istio.remote_secret import RemoteCluster
from ..._istio.tokens import ExpectedKubeconfig, expiry_of, format_timestamp, why_renewed
from ..._kube.kinds import SECRET, SERVICE_ACCOUNT, Kind
from ..._summary.summary import ClusterSummary, Summary

Manifest = dict[str, Any]


@dataclass(frozen=True)
class WriterFacts:
    """What was read from one cluster.

    ``owned`` is the account with its roles and its grant, in the order of removal; ``secrets`` are the kubeconfigs that
    it keeps as a hub; ``desired`` the account and its roles as they shall be, ``changes`` what a dry run says of them,
    ``refusals`` what is in the way.
    """

    cluster: Cluster
    server: str
    owned: tuple[OwnedObject, ...] = ()
    secrets: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    desired: tuple[Manifest, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()
    refusals: tuple[Finding, ...] = ()

    def uid(self, kind: Kind) -> str | None:
        """That of the account or of its grant; None where it is not there."""
        return next((each.uid for each in self.owned if each.kind == kind), None)

    @property
    def obsolete(self) -> list[OwnedObject]:
        """Roles that were once wanted."""
        wanted = {(each["kind"], each["metadata"].get("namespace")) for each in self.desired}
        return [each for each in self.owned if each.kind != SECRET and (each.kind.kind, each.namespace) not in wanted]

    def read_kubeconfigs(self) -> Mapping[str, RemoteCluster]:
        """Cluster -> what this hub has for it; what is not usable counts as not there."""
        found = remote_secret.parse(
            self.secrets,
            cluster=self.cluster.name,
            namespace=self.cluster.istio_namespace,
            by_istiod=False,
        )
        return {each.cluster_id: each for each in found.clusters}

    def secrets_for(self, clusters: Iterable[str]) -> list[OwnedObject]:
        return kubeconfigs_for(clusters, self.secrets)


def make_desired_objects(namespace: str, cluster_rules: Rules, rules: Mapping[str, Rules]) -> list[Manifest]:
    """The account in ``namespace`` with its roles; ``rules`` are those by namespace, several for one are added up."""
    roles = [
        manifest
        for within, granted in rules.items()
        for manifest in accounts.make_role_objects(writer.ACCOUNT, namespace, granted, within=within)
    ]
    return [*accounts.make_objects(writer.ACCOUNT, namespace, cluster_rules), *roles]


Action = Literal["keep", "create", "renew", "configure", "remove", "absent"]


@dataclass(frozen=True)
class WriterStep:
    """What happens with the writer of one cluster, and why."""

    cluster: str
    action: Action
    reason: str

    @property
    def changes(self) -> bool:
        return self.action not in ("keep", "absent")

    @property
    def issues(self) -> bool:
        """Whether it gets a new token."""
        return self.action in ("create", "renew")


def plan_present(
    facts: Mapping[str, WriterFacts], hub: str, *, now: datetime, renew_before: timedelta | None = None
) -> list[WriterStep]:
    """One step for each cluster."""
    kubeconfigs = facts[hub].read_kubeconfigs()
    moved = {name for other, each in facts.items() if other != hub for name in facts if each.secrets_for([name])}
    return [
        _plan_writer(each, hub, kubeconfigs.get(name), moved=name in moved, now=now, renew_before=renew_before)
        for name, each in facts.items()
    ]


def _plan_writer(
    facts: WriterFacts,
    hub: str,
    kubeconfig: RemoteCluster | None,
    *,
    moved: bool,
    now: datetime,
    renew_before: timedelta | None,
) -> WriterStep:
    name = facts.cluster.name
    if kubeconfig is None:
        return WriterStep(name, "create", f"{hub} has no kubeconfig for it")
    expected = ExpectedKubeconfig(
        server=facts.cluster.api_server or facts.server,
        tls_server_name=facts.cluster.options.get("tls_server_name") or "",
        grant=facts.uid(SECRET),
        account=facts.uid(SERVICE_ACCOUNT),
    )
    why = why_renewed(kubeconfig, expected, now=now, renew_before=renew_before)
    if why is not None:
        return WriterStep(name, "renew", why)
    different = [change["object"] for change in facts.changes if change["action"] != "unchanged"]
    different += map(str, facts.obsolete)
    if different:
        return WriterStep(name, "configure", f"not as wanted: {', '.join(different)}")
    if moved:
        return WriterStep(name, "configure", f"another cluster than {hub} has a kubeconfig for it too")
    return WriterStep(name, "keep", f"may write, token expires {format_timestamp(expiry_of(kubeconfig))}")


def find_leaving(acted: Iterable[str], facts: Mapping[str, WriterFacts]) -> list[str]:
    """The clusters whose writers go when those of ``acted`` do: a hub that leaves takes no kubeconfig along."""
    chosen = [*acted]
    hubs = [facts[name] for name in chosen if name in facts]
    return list(dict.fromkeys([*chosen, *(name for hub in hubs for name in facts if hub.secrets_for([name]))]))


def plan_absent(names: Iterable[str], facts: Mapping[str, WriterFacts]) -> list[WriterStep]:
    """One step for each cluster of the fleet; of those that are away only the kubeconfigs elsewhere are known."""
    return [_plan_removal(name, facts) for name in names]


def _plan_removal(name: str, facts: Mapping[str, WriterFacts]) -> WriterStep:
    there = facts[name].owned if name in facts else ()
    kept_by = [other for other, each in facts.items() if each.secrets_for([name])]
    if there:
        return WriterStep(name, "remove", f"it has {', '.join(map(str, there))}")
    if kept_by:
        return WriterStep(name, "remove", f"{', '.join(kept_by)} has a kubeconfig for it")
    return WriterStep(name, "absent", "no writer")


def summarize_writers(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """By the cluster that is written to."""
    hub = result.get("hub", "")
    return Summary(
        "writer",
        unit="account",
        foretold=foretold,
        clusters={each["cluster"]: _summarize_writer(each) for each in result.get("writers", ())},
        facts=(
            *((("hub", f"{hub} keeps the kubeconfigs"),) if hub else ()),
            *(("left", each) for each in result.get("leaked", ())),
        ),
    )


def _summarize_writer(made: Mapping[str, Any]) -> ClusterSummary:
    action, words = made["action"], (f"writer ({made['reason']})",)
    return ClusterSummary(
        looked_at=1,
        made=words if action == "create" else (),
        changed=words if action in ("renew", "configure") else (),
        removed=words if action == "remove" else (),
        facts={"token until": made["expires"]} if made.get("expires") else {},
    )

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which links there shall be, and what each needs. Pure.

A link has a direction: the istiod of ``source`` reads ``target``, so workloads of source reach those of target.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from ..._cluster import Cluster
from ..._finding_kinds import ISTIOD_MISSING, OBJECT_OF_ANOTHER
from ..._findings import Finding
from ..._identity import made_for, made_for_another
from ..._istio import names, reader
from ..._istio.gateways import Resolution
from ..._istio.remote_secret import Registrations, is_loopback
from ..._istio.tokens import ExpectedKubeconfig, expiry_of, format_timestamp, why_renewed
from ..._istiod.dial import Dialled, find_cause
from ..._ownership import is_ours
from ..._summary.summary import ClusterSummary, Summary, collect_remarks
from ..finding_kinds import (
    API_SERVER_CERTIFICATE,
    API_SERVER_LOOPBACK,
    API_SERVER_NOT_TRIED,
    API_SERVER_OF_ANOTHER,
    API_SERVER_TOKEN,
    CLUSTER_REGISTERED_TWICE,
    CONTROL_PLANE_NOT_ANNOTATED,
    GATEWAY_MISSING,
    LINKED_BEYOND_THE_INVENTORY,
)


class Link(NamedTuple):
    """``source``'s istiod reads ``target``."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


def links_of(
    clusters: Sequence[str],
    sources: Sequence[str] = (),
    targets: Sequence[str] = (),
    *,
    touching: Collection[str] | None = None,
    remotes: Collection[str] = (),
) -> list[Link]:
    """The full mesh, or only the links from ``sources`` and to ``targets``; ValueError names an unknown cluster.

    Of these, links that begin or end at one of ``touching`` (None: all). ``remotes`` have no istiod that could read.
    """
    unknown = [name for name in (*sources, *targets) if name not in clusters]
    if unknown:
        raise ValueError(f"no such cluster: {', '.join(unknown)} (the fleet has {', '.join(clusters)})")
    without = [name for name in sources if name in remotes]
    if without:
        raise ValueError(f"{', '.join(without)} has no istiod that reads others: name its control plane in from")
    links = [
        Link(source, target)
        for source in (sources or clusters)
        for target in (targets or clusters)
        if source != target and source not in remotes
    ]
    return [link for link in links if touching is None or set(link) & set(touching)]


@dataclass(frozen=True)
class LinkFacts:
    """What link read from one cluster."""

    cluster: Cluster
    server: str
    istiods: tuple[str, ...]
    secrets: tuple[Mapping[str, Any], ...]
    registrations: Registrations
    grants: Mapping[str, str]
    """Source -> UID of the Secret that its token is bound to."""
    readers: Mapping[str, Mapping[str, str]]
    """Account -> kind -> UID of what makes up our readers there (reader.KINDS when one is whole)."""
    gateway: Resolution
    uid: str = ""
    """Of its namespace kube-system."""
    authority: bytes = b""
    """The CA that it publishes for its API server, PEM; empty where it does not."""
    led_by: frozenset[str] = frozenset()
    """Clusters whose istiods may take the lead here, as the annotation of Istio's namespace says; ``*`` for all."""

    @property
    def address_for_others(self) -> str:
        return self.cluster.api_server or self.server

    def account_for(self, source: str) -> str:
        """The reader whose token ``source`` gets."""
        controls = self.cluster.is_remote and source == self.cluster.control_plane
        return reader.CONTROL_PLANE_ACCOUNT if controls else reader.ACCOUNT

    def account_uid_for(self, source: str) -> str | None:
        """Of that account, where all that makes up the reader is there."""
        found = self.readers.get(self.account_for(source), {})
        return found["ServiceAccount"] if found.keys() == reader.KINDS else None

    def list_unused_readers(self, left: Collection[str]) -> list[str]:
        """Accounts that none of the sources uses which are ``left``."""
        used = {self.account_for(source) for source in left}
        return [account for account in self.readers if account not in used]

    def secret_for(self, target: str) -> Mapping[str, Any] | None:
        """The remote secret by which it reads ``target``."""
        name = names.remote_secret_name(target)
        return next((secret for secret in self.secrets if secret["metadata"]["name"] == name), None)


Action = Literal["keep", "create", "renew", "refuse", "remove", "absent", "leave"]


@dataclass(frozen=True)
class LinkStep:
    """What happens with one link, and why."""

    link: Link
    action: Action
    reason: str
    finding: Finding | None = None

    @property
    def changes(self) -> bool:
        return self.action in ("create", "renew", "remove")


def plan_present(
    links: Iterable[Link],
    facts: Mapping[str, LinkFacts],
    *,
    now: datetime,
    renew_before: timedelta | None = None,
    long_lived: bool = False,
    adopt: bool = False,
    require_gateway: bool = True,
    check_mode: bool = False,
) -> list[LinkStep]:
    """One step per link: keep a good one, renew one that is due, refuse what would not work.

    In check mode an istiod or a gateway that is missing is no reason to refuse: the run itself may install it before.
    """
    return [
        _plan_link(
            link,
            facts[link.source],
            facts[link.target],
            others=[each for name, each in facts.items() if name != link.target],
            now=now,
            renew_before=renew_before,
            long_lived=long_lived,
            adopt=adopt,
            require_gateway=require_gateway,
            check_mode=check_mode,
        )
        for link in links
    ]


def _plan_link(
    link: Link,
    source: LinkFacts,
    target: LinkFacts,
    *,
    others: Sequence[LinkFacts],
    now: datetime,
    renew_before: timedelta | None,
    long_lived: bool,
    adopt: bool,
    require_gateway: bool,
    check_mode: bool,
) -> LinkStep:
    refusal = (
        _find_loopback(link, target)
        or _find_address_of_another(target, others)
        or _find_secret_in_the_way(link, source, adopt=adopt)
    )
    if refusal is None and not check_mode:
        refusal = _find_not_installed(link, source, target, require_gateway=require_gateway)
    if refusal is not None:
        return LinkStep(link, "refuse", refusal.message, refusal)
    registered = source.registrations.get(link.target)
    if registered is None:
        return LinkStep(link, "create", "not linked")
    secret = source.secret_for(link.target)
    if secret is None or not is_ours(secret):
        return LinkStep(link, "renew", "it is taken over from somebody else")
    outdated = made_for_another(link.target, made_for(secret), target.uid)
    if outdated:
        return LinkStep(link, "renew", outdated)
    expected = ExpectedKubeconfig(
        server=target.address_for_others,
        tls_server_name=target.cluster.options.get("tls_server_name") or "",
        grant=target.grants.get(link.source),
        account=target.account_uid_for(link.source),
        long_lived=long_lived,
        ca=target.authority,
    )
    why = why_renewed(registered, expected, now=now, renew_before=renew_before)
    if why is not None:
        return LinkStep(link, "renew", why)
    return LinkStep(link, "keep", f"linked, token expires {format_timestamp(expiry_of(registered))}")


def _find_loopback(link: Link, target: LinkFacts) -> Finding | None:
    if not is_loopback(target.address_for_others):
        return None
    return Finding(
        link.target,
        API_SERVER_LOOPBACK,
        f"the istiod of {link.source} would dial its API server at {target.address_for_others}, its own loopback",
        f"set api_server to the https URL by which pods of {link.source} reach it",
    )


def _find_address_of_another(target: LinkFacts, others: Iterable[LinkFacts]) -> Finding | None:
    """Where the URL that goes into remote secrets is another cluster's: its workloads would be taken for this one's."""
    address = target.address_for_others.rstrip("/")
    other = next((each for each in others if address in (each.server, each.cluster.api_server.rstrip("/"))), None)
    if other is None:
        return None
    return Finding(
        target.cluster.name,
        API_SERVER_OF_ANOTHER,
        f"the other clusters would dial its API server at {address}, which is that of {other.cluster.name} too",
        f"give each of {target.cluster.name} and {other.cluster.name} its own https URL in api_server",
    )


def _find_not_installed(link: Link, source: LinkFacts, target: LinkFacts, *, require_gateway: bool) -> Finding | None:
    for facts in (source, target):
        if not (facts.cluster.is_remote or facts.istiods):
            return Finding(
                facts.cluster.name,
                ISTIOD_MISSING,
                f"no istiod runs in namespace {facts.cluster.istio_namespace}",
                "install it first: role onemesh.istio.control_plane",
            )
    controls = target.account_for(link.source) == reader.CONTROL_PLANE_ACCOUNT
    if controls and not target.led_by & {link.source, "*"}:
        return Finding(
            link.target,
            CONTROL_PLANE_NOT_ANNOTATED,
            f"annotation {names.CONTROL_PLANE_CLUSTERS_ANNOTATION} of namespace {target.cluster.istio_namespace} does "
            f"not name {link.source}: its istiod reads that once, when it gets the remote secret, and would not inject "
            "here",
            "prepare the remote first: playbook onemesh.istio.site, or role control_plane with tasks_from remote",
            object=f"Namespace {target.cluster.istio_namespace}",
        )
    networks_differ = source.cluster.network != target.cluster.network
    # That of a remote comes after the link: the istiod that is to read it gives it its proxy.
    if networks_differ and require_gateway and not target.cluster.is_remote and not target.gateway.addresses:
        return Finding(
            link.target,
            GATEWAY_MISSING,
            f"network {target.cluster.network!r} has no east-west gateway that {link.source} could reach: "
            f"{target.gateway.reason}",
            target.gateway.remedy or "install it first: role onemesh.istio.eastwest_gateway",
        )
    return None


def _find_secret_in_the_way(link: Link, source: LinkFacts, *, adopt: bool) -> Finding | None:
    namespace = source.cluster.istio_namespace
    expected = names.remote_secret_name(link.target)
    for secret in source.secrets:
        metadata = secret["metadata"]
        if link.target not in (secret.get("data") or {}) and metadata["name"] != expected:
            continue
        if metadata["name"] != expected:
            return Finding(
                link.source,
                CLUSTER_REGISTERED_TWICE,
                f"Secret {metadata['name']} already holds a kubeconfig for {link.target}, so istiod would ignore "
                f"{expected}",
                f"delete it (`kubectl -n {namespace} delete secret {metadata['name']}`) and run again",
                object=f"Secret {namespace}/{metadata['name']}",
            )
        if not is_ours(secret) and not adopt:
            return Finding(
                link.source,
                OBJECT_OF_ANOTHER,
                f"Secret {expected} was not made by this collection",
                "set adopt: true to take it over, or delete it",
                object=f"Secret {namespace}/{expected}",
            )
    return None


def find_not_dialled(target: str, dialled: Dialled, uid: str) -> Finding | None:
    """What is to be known of what goes into remote secrets for ``target`` (``uid``: of its namespace kube-system).

    Where this machine does not reach the URL, pods of the other clusters may: that is a warning.
    """
    why = find_cause(dialled, uid, target)
    if not why:
        return None
    checks = {
        "certificate": API_SERVER_CERTIFICATE,
        "token": API_SERVER_TOKEN,
        "unknown": API_SERVER_NOT_TRIED,
    }
    remedies = {
        "certificate": "set api_server to a URL whose certificate the cluster's own authority has signed (that "
        "in ConfigMap kube-root-ca.crt), or tls_server_name to a name that it has",
        "unknown": f"set api_server of {target} to a URL that pods of the others reach",
    }
    return Finding(
        target,
        checks.get(dialled.trouble or "", API_SERVER_OF_ANOTHER),
        f"of what the other clusters' istiods would get: {why}",
        remedies.get(dialled.trouble or "", f"set api_server of {target} to its own https URL"),
        severity="warning" if dialled.trouble == "unknown" else "error",
    )


def plan_absent(links: Iterable[Link], facts: Mapping[str, LinkFacts], *, adopt: bool = False) -> list[LinkStep]:
    """One step per link; clusters that are away have no facts, and their side stays as it is."""
    return [_plan_unlink(link, facts.get(link.source), facts.get(link.target), adopt=adopt) for link in links]


def _plan_unlink(link: Link, source: LinkFacts | None, target: LinkFacts | None, *, adopt: bool) -> LinkStep:
    secret = None
    if source is not None:
        secret = source.secret_for(link.target)
    if secret is not None and not is_ours(secret) and not adopt:
        finding = Finding(
            link.source,
            OBJECT_OF_ANOTHER,
            f"Secret {secret['metadata']['name']} was not made by this collection, so it stays",
            "set adopt: true to remove it all the same",
            object=f"Secret {secret['metadata']['name']}",
        )
        return LinkStep(link, "leave", finding.message, finding)
    if secret is not None or (target is not None and link.source in target.grants):
        return LinkStep(link, "remove", "linked")
    if target is not None and target.readers and not target.grants:
        return LinkStep(link, "remove", "only the account of its reader is left")
    return LinkStep(link, "absent", "not linked")


def find_beyond(facts: LinkFacts, known: Collection[str]) -> list[Finding]:
    """What stands on one cluster of its links with clusters that the inventory does not have: nobody unlinks those."""
    ours = [str(secret["metadata"]["name"]) for secret in facts.secrets if is_ours(secret)]
    reads = {name.removeprefix(names.REMOTE_SECRET_PREFIX) for name in ours if names.REMOTE_SECRET_PREFIX in name}
    return [
        _report_beyond(facts.cluster, peer, reads=peer in reads, read=peer in facts.grants)
        for peer in sorted(reads | set(facts.grants))
        if peer not in known
    ]


def _report_beyond(cluster: Cluster, peer: str, *, reads: bool, read: bool) -> Finding:
    secrets = [names.remote_secret_name(peer)] * reads + [reader.grant_name(peer)] * read
    said = [f"its istiod reads {peer}"] * reads + [f"{peer} has a token of it"] * read
    return Finding(
        cluster.name,
        LINKED_BEYOND_THE_INVENTORY,
        f"{' and '.join(said)}, and this inventory does not have {peer}, so that stays",
        f"run again with {peer} in the inventory; if {peer} is gone for good, `kubectl --namespace "
        f"{cluster.istio_namespace} delete secret {' '.join(secrets)}` ends what is left of the link here",
        object=f"Secret {cluster.istio_namespace}/{secrets[0]}",
    )


def summarize_links(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """By source, whose istiod reads the others."""
    absent = parameters["state"] == "absent"
    rendered = parameters["state"] == "rendered" and not foretold
    known = dict.fromkeys(each["name"] for each in (*parameters["clusters"], *parameters["mesh"]))
    links = result.get("links", [])
    sources = dict.fromkeys(each["from"] for each in links)
    expires = sorted(each["expires"] for each in links if each.get("expires"))
    alone = f"{next(iter(known), 'it')} is the only cluster of the mesh, so there is nothing to do"
    return Summary(
        "unlink" if absent else "link",
        alone if len(known) == 1 else "the manifests are written, and no remote secret" if rendered else "",
        unit="link",
        foretold=foretold,
        clusters={name: _summarize_source([each for each in links if each["from"] == name]) for name in sources}
        | {
            name: ClusterSummary("later", "has no istiod yet: it is linked when it joins")
            for name in result.get("later", ())
        },
        facts=(
            *((("tokens", f"the first of the new ones ends at {expires[0]}"),) if expires else ()),
            *(("manifest", f"{name}: {path}") for name, path in result.get("manifests", {}).items()),
        ),
        remarks=collect_remarks({**each, "severity": "warning"} for each in result.get("beyond", ())),
        following=("apply each manifest on its cluster: kubectl apply -f FILE",) if rendered else (),
    )


def _summarize_source(links: Sequence[Mapping[str, Any]]) -> ClusterSummary:
    def tell(action: Action) -> tuple[str, ...]:
        return tuple(f"link to {each['to']}" for each in links if each["action"] == action)

    return ClusterSummary(
        looked_at=len(links), made=tell("create"), changed=tell("renew"), removed=tell("remove"), kept=tell("leave")
    )


def token_of(registrations: Registrations, target: str) -> str:
    """The bearer token that a source has for ``target``; empty where there is none."""
    registered = registrations.get(target)
    return registered.token if registered is not None else ""

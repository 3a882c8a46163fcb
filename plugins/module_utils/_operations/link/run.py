# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``link``: let the istiods of clusters read each other, and prove that they do.

Prepare on all (nothing is written unless every cluster is ready), then write on all targets, then on all sources, then
wait until every istiod says ``synced``. The other way: the secret goes first, while the target still answers,
then the credentials are revoked and shown to be refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..._accounts import readers_on, remove_reader
from ..._apply import apply_object
from ..._cluster import FLEET_ARGUMENT_SPEC, MESH_ARGUMENT_SPEC
from ..._deployment_model import DeploymentModel
from ..._files import check_writable, write_whole
from ..._finding_kinds import CLUSTER_UNKNOWN, ISTIOD_DOES_NOT_READ, NOT_REACHABLE
from ..._findings import OPTION, Finding, MeshError
from ..._fleet import Fleet, LaneOutcome, Member, findings_of
from ..._guard import claim
from ..._identity import ANNOTATION_CLUSTER_UID
from ..._istio import debug, names, reader, remote_secret
from ..._istio.gateways import Resolution, resolve
from ..._istio.kubeconfig import check_kubeconfig
from ..._istio.tokens import expiry_of, format_timestamp
from ..._istiod import pods, remote_clusters
from ..._kube import accounts
from ..._kube.client import Client
from ..._kube.errors import KubeError
from ..._kube.kinds import NAMESPACE, NODE, SECRET, SERVICE
from ..._ownership import LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGED_BY, is_ours, owned
from ..._summary.hunks import Hunk, merge_hunks
from ..._summary.summary import Summary
from ..finding_kinds import LINK_MISSING, NOT_LINKED, NOT_UNLINKED, TOKEN_NOT_REVOKED
from ..operation import Context, mesh_of
from . import plan
from .plan import Link, LinkFacts, LinkStep
from .trial import Trial

COMPONENT = "link"

_KEPT = ("name", "namespace", "labels", "annotations")
"""Of the metadata of a remote secret, what is written again where it is put back."""

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **MESH_ARGUMENT_SPEC,
    "state": {"type": "str", "choices": ["present", "absent", "rendered"], "default": "present"},
    "from": {"type": "list", "elements": "str", "default": []},
    "to": {"type": "list", "elements": "str", "default": []},
    "token": {"type": "str", "choices": ["short_lived", "long_lived"], "default": "short_lived", "no_log": False},
    "token_lifetime": {"type": "int", "default": 2592000, "no_log": False},
    "renew_before": {"type": "int"},
    "adopt": {"type": "bool", "default": False},
    "require_gateway": {"type": "bool", "default": True},
    "restart_istiod": {"type": "bool", "default": False},
    "render_to": {"type": "path"},
    "timeout": {"type": "float", "default": 120.0},
}
REQUIRED_IF = [("state", "rendered", ["render_to"])]

MOMENT = "last"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Link or unlink. Raises MeshError with a finding per link that could not be made, proven or removed."""
    fleet = mesh_of(parameters, context)
    model = DeploymentModel.of(member.cluster for member in fleet)
    acted = {each["name"] for each in parameters["clusters"]}
    try:
        links = plan.links_of(fleet.names, parameters["from"], parameters["to"], touching=acted, remotes=model.remotes)
    except ValueError as error:
        finding = Finding("", CLUSTER_UNKNOWN, str(error), "correct from or to")
        raise MeshError("The links cannot be made.", [finding]) from None
    alone, absent = len(fleet) == 1, parameters["state"] == "absent"
    if not absent and parameters["token"] == "short_lived":
        accounts.refuse_lifetime(parameters["token_lifetime"])
    if not alone and not links:
        raise MeshError("There is nothing to link or to unlink.", [_report_no_link(parameters, fleet.names)])
    linked = set(fleet.names) if alone and absent else {name for link in links for name in link}
    gathered = fleet.each(
        gather, deadline=4 * parameters["request_timeout"], only=[name for name in fleet.names if name in linked]
    )
    if absent:
        beyond = _find_what_stays(fleet.names, acted, gathered, nothing_else=alone)
        return _Unlinking(fleet, parameters, context, beyond).run(links, gathered)
    later = [name for name, outcome in gathered.items() if name not in acted and _is_empty(outcome)]
    linking = _Linking(fleet, parameters, context)
    result = linking.run([link for link in links if not set(link) & set(later)], gathered)
    return {**result, "later": later}


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return plan.summarize_links(parameters, result, foretold=foretold)


def _find_what_stays(
    known: Collection[str],
    acted: Collection[str],
    gathered: Mapping[str, LaneOutcome[LinkFacts]],
    *,
    nothing_else: bool,
) -> list[Finding]:
    """Links with clusters that are not in the inventory. Raises MeshError where that is all that there is."""
    facts = [outcome.value for name, outcome in gathered.items() if name in acted and outcome.value is not None]
    left = [finding for each in facts for finding in plan.find_beyond(each, known)]
    if left and nothing_else:
        raise MeshError("Nothing was unlinked.", left)
    return left


def _is_empty(outcome: LaneOutcome[LinkFacts]) -> bool:
    """Whether a cluster that answers has not joined yet, beside a limit: it has no istiod, or no way to another's."""
    facts = outcome.value
    return facts is not None and not (facts.led_by if facts.cluster.is_remote else facts.istiods)


def _report_no_link(parameters: Mapping[str, Any], names: Iterable[str]) -> Finding:
    acted = ", ".join(each["name"] for each in parameters["clusters"])
    return Finding(
        "",
        LINK_MISSING,
        f"of the links that from and to name none begins or ends at {acted}; the mesh has {', '.join(names)}",
        "correct from and to, or the limit",
    )


def gather(member: Member) -> LinkFacts:
    """Read what the plan needs from one cluster."""
    client, cluster = member.client, member.cluster
    namespace = cluster.istio_namespace
    secrets = tuple(client.list(SECRET, namespace, label_selector=f"{names.MULTI_CLUSTER_LABEL}=true"))
    grants = client.list(
        SECRET, namespace, label_selector=f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_COMPONENT}={COMPONENT}-grant"
    )
    return LinkFacts(
        cluster=cluster,
        server=client.credentials.server,
        istiods=tuple(each.pod for each in pods.list_ready_istiods(client, namespace)),
        secrets=secrets,
        registrations=remote_secret.parse(secrets, cluster=cluster.name, namespace=namespace),
        grants={
            grant["metadata"]["name"].removeprefix(reader.GRANT_PREFIX): grant["metadata"]["uid"] for grant in grants
        },
        readers=readers_on(client, namespace),
        gateway=_find_gateway(client, cluster.network),
        uid=member.identity.uid,
        authority=accounts.read_published_authority(client, namespace),
        led_by=_read_control_planes(client, namespace),
    )


def _read_control_planes(client: Client, namespace: str) -> frozenset[str]:
    """The clusters whose istiods may take the lead here, as Istio's namespace says (pkg/kube/multicluster)."""
    annotations = ((client.find(NAMESPACE, namespace) or {}).get("metadata") or {}).get("annotations") or {}
    said = annotations.get(names.CONTROL_PLANE_CLUSTERS_ANNOTATION, "")
    return frozenset(each.strip() for each in said.split(",") if each.strip())


def _find_gateway(client: Client, network: str) -> Resolution:
    """Where the network's gateway is reached; of several Services (in any namespace) the first with an address."""
    services = client.list(SERVICE, label_selector=f"{names.NETWORK_LABEL}={network}")
    gateway = Resolution(
        reason=f"no Service has label {names.NETWORK_LABEL}={network}",
        remedy="install it first: role onemesh.istio.eastwest_gateway",
    )
    for service in services:
        nodes = client.list(NODE) if service["spec"].get("type") == "NodePort" else ()
        gateway = resolve(service, nodes)
        if gateway.addresses:
            break
    return gateway


@dataclass
class _Linking:
    """state present and rendered."""

    fleet: Fleet
    parameters: Mapping[str, Any]
    context: Context

    def run(self, links: list[Link], gathered: Mapping[str, LaneOutcome[LinkFacts]]) -> dict[str, Any]:
        away = findings_of(gathered, NOT_REACHABLE)
        if away:
            raise MeshError("Nothing was written: not all clusters answer.", away)
        facts = {name: outcome.get() for name, outcome in gathered.items()}
        renew_before = self.parameters["renew_before"]
        steps = plan.plan_present(
            links,
            facts,
            now=datetime.now(timezone.utc),
            renew_before=None if renew_before is None else timedelta(seconds=renew_before),
            long_lived=self.parameters["token"] == "long_lived",
            adopt=self.parameters["adopt"],
            require_gateway=self.parameters["require_gateway"],
            check_mode=self.context.check_mode,
        )
        refusals = [step.finding for step in steps if step.finding is not None]
        if refusals:
            raise MeshError("Nothing was written.", _drop_repeated(refusals), {**_make_result(steps), "changed": False})
        due = [step.link for step in steps if step.changes]
        rendered = self.parameters["state"] == "rendered"
        trial = Trial(self.fleet, facts)
        surely_wrong = trial.without_token(_group(links if rendered else due, key=lambda link: link.target))
        if surely_wrong:
            raise MeshError("Nothing was written.", surely_wrong, {**_make_result(steps), "changed": False})
        if rendered:
            return self._render(links, facts)
        if self.context.check_mode:
            return _make_result(steps)
        secrets = self._grant(due, facts)
        result = _make_result(steps, expires={link: _expiry(secret) for link, secret in secrets.items()})
        surely_wrong = trial.with_token({link.target: secret for link, secret in secrets.items()})
        if surely_wrong:
            message = "The readers are made, and no remote secret was written: they would not work."
            raise MeshError(message, surely_wrong, {**result, "links": []})
        doubtful = [link for link in secrets if link.target in trial.doubts]
        working = self._find_working(doubtful, facts)
        self._write(secrets, result)
        late = self._prove(links)
        if late:
            back = self._put_back(working)
            message = "The remote secrets are written, but not every istiod reads its peers."
            if back:
                message += f" What worked before was put back: {', '.join(map(str, back))}."
            raise MeshError(message, [*late, *trial.doubts.values()], result)
        return result

    def _grant(self, links: Iterable[Link], facts: Mapping[str, LinkFacts]) -> dict[Link, dict[str, Any]]:
        """On every target: the reader, and a token for each source. Returns the remote secrets, not yet written."""
        by_target = _group(links, key=lambda link: link.target)

        def on_target(member: Member) -> dict[Link, dict[str, Any]]:
            namespace = member.cluster.istio_namespace
            claim(member.client, member.identity)
            for account in {facts[member.name].account_for(link.source) for link in by_target[member.name]}:
                for manifest in reader.make_objects(account, namespace):
                    apply_object(member.client, manifest, component=COMPONENT)
            authority = accounts.read_authority(member.client, namespace)
            secrets = {
                link: remote_secret.build(
                    link.target,
                    facts[link.target].address_for_others,
                    authority,
                    self._request_token(member.client, namespace, link, facts[member.name].account_for(link.source)),
                    namespace=facts[link.source].cluster.istio_namespace,
                    tls_server_name=member.cluster.options.get("tls_server_name") or None,
                )
                for link in by_target[member.name]
            }
            for secret in secrets.values():
                secret["metadata"]["annotations"][ANNOTATION_CLUSTER_UID] = facts[member.name].uid
                _refuse_what_istiod_would(member.name, secret)
            return secrets

        outcomes = self.fleet.each(on_target, deadline=self._deadline(), only=list(by_target))
        failures = findings_of(outcomes, NOT_LINKED)
        if failures:
            changed = any(outcome.error is None for outcome in outcomes.values())
            message = "Not all readers could be made; no remote secret was written."
            raise MeshError(message, failures, {"changed": changed})
        return {link: secret for outcome in outcomes.values() for link, secret in outcome.get().items()}

    def _request_token(self, client: Client, namespace: str, link: Link, account: str) -> str:
        """A new token of the reader for the source alone, bound to a Secret whose deletion revokes it."""
        grant = _make_grant(namespace, link, account, long_lived=self.parameters["token"] == "long_lived")
        # A grant of the other kind cannot be changed into this one: the type of a Secret is immutable. One of another
        # account goes with its tokens.
        existing = client.find(SECRET, grant["metadata"]["name"], namespace)
        replaced = existing is not None and (existing["type"], reader.account_of(existing)) != (grant["type"], account)
        if existing is not None and replaced and is_ours(existing):
            client.delete(SECRET, existing["metadata"]["name"], namespace, uid=existing["metadata"]["uid"])
        apply_object(client, grant, component=f"{COMPONENT}-grant")
        if self.parameters["token"] == "long_lived":
            return accounts.wait_for_token(
                client, namespace, grant["metadata"]["name"], self.parameters["request_timeout"]
            )
        return accounts.request_bound_token(
            client, account, namespace, grant["metadata"]["name"], self.parameters["token_lifetime"]
        )

    def _write(self, secrets: Mapping[Link, Mapping[str, Any]], result: Mapping[str, Any]) -> None:
        by_source = _group(secrets, key=lambda link: link.source)

        def on_source(member: Member) -> None:
            claim(member.client, member.identity)
            for link in by_source[member.name]:
                apply_object(
                    member.client,
                    remote_secret.make_stored(secrets[link]),
                    component=COMPONENT,
                    adopt=self.parameters["adopt"],
                )

        outcomes = self.fleet.each(on_source, deadline=self._deadline(), only=list(by_source))
        failures = findings_of(outcomes, NOT_LINKED)
        if failures:
            raise MeshError("Not all remote secrets could be written; run again to write the rest.", failures, result)

    def _prove(self, links: Iterable[Link]) -> list[Finding]:
        """Done only when each istiod, every replica of every revision, says ``synced``: what is in the way."""
        by_source = _group(links, key=lambda link: link.source)
        timeout = self.parameters["timeout"]

        def on_source(member: Member) -> list[Finding]:
            targets = {link.target for link in by_source[member.name]}
            late = remote_clusters.wait_until_synced(
                member.client, member.cluster, targets, timeout, self.context.progress
            )
            if any(finding.kind == ISTIOD_DOES_NOT_READ for finding in late) and self.parameters["restart_istiod"]:
                self.context.progress(f"{member.name}: restarting istiod, which no longer reads remote secrets")
                remote_clusters.restart_istiods(member.client, member.cluster, timeout, self.context.progress)
                late = remote_clusters.wait_until_synced(
                    member.client, member.cluster, targets, timeout, self.context.progress
                )
            return late

        outcomes = self.fleet.each(on_source, deadline=4 * timeout, only=list(by_source))
        late = [finding for outcome in outcomes.values() for finding in outcome.value or ()]
        return [*findings_of(outcomes, NOT_REACHABLE), *late]

    def _find_working(self, links: Iterable[Link], facts: Mapping[str, LinkFacts]) -> dict[Link, Mapping[str, Any]]:
        """The remote secrets of those links that every istiod of their source reads now."""
        secrets = {link: secret for link in links if (secret := facts[link.source].secret_for(link.target)) is not None}
        synced = self._find_synced(secrets)
        return {link: secret for link, secret in secrets.items() if link in synced}

    def _put_back(self, working: Mapping[Link, Mapping[str, Any]]) -> list[Link]:
        """What no longer works with what took its place."""
        lost = {link: working[link] for link in working.keys() - self._find_synced(working)}
        by_source = _group(lost, key=lambda link: link.source)

        def on_source(member: Member) -> None:
            for link in by_source[member.name]:
                metadata = {key: value for key, value in lost[link]["metadata"].items() if key in _KEPT}
                manifest = {**{key: lost[link][key] for key in ("type", "data")}, "metadata": metadata}
                described = {"apiVersion": SECRET.api_version, "kind": SECRET.kind}
                apply_object(member.client, {**described, **manifest}, component=COMPONENT, adopt=True)

        outcomes = self.fleet.each(on_source, deadline=self._deadline(), only=list(by_source))
        return [link for link in lost if outcomes[link.source].error is None]

    def _find_synced(self, links: Iterable[Link]) -> set[Link]:
        """Those of the links that every istiod of their source reads; none of a source that cannot be asked."""
        by_source = _group(links, key=lambda link: link.source)

        def on_source(member: Member) -> Mapping[str, Mapping[str, str]]:
            try:
                return remote_clusters.read_registered(member.client, member.cluster.istio_namespace)
            except debug.UnexpectedAnswer:
                return {}

        outcomes = self.fleet.each(on_source, deadline=self._deadline(), only=list(by_source))
        return {
            link
            for source, outcome in outcomes.items()
            for link in by_source[source]
            if outcome.value and all(each.get(link.target) == debug.SYNCED for each in outcome.value.values())
        }

    def _render(self, links: list[Link], facts: Mapping[str, LinkFacts]) -> dict[str, Any]:
        """One file per source with what is to be applied there, readable by its owner only."""
        directory = self.parameters["render_to"]
        by_source = _group(links, key=lambda link: link.source)
        files = {source: os.path.join(directory, f"{source}.json") for source in by_source}
        if not self.context.check_mode:
            # Tokens that are written nowhere would be of use to nobody.
            _prepare_folder(directory, files.values())
            secrets = self._grant(links, facts)
            for source, path in files.items():
                # With our labels: what is applied by hand is ours to renew and to remove.
                manifests = [owned(secrets[link], COMPONENT) for link in by_source[source]]
                content = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2)
                try:
                    write_whole(path, content)
                except OSError as error:
                    raise MeshError(
                        "The readers are made, and not all manifests are written; run again to write the rest.",
                        [_report_unwritable(directory, error)],
                        {"changed": True},
                    ) from None
        return {"changed": True, "manifests": files, "links": []}

    def _deadline(self) -> float:
        return float(self.parameters["request_timeout"] * 4 * (1 + len(self.fleet)))


@dataclass
class _Unlinking:
    """state absent."""

    fleet: Fleet
    parameters: Mapping[str, Any]
    context: Context
    beyond: list[Finding]

    def run(self, links: list[Link], gathered: Mapping[str, LaneOutcome[LinkFacts]]) -> dict[str, Any]:
        facts = {name: outcome.value for name, outcome in gathered.items() if outcome.value is not None}
        steps = plan.plan_absent(links, facts, adopt=self.parameters["adopt"])
        findings = [
            *findings_of(gathered, NOT_REACHABLE),
            *(step.finding for step in steps if step.finding is not None),
        ]
        removed = [step.link for step in steps if step.action == "remove"]
        if not self.context.check_mode:
            tokens = {
                link: plan.token_of(facts[link.source].registrations, link.target)
                for link in removed
                if link.source in facts
            }
            findings += self._remove_secrets(removed, facts)
            findings += self._revoke(removed, facts, tokens)
        result = {**_make_result(steps), "beyond": [finding.as_dict() for finding in self.beyond]}
        if findings:
            raise MeshError("Not everything could be unlinked; run again to finish.", findings, result)
        return result

    def _remove_secrets(self, links: Iterable[Link], facts: Mapping[str, LinkFacts]) -> list[Finding]:
        by_source = _group((link for link in links if link.source in facts), key=lambda link: link.source)

        def on_source(member: Member) -> list[Finding]:
            namespace, targets = member.cluster.istio_namespace, {link.target for link in by_source[member.name]}
            for secret in facts[member.name].secrets:
                if secret["metadata"]["name"] in map(names.remote_secret_name, targets):
                    member.client.delete(SECRET, secret["metadata"]["name"], namespace, uid=secret["metadata"]["uid"])
            timeout = self.parameters["timeout"]
            kept = remote_clusters.wait_until_forgotten(
                member.client, member.cluster, targets, timeout, self.context.progress
            )
            if kept and self.parameters["restart_istiod"]:
                self.context.progress(f"{member.name}: restarting istiod, which no longer reads remote secrets")
                remote_clusters.restart_istiods(member.client, member.cluster, timeout, self.context.progress)
                kept = remote_clusters.wait_until_forgotten(
                    member.client, member.cluster, targets, timeout, self.context.progress
                )
            return kept

        outcomes = self.fleet.each(on_source, deadline=4 * self.parameters["timeout"], only=list(by_source))
        return [
            *findings_of(outcomes, NOT_UNLINKED),
            *(finding for outcome in outcomes.values() for finding in outcome.value or ()),
        ]

    def _revoke(
        self, links: Iterable[Link], facts: Mapping[str, LinkFacts], tokens: Mapping[Link, str]
    ) -> list[Finding]:
        by_target = _group((link for link in links if link.target in facts), key=lambda link: link.target)

        def on_target(member: Member) -> list[Finding]:
            namespace, grants = member.cluster.istio_namespace, facts[member.name].grants
            timeout = self.parameters["timeout"]
            revoked = by_target[member.name]
            for link in revoked:
                if link.source in grants:
                    member.client.delete(SECRET, reader.grant_name(link.source), namespace, uid=grants[link.source])
            left = set(grants) - {link.source for link in revoked}
            for account in facts[member.name].list_unused_readers(left):
                remove_reader(member.client, account, namespace, facts[member.name].readers[account])
            return [
                Finding(
                    member.name,
                    TOKEN_NOT_REVOKED,
                    f"the token that {link.source} had is still accepted",
                    f"look for other Secrets of account {facts[member.name].account_for(link.source)} in {namespace}",
                )
                for link in revoked
                if tokens.get(link) and not accounts.is_refused(member.client, tokens[link], timeout)
            ]

        outcomes = self.fleet.each(on_target, deadline=4 * self.parameters["timeout"], only=list(by_target))
        return [
            *findings_of(outcomes, TOKEN_NOT_REVOKED),
            *(finding for outcome in outcomes.values() for finding in outcome.value or ()),
        ]


def _refuse_what_istiod_would(target: str, secret: Mapping[str, Any]) -> None:
    """Raises KubeError: istiod only logs such a kubeconfig, and the link would never come."""
    reason = check_kubeconfig(secret["stringData"][target].encode())
    if reason is not None:
        raise KubeError(
            target,
            f"istiod would refuse the kubeconfig for it: {reason}",
            reason="kubeconfig-refused",
            remedy="correct api_server, or the CA that its config map kube-root-ca.crt publishes",
        )


def _make_grant(namespace: str, link: Link, account: str, *, long_lived: bool) -> dict[str, Any]:
    annotations = {reader.ANNOTATION_ACCOUNT: account}
    if long_lived:
        annotations[names.SERVICE_ACCOUNT_NAME_ANNOTATION] = account
    metadata = {"name": reader.grant_name(link.source), "namespace": namespace, "annotations": annotations}
    kind = names.SERVICE_ACCOUNT_TOKEN_TYPE if long_lived else "Opaque"
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata}


def _expiry(secret: Mapping[str, Any]) -> str:
    registrations = remote_secret.parse([remote_secret.make_stored(secret)], cluster="")
    (target,) = secret["stringData"]
    registered = registrations.get(target)
    return format_timestamp(expiry_of(registered)) if registered is not None else "never"


def _make_result(steps: Iterable[LinkStep], expires: Mapping[Link, str] | None = None) -> dict[str, Any]:
    links = []
    hunks = []
    for step in steps:
        links.append(
            {
                "from": step.link.source,
                "to": step.link.target,
                "action": step.action,
                "reason": step.reason,
                "changed": step.changes,
                **({"expires": expires[step.link]} if expires and step.link in expires else {}),
            }
        )
        if step.changes:
            after = "not linked" if step.action == "remove" else "linked"
            hunks.append(Hunk("", f"link {step.link}", f"{step.reason}\n", f"{after}\n"))
    return {"changed": any(link["changed"] for link in links), "links": links, "diff": merge_hunks(hunks)}


def _group(links: Iterable[Link], *, key: Any) -> dict[str, list[Link]]:
    groups: dict[str, list[Link]] = {}
    for link in links:
        groups.setdefault(key(link), []).append(link)
    return groups


def _drop_repeated(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def _prepare_folder(folder: str, files: Iterable[str]) -> None:
    """Make the folder of the manifests, and see that its files can be written. Raises MeshError."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for path in files:
            check_writable(path)
    except OSError as error:
        raise MeshError("Nothing was written.", [_report_unwritable(folder, error)]) from None


def _report_unwritable(folder: str, error: OSError) -> Finding:
    return Finding(
        "",
        OPTION.kind("render_to"),
        f"the manifests cannot be written to {folder}: {error.strerror}",
        "give another render_to",
    )

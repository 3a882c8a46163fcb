# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``writer``: an account on every cluster that may write the kinds asked for and no more.

The readers of links cannot write. All clusters are looked at first (nothing is written unless every one is ready), then
accounts and tokens are made on all, then the hub gets their kubeconfigs. The other way: the accounts go first, so that
their tokens are refused, then the kubeconfigs, and a second look shows that nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..._accounts import WRITER, OwnedObject, kubeconfigs_on, writer_on
from ..._apply import apply_object, describe
from ..._change import place
from ..._change.place import Place
from ..._cluster import FLEET_ARGUMENT_SPEC, MESH_ARGUMENT_SPEC
from ..._finding_kinds import HUB_UNKNOWN, NOT_REACHABLE, NOT_READY, OBJECT_OF_ANOTHER
from ..._findings import Finding, MeshError
from ..._fleet import Fleet, Member, findings_of
from ..._guard import claim
from ..._istio import names, writer
from ..._istio.accounts import Rules, with_rights
from ..._istio.tokens import expiry_of, format_timestamp
from ..._kube import accounts
from ..._kube.client import Client
from ..._kube.kinds import CLUSTER_ROLE_BINDING, NAMESPACE, ROLE_BINDING, SECRET, Kind
from ..._kube.namespaces import select_newest
from ..._ownership import is_ours
from ..._proof.levels import ACCEPTED, ACKNOWLEDGED, LEVELS, reaches
from ..._summary.hunks import Hunk, merge_hunks
from ..._summary.summary import Summary
from ..finding_kinds import (
    CLUSTER_NAME_INVALID,
    KIND_AMBIGUOUS,
    KIND_NOT_GRANTED,
    KIND_UNKNOWN,
    NAMESPACE_MISSING,
    NOT_REMOVED,
    RECORDS_BESIDE_RIGHTS,
    RECORDS_IN_USE,
    RECORDS_NOT_MOVED,
    TOKEN_NOT_REVOKED,
    WRITER_NOT_MADE,
)
from ..operation import Context, mesh_of
from . import plan
from .plan import WriterFacts, WriterStep

COMPONENT = WRITER

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **MESH_ARGUMENT_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "hub": {"type": "str"},
    "kinds": {"type": "list", "elements": "str", "default": ["VirtualService", "DestinationRule"]},
    "namespaces": {"type": "bool", "default": False},
    "proof": {"type": "str", "choices": list(LEVELS), "default": "written"},
    "ledger_namespace": {"type": "str"},
    "token_lifetime": {"type": "int", "default": 2592000, "no_log": False},
    "renew_before": {"type": "int"},
    "timeout": {"type": "float", "default": 60.0},
}


MOMENT = "last"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make or remove the writers. Raises MeshError with a finding for each that could not be made or removed."""
    fleet = mesh_of(parameters, context)
    if parameters["state"] == "absent":
        return _Removing(fleet, parameters, context).run()
    return _Granting(fleet, parameters, context, _Wanted.of(parameters, fleet)).run()


def _list_acted(parameters: Mapping[str, Any]) -> list[str]:
    """The clusters whose writers are made or removed; of the mesh beside them only the hub's kubeconfigs count."""
    return [each["name"] for each in parameters["clusters"]]


@dataclass(frozen=True)
class _Wanted:
    """What writers may do. ``ledger_namespace`` is empty for the namespace that the records have by default."""

    hub: str
    kinds: tuple[writer.Named, ...]
    namespaces: bool
    proof: str
    ledger_namespace: str

    @classmethod
    def of(cls, parameters: Mapping[str, Any], fleet: Fleet) -> _Wanted:
        """Raises MeshError with everything that is wrong in the options."""
        accounts.refuse_lifetime(parameters["token_lifetime"])
        hub = parameters["hub"] or _list_acted(parameters)[0]
        findings = [] if hub in fleet else [_report_unknown_hub(hub, fleet)]
        findings += [_report_no_secret_name(name) for name in fleet.names if not names.is_dns_label(name)]
        kinds: list[writer.Named] = []
        for text in parameters["kinds"]:
            try:
                kinds.append(writer.parse_named(text))
            except ValueError as error:
                findings.append(_report_unknown_kind("", str(error)))
        for named in kinds:
            known = writer.find_known_kinds(named)
            if len(known) > 1:
                findings.append(_report_ambiguous("", named, known))
        if findings:
            raise MeshError("The writers cannot be made.", findings)
        return cls(
            hub, tuple(kinds), parameters["namespaces"], parameters["proof"], parameters["ledger_namespace"] or ""
        )

    def make_objects(self, member: Member, granted: Iterable[Kind]) -> list[plan.Manifest]:
        """The account of a cluster with its roles."""
        namespace = member.cluster.istio_namespace
        acknowledged = reaches(self.proof, ACKNOWLEDGED)
        rules: dict[str, Rules] = {}
        if acknowledged:
            rules[namespace] = writer.ISTIOD_RULES
        if member.name == self.hub:
            rules[self.find_place(member).namespace] = writer.LEDGER_RULES
        cluster_rules = writer.make_cluster_rules(
            granted, namespaces=self.namespaces, accepted=reaches(self.proof, ACCEPTED), acknowledged=acknowledged
        )
        return plan.make_desired_objects(namespace, cluster_rules, rules)

    def find_place(self, member: Member) -> Place:
        """Of the records, were ``member`` the hub."""
        return Place.of(member.client, member.cluster.istio_namespace, self.ledger_namespace)


@dataclass
class _Granting:
    """state present."""

    fleet: Fleet
    parameters: Mapping[str, Any]
    context: Context
    wanted: _Wanted

    def run(self) -> dict[str, Any]:
        acted = _list_acted(self.parameters)
        gathered = self.fleet.each(
            self._gather,
            deadline=_deadline(self.parameters),
            only=[name for name in self.fleet.names if name in acted or name == self.wanted.hub],
        )
        facts = {name: outcome.value for name, outcome in gathered.items() if outcome.value is not None}
        findings = findings_of(gathered, NOT_READY)
        findings += [finding for each in facts.values() for finding in each.refusals]
        if findings:
            raise MeshError("Nothing was written.", list(dict.fromkeys(findings)))
        renew_before = self.parameters["renew_before"]
        steps = plan.plan_present(
            facts,
            self.wanted.hub,
            now=datetime.now(timezone.utc),
            renew_before=None if renew_before is None else timedelta(seconds=renew_before),
        )
        steps = [step for step in steps if step.cluster in acted]
        if not self.context.check_mode:
            self._take_records_along()
            secrets = self._grant([step for step in steps if step.changes], facts)
            self._write(secrets, steps, facts)
            self._remove_from_others(steps, facts)
            return self._make_result(steps, facts, secrets)
        return self._make_result(steps, facts)

    def _gather(self, member: Member) -> WriterFacts:
        """What there is, what a dry run of the wanted objects says, and what is in the way."""
        client, namespace = member.client, member.cluster.istio_namespace
        granted, findings = _find_granted(client, self.wanted.kinds)
        if member.name == self.wanted.hub:
            # One that an earlier run removes takes nothing new, not even a dry run.
            self.wanted.find_place(member).find_namespace()
            findings += self._check_beside_records(member)
        if findings:
            return WriterFacts(member.cluster, client.credentials.server, refusals=tuple(findings))
        desired = self.wanted.make_objects(member, granted)
        if not self.context.check_mode:
            made = self.wanted.find_place(member).namespace if not self.wanted.ledger_namespace else None
            places = {each["metadata"].get("namespace") for each in desired} - {None, made}
            findings += [
                _report_no_namespace(member.name, place)
                for place in sorted(places)
                if client.find(NAMESPACE, place) is None
            ]
        if findings:
            return WriterFacts(member.cluster, client.credentials.server, refusals=tuple(findings))
        taken = [
            describe(each)
            for each in [*desired, writer.make_grant(namespace, self.wanted.hub)]
            if _is_of_another(client, each)
        ]
        if member.name == self.wanted.hub:
            taken += self._list_taken_secrets(client, namespace)
        if taken:
            refusals = tuple(_report_taken(member.name, each) for each in taken)
            return WriterFacts(member.cluster, client.credentials.server, refusals=refusals)
        changes = [apply_object(client, each, component=COMPONENT, check_mode=True) for each in desired]
        records = self.wanted.find_place(member)
        if member.name == self.wanted.hub and not records.is_settled():
            changes.insert(0, apply_object(client, records.manifest(), component=place.COMPONENT, check_mode=True))
        return gather(member, desired, changes)

    def _check_beside_records(self, member: Member) -> list[Finding]:
        """Whose rights the writer, which makes Secrets where the records are, would have too."""
        namespace = self.wanted.find_place(member).namespace
        if namespace == member.cluster.istio_namespace:
            return [
                _report_records_beside(member.name, namespace, "it is Istio's, with the keys and tokens of the mesh")
            ]
        bindings = [
            {**live, "kind": kind.kind}
            for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING)
            for live in member.client.list(kind)
        ]
        able = ", ".join(with_rights(bindings, namespace))
        return [_report_records_beside(member.name, namespace, f"accounts there have rights: {able}")] if able else []

    def _take_records_along(self) -> None:
        """The namespace of the records is made, and what earlier versions kept beside Istio comes into it."""

        def on_hub(member: Member) -> list[str]:
            records = self.wanted.find_place(member)
            if records.is_settled():
                return []
            records.make()
            return records.settle()

        outcomes = self.fleet.each(on_hub, deadline=_deadline(self.parameters, 100), only=[self.wanted.hub])
        findings = findings_of(outcomes, RECORDS_NOT_MOVED)
        findings += [_report_busy(self.wanted.hub, outcome.value) for outcome in outcomes.values() if outcome.value]
        if findings:
            raise MeshError("No writer was changed: the records are not where they belong.", findings)

    def _list_taken_secrets(self, client: Client, namespace: str) -> list[str]:
        """Secrets of somebody else under the names that kubeconfigs have."""
        ours = kubeconfigs_on(client, namespace)
        known = {secret["metadata"]["name"] for secret in ours}
        return [
            SECRET.describe(name, namespace)
            for name in map(writer.secret_name, self.fleet.names)
            if name not in known and client.find(SECRET, name, namespace) is not None
        ]

    def _grant(self, steps: Sequence[WriterStep], facts: Mapping[str, WriterFacts]) -> dict[str, dict[str, Any]]:
        """Accounts, roles and tokens where they are due. Returns the Secrets for the hub, not yet written."""
        by_name = {step.cluster: step for step in steps}

        def on_cluster(member: Member) -> dict[str, Any] | None:
            step, known = by_name[member.name], facts[member.name]
            claim(member.client, member.identity)
            for manifest in known.desired:
                apply_object(member.client, manifest, component=COMPONENT)
            if known.obsolete:
                _delete(member.client, known.obsolete)
                _find_default_place(member).retire()
            return self._make_secret(member, step, known) if step.issues else None

        outcomes = self.fleet.each(on_cluster, deadline=_deadline(self.parameters), only=list(by_name))
        failures = findings_of(outcomes, WRITER_NOT_MADE)
        if failures:
            changed = any(outcome.error is None for outcome in outcomes.values())
            message = f"Not all writers could be made; {self.wanted.hub} got no kubeconfig."
            raise MeshError(message, failures, {"changed": changed})
        return {name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None}

    def _make_secret(self, member: Member, step: WriterStep, facts: WriterFacts) -> dict[str, Any]:
        client, cluster = member.client, member.cluster
        namespace = cluster.istio_namespace
        if step.action == "create":
            # Whoever has a token of which the hub knows nothing loses it.
            _delete(client, [each for each in facts.owned if each.kind == SECRET])
        apply_object(client, writer.make_grant(namespace, self.wanted.hub), component=COMPONENT)
        token = accounts.request_bound_token(
            client, writer.ACCOUNT, namespace, writer.GRANT, self.parameters["token_lifetime"]
        )
        return writer.make_secret(
            member.name,
            cluster.api_server or facts.server,
            accounts.read_authority(client, namespace),
            token,
            namespace=self.fleet[self.wanted.hub].cluster.istio_namespace,
            tls_server_name=cluster.options.get("tls_server_name") or None,
        )

    def _write(
        self, secrets: Mapping[str, Mapping[str, Any]], steps: Iterable[WriterStep], facts: Mapping[str, WriterFacts]
    ) -> None:
        def on_hub(member: Member) -> None:
            for secret in secrets.values():
                apply_object(member.client, secret, component=COMPONENT)

        if secrets:
            deadline = _deadline(self.parameters, len(secrets))
            failures = findings_of(self.fleet.each(on_hub, deadline=deadline, only=[self.wanted.hub]), WRITER_NOT_MADE)
            if failures:
                message = f"{self.wanted.hub} did not get all kubeconfigs; run again to write the rest."
                raise MeshError(message, failures, self._make_result(steps, facts))

    def _remove_from_others(self, steps: Iterable[WriterStep], facts: Mapping[str, WriterFacts]) -> None:
        """A hub that is none any more keeps no kubeconfig."""
        others = {
            name: each.secrets_for(facts) for name, each in facts.items() if name != self.wanted.hub and each.secrets
        }
        outcomes = self.fleet.each(
            lambda member: _delete(member.client, others[member.name]),
            deadline=_deadline(self.parameters),
            only=list(others),
        )
        failures = findings_of(outcomes, NOT_REMOVED)
        if failures:
            message = f"Kubeconfigs are left on clusters other than {self.wanted.hub}; run again to remove them."
            raise MeshError(message, failures, self._make_result(steps, facts))

    def _make_result(
        self,
        steps: Iterable[WriterStep],
        facts: Mapping[str, WriterFacts],
        secrets: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        hub = self.wanted.hub
        namespace = facts[hub].cluster.istio_namespace
        new = WriterFacts(facts[hub].cluster, "", secrets=tuple((secrets or {}).values()))
        kubeconfigs = {**facts[hub].read_kubeconfigs(), **new.read_kubeconfigs()}
        result = _make_result(steps, facts)
        for each in result["writers"]:
            each["secret"] = f"{namespace}/{writer.secret_name(each['cluster'])}"
            if each["cluster"] in kubeconfigs:
                each["expires"] = format_timestamp(expiry_of(kubeconfigs[each["cluster"]]))
        return {**result, "hub": hub}


@dataclass
class _Removing:
    """state absent."""

    fleet: Fleet
    parameters: Mapping[str, Any]
    context: Context

    def run(self) -> dict[str, Any]:
        gathered = self.fleet.each(gather, deadline=_deadline(self.parameters))
        facts = {name: outcome.value for name, outcome in gathered.items() if outcome.value is not None}
        leaving = plan.find_leaving(_list_acted(self.parameters), facts)
        steps = plan.plan_absent(leaving, facts)
        findings = findings_of(gathered, NOT_REACHABLE)
        leaked: list[str] = []
        if not self.context.check_mode:
            due = {step.cluster for step in steps if step.changes}
            findings += self._revoke(due, facts)
            findings += self._remove_secrets(due, facts)
            leaked, unseen = self._find_leaked(leaving, list(facts))
            findings += unseen
            findings += self._retire(list(facts))
        result = {**_make_result(steps, facts), "leaked": leaked}
        if findings:
            raise MeshError("Not every writer could be removed; run again to finish.", findings, result)
        return result

    def _revoke(self, due: set[str], facts: Mapping[str, WriterFacts]) -> list[Finding]:
        tokens = {
            (name, kubeconfig.token)
            for each in facts.values()
            for name, kubeconfig in each.read_kubeconfigs().items()
            if kubeconfig.token
        }

        def on_cluster(member: Member) -> list[Finding]:
            _delete(member.client, facts[member.name].owned)
            own = [token for name, token in tokens if name == member.name]
            refused = (accounts.is_refused(member.client, token, self.parameters["timeout"]) for token in own)
            return [] if all(refused) else [_report_not_revoked(member)]

        deadline = _deadline(self.parameters) + self.parameters["timeout"]
        outcomes = self.fleet.each(on_cluster, deadline=deadline, only=[name for name in facts if name in due])
        return [
            *findings_of(outcomes, TOKEN_NOT_REVOKED),
            *(finding for outcome in outcomes.values() for finding in outcome.value or ()),
        ]

    def _remove_secrets(self, due: set[str], facts: Mapping[str, WriterFacts]) -> list[Finding]:
        kept = {name: each.secrets_for(due) for name, each in facts.items()}
        outcomes = self.fleet.each(
            lambda member: _delete(member.client, kept[member.name]),
            deadline=_deadline(self.parameters, len(due)),
            only=[name for name, secrets in kept.items() if secrets],
        )
        return findings_of(outcomes, NOT_REMOVED)

    def _retire(self, looked_at: Iterable[str]) -> list[Finding]:
        """Where records were, and none are, their namespace goes."""
        return findings_of(
            self.fleet.each(
                lambda member: _find_default_place(member).retire(), deadline=_deadline(self.parameters), only=looked_at
            ),
            NOT_REMOVED,
        )

    def _find_leaked(self, leaving: Sequence[str], looked_at: Iterable[str]) -> tuple[list[str], list[Finding]]:
        """What is still there, in words and as findings."""
        again = self.fleet.each(gather, deadline=_deadline(self.parameters), only=looked_at)
        left = {
            name: [*(outcome.value.owned if name in leaving else ()), *outcome.value.secrets_for(leaving)]
            for name, outcome in again.items()
            if outcome.value is not None
        }
        findings = [_report_left(name, each) for name, objects in left.items() for each in objects]
        words = [f"{name}: {each}" for name, objects in left.items() for each in objects]
        return words, [*findings_of(again, NOT_REACHABLE), *findings]


def gather(
    member: Member, desired: Iterable[plan.Manifest] = (), changes: Iterable[Mapping[str, Any]] = ()
) -> WriterFacts:
    """Read from one cluster what there is of its writer, and of the kubeconfigs that it keeps as a hub."""
    client, namespace = member.client, member.cluster.istio_namespace
    return WriterFacts(
        cluster=member.cluster,
        server=client.credentials.server,
        owned=writer_on(client, namespace),
        secrets=kubeconfigs_on(client, namespace),
        desired=tuple(desired),
        changes=tuple(changes),
    )


def _find_granted(client: Client, wanted: Iterable[writer.Named]) -> tuple[list[Kind], list[Finding]]:
    """The types with these names: those of the collection's table, others as the cluster serves them."""
    granted: list[Kind] = []
    findings = []
    for named in wanted:
        found = writer.find_known_kinds(named) or select_newest(
            kind for kind in client.list_served_kinds() if named.fits(kind)
        )
        if len(found) == 1:
            granted += found
        elif found:
            findings.append(_report_ambiguous(client.cluster, named, found))
        else:
            findings.append(_report_unknown_kind(client.cluster, f"the API server serves no {named}"))
    findings += [_report_never(kind, why) for kind in granted if (why := writer.why_never(kind))]
    return granted, findings


def _find_default_place(member: Member) -> Place:
    return Place.of(member.client, member.cluster.istio_namespace, None)


def _is_of_another(client: Client, manifest: Mapping[str, Any]) -> bool:
    metadata = manifest["metadata"]
    live = client.find(client.find_kind(manifest), metadata["name"], metadata.get("namespace"))
    return live is not None and not is_ours(live)


def _delete(client: Client, objects: Iterable[OwnedObject]) -> None:
    for each in objects:
        client.delete(each.kind, each.name, each.namespace, uid=each.uid)


def _deadline(parameters: Mapping[str, Any], writes: int = 1) -> float:
    return float(parameters["request_timeout"] * (8 + 2 * writes))


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return plan.summarize_writers(parameters, result, foretold=foretold)


def _make_result(steps: Iterable[WriterStep], facts: Mapping[str, WriterFacts]) -> dict[str, Any]:
    writers = [
        {"cluster": step.cluster, "action": step.action, "reason": step.reason, "changed": step.changes}
        for step in steps
    ]
    hunks = [each for step in steps if step.changes for each in _list_hunks(step, facts.get(step.cluster))]
    return {"changed": any(each["changed"] for each in writers), "writers": writers, "diff": merge_hunks(hunks)}


def _list_hunks(step: WriterStep, facts: WriterFacts | None) -> Iterator[Hunk]:
    """The roles as they were and will be, and in words what becomes of the token: never the token."""
    after = "no writer" if step.action == "remove" else "may write"
    yield Hunk(step.cluster, "writer", f"{step.reason}\n", f"{after}\n")
    for change in facts.changes if facts is not None else ():
        if change["action"] != "unchanged":
            yield Hunk(step.cluster, change["object"], change["before"], change["after"])


def _report_unknown_hub(hub: str, fleet: Fleet) -> Finding:
    return Finding(
        "",
        HUB_UNKNOWN,
        f"the hub is {hub}, and the clusters are {', '.join(fleet.names)}",
        "name one of them as hub, the same in every run",
    )


def _report_no_secret_name(cluster: str) -> Finding:
    return Finding(
        cluster,
        CLUSTER_NAME_INVALID,
        "its name is no DNS label, so that no Secret can be named after it",
        "set its name to lower case letters, digits and hyphens",
    )


def _report_unknown_kind(cluster: str, message: str) -> Finding:
    return Finding(
        cluster,
        KIND_UNKNOWN,
        message,
        "write Kind, group/Kind or apiVersion/Kind, and install its CustomResourceDefinition first",
    )


def _report_ambiguous(cluster: str, named: writer.Named, found: Iterable[Kind]) -> Finding:
    choices = " or ".join(f"{kind.group}/{kind.kind}" for kind in found)
    return Finding(cluster, KIND_AMBIGUOUS, f"{named} may be {choices}", "name it with its group")


def _report_never(kind: Kind, why: str) -> Finding:
    return Finding(
        "",
        KIND_NOT_GRANTED,
        f"no writer gets {kind.kind}: {why}",
        "leave it out; where changes need it, use an account of your own with a Role in the namespaces that need it",
    )


def _report_records_beside(cluster: str, namespace: str, why: str) -> Finding:
    return Finding(
        cluster,
        RECORDS_BESIDE_RIGHTS,
        f"the writer of the hub makes Secrets where the records are, and in {namespace} it would get more: {why}",
        "leave ledger_namespace out, or name a namespace that holds records only; with records in this one, move them "
        "by hand or let an account that administers the hub make the changes",
        object=f"Namespace {namespace}",
    )


def _report_busy(hub: str, sets: Iterable[str]) -> Finding:
    return Finding(
        hub,
        RECORDS_IN_USE,
        f"other runs work on {', '.join(sorted(sets))}, whose records are not in their new namespace yet",
        "run again when they have ended; a release that waits has to be ended by the version that began it",
    )


def _report_no_namespace(cluster: str, namespace: str) -> Finding:
    return Finding(
        cluster,
        NAMESPACE_MISSING,
        f"there is no namespace {namespace}",
        "create it, or install Istio first: role onemesh.istio.control_plane",
        object=f"Namespace {namespace}",
    )


def _report_taken(cluster: str, described: str) -> Finding:
    return Finding(
        cluster,
        OBJECT_OF_ANOTHER,
        f"{described} was not made by this collection, and its name is needed",
        "rename or delete it, and run again",
        object=described,
    )


def _report_not_revoked(member: Member) -> Finding:
    return Finding(
        member.name,
        TOKEN_NOT_REVOKED,
        "the token of its writer is still accepted",
        f"look for other Secrets of account {writer.ACCOUNT} in {member.cluster.istio_namespace}",
    )


def _report_left(cluster: str, each: OwnedObject) -> Finding:
    return Finding(
        cluster, NOT_REMOVED, f"{each} is still there", "look for finalizers in it, and run again", object=str(each)
    )

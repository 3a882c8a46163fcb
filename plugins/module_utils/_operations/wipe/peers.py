# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clusters that leave have on a peer, and what of the peer they take with them: all of it goes.

On the peer that are remote secrets and kubeconfigs for them, the grants by which they read it, its reader where nobody
else reads it, and its writer where the hub of the writers leaves. They take tokens of the peer along: these are read
before anything goes, and asked for at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import _yaml
from ..._accounts import OwnedObject, kubeconfigs_for, kubeconfigs_on, reader_parts, writer_on
from ..._finding_kinds import STILL_THERE
from ..._findings import Finding
from ..._fleet import Member
from ..._istio import names, reader, remote_secret, writer
from ..._istio.tokens import Token
from ..._kube import kinds
from ..._kube.accounts import is_refused, request_bound_token
from ..._kube.client import Client
from ..._kube.credentials import read_jwt_claims
from ..._kube.kinds import Kind
from ..._ownership import FIELD_MANAGER, LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGED_BY, is_ours
from ..finding_kinds import NOT_AMONG_THE_PEERS, TOKEN_OF_ANOTHER
from .plan import WipeStage, WipeStep, remote_secret_keys
from .signs import FoundObject

_GRANTS = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_COMPONENT}=link-grant"
_PROBE_SECONDS = 600
"""The shortest life that API servers give to a token."""
_OUR_ACCOUNTS = frozenset({*reader.ACCOUNTS, writer.ACCOUNT})


@dataclass(frozen=True)
class ForeignToken:
    """A token of ``cluster``, which another one, ``holder``, has that leaves."""

    holder: str
    cluster: str
    token: str = field(repr=False)

    @property
    def grant(self) -> str:
        """UID of the Secret that the token ends with; empty where it ends with none."""
        token = Token.of(self.token)
        return token.grant_uid if token is not None else ""

    @property
    def account(self) -> str:
        """``istio-system/onemesh-istio-reader``; empty where the token does not say."""
        try:
            claims = read_jwt_claims(self.token)
        except ValueError:
            return ""
        bound = claims.get("kubernetes.io") or {}
        # Tokens that never expire have names of their own for the same.
        legacy = "kubernetes.io/serviceaccount/"
        space = bound.get("namespace") or claims.get(f"{legacy}namespace") or ""
        name = (bound.get("serviceaccount") or {}).get("name") or claims.get(f"{legacy}service-account.name") or ""
        return f"{space}/{name}" if space and name else ""

    @property
    def is_ours(self) -> bool:
        return self.account.rpartition("/")[2] in _OUR_ACCOUNTS


def list_tokens(member: Member) -> list[ForeignToken]:
    """Every token of another cluster that is in a Secret of this one. Raises KubeError."""
    return [
        ForeignToken(member.name, cluster, token)
        for label in (f"{names.MULTI_CLUSTER_LABEL}=true", f"{writer.LABEL}=true")
        for secret in member.client.list(kinds.SECRET, label_selector=label)
        for cluster, kubeconfig in remote_secret.payload(secret).items()
        if cluster != member.name
        for token in tokens_of(kubeconfig)
    ]


def tokens_of(kubeconfig: bytes) -> list[str]:
    """Every token in a kubeconfig, also where istiod would not take it: the API server would. Pure."""
    try:
        document = _yaml.load(kubeconfig, unique_keys=False)
    except _yaml.NotYaml:
        return []
    users = document.get("users") if isinstance(document, dict) else None
    found = [
        user["user"].get("token")
        for user in (users if isinstance(users, list) else ())
        if isinstance(user, dict) and isinstance(user.get("user"), dict)
    ]
    return [token for token in found if isinstance(token, str) and token]


def plan_steps(member: Member, gone: Collection[str], tokens: Iterable[ForeignToken]) -> list[WipeStep]:
    """What has to go from a peer, in order. Raises KubeError."""
    return [
        *_plan_remote_secrets(member.client, gone),
        *_plan_readers(member.client, gone),
        *_plan_writers(member, gone, {each.grant for each in tokens if each.cluster == member.name} - {""}),
    ]


def make_probes(member: Member, steps: Iterable[WipeStep], tokens: Iterable[ForeignToken]) -> list[ForeignToken]:
    """Tokens of grants that go, where nobody knows any more which ones were given: by them it is seen when an API
    server, which remembers good ones for a while, refuses what the grant was for. Raises KubeError.
    """
    known = {each.grant for each in tokens}
    return [
        ForeignToken("a cluster that left", member.name, token)
        for step in steps
        if (account := _account_of_grant(step.found)) and step.found.uid not in known
        if (token := _token_of(member.client, step.found, account))
    ]


def _account_of_grant(found: FoundObject) -> str:
    if found.kind != kinds.SECRET:
        return ""
    if found.name == writer.GRANT:
        return writer.ACCOUNT
    if not found.name.startswith(reader.GRANT_PREFIX):
        return ""
    return reader.account_of(found.object)


def _token_of(client: Client, grant: FoundObject, account: str) -> str:
    live = client.find(kinds.SECRET, grant.name, grant.namespace)
    if live is None or client.find(kinds.SERVICE_ACCOUNT, account, grant.namespace) is None:
        return ""
    if live.get("type") == names.SERVICE_ACCOUNT_TOKEN_TYPE:
        return remote_secret.payload(live).get("token", b"").decode()
    token = request_bound_token(client, account, grant.namespace, grant.name, _PROBE_SECONDS)
    # Seen once, so that it is remembered as long as those that were used.
    is_refused(client, token, 0.0)
    return token


def take(client: Client, step: WipeStep, gone: Collection[str]) -> bool:
    """Whether there was something to take away. Raises KubeError."""
    found = step.found
    if step.stage is WipeStage.REMOTE_SECRETS:
        named, whole = remote_secret_keys(found, gone)
        if not whole:
            metadata = {"uid": found.uid, "resourceVersion": found.metadata["resourceVersion"]}
            change = {"metadata": metadata, "data": dict.fromkeys(named)}
            client.patch(kinds.SECRET, found.name, found.namespace, change, field_manager=FIELD_MANAGER)
            return True
    return client.delete(found.kind, found.name, found.namespace or None, uid=found.uid)


def _plan_remote_secrets(client: Client, gone: Collection[str]) -> list[WipeStep]:
    found = []
    for secret in client.list(kinds.SECRET, label_selector=f"{names.MULTI_CLUSTER_LABEL}=true"):
        # The keys say which clusters it names; the kubeconfigs are of no interest here.
        shown = FoundObject(
            kinds.SECRET, {"metadata": secret["metadata"], "data": dict.fromkeys(secret.get("data") or {})}
        )
        named, whole = remote_secret_keys(shown, gone)
        if named:
            reason = f"remote secret that names {', '.join(named)}" if whole else f"only its key {', '.join(named)}"
            found.append(WipeStep(WipeStage.REMOTE_SECRETS, shown, reason))
    return found


def _plan_readers(client: Client, gone: Collection[str]) -> list[WipeStep]:
    """Grants of clusters that leave; and each reader, in a namespace where no grant of it is left."""
    found: list[WipeStep] = []
    kept: set[tuple[str, str]] = set()
    names_of_gone = {reader.grant_name(name): name for name in gone}
    for grant in client.list(kinds.SECRET, label_selector=_GRANTS):
        source = names_of_gone.get(grant["metadata"]["name"])
        if source is None:
            kept.add((_account_of_grant(FoundObject(kinds.SECRET, grant)), grant["metadata"]["namespace"]))
        else:
            found.append(_make_step(kinds.SECRET, grant["metadata"], f"token by which {source} reads this cluster"))
    accounts = client.list(kinds.SERVICE_ACCOUNT, label_selector=f"{LABEL_MANAGED_BY}={MANAGED_BY}")
    readers = {(each["metadata"]["name"], each["metadata"]["namespace"]) for each in accounts}
    for account, namespace in sorted(readers - kept):
        if account in reader.ACCOUNTS:
            for kind, name, where in reader_parts(account, namespace):
                live = client.find(kind, name, where)
                if live is not None and is_ours(live):
                    found.append(_make_step(kind, live["metadata"], f"nobody reads this cluster by {account} any more"))
    return found


def _plan_writers(member: Member, gone: Collection[str], grants: Collection[str]) -> list[WipeStep]:
    """Kubeconfigs for clusters that leave; and the writer itself, where the hub that has its kubeconfig leaves."""
    client, namespace = member.client, member.cluster.istio_namespace
    found = [
        _make_owned_step(secret, "kubeconfig of the writer of a cluster that leaves")
        for secret in kubeconfigs_for(gone, kubeconfigs_on(client, namespace))
    ]
    grant = client.find(kinds.SECRET, writer.GRANT, namespace)
    if grant is None or grant["metadata"]["uid"] in grants or writer.hub_of(grant) in gone:
        found += [
            _make_owned_step(each, "the hub that has the kubeconfig of this writer leaves")
            for each in writer_on(client, namespace)
        ]
    return found


def _make_owned_step(owned: OwnedObject, reason: str) -> WipeStep:
    return _make_step(owned.kind, {"name": owned.name, "namespace": owned.namespace, "uid": owned.uid}, reason)


def _make_step(kind: Kind, metadata: Mapping[str, Any], reason: str) -> WipeStep:
    return WipeStep(WipeStage.ACCESS, FoundObject(kind, {"metadata": metadata}), reason)


def find_still_valid(member: Member, tokens: Iterable[ForeignToken], timeout: float) -> list[Finding]:
    """A finding for each token of a peer that its API server still takes. Raises KubeError."""
    accepted = [
        each
        for each in dict.fromkeys(tokens)
        if each.cluster == member.name and not is_refused(member.client, each.token, timeout if each.is_ours else 0.0)
    ]
    return list(dict.fromkeys(map(_report_accepted, accepted)))


def _report_accepted(token: ForeignToken) -> Finding:
    account = token.account or "an account that it does not name"
    if token.is_ours:
        return Finding(
            token.cluster,
            STILL_THERE,
            f"the token of {account} that {token.holder} had is still accepted",
            f"look for other Secrets of that account (`kubectl get secrets -A --field-selector "
            f"type={names.SERVICE_ACCOUNT_TOKEN_TYPE}`), delete them, then run the wipe again",
        )
    return Finding(
        token.cluster,
        TOKEN_OF_ANOTHER,
        f"the token of {account} that {token.holder} had is still accepted: this collection did not make it, and "
        "others may use it",
        "find out who uses it; once nobody does, delete the Secret that it is from, or the account",
        "warning",
    )


def report_strangers(tokens: Iterable[ForeignToken], known: Collection[str]) -> list[Finding]:
    """A warning for each cluster outside of the play that one that leaves had a token of. Pure."""
    by_cluster: dict[str, set[str]] = {}
    for each in tokens:
        if each.cluster not in known:
            by_cluster.setdefault(each.cluster, set()).add(each.holder)
    return [
        Finding(
            cluster,
            NOT_AMONG_THE_PEERS,
            f"{', '.join(sorted(holders))} had a token of it, which was not revoked: it is not among the peers",
            f"run the wipe again with {cluster} in the inventory, as a host that is not wiped",
            "warning",
        )
        for cluster, holders in sorted(by_cluster.items())
    ]

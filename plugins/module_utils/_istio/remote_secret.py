# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote secrets: made as istioctl makes them, read as istiod reads them.

Making: istioctl/pkg/multicluster/remote_secret.go. Reading: pkg/kube/multicluster/secretcontroller.go
decides which cluster a secret registers, and :mod:`kubeconfig <.kubeconfig>` whether istiod accepts the kubeconfig.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from .._findings import Finding, FindingKind
from . import names
from .finding_kinds import (
    REMOTE_SECRET_ANNOTATION,
    REMOTE_SECRET_CA_FILE,
    REMOTE_SECRET_CONTEXTS,
    REMOTE_SECRET_CURRENT_CONTEXT,
    REMOTE_SECRET_DUPLICATE,
    REMOTE_SECRET_EMPTY,
    REMOTE_SECRET_INSECURE,
    REMOTE_SECRET_LOOPBACK,
    REMOTE_SECRET_NAME,
    REMOTE_SECRET_NAMESPACE,
    REMOTE_SECRET_OWN_CLUSTER,
    REMOTE_SECRET_REFUSED,
)
from .kubeconfig import RefusedKubeconfig, UsedContext, find_used_context

_YAML_WORDS = {"", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
# YAML 1.1 lets underscores stand in numbers, colons between sixtieths, and a time behind a date.
_NUMBER_OR_DATE = re.compile(
    r"[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?(e[+-]?[0-9]+)?|0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(t.*)?",
)
_PLAIN_SCALAR = re.compile(r"[A-Za-z0-9/](?:[A-Za-z0-9/+=._~@%?&;()\[\]-]|:(?!$))*")


def build(
    name: str,
    server: str,
    ca_data: bytes,
    token: str,
    *,
    namespace: str = names.SYSTEM_NAMESPACE,
    tls_server_name: str | None = None,
) -> dict[str, Any]:
    """The Secret that ``istioctl create-remote-secret --name NAME --server SERVER`` prints.

    ``ca_data`` is the PEM bundle for the API server, ``token`` the reader's bearer token. The payload is in
    ``stringData`` as istioctl has it; :func:`make_stored` gives the form in which an API server keeps it.
    ValueError: istioctl refuses such a name too.
    """
    if not names.is_dns_label(name):
        raise ValueError(f"{name!r} is not a DNS-1123 label, which the name of a remote cluster has to be")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "annotations": {names.CLUSTER_ANNOTATION: name},
            "labels": {names.MULTI_CLUSTER_LABEL: "true"},
            "name": names.remote_secret_name(name),
            "namespace": namespace,
        },
        "stringData": {name: write_kubeconfig(name, server, ca_data, token, tls_server_name)},
    }


def write_kubeconfig(name: str, server: str, ca_data: bytes, token: str, tls_server_name: str | None) -> str:
    """The kubeconfig in a remote secret, byte for byte as istioctl writes it: one context, called ``name``."""
    # Written by hand because the golden test compares bytes, and because PyYAML leaves names such as 1e3 unquoted,
    # which Kubernetes then reads as a number.
    cluster = [f"    certificate-authority-data: {_scalar(base64.b64encode(ca_data).decode())}"] if ca_data else []
    cluster.append(f"    server: {_scalar(server)}")
    if tls_server_name:
        cluster.append(f"    tls-server-name: {_scalar(tls_server_name)}")
    quoted = _scalar(name)
    lines = [
        "apiVersion: v1",
        "clusters:",
        "- cluster:",
        *cluster,
        f"  name: {quoted}",
        "contexts:",
        "- context:",
        f"    cluster: {quoted}",
        f"    user: {quoted}",
        f"  name: {quoted}",
        f"current-context: {quoted}",
        "kind: Config",
        "users:",
        f"- name: {quoted}",
        "  user:",
        f"    token: {_scalar(token)}",
    ]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    plain = (
        _PLAIN_SCALAR.fullmatch(text)
        and text.lower() not in _YAML_WORDS
        and not _NUMBER_OR_DATE.fullmatch(text.lower())
    )
    return text if plain else json.dumps(text)


def make_stored(secret: Mapping[str, Any]) -> dict[str, Any]:
    """The same Secret as an API server stores it: type Opaque, ``stringData`` folded into base64 ``data``."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in secret.get("stringData", {}).items()}
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    return {"type": "Opaque", **rest, "data": {**rest.get("data", {}), **encoded}}


@dataclass(frozen=True)
class RemoteCluster:
    """A cluster that istiod takes from a secret. ``kubeconfig`` and ``token`` are credentials and stay out of repr."""

    cluster_id: str
    secret: str
    """``namespace/name``."""
    server: str
    tls_server_name: str
    context: str
    context_cluster: str
    contexts: tuple[str, ...]
    authentication: str
    insecure: bool
    ca_file: str
    kubeconfig: bytes = field(repr=False)
    token: str = field(default="", repr=False)
    ca: bytes = field(default=b"", repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What ``kubeconfig`` says."""
    findings: tuple[Finding, ...] = ()
    """What istiod accepts in silence, and a person should know about."""

    @property
    def fingerprint(self) -> str:
        """sha256 of the kubeconfig's bytes: istiod does nothing while it stays the same."""
        return hashlib.sha256(self.kubeconfig).hexdigest()


@dataclass(frozen=True)
class Ignored:
    """A data key that registers no cluster, and why, in istiod's words."""

    cluster_id: str
    secret: str
    reason: str
    finding: Finding


@dataclass(frozen=True)
class Registrations:
    """What the istiod of one cluster makes of the remote secrets that it can see. ``findings`` are all there are."""

    clusters: tuple[RemoteCluster, ...]
    ignored: tuple[Ignored, ...]
    findings: tuple[Finding, ...]

    def get(self, cluster_id: str) -> RemoteCluster | None:
        return next((cluster for cluster in self.clusters if cluster.cluster_id == cluster_id), None)


ISTIO_LABEL = f"{names.MULTI_CLUSTER_LABEL}=true"
"""The secrets that istiod looks for."""
OWN_CLUSTER = "ignoring cluster as it would overwrite the config cluster"
ALREADY_REGISTERED = "cluster has already been registered"


def parse(
    secrets: Iterable[Mapping[str, Any]],
    *,
    cluster: str,
    namespace: str = names.SYSTEM_NAMESPACE,
    insecure_options: frozenset[str] = frozenset(),
    by_istiod: bool = True,
) -> Registrations:
    """What the istiod of ``cluster`` (its own cluster ID) registers from ``secrets``, as Kubernetes objects.

    Every data key is a cluster ID; name and annotation of a secret mean nothing to istiod, and are findings where
    they say something else. Which of two secrets with one key wins is open in istiod (the first it processes, not
    re-queued); the older one is taken here because a running istiod saw it first. ``insecure_options`` are those of
    istiod's PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS.

    Kubeconfigs that are there for others are not ``by_istiod``: whatever labels the secrets have, they are read by the
    same rules, but may hold the cluster's own ID, and have neither the names nor the annotation of istiod's.
    """
    clusters: dict[str, RemoteCluster] = {}
    ignored: list[Ignored] = []
    findings: list[Finding] = []
    for secret in sorted((each for each in secrets if not by_istiod or _is_remote_secret(each)), key=_age_order):
        metadata = secret["metadata"]
        location = f"{metadata.get('namespace', namespace)}/{metadata['name']}"
        if metadata.get("namespace", namespace) != namespace:
            findings.append(_report_wrong_namespace(cluster, location, namespace))
            continue
        data = payload(secret)
        if not data:
            findings.append(_report_no_data(cluster, location))
        for cluster_id, kubeconfig in sorted(data.items()):
            refusal: Ignored | None = None
            if cluster_id == cluster and by_istiod:
                refusal = Ignored(cluster_id, location, OWN_CLUSTER, _report_own_cluster(cluster, location))
            elif cluster_id in clusters:
                first = clusters[cluster_id].secret
                refusal = Ignored(
                    cluster_id, location, ALREADY_REGISTERED, _report_duplicate(cluster, cluster_id, location, first)
                )
            else:
                try:
                    used = find_used_context(kubeconfig, insecure_options)
                except RefusedKubeconfig as refused:
                    reason = str(refused)
                    refusal = Ignored(
                        cluster_id, location, reason, _report_refused(cluster, cluster_id, location, reason)
                    )
                else:
                    remote = _remote_cluster(cluster_id, location, kubeconfig, used)
                    doubts = _find_doubts(cluster, remote)
                    if by_istiod:
                        doubts += _find_contradictions(cluster, remote, metadata)
                    clusters[cluster_id] = replace(remote, findings=tuple(doubts))
                    findings.extend(doubts)
            if refusal is not None:
                ignored.append(refusal)
                findings.append(refusal.finding)
    return Registrations(tuple(clusters.values()), tuple(ignored), tuple(findings))


def _is_remote_secret(secret: Mapping[str, Any]) -> bool:
    labels = secret["metadata"].get("labels") or {}
    return bool(labels.get(names.MULTI_CLUSTER_LABEL) == "true")


def _age_order(secret: Mapping[str, Any]) -> tuple[str, str]:
    return (secret["metadata"].get("creationTimestamp") or "", secret["metadata"]["name"])


def payload(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Data key -> kubeconfig."""
    data = {}
    for key, text in (secret.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):  # an API server never stores such a value; a file on disk may hold it
            data[key] = b""
    for key, text in (secret.get("stringData") or {}).items():
        data[key] = text.encode()
    return data


def _remote_cluster(cluster_id: str, location: str, kubeconfig: bytes, used: UsedContext) -> RemoteCluster:
    return RemoteCluster(
        cluster_id=cluster_id,
        secret=location,
        server=used.server,
        tls_server_name=used.tls_server_name,
        context=used.context,
        context_cluster=used.cluster,
        contexts=used.contexts,
        authentication=used.authentication,
        insecure=used.insecure,
        ca_file=used.ca_file,
        kubeconfig=kubeconfig,
        token=used.token,
        ca=used.ca,
        document=used.document,
    )


def _report_doubt(own: str, remote: RemoteCluster, kind: FindingKind, message: str, remedy: str) -> Finding:
    return Finding(own, kind, message, remedy, "warning", f"Secret {remote.secret}")


def _find_doubts(own: str, remote: RemoteCluster) -> list[Finding]:
    """What is odd in a kubeconfig that istiod accepts."""
    findings = []

    def doubt(kind: FindingKind, message: str, remedy: str) -> None:
        findings.append(_report_doubt(own, remote, kind, message, remedy))

    key = remote.cluster_id
    relink = f"link {key} again so that the secret is made anew"
    if len(remote.contexts) > 1:
        doubt(
            REMOTE_SECRET_CONTEXTS,
            f"the kubeconfig for {key} has {len(remote.contexts)} contexts ({', '.join(remote.contexts)}); "
            f"istiod uses only the current one, {remote.context}",
            relink,
        )
    if remote.context_cluster != key:
        doubt(
            REMOTE_SECRET_CURRENT_CONTEXT,
            f"key {key} holds a kubeconfig whose current context {remote.context} leads to cluster "
            f"{remote.context_cluster} ({remote.server}); istiod shows its endpoints as those of {key}",
            f"check that {remote.server} is the API server of {key}, then {relink}",
        )
    if remote.insecure:
        doubt(
            REMOTE_SECRET_INSECURE,
            f"the kubeconfig for {key} does not verify the certificate of {remote.server}",
            relink,
        )
    if remote.ca_file:
        doubt(
            REMOTE_SECRET_CA_FILE,
            f"the kubeconfig for {key} names the CA file {remote.ca_file}, which has to exist where istiod runs; "
            "otherwise istiod refuses the kubeconfig",
            relink,
        )
    if is_loopback(remote.server):
        doubt(
            REMOTE_SECRET_LOOPBACK,
            f"the kubeconfig for {key} names {remote.server}, which from inside {own} is {own} itself",
            f"set api_server of {key} to an address that pods of {own} reach, then {relink}",
        )
    return findings


def _find_contradictions(own: str, remote: RemoteCluster, metadata: Mapping[str, Any]) -> list[Finding]:
    """Where name and annotation of the secret, which istiod does not read, say something else than its key."""
    findings = []

    def doubt(kind: FindingKind, message: str, remedy: str) -> None:
        findings.append(_report_doubt(own, remote, kind, message, remedy))

    key = remote.cluster_id
    relink = f"link {key} again so that the secret is made anew"
    annotation = (metadata.get("annotations") or {}).get(names.CLUSTER_ANNOTATION)
    if annotation is None:
        doubt(REMOTE_SECRET_ANNOTATION, f"annotation {names.CLUSTER_ANNOTATION} is missing, expected {key}", relink)
    elif annotation != key:
        doubt(
            REMOTE_SECRET_ANNOTATION,
            f"annotation {names.CLUSTER_ANNOTATION} is {annotation}, the data key is {key}; istiod goes by the key",
            relink,
        )
    if metadata["name"] != names.remote_secret_name(key):
        doubt(
            REMOTE_SECRET_NAME,
            f"the secret holds cluster {key} but is not named {names.remote_secret_name(key)}; istiod goes by the key",
            f"delete it, wait until istiod has lost {key}, then {relink}",
        )
    return findings


def is_loopback(server: str) -> bool:
    """Whether the URL of an API server leads a pod to itself. istioctl warns about such a server."""
    host = urlsplit(server if "://" in server else f"//{server}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _report_wrong_namespace(own: str, location: str, namespace: str) -> Finding:
    return Finding(
        own,
        REMOTE_SECRET_NAMESPACE,
        f"a remote secret lies outside of {namespace}; istiod reads only its own namespace and says nothing",
        f"link again with the namespace {namespace}, then delete this Secret",
        "warning",
        f"Secret {location}",
    )


def _report_no_data(own: str, location: str) -> Finding:
    return Finding(
        own,
        REMOTE_SECRET_EMPTY,
        "the remote secret has no data key, so it registers no cluster",
        "link the cluster again, or delete it",
        "warning",
        f"Secret {location}",
    )


def _report_own_cluster(own: str, location: str) -> Finding:
    return Finding(
        own,
        REMOTE_SECRET_OWN_CLUSTER,
        f"key {own} is the cluster's own ID; istiod ignores it",
        "remove the key: a cluster is not linked to itself. If it is meant for another cluster, "
        "the two have the same name",
        "warning",
        f"Secret {location}",
    )


def _report_duplicate(own: str, cluster_id: str, location: str, first: str) -> Finding:
    return Finding(
        own,
        REMOTE_SECRET_DUPLICATE,
        f"cluster {cluster_id} is registered by {first} already; istiod ignores this secret, and when {first} "
        f"is deleted it has no cluster {cluster_id} at all until this secret changes or istiod restarts",
        f"keep one of the two: delete this secret, or delete {first}, wait until istiod has lost {cluster_id} "
        "and link again",
        "error",
        f"Secret {location}",
    )


def _report_refused(own: str, cluster_id: str, location: str, reason: str) -> Finding:
    return Finding(
        own,
        REMOTE_SECRET_REFUSED,
        f"istiod refuses the kubeconfig for {cluster_id}: {reason}",
        f"link {cluster_id} again so that the secret is made anew",
        "error",
        f"Secret {location}",
    )

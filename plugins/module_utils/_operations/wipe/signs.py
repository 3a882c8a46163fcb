# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which signs a live object is known to be ours or Istio's. Pure.

A name alone never decides. What carries no label or annotation of Istio is known by its exact name together with
something that only Istio writes: a key, a type, a controller name, the service that a webhook calls. The lists are
those of Istio's charts (manifests/charts), of pilot/pkg/leaderelection and of operator/pkg/uninstall/prune.go.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._istio import names
from ..._istio.chart_objects import DEFINITIONS
from ..._kube import kinds
from ..._kube.kinds import Kind
from ..._ownership import LABEL_COMPONENT, is_ours

CLUSTER_TRUST_BUNDLE = Kind("certificates.k8s.io/v1beta1", "ClusterTrustBundle", "clustertrustbundles", False)


@dataclass(frozen=True)
class FoundObject:
    """One live object with its resource type. Most are metadata only; a Secret never holds more than its keys."""

    kind: Kind
    object: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        metadata: Mapping[str, Any] = self.object.get("metadata") or {}
        return metadata

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or "")

    @property
    def uid(self) -> str:
        return str(self.metadata.get("uid") or "")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def finalizers(self) -> tuple[str, ...]:
        return tuple(self.metadata.get("finalizers") or ())

    @property
    def deleting(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(owner.get("uid", "") for owner in self.metadata.get("ownerReferences") or ())

    @property
    def type(self) -> tuple[str, str]:
        """Group and kind: what stays the same over versions."""
        return (self.kind.group, self.kind.kind)

    def __str__(self) -> str:
        return self.kind.describe(self.name, self.namespace or None)


def is_a(found: FoundObject, *wanted: Kind) -> bool:
    """Whether it is of one of these types, at whatever version."""
    return any(found.type == (kind.group, kind.kind) for kind in wanted)


@dataclass(frozen=True)
class FoundRelease:
    """A helm release, from its records. ``chart`` is empty where no record could be read."""

    name: str
    namespace: str
    chart: str
    sources: tuple[str, ...] = ()

    @property
    def is_istio(self) -> bool:
        return self.chart in ISTIO_CHARTS and any("github.com/istio/istio" in source for source in self.sources)


ISTIO_CHARTS = frozenset(
    {
        "ambient",
        "base",
        "cni",
        "default",
        "gateway",
        "istio-cni",
        "istio-default",
        "istio-discovery",
        "istio-egress",
        "istio-ingress",
        "istio-operator",
        "istiod",
        "istiod-remote",
        "ztunnel",
    }
)

LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_CHART = "helm.sh/chart"
LABEL_OPERATOR_COMPONENT = "operator.istio.io/component"
LABEL_OWNING_RESOURCE = "install.operator.istio.io/owning-resource"
LABEL_REVISION_TAG = "istio.io/tag"
LABEL_MANAGED_GATEWAY = "gateway.istio.io/managed"
LABEL_CONFIG = "istio.io/config"
ANNOTATION_RELEASE_NAME = "meta.helm.sh/release-name"
ANNOTATION_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
ANNOTATION_LEADER = "control-plane.alpha.kubernetes.io/leader"
ANNOTATION_CERT_MANAGER = "cert-manager.io/certificate-name"
ANNOTATION_INJECTED = "sidecar.istio.io/status"

CERTIFICATES_OF_EVERY_NAMESPACE = frozenset({names.ROOT_CONFIG_MAP, "istio-ca-crl"})
ELECTIONS = (
    "istio-leader",
    "istio-namespace-controller-election",
    "istio-clustertrustbundle-controller-election",
    "istio-serviceexport-controller-election",
    "istio-gateway-status-leader",
    "istio-gateway-leader",
    "istio-gateway-deployment",
    "istio-gateway-deployment-leader",
    "istio-gateway-inferencepool",
    "istio-status-leader",
    "istio-analyze-leader",
    "istio-node-untaint",
    "istio-ip-autoallocate",
    "istio-validation-controller-election",
)
_ELECTION = re.compile(rf"({'|'.join(ELECTIONS)})(-[a-z0-9.-]+)?")

GATEWAY_CLASSES = frozenset(
    {"istio", "istio-remote", "istio-waypoint", "istio-east-west", "istio-agentgateway", "istio-agentgateway-waypoint"}
)

ISTIO_DEFINITIONS = frozenset(
    f"{plural}.{group}"
    for group, plurals in {
        **DEFINITIONS,
        "install.istio.io": ("istiooperators", "istiocontrolplanes"),
        # Of versions before 1.8, which leave them behind on every upgrade.
        "authentication.istio.io": ("meshpolicies", "policies"),
        "config.istio.io": (
            "adapters",
            "attributemanifests",
            "handlers",
            "httpapispecbindings",
            "httpapispecs",
            "instances",
            "quotaspecbindings",
            "quotaspecs",
            "rules",
            "templates",
        ),
        "rbac.istio.io": ("clusterrbacconfigs", "rbacconfigs", "servicerolebindings", "serviceroles"),
    }.items()
    for plural in plurals
)


@dataclass(frozen=True)
class Operator:
    """Somebody who installs Istio from a custom resource of ``group``, and holds the resource by ``finalizers``."""

    title: str
    group: str
    finalizers: frozenset[str]
    workload: re.Pattern[str]
    image: re.Pattern[str]
    removed: bool
    """Whether the operator itself is Istio's and goes, or is a product of its own that stays."""


OPERATORS: tuple[Operator, ...] = (
    Operator(
        "Istio's operator",
        "install.istio.io",
        frozenset({"istio-finalizer.install.istio.io"}),
        re.compile(r"istio-operator(-[a-z0-9-]+)?"),
        re.compile(r"(^|/)istio[a-z0-9.-]*/(.+/)?operator([:@]|$)"),
        removed=True,
    ),
    Operator(
        "the Sail operator",
        "sailoperator.io",
        frozenset({"sailoperator.io/sail-operator"}),
        re.compile(r"sail-operator|servicemesh-operator3"),
        re.compile(r"sail-operator|istio-rhel\d-operator"),
        removed=False,
    ),
    Operator(
        "Banzai Cloud's Istio operator",
        "istio.banzaicloud.io",
        # Spelt so in its source.
        frozenset({"istio-operator.finializer.banzaicloud.io", "remote-istio-operator.finializer.banzaicloud.io"}),
        re.compile(r"istio-operator(-[a-z0-9-]+)?"),
        re.compile(r"banzaicloud/istio-operator"),
        removed=False,
    ),
    Operator(
        "Cisco's Istio operator",
        "servicemesh.cisco.com",
        frozenset({"istio-controlplane.servicemesh.cisco.com"}),
        re.compile(r"istio-operator(-[a-z0-9-]+)?"),
        re.compile(r"banzaicloud/istio-operator|cisco[a-z0-9-]*/istio-operator"),
        removed=False,
    ),
)
_OPERATOR_OF_GROUP = {operator.group: operator for operator in OPERATORS}


def operator_of(group: str) -> Operator | None:
    return _OPERATOR_OF_GROUP.get(group)


def runs(workload: FoundObject, operator: Operator) -> bool:
    """Whether a Deployment or StatefulSet is the given operator. Loose on purpose: in doubt a finalizer is kept."""
    return bool(operator.workload.fullmatch(workload.name) or any(map(operator.image.search, _images(workload))))


def is_ready(workload: FoundObject) -> bool:
    return bool((workload.object.get("status") or {}).get("readyReplicas"))


def _images(workload: FoundObject) -> list[str]:
    pod = ((workload.object.get("spec") or {}).get("template") or {}).get("spec") or {}
    return [str(container.get("image") or "") for container in pod.get("containers") or ()]


@dataclass(frozen=True)
class IstioSurroundings:
    """What the signs of an object depend on beside the object: Istio's namespaces, and helm's releases of Istio."""

    namespaces: frozenset[str]
    releases: frozenset[tuple[str, str]] = frozenset()
    """Namespace and name of each release of one of Istio's charts."""


def sign_of(found: FoundObject, surroundings: IstioSurroundings) -> str:
    """Why an object is ours or Istio's, in words for people; empty where nothing says so."""
    return (
        _sign_of_owner(found)
        or sign_of_chart(found)
        or _sign_of_release(found, surroundings)
        or _sign_of_name(found, surroundings)
    )


def _sign_of_owner(found: FoundObject) -> str:
    if is_ours(found.object):
        component = found.labels.get(LABEL_COMPONENT)
        return f"made by onemesh.istio ({component})" if component else "made by onemesh.istio"
    return ""


def sign_of_chart(found: FoundObject) -> str:
    """The signs that Istio's own charts and istioctl leave, which need no helm record."""
    labels = found.labels
    if component := labels.get(LABEL_OPERATOR_COMPONENT):
        return f"Istio component {component}"
    if labels.get(LABEL_OWNING_RESOURCE):
        return "made by Istio's installer"
    # part-of alone is what people also put on dashboards and the like; every chart of Istio sets both.
    chart = labels.get(LABEL_CHART, "")
    if labels.get(LABEL_PART_OF) == "istio" and _CHART_VERSION.sub("", chart) in ISTIO_CHARTS:
        return f"Istio chart {chart}"
    if labels.get(LABEL_MANAGED_GATEWAY, "").startswith("istio.io-"):
        return "made by istiod for a Gateway"
    return ""


def _sign_of_release(found: FoundObject, surroundings: IstioSurroundings) -> str:
    name = found.annotations.get(ANNOTATION_RELEASE_NAME, "")
    namespace = found.annotations.get(ANNOTATION_RELEASE_NAMESPACE, "")
    if (namespace, name) in surroundings.releases:
        return f"helm release {namespace}/{name} of Istio"
    return ""


_CHART_VERSION = re.compile(r"-v?\d.*$")
_Check = Callable[[FoundObject, IstioSurroundings], str]


def _sign_of_name(found: FoundObject, surroundings: IstioSurroundings) -> str:
    check = _CHECKS.get(found.type)
    return check(found, surroundings) if check else ""


def _config_map(found: FoundObject, surroundings: IstioSurroundings) -> str:
    if found.name in CERTIFICATES_OF_EVERY_NAMESPACE and found.labels.get(LABEL_CONFIG) == "true":
        return "written by istiod into every namespace"
    if found.namespace in surroundings.namespaces and _ELECTION.fullmatch(found.name):
        return "leader election of istiod" if ANNOTATION_LEADER in found.annotations else ""
    return ""


def _lease(found: FoundObject, surroundings: IstioSurroundings) -> str:
    if found.namespace in surroundings.namespaces and _ELECTION.fullmatch(found.name):
        return "leader election of istiod"
    return ""


def _secret(found: FoundObject, surroundings: IstioSurroundings) -> str:
    if found.labels.get(names.MULTI_CLUSTER_LABEL) == "true":
        return "remote secret of istiod"
    if found.namespace not in surroundings.namespaces or ANNOTATION_CERT_MANAGER in found.annotations:
        return ""
    keys = set(found.object.get("data") or {})
    kind = found.object.get("type")
    if found.name == names.CA_SECRET and (names.CA_CERT_KEY in keys or set(names.TLS_SECRET_KEYS) <= keys):
        return "certificate authority of istiod"
    if found.name == names.SELF_SIGNED_CA_SECRET and (kind == "istio.io/ca-root" or names.CA_CERT_KEY in keys):
        return "self-signed certificate authority of istiod"
    if found.name == names.EXTERNAL_KUBECONFIG_SECRET and "config" in keys:
        return "kubeconfig of an external istiod"
    if found.name == "istiod-tls" and kind == "kubernetes.io/tls":
        return "serving certificate of istiod"
    account = found.annotations.get(names.SERVICE_ACCOUNT_NAME_ANNOTATION, "")
    if kind == names.SERVICE_ACCOUNT_TOKEN_TYPE and found.name == f"{account}-istio-remote-secret-token":
        return f"token of ServiceAccount {account}, for remote secrets"
    return ""


def _webhook(found: FoundObject, surroundings: IstioSurroundings) -> str:
    """A webhook that calls istiod is Istio's whatever its labels: once istiod is gone, all it can do is to block."""
    for webhook in found.object.get("webhooks") or ():
        client = webhook.get("clientConfig") or {}
        service = client.get("service") or {}
        if (
            re.fullmatch(r"istiod(-[a-z0-9-]+)?", service.get("name") or "")
            and str(service.get("path") or "").startswith(("/inject", "/validate"))
            and service.get("namespace") in surroundings.namespaces
        ):
            return f"calls istiod ({service['namespace']}/{service['name']})"
        if _WEBHOOK_NAME.fullmatch(found.name) and str(webhook.get("name")).endswith(".istio.io"):
            return f"webhook {webhook['name']} of Istio"
    return ""


_WEBHOOK_NAME = re.compile(
    r"(istio-sidecar-injector|istio-revision-tag|istio-validator|istiod-default-validator)(-[a-z0-9.-]+)?"
)


def _rbac(found: FoundObject, _surroundings: IstioSurroundings) -> str:
    if _RBAC_NAME.fullmatch(found.name) and found.labels.get("app") in _RBAC_APPS:
        return f"access rights of {found.labels['app']}"
    return ""


_RBAC_NAME = re.compile(
    r"(istiod|istiod-clusterrole|istiod-gateway-controller|istio-reader|istio-reader-clusterrole"
    r"|istio-cni|istio-cni-repair|istio-cni-ambient|ztunnel)(-[a-z0-9.-]+)?"
)
_RBAC_APPS = frozenset({"istiod", "istio-reader", "istio-cni", "ztunnel"})


def _account(found: FoundObject, surroundings: IstioSurroundings) -> str:
    return _rbac(found, surroundings) if found.namespace in surroundings.namespaces else ""


def _deployment(found: FoundObject, _surroundings: IstioSurroundings) -> str:
    for operator in OPERATORS:
        if operator.removed and any(map(operator.image.search, _images(found))):
            return f"{operator.title}, by its image"
    return ""


def _gateway_class(found: FoundObject, _surroundings: IstioSurroundings) -> str:
    controller = str((found.object.get("spec") or {}).get("controllerName") or "")
    if found.name in GATEWAY_CLASSES and controller.startswith("istio.io/"):
        return f"made by istiod (controller {controller})"
    return ""


def _trust_bundle(found: FoundObject, _surroundings: IstioSurroundings) -> str:
    return "root certificate of istiod" if found.name == "istio.io:istiod-ca:root-cert" else ""


def _definition(found: FoundObject, _surroundings: IstioSurroundings) -> str:
    return "resource type of Istio" if found.name in ISTIO_DEFINITIONS else ""


def _checks(entries: Iterable[tuple[Kind, _Check]]) -> dict[tuple[str, str], _Check]:
    return {(kind.group, kind.kind): check for kind, check in entries}


_CHECKS = _checks(
    [
        (kinds.CONFIG_MAP, _config_map),
        (kinds.LEASE, _lease),
        (kinds.SECRET, _secret),
        (kinds.MUTATING_WEBHOOK_CONFIGURATION, _webhook),
        (kinds.VALIDATING_WEBHOOK_CONFIGURATION, _webhook),
        (kinds.CLUSTER_ROLE, _rbac),
        (kinds.CLUSTER_ROLE_BINDING, _rbac),
        (kinds.ROLE, _account),
        (kinds.ROLE_BINDING, _account),
        (kinds.SERVICE_ACCOUNT, _account),
        (kinds.DEPLOYMENT, _deployment),
        (kinds.KUBERNETES_GATEWAY_CLASS, _gateway_class),
        (CLUSTER_TRUST_BUNDLE, _trust_bundle),
        (kinds.CUSTOM_RESOURCE_DEFINITION, _definition),
    ]
)

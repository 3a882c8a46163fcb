# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource types that the collection knows, and the paths of their objects. Pure.

For these no discovery request is sent. The plural and the scope of a type do not depend on its version, so every served
version of a known type is known too. Anything else is found by the client through aggregated discovery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote


class Kind(NamedTuple):
    """A resource type at one version: ``Kind("networking.istio.io/v1", "Gateway", "gateways", True)``."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return group_of(self.api_version)

    def describe(self, name: str = "", namespace: str | None = None) -> str:
        """How errors name an object: ``Secret istio-system/cacerts``."""
        place = "/".join(part for part in (namespace, name) if part)
        return f"{self.kind} {place}" if place else self.kind


class UnknownKind(LookupError):
    """The type is not in the table."""


NAMESPACE = Kind("v1", "Namespace", "namespaces", False)
NODE = Kind("v1", "Node", "nodes", False)
POD = Kind("v1", "Pod", "pods", True)
SERVICE = Kind("v1", "Service", "services", True)
ENDPOINTS = Kind("v1", "Endpoints", "endpoints", True)
SECRET = Kind("v1", "Secret", "secrets", True)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", True)
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts", True)
EVENT = Kind("v1", "Event", "events", True)
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True)
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas", True)

DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", True)
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets", True)
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets", True)
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets", True)

CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False)
CLUSTER_ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False)
ROLE = Kind("rbac.authorization.k8s.io/v1", "Role", "roles", True)
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", True)

MUTATING_WEBHOOK_CONFIGURATION = Kind(
    "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False
)
VALIDATING_WEBHOOK_CONFIGURATION = Kind(
    "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False
)
VALIDATING_ADMISSION_POLICY = Kind(
    "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False
)
VALIDATING_ADMISSION_POLICY_BINDING = Kind(
    "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", False
)
CUSTOM_RESOURCE_DEFINITION = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False
)
API_SERVICE = Kind("apiregistration.k8s.io/v1", "APIService", "apiservices", False)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases", True)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", True)
HORIZONTAL_POD_AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True)
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", True)
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", True)
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses", True)
NETWORK_ATTACHMENT_DEFINITION = Kind(
    "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "network-attachment-definitions", True
)
JOB = Kind("batch/v1", "Job", "jobs", True)

TOKEN_REVIEW = Kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", False)
TOKEN_REQUEST = Kind("authentication.k8s.io/v1", "TokenRequest", "serviceaccounts", True)
"""Written to the subresource ``token`` of a service account: see ``Client.request_token``."""
SELF_SUBJECT_REVIEW = Kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", False)
SELF_SUBJECT_ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False
)
SUBJECT_ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", False)

GATEWAY = Kind("networking.istio.io/v1", "Gateway", "gateways", True)
VIRTUAL_SERVICE = Kind("networking.istio.io/v1", "VirtualService", "virtualservices", True)
DESTINATION_RULE = Kind("networking.istio.io/v1", "DestinationRule", "destinationrules", True)
SERVICE_ENTRY = Kind("networking.istio.io/v1", "ServiceEntry", "serviceentries", True)
SIDECAR = Kind("networking.istio.io/v1", "Sidecar", "sidecars", True)
WORKLOAD_ENTRY = Kind("networking.istio.io/v1", "WorkloadEntry", "workloadentries", True)
WORKLOAD_GROUP = Kind("networking.istio.io/v1", "WorkloadGroup", "workloadgroups", True)
ENVOY_FILTER = Kind("networking.istio.io/v1alpha3", "EnvoyFilter", "envoyfilters", True)
PROXY_CONFIG = Kind("networking.istio.io/v1beta1", "ProxyConfig", "proxyconfigs", True)
PEER_AUTHENTICATION = Kind("security.istio.io/v1", "PeerAuthentication", "peerauthentications", True)
REQUEST_AUTHENTICATION = Kind("security.istio.io/v1", "RequestAuthentication", "requestauthentications", True)
AUTHORIZATION_POLICY = Kind("security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies", True)
TELEMETRY = Kind("telemetry.istio.io/v1", "Telemetry", "telemetries", True)
WASM_PLUGIN = Kind("extensions.istio.io/v1alpha1", "WasmPlugin", "wasmplugins", True)
TRAFFIC_EXTENSION = Kind("extensions.istio.io/v1alpha1", "TrafficExtension", "trafficextensions", True)
ISTIO_OPERATOR = Kind("install.istio.io/v1alpha1", "IstioOperator", "istiooperators", True)

SAIL_ISTIO = Kind("sailoperator.io/v1", "Istio", "istios", False)
SAIL_ISTIO_REVISION = Kind("sailoperator.io/v1", "IstioRevision", "istiorevisions", False)
SAIL_ISTIO_REVISION_TAG = Kind("sailoperator.io/v1", "IstioRevisionTag", "istiorevisiontags", False)
SAIL_ISTIO_CNI = Kind("sailoperator.io/v1", "IstioCNI", "istiocnis", False)
SAIL_ZTUNNEL = Kind("sailoperator.io/v1", "ZTunnel", "ztunnels", False)

KUBERNETES_GATEWAY_CLASS = Kind("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses", False)
KUBERNETES_GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways", True)
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", True)
GRPC_ROUTE = Kind("gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes", True)
TLS_ROUTE = Kind("gateway.networking.k8s.io/v1", "TLSRoute", "tlsroutes", True)
TCP_ROUTE = Kind("gateway.networking.k8s.io/v1", "TCPRoute", "tcproutes", True)
UDP_ROUTE = Kind("gateway.networking.k8s.io/v1", "UDPRoute", "udproutes", True)
REFERENCE_GRANT = Kind("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants", True)
BACKEND_TLS_POLICY = Kind("gateway.networking.k8s.io/v1", "BackendTLSPolicy", "backendtlspolicies", True)
LISTENER_SET = Kind("gateway.networking.k8s.io/v1", "ListenerSet", "listenersets", True)


def group_of(api_version: str) -> str:
    """``apps/v1`` -> ``apps``, ``v1`` -> the empty string."""
    return api_version.rpartition("/")[0]


KINDS: tuple[Kind, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
"""Every known type at the version that we write."""

_BY_GROUP_AND_KIND = {(kind.group, kind.kind): kind for kind in KINDS}


def find_known_kind(api_version: str, kind: str) -> Kind:
    """The known type, at the version asked for. Raises UnknownKind."""
    known = _BY_GROUP_AND_KIND.get((group_of(api_version), kind))
    if known is None or not api_version:
        raise UnknownKind(f"{api_version} {kind}")
    return known if known.api_version == api_version else known._replace(api_version=api_version)


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The type of an object, from its ``apiVersion`` and ``kind``. Raises UnknownKind."""
    return find_known_kind(str(manifest.get("apiVersion") or ""), str(manifest.get("kind") or ""))


def make_path(kind: Kind, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
    """The URL path of a collection (no name), an object, or a subresource of an object.

    Without a namespace a namespaced type's path is that of all namespaces, which only a list or a watch can use;
    ValueError where an object of it is named without its namespace. A cluster-wide type ignores ``namespace``.
    """
    if kind.namespaced and name and not namespace:
        raise ValueError(f"{kind.kind} {name} needs a namespace")
    parts = ["apis" if kind.group else "api", kind.api_version]
    if kind.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(kind.plural)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(subresource)
    return "/" + "/".join(parts)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Istio fixes: labels, annotations, accounts, secrets, ports.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re

SYSTEM_NAMESPACE = "istio-system"

# Labels and annotations (istio.io/api label and annotation packages).
NETWORK_LABEL = "topology.istio.io/network"
CONTROL_PLANE_CLUSTERS_ANNOTATION = "topology.istio.io/controlPlaneClusters"
REVISION_LABEL = "istio.io/rev"
INJECTION_LABEL = "istio-injection"
DATAPLANE_LABEL = "istio.io/dataplane-mode"
GATEWAY_PORT_LABEL = "networking.istio.io/gatewayPort"
NODE_SELECTOR_ANNOTATION = "traffic.istio.io/nodeSelector"
TLS_MODE_LABEL = "security.istio.io/tlsMode"

# Remote secrets (pkg/kube/multicluster, istioctl/pkg/multicluster).
MULTI_CLUSTER_LABEL = "istio/multiCluster"
CLUSTER_ANNOTATION = "networking.istio.io/cluster"
REMOTE_SECRET_PREFIX = "istio-remote-secret-"
EXTERNAL_KUBECONFIG_SECRET = "istio-kubeconfig"
READER_SERVICE_ACCOUNT = "istio-reader-service-account"
READER_TOKEN_SECRET = f"{READER_SERVICE_ACCOUNT}-istio-remote-secret-token"
SERVICE_ACCOUNT_NAME_ANNOTATION = "kubernetes.io/service-account.name"
SERVICE_ACCOUNT_TOKEN_TYPE = "kubernetes.io/service-account-token"

# Certificate authority (security/pkg/pki/ca/ca.go).
CA_SECRET = "cacerts"
CA_CERT_KEY = "ca-cert.pem"
CA_KEY_KEY = "ca-key.pem"
ROOT_CERT_KEY = "root-cert.pem"
CERT_CHAIN_KEY = "cert-chain.pem"
CA_SECRET_KEYS = (CA_CERT_KEY, CA_KEY_KEY, ROOT_CERT_KEY, CERT_CHAIN_KEY)
TLS_SECRET_KEYS = ("tls.crt", "tls.key", "ca.crt")
"""cert-manager's form of ``cacerts``, which istiod reads too."""
SELF_SIGNED_CA_SECRET = "istio-ca-secret"
ISTIO_GENERATED_KEY = "istio-generated"
ROOT_CONFIG_MAP = "istio-ca-root-cert"

# Ports of istiod and of an east-west gateway.
MONITORING_PORT = 15014
CROSS_NETWORK_PORT = 15443
ENVOY_ADMIN_PORT = 15000

EAST_WEST_GATEWAY = "istio-eastwestgateway"
EAST_WEST_SELECTOR = {"istio": "eastwestgateway"}
CROSS_NETWORK_GATEWAY = "cross-network-gateway"

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_dns_label(text: str) -> bool:
    """Whether ``text`` is a DNS-1123 label, which a cluster's name has to be for `istioctl create-remote-secret`."""
    return _DNS_LABEL.fullmatch(text) is not None


def remote_secret_name(cluster: str) -> str:
    return REMOTE_SECRET_PREFIX + cluster

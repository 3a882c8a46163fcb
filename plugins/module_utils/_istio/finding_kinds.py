# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_istio``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

DESTINATION_AMBIGUOUS = FindingKind(
    "destination-ambiguous",
    "A name fits several destinations of the route.",
    "Use one of the names in the message.",
)
DESTINATION_MIRRORED = FindingKind(
    "destination-mirrored",
    "A destination gets copies of requests only, which have no weight.",
    "Add it as a destination with weight 0, or name another.",
)
DESTINATION_MISSING = FindingKind(
    "destination-missing",
    "No route sends to the destination.",
    "Name one that the route has, or add it with weight 0.",
)
DESTINATION_TWICE = FindingKind(
    "destination-twice",
    "Two weights are given for one destination.",
    "Name it once.",
)
DESTINATION_UNCLEAR = FindingKind(
    "destination-unclear",
    "A route has several different destinations, so it is unknown what a new one is to be like.",
    "Add the destinations to the route, with weight 0.",
)
REMOTE_SECRET_ANNOTATION = FindingKind(
    "remote-secret-annotation",
    "The annotation of a remote secret names no cluster or another one; istiod goes by the data key.",
    "Link the cluster again.",
)
REMOTE_SECRET_CA_FILE = FindingKind(
    "remote-secret-ca-file",
    "The kubeconfig in a remote secret names a file, which has to be there where istiod runs.",
    "Link the cluster again.",
)
REMOTE_SECRET_CONTEXTS = FindingKind(
    "remote-secret-contexts",
    "The kubeconfig in a remote secret has several contexts; istiod uses the current one.",
    "Link the cluster again.",
)
REMOTE_SECRET_CURRENT_CONTEXT = FindingKind(
    "remote-secret-current-context",
    "The kubeconfig in a remote secret leads to a cluster of another name.",
    "Check that its server is the API server of the cluster, then link again.",
)
REMOTE_SECRET_DUPLICATE = FindingKind(
    "remote-secret-duplicate",
    "Two remote secrets register one cluster; istiod ignores the younger one.",
    "Delete one of the two.",
)
REMOTE_SECRET_EMPTY = FindingKind(
    "remote-secret-empty",
    "A remote secret has no data.",
    "Link the cluster again, or delete the Secret.",
)
REMOTE_SECRET_INSECURE = FindingKind(
    "remote-secret-insecure",
    "The kubeconfig in a remote secret does not verify the API server's certificate.",
    "Link the cluster again.",
)
REMOTE_SECRET_LOOPBACK = FindingKind(
    "remote-secret-loopback",
    "The kubeconfig in a remote secret names a loopback address.",
    "Set api_server of the cluster, then link again.",
)
REMOTE_SECRET_NAME = FindingKind(
    "remote-secret-name",
    "A remote secret is not named after its cluster; istiod goes by the data key.",
    "Delete it, wait until istiod has lost the cluster, then link again.",
)
REMOTE_SECRET_NAMESPACE = FindingKind(
    "remote-secret-namespace",
    "A remote secret lies outside of Istio's namespace, where istiod does not read it.",
    "Link again, then delete this Secret.",
)
REMOTE_SECRET_OWN_CLUSTER = FindingKind(
    "remote-secret-own-cluster",
    "A remote secret registers the cluster that it is on; istiod ignores it.",
    "Remove the key, or give one of the two clusters another name.",
)
REMOTE_SECRET_REFUSED = FindingKind(
    "remote-secret-refused",
    "istiod refuses the kubeconfig in a remote secret.",
    "Link the cluster again.",
)
ROUTE_AMBIGUOUS = FindingKind(
    "route-ambiguous",
    "Several routes have the name.",
    "Name the section, or select the route by its index.",
)
SUBSETS_NOT_SUPPORTED = FindingKind(
    "subsets-not-supported",
    "Routes of the Gateway API have no subsets.",
    "Give each part of the host a Service of its own, or use a VirtualService.",
)
TRUST_CHAIN = FindingKind(
    "trust-chain",
    "The chain does not hold the intermediate certificate.",
    "Make cert_chain of ca_cert and what lies between it and the root.",
)
TRUST_EXPIRED = FindingKind(
    "trust-expired",
    "A certificate has expired.",
    "Issue it again under the same root; an expired root needs a new one.",
)
TRUST_EXPIRES_SOON = FindingKind(
    "trust-expires-soon",
    "A certificate expires soon.",
    "Issue it again under the same root; plan the change of a root early.",
)
TRUST_EXTENDED_KEY_USAGE = FindingKind(
    "trust-extended-key-usage",
    "A certificate rules out server or client authentication.",
    "Issue it again without extendedKeyUsage, or with both.",
)
TRUST_INCOMPLETE = FindingKind(
    "trust-incomplete",
    "A part of the certificate authority is missing or empty.",
    "Give all four of ca_cert, ca_key, root_cert and cert_chain.",
)
TRUST_KEY_MISMATCH = FindingKind(
    "trust-key-mismatch",
    "The key does not belong to the certificate.",
    "Give the key with which the certificate was requested.",
)
TRUST_KEY_TYPE = FindingKind(
    "trust-key-type",
    "Proxies do not accept keys of this type.",
    "Issue it again with RSA, or ECDSA P-256 or P-384.",
)
TRUST_KEY_UNREADABLE = FindingKind(
    "trust-key-unreadable",
    "The key cannot be read.",
    "Give it in PEM, with its passphrase where it is encrypted.",
)
TRUST_KEY_USAGE = FindingKind(
    "trust-key-usage",
    "A certificate may not sign certificates.",
    "Issue it again with keyCertSign.",
)
TRUST_NOT_A_CA = FindingKind(
    "trust-not-a-ca",
    "A certificate is not a certificate authority.",
    "Issue it again with CA:true.",
)
TRUST_NOT_YET_VALID = FindingKind(
    "trust-not-yet-valid",
    "A certificate is not valid yet.",
    "Check the clocks, or issue it again.",
)
TRUST_OUTLIVES_ROOT = FindingKind(
    "trust-outlives-root",
    "The intermediate expires after its root.",
    "Issue it with a shorter validity.",
)
TRUST_UNREADABLE = FindingKind(
    "trust-unreadable",
    "A file is no PEM certificate.",
    "Give it in PEM.",
)
TRUST_UNVERIFIABLE = FindingKind(
    "trust-unverifiable",
    "The intermediate does not verify to the root.",
    "Give the root that issued it, and all certificates between in cert_chain.",
)
TRUST_WEAK_KEY = FindingKind(
    "trust-weak-key",
    "An RSA key has fewer than 2048 bits.",
    "Issue it again with RSA 2048 or more, or ECDSA P-256.",
)
TRUST_WEAK_SIGNATURE = FindingKind(
    "trust-weak-signature",
    "A certificate is signed with SHA-1 or MD5.",
    "Issue it again with SHA-256.",
)
WEIGHT_INVALID = FindingKind(
    "weight-invalid",
    "A weight is not a whole number from 0.",
    "Correct it.",
)
WEIGHTS_MISSING = FindingKind(
    "weights-missing",
    "No weight is given.",
    "Give each destination its weight.",
)
WEIGHTS_SUM = FindingKind(
    "weights-sum",
    "The weights do not add up to the total.",
    "Give weights that do, or another total.",
)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_operations``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

WIPE = (
    "playbook onemesh.istio.wipe deletes it together with all that is Istio's on the cluster, its resource types and "
    "your objects of them"
)
"""Never the first remedy, and never without these words."""

API_SERVER_CERTIFICATE = FindingKind(
    "api-server-certificate",
    "The certificate of the API server does not fit the URL or the authority that other clusters get.",
    "Set api_server to a URL that the certificate names, or tls_server_name to a name that it has.",
)
API_SERVER_LOOPBACK = FindingKind(
    "api-server-loopback",
    "Other clusters would reach the API server at a loopback address, which is their own machine.",
    "Set api_server of the cluster to the https URL by which pods of the other clusters reach it.",
)
API_SERVER_NOT_TRIED = FindingKind(
    "api-server-not-tried",
    "This machine does not reach the URL that other clusters get, so it was not tried.",
    "See that pods of the other clusters reach it, or set api_server to a URL that they reach.",
)
API_SERVER_OF_ANOTHER = FindingKind(
    "api-server-of-another",
    "The URL for an API server leads to the API server of another cluster.",
    "Set api_server of each cluster to its own https URL.",
)
API_SERVER_TOKEN = FindingKind(
    "api-server-token",
    "The API server refuses the token that other clusters get.",
    "Set api_server to the API server that issued the token, then link again.",
)
API_SERVER_URL = FindingKind(
    "api-server-url",
    "The URL of the API server is no https URL with a host.",
    "Write it as https://HOST:PORT.",
)
CHANGED_AGAIN = FindingKind(
    "changed-again",
    "Something changes objects of a release again right after they were written.",
    "Find out who writes them, and leave them to one of the two.",
)
CHARTS_UNAVAILABLE = FindingKind(
    "charts-unavailable",
    "The Helm charts cannot be read or downloaded.",
    "Correct the charts' location, version or credentials.",
)
CLUSTER_NAME_INVALID = FindingKind(
    "cluster-name-invalid",
    "The name of a cluster is no DNS label.",
    "Use lower-case letters, digits and hyphens, 63 at most.",
)
CLUSTER_REGISTERED_TWICE = FindingKind(
    "cluster-registered-twice",
    "Another remote secret registers the cluster already, and istiod would ignore ours.",
    "Delete the Secret that the message names, and run again.",
)
CREDENTIALS_EXPIRE_SOON = FindingKind(
    "credentials-expire-soon",
    "The token in use ends soon.",
    "Get a new one before a long run.",
)
CREDENTIALS_NOT_FOR_HELM = FindingKind(
    "credentials-not-for-helm",
    "Helm cannot use these credentials.",
    "Use credentials that can be written into a kubeconfig.",
)
FACT_NOT_READ = FindingKind(
    "fact-not-read",
    "A fact of the cluster could not be read.",
    "Grant reading it to the account, or use another account.",
)
FILE_UNREADABLE = FindingKind(
    "file-unreadable",
    "A file on the controller cannot be read.",
    "Correct its path, or give the user of Ansible access.",
)
CONTROL_PLANE_NOT_ANNOTATED = FindingKind(
    "control-plane-not-annotated",
    "Istio's namespace on a remote does not name the cluster whose istiod is to control it.",
    "Run site, or the role control_plane with tasks_from remote, before link.",
)
GATEWAY_ADDRESS_MISSING = FindingKind(
    "gateway-address-missing",
    "The gateway got no address in time.",
    "See why its Service has none, or allow more time.",
)
GATEWAY_ADDRESS_REFUSED = FindingKind(
    "gateway-address-refused",
    "The east-west gateway would have no usable address.",
    "Correct the option that the message names.",
)
GATEWAY_MISSING = FindingKind(
    "gateway-missing",
    "A network has no east-west gateway that the other cluster could reach.",
    "Install it first, with the role eastwest_gateway.",
)
GATEWAY_NODES_MISSING = FindingKind(
    "gateway-nodes-missing",
    "A gateway that is reached at nodes would find no node with an address.",
    "Do what the message says about nodes, or use a load balancer.",
)
HOST_ALREADY_ROUTED = FindingKind(
    "host-already-routed",
    "Another VirtualService routes this host already, and a second one would not count.",
    "Name that one in the option name.",
)
ISTIOD_OF_A_REMOTE = FindingKind(
    "istiod-of-a-remote",
    "A cluster that is to be a remote has an istiod of its own.",
    "Wipe it first, or let it have its own control plane.",
)
ISTIO_OF_ANOTHER = FindingKind(
    "istio-of-another",
    "Istio is installed already, and not by Helm.",
    "Set leftovers to adopt to take it over, or remove it with the tool that installed it.",
)
ISTIO_OPERATOR = FindingKind(
    "istio-operator",
    "Objects of the old IstioOperator are left.",
    "Move their values into the values of the charts, then delete them.",
)
ISTIO_SKEW = FindingKind(
    "istio-skew",
    "The Istio versions of two clusters are further apart than Istio supports.",
    "Upgrade the older one, one minor version at a time.",
)
KIND_AMBIGUOUS = FindingKind(
    "kind-ambiguous",
    "A kind without its group may be one of several.",
    "Name it with its group, as group/Kind.",
)
KIND_NOT_GRANTED = FindingKind(
    "kind-not-granted",
    "A writer is never given rights on this kind.",
    "Leave it out, and use another account for it.",
)
KIND_UNKNOWN = FindingKind(
    "kind-unknown",
    "A kind is not known on the cluster, or is not written as one.",
    "Write Kind, group/Kind or apiVersion/Kind, and install its CustomResourceDefinition first.",
)
KUBERNETES_TOO_OLD = FindingKind(
    "kubernetes-too-old",
    "Kubernetes is older than the collection supports.",
    "Upgrade the cluster.",
)
LIBRARY_MISSING = FindingKind(
    "library-missing",
    "A Python library is missing.",
    "Install it for the Python that Ansible runs with.",
)
LINK_MISSING = FindingKind(
    "link-missing",
    "The options name no link that begins or ends at these clusters.",
    "Correct from and to, or the limit.",
)
LINKED_BEYOND_THE_INVENTORY = FindingKind(
    "linked-beyond-the-inventory",
    "A link with a cluster that the inventory does not have stays.",
    "Run again with that cluster in the inventory, or delete the Secrets that the message names.",
)
NAMESPACE_LABELS_MISSING = FindingKind(
    "namespace-labels-missing",
    "A namespace was there before, without the labels that put it into the mesh.",
    "Label it, or set enforce_namespace_labels to true.",
)
NAMESPACE_MISSING = FindingKind(
    "namespace-missing",
    "A namespace is not there.",
    "Create it, or let it be made where there is an option for it.",
)
NAMESPACE_NOT_GIVEN = FindingKind(
    "namespace-not-given",
    "An object is declared without a namespace.",
    "Set metadata.namespace, or the option namespace.",
)
NETWORK_LABEL_DIFFERS = FindingKind(
    "network-label-differs",
    "The network label of the cluster differs from the inventory.",
    "Set network of the cluster to it, or remove the label if the network has changed.",
)
NOT_AMONG_THE_PEERS = FindingKind(
    "not-among-the-peers",
    "A cluster had a token of the wiped cluster, which was not revoked because it is not in the run.",
    "Run the wipe again with that cluster in the inventory.",
)
NOT_APPLIED = FindingKind(
    "not-applied",
    "Objects could not be written.",
    "Do what the message says, then run again.",
)
NOT_LINKED = FindingKind(
    "not-linked",
    "A link could not be made.",
    "Do what the message says, then run again.",
)
NOT_REMOVED = FindingKind(
    "not-removed",
    "An object could not be removed.",
    "Do what the message says, then run again.",
)
NOT_ROLLED_OUT = FindingKind(
    "not-rolled-out",
    "A rollout did not end in time.",
    "See why its pods do not become ready.",
)
NOT_UNLINKED = FindingKind(
    "not-unlinked",
    "A link could not be removed.",
    "Do what the message says, then run again.",
)
OBJECT_INCOMPLETE = FindingKind(
    "object-incomplete",
    "An object lacks its kind, its version or its name.",
    "Give it apiVersion, kind and metadata.name.",
)
OBJECT_MISSING = FindingKind(
    "object-missing",
    "The object whose weights are to be set is not there.",
    "Create it, or correct kind, namespace and name.",
)
OBJECT_NOT_EVERYWHERE = FindingKind(
    "object-not-everywhere",
    "The object stands on some clusters only.",
    "Bring it to the others first, or leave these clusters out of the weights.",
)
OPTION_UNUSABLE = FindingKind(
    "option-unusable",
    "An option has a value that Ansible takes and that means nothing here.",
    "Correct the option that the message names.",
)
PEER_NOT_READ = FindingKind(
    "peer-not-read",
    "The link of a cluster to another one does not work.",
    "Link them again.",
)
POD_CIDR_OVERLAP = FindingKind(
    "pod-cidr-overlap",
    "Two clusters on one network use the same addresses for pods.",
    "Give one of them a network of its own, or another range for pods.",
)
RECORDS_BESIDE_RIGHTS = FindingKind(
    "records-beside-rights",
    "The writer of the hub would get more rights in the namespace of the records.",
    "Use a namespace that holds records only.",
)
RECORDS_IN_USE = FindingKind(
    "records-in-use",
    "Other runs work on records that have yet to be moved.",
    "Run again when they have ended.",
)
RECORDS_NOT_MOVED = FindingKind(
    "records-not-moved",
    "Records could not be moved into their namespace.",
    "Do what the message says, then run again.",
)
RELEASE_MISSING = FindingKind(
    "release-missing",
    "The release has not begun, or has ended.",
    "Begin it, or correct name and hub.",
)
REMOTE_LEFT_BEHIND = FindingKind(
    "remote-left-behind",
    "A primary is to be wiped, and a remote that it controls is to stay.",
    "Wipe the remote too.",
)
REPORT_NOT_WRITTEN = FindingKind(
    "report-not-written",
    "The report cannot be written to its file.",
    "Give another report_file.",
)
RULE_HIDDEN = FindingKind(
    "rule-hidden",
    "A DestinationRule no longer counts for the host once the new one is there.",
    "Give its settings in traffic_policy too.",
)
RULE_NOT_EXPORTED = FindingKind(
    "rule-not-exported",
    "A DestinationRule is not exported to all namespaces, so others do not know its subsets.",
    "Remove exportTo from it.",
)
RULE_SHADOWED = FindingKind(
    "rule-shadowed",
    "Clients go by a DestinationRule in their own namespace, not by the one of the Service.",
    "Move it to the namespace of the Service.",
)
SET_EMPTY = FindingKind(
    "set-empty",
    "A set declares no object for any cluster.",
    "Correct its source, or use state absent to remove the set.",
)
SIDECAR_LEFT = FindingKind(
    "sidecar-left",
    "Pods still have a sidecar of the Istio that was removed.",
    "Restart their workloads.",
)
SOURCE_UNUSABLE = FindingKind(
    "source-unusable",
    "The objects of a set cannot be read.",
    "Correct the source that the message names.",
)
SUBSET_CONFLICT = FindingKind(
    "subset-conflict",
    "A subset of this name exists with other labels.",
    "Rename it, or give other names in weights.",
)
SUBSET_DIFFERS = FindingKind(
    "subset-differs",
    "A subset has other labels on other clusters.",
    "Give it the same labels on all clusters.",
)
TOKEN_NOT_REVOKED = FindingKind(
    "token-not-revoked",
    "A token that was to be revoked is still accepted, or could not be revoked.",
    "Delete other Secrets of that account, then run again.",
)
TOKEN_OF_ANOTHER = FindingKind(
    "token-of-another",
    "A token that a wiped cluster had is still accepted, and was not made by this collection.",
    "Find out who uses it; then delete the Secret that it is from, or the account.",
)
TRUST_ANOTHER_ROOT = FindingKind(
    "trust-another-root",
    "The cluster goes by another root certificate than the one given.",
    "Give an intermediate of the root in use, or set replace_root, which interrupts the mesh.",
)
TRUST_BUNDLE_MISSING = FindingKind(
    "trust-bundle-missing",
    "No certificate authority was given for a cluster.",
    "Give its four files.",
)
TRUST_IN_USE = FindingKind(
    "trust-in-use",
    "The certificate authority is to be removed while istiod uses it.",
    "Leave it while Istio stays.",
)
TRUST_KEY_MODE = FindingKind(
    "trust-key-mode",
    "A key file may be read by others than its owner.",
    "Give it the mode 600.",
)
TRUST_NOT_OURS = FindingKind(
    "trust-not-ours",
    "The certificate authority of the cluster was made by something else.",
    "Set adopt to take it over, or delete it.",
)
TRUST_NOT_REMOVED = FindingKind(
    "trust-not-removed",
    "The certificate authority could not be removed.",
    "Do what the message says, then run again.",
)
TRUST_NOT_WRITTEN = FindingKind(
    "trust-not-written",
    "The certificate authority could not be written.",
    "Do what the message says, then run again.",
)
TRUST_OTHER_FORM = FindingKind(
    "trust-other-form",
    "The Secret of the certificate authority has another type, as cert-manager makes it.",
    "Leave it to what made it, or delete it first.",
)
TRUST_PASSPHRASE = FindingKind(
    "trust-passphrase",
    "A key of the store cannot be decrypted.",
    "Give the passphrase with which the store was made.",
)
TRUST_ROOT_EXPIRED = FindingKind(
    "trust-root-expired",
    "The root certificate has expired.",
    "Make a new root: move the store away and set replace_root.",
)
TRUST_ROOT_KEY_MISMATCH = FindingKind(
    "trust-root-key-mismatch",
    "The root key does not belong to the root certificate.",
    "Put the right key back.",
)
TRUST_ROOT_KEY_MISSING = FindingKind(
    "trust-root-key-missing",
    "The store has no root key, and clusters need an intermediate.",
    "Put the root key back for this run, or give intermediates as files.",
)
TRUST_ROOT_LOST = FindingKind(
    "trust-root-lost",
    "The cluster goes by a root that the store no longer has.",
    "Put the root back into the store.",
)
TRUST_ROOT_UNREADABLE = FindingKind(
    "trust-root-unreadable",
    "The root of the store cannot be read.",
    "Put it back as it was.",
)
TRUST_SHARED_KEY = FindingKind(
    "trust-shared-key",
    "Several clusters have the same certificate authority.",
    "Give each cluster an intermediate with a key of its own.",
)
TRUST_UNUSABLE = FindingKind(
    "trust-unusable",
    "istiod cannot read the certificate authority of the cluster.",
    "Let it be written anew, or correct it.",
)
VERIFY_ENDPOINTS = FindingKind(
    "verify-endpoints",
    "A proxy does not know the endpoints of the other cluster.",
    "Do what the message says about the cause.",
)
VERIFY_GATEWAY = FindingKind(
    "verify-gateway",
    "The east-west gateway of the other network is missing, has no address, or rejects its configuration.",
    "See the gateway's Service and pods.",
)
VERIFY_LEFT_BEHIND = FindingKind(
    "verify-left-behind",
    "The probe of a verification could not be removed.",
    "Run verify again, or delete its namespace.",
)
VERIFY_NAMES = FindingKind(
    "verify-names",
    "istiod knows a cluster or its network under another name than the inventory.",
    "Correct the name or the network, or install istiod with them.",
)
VERIFY_NOTHING_EXPOSED = FindingKind(
    "verify-nothing-exposed",
    "A gateway exposes no service to other networks.",
    "Say which hosts it exposes.",
)
VERIFY_PLAIN_TEXT = FindingKind(
    "verify-plain-text",
    "A request crossed the mesh without a visible client identity.",
    "See PeerAuthentication and DestinationRule objects.",
)
VERIFY_PROXY_REJECTS = FindingKind(
    "verify-proxy-rejects",
    "A proxy rejects its configuration.",
    "Correct the configuration that the message names.",
)
VERIFY_REQUESTS = FindingKind(
    "verify-requests",
    "Requests to the other cluster fail or are answered by another one.",
    "See the message for the first failure.",
)
VERIFY_SYNCED = FindingKind(
    "verify-synced",
    "istiod does not read the other cluster.",
    "Link them again, and see istiod's log.",
)
VERIFY_TRUST = FindingKind(
    "verify-trust",
    "Two clusters do not trust each other's certificates, or no istiod runs to issue them.",
    "Bring all clusters under one root (role trust).",
)
WEIGHTS_HELD = FindingKind(
    "weights-held",
    "A traffic split sets the weights that a set declares anew.",
    "End the split first, or declare the routes as before.",
)
WRITER_NOT_MADE = FindingKind(
    "writer-not-made",
    "The account of a writer, its roles or its token could not be made.",
    "Do what the message says, then run again.",
)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings that several rooms can have. docs/findings.md is made of them."""

from __future__ import annotations

from ._findings import FindingKind

CLUSTER_DIFFERS = FindingKind(
    "cluster-differs",
    "The credentials lead to an API server that is known as another cluster.",
    "Correct kubeconfig or context of the cluster.",
)
CLUSTER_ID_DIFFERS = FindingKind(
    "cluster-id-differs",
    "istiod runs with another cluster ID than the inventory says.",
    "Correct the credentials or the name of the cluster, or install istiod with this ID.",
)
CLUSTER_NAME_NOT_UNIQUE = FindingKind(
    "cluster-name-not-unique",
    "Two hosts have the same cluster name, which is Istio's cluster ID.",
    "Give each host a name of its own.",
)
CLUSTER_NOT_IDENTIFIED = FindingKind(
    "cluster-not-identified",
    "The account may not read which cluster an API server is.",
    "Let it get the namespace kube-system.",
)
CLUSTER_REPLACED = FindingKind(
    "cluster-replaced",
    "The API server is not the one that was known under this name: its cluster was made anew, or the credentials "
    "changed.",
    "Correct the credentials; if the cluster was made anew, do what the message says.",
)
CLUSTER_UNKNOWN = FindingKind(
    "cluster-unknown",
    "An option names a cluster that the run does not have.",
    "Correct the option.",
)
CONFIGURED_IN_PRIMARY = FindingKind(
    "configured-in-primary",
    "Configuration is to be written for a remote cluster, and its primary, which has it, is not among the clusters.",
    "Run it for the primary.",
)
CONFLICT = FindingKind(
    "conflict",
    "A field is managed by another field manager, or the object was changed or made by somebody meanwhile.",
    "Leave the field out, let the other manager give it up, or set force to take it over.",
)
CONTROL_PLANE_UNUSABLE = FindingKind(
    "control-plane-unusable",
    "A cluster is to be controlled by an istiod that is not there: of no cluster, or of one that has none itself.",
    "Correct control_plane of the cluster.",
)
CREDENTIALS_NOT_HANDED_ON = FindingKind(
    "credentials-not-handed-on",
    "Credentials were given in a form that cannot be handed on to later tasks by reference.",
    "Give them in a kubeconfig file or in environment variables, or set credentials to true.",
)
HELM_FAILED = FindingKind(
    "helm-failed",
    "Helm ended with an error.",
    "Correct what Helm names, then run again.",
)
HELM_MISSING = FindingKind(
    "helm-missing",
    "The program helm cannot be run.",
    "Install Helm 3 on the controller, or set binary_path.",
)
HUB_NAME_UNKNOWN = FindingKind(
    "hub-name-unknown",
    "The cluster ID of the hub cannot be read from its istiod.",
    "Set local_cluster, or include_hub to false.",
)
HUB_UNKNOWN = FindingKind(
    "hub-unknown",
    "The hub is no cluster of the run.",
    "Name one of the clusters as hub, the same in every run.",
)
ISTIOD_DOES_NOT_READ = FindingKind(
    "istiod-does-not-read",
    "istiod has not noticed a new or deleted remote secret.",
    "Set restart_istiod to true, or restart it.",
)
ISTIOD_MISSING = FindingKind(
    "istiod-missing",
    "No istiod runs, or none is ready.",
    "Install it with the role control_plane, or see the logs of its pods.",
)
NETWORK_UNKNOWN = FindingKind(
    "network-unknown",
    "The network of a cluster could not be read.",
    "See whether its API server answers.",
)
NOT_CLAIMED = FindingKind(
    "not-claimed",
    "Which cluster an API server is could not be recorded, because something changes its namespace again and again.",
    "See what changes it, then run again.",
)
NOT_REACHABLE = FindingKind(
    "not-reachable",
    "The API server of a cluster does not answer.",
    "See whether it runs, and whether its address and credentials are right.",
)
NOT_READY = FindingKind(
    "not-ready",
    "Something that has to be ready is not.",
    "See why its pods do not become ready.",
)
NOT_SERVED = FindingKind(
    "not-served",
    "The API server does not serve a kind.",
    "Install its CustomResourceDefinition.",
)
OBJECT_OF_ANOTHER = FindingKind(
    "object-of-another",
    "An object of the same name was made by somebody else; it is not touched.",
    "Rename or delete it, use another name, or take it over where there is an option for it.",
)
PERMISSION_MISSING = FindingKind(
    "permission-missing",
    "The account in use lacks rights.",
    "Grant the rights that the message names, or use another account.",
)
REFUSED = FindingKind(
    "refused",
    "The API server refuses the object.",
    "Correct what the message names.",
)
REMOTE_SECRET_EXPIRED = FindingKind(
    "remote-secret-expired",
    "The token in a remote secret has ended.",
    "Link the cluster again.",
)
ROUTE_MISSING = FindingKind(
    "route-missing",
    "The route, or the object that holds it, is not there.",
    "Create it on every cluster, or correct its name.",
)
SAME_API_SERVER = FindingKind(
    "same-api-server",
    "Two clusters of the run are the same API server.",
    "Correct kubeconfig or context of one of them.",
)
STILL_THERE = FindingKind(
    "still-there",
    "Something that was to be removed is still there, or still works.",
    "Do what the message says, then run again.",
)
SUBSET_MISSING = FindingKind(
    "subset-missing",
    "No DestinationRule has the subset that a route names.",
    "Create it on every cluster.",
)
WAIT_TIMEOUT = FindingKind(
    "wait-timeout",
    "What was waited for did not come in time.",
    "Run again, or allow more time.",
)
WORKLOAD_IN_REMOTE = FindingKind(
    "workload-in-remote",
    "A release is to move pods of a remote cluster.",
    "Release by routes, without manage and workload.",
)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.wipe; the work is in module_utils/_operations/wipe/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wipe
short_description: Everything of Istio and of this collection off a cluster
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Removes Istio from clusters, however it was installed (Helm, istioctl, an operator), and what this collection made
    there. A second scan proves that nothing is left.
  - What a wiped cluster has on its peers goes first, while its API server still answers; that are remote secrets that
    name it, and all by which it reads or writes them. Each peer is asked in the end whether it refuses its tokens.
  - Then, in this order, its own remote secrets, webhooks, our objects, resources of operators, gateways, workloads,
    services, access rights, config maps of every namespace, labels of namespaces that stay, leases, secrets, records of
    Helm, resource types, gateway classes, namespaces.
  - Objects that neither Istio nor this collection made stay. They are told apart by labels and annotations, and where
    Istio writes none by the exact name together with content that only Istio writes, never by a name alone. An object
    that has taken the name of another meanwhile is left alone.
  - Custom resources of users, such as a VirtualService, end with their resource type. Set O(keep_crds) to keep them.
  - The resource types of the Gateway API always stay.
  - Finalizers are cleared only on resources of operators that install Istio, which are being deleted, and only when no
    such operator is ready. RV(clusters) lists them.
  - A namespace with anything in it that stays, stays too, and is reported.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  peers:
    description:
      - Other clusters of the mesh. Their remote secrets and kubeconfigs for the wiped clusters are deleted, and the
        grants by which these read them; also their reader where nobody is left who reads them, and their writer where
        the hub that has its kubeconfig is wiped; and nothing else.
      - Of a remote secret that names other clusters too, only the keys of the wiped ones go.
      - A cluster that is also in O(clusters) is not counted as a peer.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The Istio cluster ID, unique in the mesh.
        type: str
        required: true
      network:
        description: The Istio network of the cluster's pods. Default is the name.
        type: str
      region:
        description: The region of the cluster, where its nodes do not say so themselves.
        type: str
      api_server:
        description:
          - The URL by which the other clusters reach this cluster's API server.
          - Default is the address that this controller uses.
        type: str
      istio_namespace:
        description: The namespace of Istio's control plane.
        type: str
        default: istio-system
      control_plane:
        version_added: 1.1.0
        description: The name of the cluster whose istiod controls this one, or V(self).
        type: str
        default: self
      kubeconfig:
        description:
          - A path to a kubeconfig, several paths separated by V(:), a list of paths, or a kubeconfig's content as text
            or as a dictionary.
          - Default is the environment variable E(K8S_AUTH_KUBECONFIG), then E(KUBECONFIG), then C(~/.kube/config).
        type: raw
      context:
        description: The context to use of the kubeconfig. Also E(K8S_AUTH_CONTEXT).
        type: str
      host:
        description: The URL of the API server. Also E(K8S_AUTH_HOST).
        type: str
      api_key:
        description: A bearer token. Also E(K8S_AUTH_API_KEY).
        type: str
      username:
        description: A user name for basic authentication. Also E(K8S_AUTH_USERNAME).
        type: str
      password:
        description: The password for O(peers[].username). Also E(K8S_AUTH_PASSWORD).
        type: str
      validate_certs:
        description: Whether the API server's certificate is verified. Also E(K8S_AUTH_VERIFY_SSL).
        type: bool
        aliases: [verify_ssl]
      ca_cert:
        description: A path to the CA certificate of the API server. Also E(K8S_AUTH_SSL_CA_CERT).
        type: path
        aliases: [ssl_ca_cert]
      client_cert:
        description: A path to a client certificate. Also E(K8S_AUTH_CERT_FILE).
        type: path
        aliases: [cert_file]
      client_key:
        description: A path to the client certificate's key. Also E(K8S_AUTH_KEY_FILE).
        type: path
        aliases: [key_file]
      proxy:
        description: The URL of an HTTP proxy. Also E(K8S_AUTH_PROXY).
        type: str
      no_proxy:
        description: Hosts that are reached without the proxy, separated by commas. Also E(K8S_AUTH_NO_PROXY).
        type: str
      tls_server_name:
        description: The name that the API server's certificate is checked against, where it is not the host's.
        type: str
      impersonate_user:
        description: The user to act as. Also E(K8S_AUTH_IMPERSONATE_USER).
        type: str
      impersonate_groups:
        description: The groups to act as. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
        type: list
        elements: str
      remote_secret:
        description:
          - The Secret of another cluster, the hub, that holds a kubeconfig for this cluster. Every task reads it there,
            so that no variable, cache or database ever holds the token.
          - The hub is reached by the options here, else as E(K8S_AUTH_HOST), E(K8S_AUTH_API_KEY) and the other
            variables say. They then say nothing about this cluster.
          - A kubeconfig that istiod would refuse (it runs a program, or names files) is refused with istiod's reason.
          - Options beside it correct the kubeconfig, for example O(peers[].host) where the controller reaches the
            API server by another address. It is not combined with O(peers[].kubeconfig), O(peers[].context),
            O(peers[].api_key), O(peers[].username) or O(peers[].client_cert).
        type: dict
        suboptions:
          name:
            description: The name of the Secret.
            type: str
            required: true
          namespace:
            description: The namespace of the Secret.
            type: str
            default: istio-system
          key:
            description: The key of the kubeconfig in the Secret. Default is the name of the cluster.
            type: str
          hub:
            description: The name of the hub, for messages.
            type: str
          kubeconfig:
            description: A path to a kubeconfig of the hub, or its content. Also E(K8S_AUTH_KUBECONFIG).
            type: raw
          context:
            description: The context to use of the hub's kubeconfig. Also E(K8S_AUTH_CONTEXT).
            type: str
          host:
            description: The URL of the hub's API server. Also E(K8S_AUTH_HOST), with the token in E(K8S_AUTH_API_KEY).
            type: str
          validate_certs:
            description: Whether the certificate of the hub's API server is verified. Also E(K8S_AUTH_VERIFY_SSL).
            type: bool
            aliases: [verify_ssl]
          ca_cert:
            description: A path to the CA certificate of the hub's API server. Also E(K8S_AUTH_SSL_CA_CERT).
            type: path
            aliases: [ssl_ca_cert]
          client_cert:
            description: A path to a client certificate for the hub. Also E(K8S_AUTH_CERT_FILE).
            type: path
            aliases: [cert_file]
          client_key:
            description: A path to the key of that certificate. Also E(K8S_AUTH_KEY_FILE).
            type: path
            aliases: [key_file]
          proxy:
            description: The URL of an HTTP proxy before the hub. Also E(K8S_AUTH_PROXY).
            type: str
          no_proxy:
            description: Hosts that are reached without the proxy, separated by commas. Also E(K8S_AUTH_NO_PROXY).
            type: str
          tls_server_name:
            description: The name that the certificate of the hub's API server is checked against.
            type: str
          impersonate_user:
            description: The user to act as on the hub. Also E(K8S_AUTH_IMPERSONATE_USER).
            type: str
          impersonate_groups:
            description: The groups to act as on the hub. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
            type: list
            elements: str
      away:
        description: Why the cluster is not to be asked, and counts as away.
        type: str
  namespaces:
    description:
      - Namespaces that are Istio's whatever labels they carry, beside O(clusters[].istio_namespace) of each cluster.
      - Also removed are namespaces that this collection made, and V(istio-system), V(istio-operator),
        V(istio-ingress), V(istio-egress), V(istio-cni), V(istio-gateways) and V(ztunnel) where they carry a sign of
        Istio.
      - None of them is removed while anything that stays lives in it.
    type: list
    elements: str
    default: [istio-system]
  keep_crds:
    description:
      - Keep Istio's resource types, and with them the custom resources that users made.
      - What Istio's installation or this collection made of these types is removed nevertheless.
    type: bool
    default: false
  timeout:
    description: Seconds that the removal may take on each cluster, and before it the scan of all.
    type: float
    default: 120.0
  unreachable:
    description:
      - What a cluster means whose API server does not answer. The other clusters are wiped in both cases.
      - With V(fail) the task fails in the end, and the peers keep their remote secrets for that cluster. Deleting
        the secret of a cluster that does not answer can stop istiod from reading any further remote secret.
      - With V(ignore) it is a warning, and the peers' remote secrets for it are deleted. This is for a cluster that is
        gone for good.
    type: str
    choices: [fail, ignore]
    default: fail
seealso:
  - module: onemesh.istio.apply
notes:
  - CNI configuration and binaries on the nodes are removed by istio-cni itself when its pods end.
"""

EXAMPLES = r"""
- name: Take Istio off the clusters of this play, and off what the others know of them
  onemesh.istio.wipe:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    peers: "{{ others | onemesh.istio.clusters(hostvars) }}"
  run_once: true
  vars:
    others: "{{ query('onemesh.istio.mesh', 'all') | difference(ansible_play_hosts_all) }}"

- name: Take Istio off one cluster, keep the resource types and the routes that users wrote
  onemesh.istio.wipe:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    keep_crds: true
"""

RETURN = r"""
clusters:
  description: What happened on each wiped cluster; in check mode, what would happen.
  type: dict
  returned: always
  contains:
    changed:
      description: Whether anything was removed from the cluster.
      type: bool
    removed:
      description: Objects, labels and annotations that went, each with the reason.
      type: list
      elements: dict
    stays:
      description: What was left, and why.
      type: list
      elements: dict
    finalizers_cleared:
      description: Finalizers that were taken off, as object and finalizer.
      type: list
      elements: str
    leaked:
      description: What should have gone and did not, each with the cause. Empty unless the task failed.
      type: list
      elements: dict
    sidecars:
      description: By namespace, workloads whose pods still run with a sidecar.
      type: dict
  sample:
    dev1:
      changed: true
      removed:
        - object: Deployment istio-system/istiod
          reason: Istio component Pilot
        - object: "Namespace app: label istio-injection=enabled"
          reason: the namespace stays, without what only Istio and we read
      stays:
        - object: ClusterRole istio-something
          reason: named like Istio's, but nothing says that Istio made it
      finalizers_cleared:
        - "IstioOperator istio-system/installed-state: istio-finalizer.install.istio.io"
      leaked: []
      sidecars:
        app: [deployment/web]
peers:
  description: What was removed from each peer.
  type: dict
  returned: always
  sample:
    east:
      changed: true
      removed:
        - object: Secret istio-system/istio-remote-secret-dev1
          reason: remote secret that names dev1
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: wipe
    outcome: ""
    unit: object
    foretold: false
    clusters:
      dev1:
        state: ready
        reason: ""
        looked_at: 2
        made: []
        changed: []
        put_right: []
        given_back: []
        removed: [Deployment istio-system/istiod]
        kept:
          - ClusterRole istio-something (named like Istio's, but nothing says that Istio made it)
        owed: []
        facts: {}
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: Warnings, and on failure what was wrong, where, and what to do about it.
  type: list
  elements: dict
  returned: always
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import run as wipe


def main() -> None:
    run_module(wipe)


if __name__ == "__main__":
    main()

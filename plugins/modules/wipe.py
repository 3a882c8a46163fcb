# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.wipe; the work is in module_utils/_mesh/wipe.py."""

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
  - The remote secrets of the peers that name a wiped cluster go first, while its API server still answers.
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
  - onemesh.istio.fleet.peers
options:
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
    peers: "{{ groups['all'] | difference(ansible_play_hosts_all) | onemesh.istio.clusters(hostvars) }}"
  run_once: true

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
          reason: the namespace stays, without what only Istio reads
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
findings:
  description: Warnings, and on failure what was wrong, where, and what to do about it.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.onemesh.istio.plugins.module_utils._mesh import wipe
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.module import run_module


def main() -> None:
    run_module(AnsibleModule(argument_spec=wipe.ARGUMENT_SPEC, supports_check_mode=True), wipe)


if __name__ == "__main__":
    main()

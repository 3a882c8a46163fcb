# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.helm_release; the work is in module_utils/_operations/helm_release/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_release
short_description: Helm releases as they are asked for and as they stand
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Reads of each release what Helm itself keeps of it, compares its chart and values with what is asked for, and each
    object of its manifest with what stands on the cluster, and runs C(helm upgrade --install) only where something
    differs. A run that changes nothing starts no helm.
  - So an object that somebody deleted, or a field of the chart that somebody changed, is put right. Fields that the
    chart does not set are the user's and stay. Replicas that an autoscaler sets, and what istiod writes into its
    webhooks, are no difference.
  - Helm merges custom resources and their definitions with what the manifest said before, and not with what is there;
    what it passes over so is put right after it.
  - A release that an interrupted Helm left in a pending state is recovered first. Its unfinished revision is removed,
    so that Helm finishes what it began.
  - Helm gets the credentials of the cluster in a private kubeconfig, and nothing of the environment that could lead
    it to another cluster. Values go to it by its standard input.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  releases:
    description: The releases, in the order in which they are installed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the release.
        type: str
        required: true
      chart:
        description: The name of the chart.
        type: str
        required: true
      chart_values:
        description: All values that differ from the chart's own.
        type: dict
        default: {}
  charts:
    description:
      - Where the charts come from. A repository (C(https://)), a registry (C(oci://)), a folder that holds them, or the
        name under which C(helm repo add) knows a repository.
      - A chart in a folder is compared file by file; of any other only the version is.
    type: str
    required: true
  chart_version:
    description:
      - The version of the charts. Empty is the newest, and Helm has to ask the repository for it on every run.
      - Not used for a folder, whose charts are what lies there.
    type: str
    default: ""
  charts_ca_cert:
    description: A path to the CA certificate of the repository or registry, where this machine does not trust it.
    type: str
    default: ""
  charts_username:
    description:
      - A user of the repository or registry. Without one Helm uses what C(helm registry login) left.
      - Helm finds it in a file that only we can read, never in an argument list.
    type: str
    default: ""
  charts_password:
    description: The password of O(charts_username), or a token.
    type: str
    default: ""
  charts_plain_http:
    description: Whether the registry speaks plain http. A repository says so by its C(http://).
    type: bool
    default: false
  namespace:
    description: The namespace of the releases. Default is the namespace of Istio's control plane.
    type: str
  binary_path:
    description: The path of helm, version 3.
    type: str
    default: helm
  leftovers:
    description:
      - What is done with objects that a chart will own and that carry no mark of its release. Helm installs nothing
        where there is one.
      - V(refuse) names them all and changes nothing.
      - V(adopt) gives them Helm's marks; their content becomes the chart's.
      - V(remove) deletes exactly them, and webhooks of an istiod whose Service is gone. A resource type that still has
        objects is not removed, since they would be deleted with it.
    type: str
    choices: [refuse, adopt, remove]
    default: refuse
  grace:
    description: Seconds that a Helm which may still be at work gets to finish.
    type: float
    default: 15.0
  timeout:
    description: Seconds that one run of helm may take.
    type: float
    default: 300.0
seealso:
  - module: kubernetes.core.helm
"""

EXAMPLES = r"""
- name: Install Istio's base chart and istiod
  onemesh.istio.helm_release:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    charts: https://istio-release.storage.googleapis.com/charts
    chart_version: 1.27.1
    releases:
      - name: istio-base
        chart: base
      - name: istiod
        chart: istiod
        chart_values:
          meshConfig:
            accessLogFile: /dev/stdout

- name: Take over what istioctl installed before
  onemesh.istio.helm_release:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    charts: oci://gcr.io/istio-release/charts
    chart_version: 1.27.1
    leftovers: adopt
    releases:
      - name: istio-base
        chart: base
"""

RETURN = r"""
clusters:
  description:
    - What was done on each cluster, and why. RV(ignore:action) is one of C(installed), C(upgraded) (another chart,
      other values, or a revision that had failed), C(repaired) (the cluster had changed) and C(unchanged).
    - RV(ignore:recovered) is the record of an interrupted Helm that was removed.
  type: dict
  returned: always
  sample:
    east:
      changed: true
      releases:
        - name: istiod
          action: repaired
          reasons: [Deployment istio-system/istiod is missing]
          revision: 3
          recovered: ""
          adopted: []
          removed: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: "helm_release istio-base, istiod"
    outcome: ""
    unit: release
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 2
        made: []
        changed: []
        put_right:
          - release istiod, revision 3 (Deployment istio-system/istiod is missing)
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {}
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: What could not be done, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.helm_release import run as helm_release
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(helm_release)


if __name__ == "__main__":
    main()

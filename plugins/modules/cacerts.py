# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.cacerts; the work is in module_utils/_operations/cacerts/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cacerts
short_description: Give each cluster's istiod its certificate authority, all under one root
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Writes the Secret C(cacerts) with exactly the keys C(ca-cert.pem), C(ca-key.pem), C(root-cert.pem) and
    C(cert-chain.pem) into Istio's namespace of each cluster, before istiod starts. The name of the Secret is fixed in
    Istio. The namespace is created where it is missing.
  - All clusters are looked at first. Nothing is written anywhere where one is away, a bundle is incomplete, a key does
    not belong to its certificate, an intermediate does not verify to its root, or what istiod would sign would not be
    trusted.
  - Where a write then fails on one cluster, what was written to the others stays. Another run completes it.
  - Another root than the one that a cluster goes by is refused, be it from C(cacerts), from C(istio-ca-secret), which
    istiod signed itself, or from C(istio-ca-root-cert), which istiod hands out. The error names both fingerprints.
  - istiod reads PEM as Go does. What is given is written in that form; a byte order mark, an indentation, text around
    or between, headers, other blocks and an encrypted key with its passphrase are put right. What cannot be is refused
    with its file, line and reason.
  - Two clusters with one certificate authority are refused.
  - The key of the root goes to no cluster, and no key is ever shown.
extends_documentation_fragment:
  - onemesh.istio.fleet
requirements:
  - cryptography >= 40
options:
  directory:
    description:
      - A directory with one directory for each cluster, named as the cluster, that holds C(ca-cert.pem), C(ca-key.pem),
        C(root-cert.pem) and C(cert-chain.pem).
      - Its directory C(root) with C(root-cert.pem) and C(root-key.pem) is looked at too.
      - Exactly one of O(directory) and O(bundles) is needed, unless O(state=absent).
    type: path
  bundles:
    description:
      - The certificate authority of each cluster, where they do not lie in one O(directory).
      - Those of clusters that are not among O(clusters) are not written, only compared with the others.
    type: list
    elements: dict
    suboptions:
      cluster:
        description: The name of the cluster.
        type: str
        required: true
      ca_cert:
        description: A path to the certificate of the intermediate that istiod signs with.
        type: path
      ca_cert_content:
        description: The certificate itself, instead of a path.
        type: str
      ca_key:
        description:
          - A path to its key in PEM. O(passphrase) opens an encrypted one.
          - All of these files may be encrypted by ansible-vault instead, where the task runs on the controller.
        type: path
      ca_key_content:
        description: The key itself, instead of a path.
        type: str
      root_cert:
        description: A path to the certificate of the root of the mesh.
        type: path
      root_cert_content:
        description: The certificate itself, instead of a path.
        type: str
      cert_chain:
        description: A path to the chain, from the intermediate's certificate over those between to the root.
        type: path
      cert_chain_content:
        description: The chain itself, instead of a path.
        type: str
  state:
    description:
      - V(present) writes the Secret where it differs.
      - V(absent) deletes it where it was made by this collection and no istiod runs.
      - V(checked) writes nothing. It judges what is given and what the clusters have, and says in RV(generate) what has
        to be made in O(directory).
    type: str
    choices: [present, absent, checked]
    default: present
  replace_root:
    description:
      - Allow another root than the one that a cluster goes by.
      - Until istiod and all workloads have been restarted, those under the old root and those under the new one refuse
        each other.
    type: bool
    default: false
  adopt:
    description: Take over a Secret of the same root that was not made by this collection.
    type: bool
    default: false
  passphrase:
    description: Opens encrypted keys. istiod gets them open, since it reads no others.
    type: str
  min_days:
    description: Certificates that expire within so many days are a finding, and are renewed by the role.
    type: int
    default: 30
seealso:
  - name: Plug in CA certificates
    description: What Istio says about them.
    link: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
"""

EXAMPLES = r"""
- name: Give each cluster its certificate authority from one directory for each
  onemesh.istio.cacerts:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    directory: "{{ playbook_dir }}/trust"
  run_once: true

- name: Give one cluster what a corporate authority has signed
  onemesh.istio.cacerts:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    bundles:
      - cluster: "{{ cluster_name }}"
        ca_cert: pki/{{ cluster_name }}/ca-cert.pem
        ca_key_content: "{{ vaulted_ca_key }}"
        root_cert: pki/corporate-root.pem
        cert_chain: pki/{{ cluster_name }}/cert-chain.pem

- name: See what is there and when it expires
  onemesh.istio.cacerts:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    directory: "{{ playbook_dir }}/trust"
    state: checked
    min_days: 90
  run_once: true
  register: trust
"""

RETURN = r"""
clusters:
  description: What each cluster was given, and what it goes by.
  type: dict
  returned: always
  contains:
    changed:
      description: Whether the Secret was, or would be, written.
      type: bool
    action:
      description:
        - What was done with the Secret, or has to be. One of V(create), V(update), V(keep), V(refuse) and V(delete).
          Empty where it could not be judged.
      type: str
    restart_required:
      description:
        - Whether istiod has to be restarted to use it. A new intermediate under the root in use needs no restart.
      type: bool
    roots_in_use:
      description: sha256 fingerprints of the roots that the cluster went by before, under the object that said so.
      type: dict
    root:
      description: Subject, issuer, serial, sha256 fingerprint, validity, days left and key type of the root.
      type: dict
    intermediate:
      description: The same of the intermediate.
      type: dict
  sample:
    east:
      changed: true
      action: create
      restart_required: false
      roots_in_use: {}
      root:
        subject: CN=Root CA,O=Istio
        fingerprint: 5d7e0a4c6f1b2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbc
        not_after: "2036-11-19T09:00:00Z"
        days_left: 3650
generate:
  description:
    - What has to be made in the directory so that each cluster has an intermediate of its root, C(renew) being those
      that replace one that is there.
    - C(encrypt) are keys that lie open although there is a passphrase, C(modes) what others than its owner may use.
  type: dict
  returned: when O(state=checked) and O(directory) is given
  sample:
    root: false
    intermediates: [east]
    renew: [east]
    root_days_left: 3200
    encrypt: [/srv/mesh/trust/east/ca-key.pem]
    modes:
      - path: /srv/mesh/trust/east
        mode: "0700"
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: cacerts
    outcome: ""
    unit: certificate authority
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 1
        made: [Secret cacerts]
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts:
          intermediate: CN=east,O=Istio until 2027-11-19T09:00:00Z (365 days)
          root: CN=Root CA,O=Istio until 2036-11-19T09:00:00Z (3650 days)
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: What was found, where, and what to do about it. Warnings, such as a near expiry, stop nothing.
  type: list
  elements: dict
  returned: always
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.cacerts import run as cacerts
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(cacerts)


if __name__ == "__main__":
    main()

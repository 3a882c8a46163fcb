# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.replicate; the work is in module_utils/_operations/replicate/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replicate
short_description: Keep a set of routing objects the same on every cluster
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Objects that are declared once stand on every cluster, or on none. Every write is first tried everywhere in a strict
    dry run, and where one is refused, nothing is written on any cluster. What fails later is put back on all.
  - Only the declared fields are set, under a field manager of this collection. What others set beside them stays.
  - Services and destination rules stand on all clusters before a route is written on any, and go after all routes.
  - What was written and what is owed is recorded on the hub before the first write. A run that was cut off is finished
    or undone by the next one, from whatever machine.
  - An object that was changed by somebody else is put right, with a warning that names who wrote it.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
  - onemesh.istio.change
options:
  set:
    description:
      - The name of the set, by which its objects belong together. At most 40 lower case letters, digits and hyphens.
    type: str
    required: true
  state:
    description:
      - V(present) makes every cluster hold the set as declared.
      - V(absent) removes the set from every cluster, by the record and by a search for our labels, and looks a second
        time whether anything is left. What was taken over is given back as it was.
      - V(settled) makes up for what clusters missed that were away, and needs no declaration.
    type: str
    choices: [present, absent, settled]
    default: present
  definition:
    description:
      - The objects, as a mapping, a list of mappings, or YAML text with one or more documents.
      - Neither identity, owner nor status of an object is taken along, whatever the source.
    type: raw
    aliases: [resource_definition]
  src:
    description:
      - Files with objects in YAML, found as tasks find files.
      - These and templates may be encrypted by ansible-vault, where the task runs on the controller.
    type: list
    elements: str
    default: []
  template:
    description:
      - Templates of such files, found as tasks find templates, and rendered for each cluster.
      - C(cluster.name), C(cluster.network) and C(cluster.region) in them are those of the cluster.
      - They need a task that runs on the controller, so C(connection=local) and no C(async).
    type: list
    elements: str
    default: []
  from_cluster:
    description:
      - Takes objects of O(kinds) that stand on a cluster of the fleet. That cluster keeps them as they are, and all
        others get copies.
    type: dict
    suboptions:
      cluster:
        description: The name of the cluster.
        type: str
        required: true
      namespaces:
        description: The namespaces to look into.
        type: list
        elements: str
        required: true
      names:
        description: Only objects of these names. One that is not found is an error.
        type: list
        elements: str
        default: []
      label_selectors:
        description: Only objects with these labels.
        type: list
        elements: str
        default: []
  kinds:
    description:
      - The kinds that are taken with O(from_cluster), and that are searched with O(state=absent) besides those in the
        record. Objects that are declared can be of any kind.
    type: list
    elements: dict
    default:
      - apiVersion: networking.istio.io/v1
        kind: VirtualService
      - apiVersion: networking.istio.io/v1
        kind: DestinationRule
    suboptions:
      apiVersion:
        description: Group and version, for example V(gateway.networking.k8s.io/v1).
        type: str
        required: true
      kind:
        description: The kind, for example V(HTTPRoute).
        type: str
        required: true
  namespace:
    description: The namespace of declared objects that name none.
    type: str
  overlays:
    description: What differs on some clusters. They are applied in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      clusters:
        description: The names of the clusters. Empty for all.
        type: list
        elements: str
        default: []
      kind:
        description: Only objects of this kind.
        type: str
      name:
        description: Only objects of this name.
        type: str
      namespace:
        description: Only objects of this namespace.
        type: str
      merge:
        description:
          - What is merged into the objects, as a JSON merge patch (RFC 7386). A list replaces the whole list, and
            V(null) removes a key.
        type: dict
      json_patch:
        description: Operations of a JSON patch (RFC 6902). Needs the Python library C(jsonpatch).
        type: list
        elements: dict
      exclude:
        description: The objects do not stand on these clusters at all.
        type: bool
        default: false
  create_namespace:
    description:
      - Whether a namespace that is missing is made. With O(state=absent) it goes again if it is empty.
    type: bool
    default: true
  dataplane:
    description:
      - How a namespace that is made joins the mesh. V(sidecar) labels it C(istio-injection=enabled),
        V(revision:NAME) C(istio.io/rev=NAME), V(ambient) C(istio.io/dataplane-mode=ambient), V(none) not at all.
    type: str
    default: sidecar
  enforce_namespace_labels:
    description: Whether a namespace that was there before gets these labels too. Else their absence is a warning.
    type: bool
    default: false
  adopt:
    description:
      - Take over objects of the same name that were not made by this set. What they were is remembered, and given back
        when they leave the set.
    type: bool
    default: false
  force:
    description: Take over fields that another field manager holds with another value. Else they are an error.
    type: bool
    default: false
  prune:
    description: Remove what was in the set and is not declared any more, on every cluster.
    type: bool
    default: true
seealso:
  - module: onemesh.istio.link
  - module: onemesh.istio.writer
  - module: onemesh.istio.verify
"""

EXAMPLES = r"""
- name: Hold one route and its destination rule on every cluster
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: reviews
    definition:
      - apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata:
          name: reviews
          namespace: shop
        spec:
          host: reviews.shop.svc.cluster.local
          subsets:
            - name: v1
              labels:
                version: v1
      - apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata:
          name: reviews
          namespace: shop
        spec:
          hosts: [reviews.shop.svc.cluster.local]
          http:
            - name: main
              timeout: 5s
              route:
                - destination:
                    host: reviews.shop.svc.cluster.local
                    subset: v1
  run_once: true

- name: Take objects from files and from a template that says cluster.region, with another timeout in one cluster
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: ratings
    namespace: shop
    src: [ratings.yml]
    template: [locality.yml.j2]
    overlays:
      - clusters: [west]
        kind: VirtualService
        name: ratings
        json_patch:
          - op: replace
            path: /spec/http/0/timeout
            value: 10s
  run_once: true

- name: Copy the routes of a team from one cluster to all others, and go on while at least one answers
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: team-shop
    from_cluster:
      cluster: east
      namespaces: [shop]
      label_selectors: [team=shop]
    unreachable: quorum
    quorum: 1
  run_once: true

- name: Take over an ingress that stands on all clusters already, and wait until every proxy has what follows from it
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: shop-ingress
    adopt: true
    proof: acknowledged
    definition:
      apiVersion: networking.k8s.io/v1
      kind: Ingress
      metadata:
        name: shop
        namespace: shop
      spec:
        ingressClassName: istio
        rules:
          - host: shop.example.org
            http:
              paths:
                - path: /
                  pathType: Prefix
                  backend:
                    service:
                      name: front
                      port:
                        number: 80
  run_once: true

- name: Give clusters that were away what they are owed
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: team-shop
    state: settled
  run_once: true

- name: Remove the set from every cluster, and insist that nothing is left
  onemesh.istio.replicate:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    set: reviews
    state: absent
  run_once: true
"""

RETURN = r"""
set:
  description: The name of the set.
  type: str
  returned: always
  sample: reviews
hub:
  description: The name of the cluster that keeps the record.
  type: str
  returned: always
  sample: east
clusters:
  description: What was done on each cluster, or would be in check mode, and what is known of it.
  type: dict
  returned: always
  contains:
    state:
      description:
        - V(ready), or why the cluster is not as declared. V(away) did not answer, V(excluded) was not asked, V(put
          back) is as it was before the change, V(owed) could not be put back yet.
      type: str
    changed:
      description: Whether an object changed there.
      type: bool
    created:
      description: Objects that were made.
      type: list
      elements: str
    configured:
      description: Objects that were changed.
      type: list
      elements: str
    restored:
      description: Objects that are as they were before this set had them.
      type: list
      elements: str
    deleted:
      description: Objects that were removed.
      type: list
      elements: str
    kept:
      description: Objects that were to be removed and stay, with the reason in C(findings).
      type: list
      elements: str
    unchanged:
      description: Objects that were as declared already.
      type: list
      elements: str
    uids:
      description: The UIDs of the objects that stand there.
      type: dict
    hash:
      description: A hash of all that is declared for the cluster. Clusters with the same hash hold the same.
      type: str
    seconds:
      description: The time from the start of its first write to the end of its last.
      type: float
    findings:
      description: What is noteworthy there, such as drift that was put right.
      type: list
      elements: dict
  sample:
    east:
      state: ready
      changed: true
      created: [DestinationRule shop/reviews, VirtualService shop/reviews]
      configured: []
      restored: []
      deleted: []
      kept: []
      unchanged: []
      uids:
        DestinationRule shop/reviews: 6f2c1a50-6f0e-4be2-9c52-0a8f6f0a3c11
        VirtualService shop/reviews: 2d4f9f3e-9d3b-4a56-8d0b-5b1d9a7c2e02
      hash: 5f3c0a9be41d7726
      seconds: 0.021
      findings: []
consistent:
  description: Whether every cluster holds the set as declared for it, and nothing is owed.
  type: bool
  returned: always
  sample: true
owed:
  description: What has yet to be done on which cluster. A later run does it.
  type: dict
  returned: always
  sample:
    west:
      - apply DestinationRule shop/reviews
      - apply VirtualService shop/reviews
proof:
  description: How far the change is known to have arrived, on each cluster and on all. Empty where nothing changed.
  type: dict
  returned: always
  sample:
    asked: written
    reached: written
    skew_ms: 24.8
    not_proven: that any istiod has read it, that it is used, or that another object does not override it
    clusters:
      east:
        level: written
        seconds: 0.0
        late: []
        details: {}
    findings: []
skew_ms:
  description: Milliseconds, at most, during which clusters disagreed, as far as the level of proof can tell.
  type: float
  returned: always
  sample: 24.8
leaked:
  description: What is still there after its removal, with its cluster. Anything but an empty list is a failure.
  type: list
  elements: str
  returned: when O(state=absent)
  sample: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this.
  type: dict
  returned: always
  contains:
    what:
      description: The verb and its object.
      type: str
    outcome:
      description: How it ended, in a sentence. Empty where the clusters say it.
      type: str
    unit:
      description: What RV(ignore:looked_at) counts.
      type: str
    foretold:
      description: Whether nothing was written, and this is what would be.
      type: bool
    clusters:
      description:
        - By cluster what was C(made), C(changed), C(put_right) (somebody else had changed it), C(given_back) (it is
          as it was before) and C(removed), what was C(kept) and what is C(owed).
        - C(state) is C(ready), or in a word why the cluster is not as asked for, with its C(reason). C(looked_at) is
          how much was compared. C(facts) are further rows, by name.
      type: dict
    body:
      description: Lines that the verb draws itself.
      type: list
      elements: str
    facts:
      description: Rows about no cluster in particular.
      type: list
      elements: dict
    proof:
      description: How far the change was to be proven and is, and for how long (in milliseconds) clusters disagreed.
      type: dict
    remarks:
      description: Findings, merged over the clusters that have them in common.
      type: list
      elements: dict
    next:
      description: What to do next.
      type: list
      elements: str
  sample:
    what: replicate reviews
    outcome: ""
    unit: object
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 2
        made: [DestinationRule shop/reviews, VirtualService shop/reviews]
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {}
      west:
        state: away
        reason: gave no answer within 10 s
        looked_at: 0
        made: []
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: [apply DestinationRule shop/reviews, apply VirtualService shop/reviews]
        facts: {}
    body: []
    facts: []
    proof: {asked: written, reached: written, skew_ms: 24.8}
    remarks: []
    next:
      - "run again, or with state: settled, when west can be reached; if gone for good, set write_off: [west]"
findings:
  description: What is in the way, went wrong or is left, on which cluster, and what to do about it.
  type: list
  elements: dict
  returned: on failure
  sample:
    - cluster: west
      check: refused
      severity: error
      object: VirtualService shop/reviews
      message: 'apply VirtualService shop/reviews: .spec.http[0].retires: field not declared in schema'
      remedy: correct the field
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate


def main() -> None:
    run_module(replicate)


if __name__ == "__main__":
    main()

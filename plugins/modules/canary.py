# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.canary; the work is in module_utils/_operations/canary.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: canary
short_description: Release a canary on every cluster, by one plan and one verdict
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Moves traffic from a stable side to a canary step by step, on all clusters of the mesh as one release. A step is
    taken on all clusters of its wave or on none, and only when every cluster holds the one before.
  - A task takes one tick, unless O(wait) is set. It looks at all clusters, decides, stores the decision on the hub,
    makes it so everywhere, and stores that it is so. A run that was cut off goes on where it was, from whatever
    machine.
  - Routes that are there are the user's. Of a VirtualService, HTTPRoute, GRPCRoute, TCPRoute or TLSRoute only the
    weights of both sides change, and what O(match), O(session_affinity) and mirroring need stands beside them for as
    long as the release needs it. What others edit meanwhile stays, and weights that somebody changed are put back.
  - Without O(manage) the sides are two destinations that the user has made, for example two subsets. A promotion moves
    all traffic to the canary's, and leaves it there. The next release has that one as its stable side.
  - With O(manage=true) it is as with Flagger. The workload is the canary, the stable side is a copy of it that is made
    and kept, and so are Services, DestinationRules and routes. A promotion copies the canary's pod template to the
    stable side, traffic goes back to that, and the canary is scaled to zero.
  - A release that fails is rolled back on all clusters. That is an obligation. It goes on with the clusters that
    answer, and those that are away get it from the first run that reaches them.
  - Pods come before requests for them, and go after the last cluster has been seen not to route to them.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
  - onemesh.istio.change
  - onemesh.istio.canary_plan.plan
  - onemesh.istio.canary_analysis
  - onemesh.istio.canary_service
  - onemesh.istio.canary_webhooks
options:
  name:
    description:
      - The name of the release, by which runs find each other. At most 40 lower case letters, digits and hyphens.
    type: str
    required: true
  namespace:
    description: The namespace of the workload and the routes.
    type: str
    required: true
  state:
    description:
      - V(planned) says the whole schedule, and what the next tick would change on each cluster. Nothing is written.
      - V(progressing) takes a tick. It begins a release where the revision is new, takes the next step if nothing is in
        its way, goes on with a rollback, and brings clusters that came back or were changed to what all others have.
      - V(promoted) passes over the rest of the ramp with its times, verdicts and gates, and promotes, with
        O(plan.waves) the wave that is under way. Pods that are not ready are waited for. An earlier hold is over then.
      - V(rolled_back) sends all requests back to the stable side, also after a promotion. A revision that
        was rolled back, or refused before it began, is not begun again by itself, see O(request=restart).
      - V(status) says what is stored, and looks at no cluster but the hub.
      - V(absent) removes everything that the release made, from every cluster, and looks a second time whether anything
        is left. What is the user's is as it was before, except that routes keep the weights of a promotion without
        O(manage). With O(manage=true) the workload has its full size and all traffic before the rest goes. Where it is
        gone or does not get ready, the rest goes nevertheless, and RV(warnings) says what was not given back and why.
    type: str
    choices: [planned, progressing, promoted, rolled_back, status, absent]
    default: progressing
  request:
    description:
      - What a person asks a release for, from any play, also while another one waits for it. It is asked once, in place
        of what O(state) asks for.
      - V(hold) keeps the release where it is. What stands is still put right, and analyses that fail still count.
      - V(resume) lets a release go on that is held, by a person, by a limit of a metric or after a failed promotion.
      - V(skip) takes the next step at once, whatever its time, verdict and gate.
      - V(restart) begins a revision once more that has ended.
      - V(approve) opens O(gate) for the run of the release that is under way. It goes with that run, and opens nothing
        for a later one of the same revision.
      - V(disapprove) closes it. That counts more than any approval.
    type: str
    choices: [hold, resume, skip, restart, approve, disapprove]
  gate:
    description: The gate that O(request=approve) opens and O(request=disapprove) closes. Default is every gate.
    type: str
  approval_expires:
    description: Seconds after which the approval counts for nothing any more. Default is never.
    type: float
  approved_by:
    description: Who approves, for the record.
    type: str
  wait:
    description:
      - Whether the task takes ticks until the release has ended, or O(wait_step) is reached. A release that was rolled
        back has ended too, see RV(succeeded).
      - Without it a task takes one tick, for a job that is started again and again.
    type: bool
    default: false
  wait_step:
    description:
      - With O(wait=true), the number of the step that all clusters are to hold when the task ends. No later one is
        taken.
      - A step that only starts the canary, such as V(0), is waited for until its pods are ready.
    type: int
  wait_timeout:
    description:
      - Seconds after which a task with O(wait=true) fails where no further step was taken. The release stays where it
        is, and another run goes on.
    type: float
    default: 3600.0
  wait_for_gates:
    description:
      - Whether a task with O(wait=true) waits for people too. Without it the task ends, and does not fail, where
        nothing goes on before a person opens a gate or resumes. See RV(waits_for_a_person).
    type: bool
    default: true
  poll:
    description: Seconds from one tick to the next at most, with O(wait=true).
    type: float
    default: 5.0
  revision:
    description:
      - What is released, in any words. Another text is a new revision, which begins from the first step, also while an
        earlier one is under way.
      - The default is a hash of the pod templates of O(workload) on all clusters, and of the ConfigMaps and Secrets
        that they read.
      - With neither a workload nor a revision it is the sides and routes that are released, once.
    type: str
  routes:
    description:
      - The objects whose routes are divided. They have to be there on every cluster, with both sides in each route.
      - Further destinations of a route keep their weights, and what they leave of O(plan.total) is divided.
      - Default is a VirtualService named like the release, or with O(manage=true) the route that is made.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind of the object.
        type: str
        choices: [VirtualService, HTTPRoute, GRPCRoute, TCPRoute, TLSRoute]
        default: VirtualService
      name:
        description: The name of the object.
        type: str
        required: true
      namespace:
        description: The namespace of the object. Default is O(namespace).
        type: str
      section:
        description: The section of a VirtualService whose routes are meant. Default is all.
        type: str
        choices: [http, tls, tcp]
      routes:
        description:
          - The routes or rules that are meant, by name or by index from 0. Default is all that send to both sides.
        type: list
        elements: str
        default: []
  stable:
    description:
      - The destination of the stable side in the routes, by any name of O(by). Required without O(manage).
      - With O(manage=true) the default is the name of the service and C(-primary).
    type: str
  canary:
    description: The destination of the canary, likewise. With O(manage=true) the default ends with C(-canary).
    type: str
  by:
    description:
      - What O(stable) and O(canary) are, as in M(onemesh.istio.traffic_split). With V(destination) any name that is
        unambiguous in its route, such as subset, host or host/subset.
    type: str
    choices: [destination, subset, host]
    default: destination
  workload:
    description:
      - The pods of the release. Without it only routes are looked at, and pods are not waited for.
      - A step waits until the pods are ready that it sends requests to. A canary that will not become ready ends the
        release.
    type: dict
    suboptions:
      kind:
        description: The kind of the workloads.
        type: str
        choices: [Deployment, DaemonSet]
        default: Deployment
      name:
        description: The name of the canary's workload.
        type: str
        required: true
      stable:
        description:
          - The name of the stable side's workload, if it is to be looked at. With O(manage=true) it is made, and named
            like the canary's with C(-primary).
        type: str
      scale:
        description:
          - Whether the canary has pods only while it is needed. It gets them before its first requests, and is scaled
            to zero after a rollback or where it was promoted by copying. Always with O(manage=true).
        type: bool
        default: false
      ready_threshold:
        description: How many percent of the canary's pods have to be available, but at least one.
        type: int
        default: 100
      stable_ready_threshold:
        description: How many percent of the stable side's pods have to be available, but at least one.
        type: int
        default: 100
      progress_deadline:
        description: After what time a workload that is not ready never will be. Seconds, or a text like V(10m).
        type: raw
        default: 600
      selector_labels:
        description:
          - Of these labels the first that the workload selects its pods by tells both sides apart. The stable side has
            the whole selector, with C(-primary) after the value of this label.
          - What selects pods by that label, such as an C(AuthorizationPolicy) or a C(PodDisruptionBudget), is for one
            side only. Each such object is in RV(warnings) before a release begins. Another label of the selector may be
            named here before the first release.
        type: list
        elements: str
        default: [app, name, app.kubernetes.io/name]
  manage:
    description:
      - Whether the stable side, Services, DestinationRules and, unless O(routes) names others, the route are made on
        every cluster. It needs O(workload) and O(service).
    type: bool
    default: false
  match:
    description:
      - Which requests the release is about, each an C(HTTPMatchRequest) of Istio, or for routes of the Gateway API one
        of their matches. One that fits is enough, and what the route itself matches counts too.
      - With O(plan.iterations), or steps that are O(plan.steps[].matched), these requests go to the canary.
      - With weights alone, these requests are divided by them, and all others get the stable side.
    type: list
    elements: dict
    default: []
  session_affinity:
    description:
      - Clients that got the canary once stay with it while it has a share of the traffic, by a cookie. It is another
        one for each revision.
    type: dict
    suboptions:
      cookie_name:
        description: The name of the cookie.
        type: str
        required: true
      max_age:
        description: Seconds for which a client stays.
        type: int
        default: 86400
      stable_cookie_name:
        description:
          - The name of a cookie by which clients stay with the stable side too. Without it they are divided anew at
            each request.
        type: str
      stable_max_age:
        description: Seconds for which a client stays with the stable side. Default is 60.
        type: int
  skip_analysis:
    description:
      - The canary is promoted as soon as it is ready. Skipped are the steps of the plan with their weights, mirrors,
        matches and times, all analyses, and webhooks of the type rollout. Nobody is sent to the canary before the
        promotion, and with O(manage=true) nobody ever.
      - What stays are the waves, the drain, all other webhooks, and gates. Each gate of the plan is asked before the
        promotion, one after the other.
    type: bool
    default: false
  revert:
    description:
      - What a failure takes back.
      - V(all). Every cluster.
      - V(wave). The clusters of the wave that is under way, unless something failed in an earlier one too.
      - A person's rollback takes back everything.
    type: str
    choices: [all, wave]
    default: all
  rollback_step:
    description:
      - By how much the canary's weight falls every O(rollback_interval) in a rollback. With 0 it falls at once.
    type: int
    default: 0
  rollback_interval:
    description:
      - The time between these steps. Seconds, or a text like V(90s).
      - The default is O(analysis.interval), or where that is not given O(plan.interval).
    type: raw
  drain:
    description:
      - For how long the canary is kept after a rollback has taken its traffic. Seconds, or a text like V(90s).
      - The default is as that of O(rollback_interval).
    type: raw
  on_failed_promotion:
    description:
      - What happens where the stable side does not become ready with the new pod template, with O(manage=true).
      - V(hold). Everybody gets the canary, which is ready, and the release is held until O(request=resume).
      - V(retry). Nothing moves, and the stable side is waited for.
      - V(restore). The stable side gets its earlier template back, and users when it is ready. The release has failed.
    type: str
    choices: [hold, retry, restore]
    default: hold
  history_limit:
    description: How many entries of RV(history) are kept.
    type: int
    default: 50
  journal:
    description:
      - A file to which each tick is appended as one line of JSON, with what was intended and observed on each cluster,
        verdicts, times and errors. It is where the task runs.
    type: path
  page:
    description:
      - A file that is written with each tick. It is an HTML page with the curves of weights and errors of all clusters,
        and needs nothing but itself.
      - It shows the whole release, also over several tasks, by O(journal). The default of that is then the name of the
        page and C(.jsonl).
      - It is drawn by Jinja2, which the controller always has, and another machine that the task runs on may not.
    type: path
  force:
    description:
      - With O(manage=true) and O(state=absent) users get the workload as it is. While it runs another version than the
        one that was promoted, this is refused unless O(force) is set.
      - With it a cluster that refuses to give the workload its pods does not stop the removal either.
    type: bool
    default: false
notes:
  - All tasks about a release need the options that describe it, also to approve, to roll back and to remove it. The
    role P(onemesh.istio.canary#role) has them as variables, in one place.
  - The default of O(proof) says that API servers have a step, not that proxies do. With V(acknowledged) a step, and the
    end of a drain, counts from when all proxies have it.
  - A gate can be opened without Ansible. Where a release waits for one, the task shows a command for kubectl, which
    writes a ConfigMap. An annotation C(onemesh.istio/approve-GATE) with RV(run) on the hub's route or workload does
    too.
  - With O(unreachable=halt) no step is taken while a cluster is away. A rollback goes on.
  - A plan can be changed while a release is under way, in the steps that are still to come.
seealso:
  - module: onemesh.istio.traffic_split
  - plugin: onemesh.istio.canary_weights
    plugin_type: lookup
  - plugin: onemesh.istio.canary_from
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Release version 2 by the user's own VirtualService and subsets, and wait for its end
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: reviews
    namespace: shop
    routes:
      - name: reviews
    stable: v1
    canary: v2
    workload:
      name: reviews-v2
      stable: reviews-v1
    plan:
      step_weights: [5, 25, 50, 100]
      interval: 5m
    analysis:
      threshold: 2
      metrics:
        - builtin: request-success-rate
          min: 99
          minimum_requests: 100
        - builtin: request-duration
          max: 500
      prometheus:
        urls:
          east: http://prometheus.east.example.org:9090
          west: http://prometheus.west.example.org:9090
    proof: acknowledged
    wait: true
    wait_timeout: 7200
    page: /var/tmp/reviews.html
  run_once: true

- name: Release whatever is deployed as Deployment podinfo, as Flagger does
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: podinfo
    namespace: shop
    manage: true
    workload:
      name: podinfo
    service:
      port: 9898
    plan:
      step_weight: 10
      max_weight: 50
      interval: 1m
    analysis:
      threshold: 5
      source: envoy
      metrics:
        - builtin: request-success-rate
          min: 99
    webhooks:
      - name: smoke-test
        type: pre-rollout
        url: http://loadtester.shop.example.org/
        metadata:
          type: bash
          cmd: curl -sf http://podinfo-canary.shop:9898/healthz
    wait: true
  run_once: true

- name: Let testers try version 2, and nobody else
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: reviews
    namespace: shop
    stable: v1
    canary: v2
    match:
      - headers:
          x-tester:
            exact: "yes"
    plan:
      iterations: 10
      interval: 1m
      gates:
        - before: promotion
  run_once: true

- name: Switch all users of an HTTPRoute at once, after five analyses of copied requests
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: checkout
    namespace: shop
    routes:
      - kind: HTTPRoute
        name: checkout
    stable: checkout-blue
    canary: checkout-green
    revision: "2.4.1"
    plan:
      iterations: 5
      mirror: true
      interval: 1m
  run_once: true

- name: Release to one cluster first, to all others after an hour, and revert only those that failed
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: reviews
    namespace: shop
    stable: v1
    canary: v2
    revert: wave
    plan:
      step_weights: [10, 50, 100]
      interval: 5m
      waves:
        - name: first
          clusters: [east]
          bake: 1h
        - name: others
          step_weights: [25, 100]
  run_once: true

- name: Go on with a release by one tick, in a job that is started every minute and waits for no one
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: ratings
    namespace: shop
    stable: v1
    canary: v2
    plan:
      step_weights: [5, 50, 100]
      interval: 10m
      gates:
        - before_weight: 50
          name: half
    journal: /var/tmp/ratings.jsonl
  run_once: true

- name: Approve its half, for the next hour, from another play
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: ratings
    namespace: shop
    stable: v1
    canary: v2
    plan:
      step_weights: [5, 50, 100]
      interval: 10m
      gates:
        - before_weight: 50
          name: half
    request: approve
    gate: half
    approval_expires: 3600
    approved_by: ada
  run_once: true

- name: Roll back now, and wait until no cluster sends anything to the canary
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: ratings
    namespace: shop
    stable: v1
    canary: v2
    plan:
      step_weights: [5, 50, 100]
      interval: 10m
      gates:
        - before_weight: 50
          name: half
    state: rolled_back
    wait: true
  run_once: true

- name: Leave nothing of a release on any cluster
  onemesh.istio.canary:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    name: ratings
    namespace: shop
    stable: v1
    canary: v2
    plan:
      step_weights: [5, 50, 100]
      interval: 10m
      gates:
        - before_weight: 50
          name: half
    state: absent
  run_once: true
"""

RETURN = r"""
name:
  description: The name of the release.
  type: str
  returned: unless O(state=absent)
  sample: reviews
hub:
  description: The name of the cluster that keeps the record.
  type: str
  returned: always
  sample: east
phase:
  description:
    - Flagger's word for where the release is. One of V(initializing), V(initialized), V(waiting), V(progressing),
      V(waiting_promotion), V(promoting), V(finalising), V(succeeded) and V(failed).
  type: str
  returned: unless O(state=absent)
  sample: progressing
done:
  description: Whether nothing is left to be done for this revision, be it promoted or rolled back.
  type: bool
  returned: unless O(state=absent)
  sample: false
succeeded:
  description: Whether the revision is promoted on all clusters.
  type: bool
  returned: unless O(state=absent)
  sample: false
revision:
  description: The revision that is under way, or was the last to be.
  type: str
  returned: unless O(state=absent)
  sample: 80d441ae3e
run:
  description:
    - What tells this run of the release from every other one, also from another one of the same revision. Approvals are
      bound to it.
  type: str
  returned: unless O(state=absent)
  sample: 5f3c09aa12
promoted:
  description: The revision that was promoted last. Empty where that is not known.
  type: str
  returned: unless O(state=absent)
  sample: ""
step:
  description: The step that all clusters hold, by its number in RV(schedule). V(-1) before the first.
  type: int
  returned: unless O(state=absent)
  sample: 2
steps:
  description: The number of the last step.
  type: int
  returned: unless O(state=absent)
  sample: 6
weights:
  description: The canary's weight that each cluster is to have now.
  type: dict
  returned: unless O(state=absent)
  sample:
    east: 50
    west: 50
total:
  description: What the weights of both sides make together.
  type: int
  returned: unless O(state=absent)
  sample: 100
since:
  description: When all clusters got to the step, in seconds since 1970. V(0) before the first.
  type: float
  returned: unless O(state=absent)
  sample: 1795573132.806
mode:
  description:
    - V(forward) on the way to a promotion, V(back) in and after a rollback, V(canary) with all requests at the canary
      because the promotion failed.
  type: str
  returned: unless O(state=absent)
  sample: forward
held:
  description: Why the release is held until a person resumes. Empty where it is not.
  type: str
  returned: unless O(state=absent)
  sample: ""
failed_checks:
  description: How many analyses of this revision failed.
  type: int
  returned: unless O(state=absent)
  sample: 0
reason:
  description: Why the release is where it is, or why it was rolled back.
  type: str
  returned: unless O(state=absent)
  sample: "step 2/6: canary 50 %, progressing"
history:
  description: What the release has come through, with times in seconds since 1970.
  type: list
  elements: dict
  returned: unless O(state=absent)
  sample:
    - time: 1795573132.581
      phase: progressing
      step: 1
      reason: "step 1/6: canary 5 %, progressing"
    - time: 1795573132.806
      phase: progressing
      step: 2
      reason: "step 2/6: canary 50 %, progressing"
known:
  description: Whether there is a release of this name.
  type: bool
  returned: when O(state=status), and when O(request=approve) or O(request=disapprove)
  sample: true
schedule:
  description: All steps, as P(onemesh.istio.canary_weights#lookup) returns them.
  type: list
  elements: dict
  returned: when a tick was taken or foretold, and with O(plan) when it was asked how the release is
  sample:
    - {index: 0, canary: 0, stable: 100, mirror: 0, matched: false, phase: progressing, wave: 0, after: 0.0,
       analysis: false, gate: "", copy: false, replicas: 100, cutover: false}
    - {index: 1, canary: 5, stable: 95, mirror: 0, matched: false, phase: progressing, wave: 0, after: 0.0,
       analysis: true, gate: half, copy: false, replicas: 100, cutover: false}
intended:
  description: The canary's weight that the last tick meant each cluster to have.
  type: dict
  returned: when a tick was taken or foretold
  sample:
    east: 50
    west: 50
observed:
  description: The weight that it found before it wrote any. None of a cluster that was away.
  type: dict
  returned: when a tick was taken or foretold
  sample:
    east: 5
    west: 5
reasons:
  description: What the last tick did, or what it waits for.
  type: list
  elements: str
  returned: when a tick was taken or foretold
  sample: ["step 2/6: canary 50 %, progressing"]
waiting:
  description: What is waited for, as one text. Empty where the last tick wrote something, and at the end.
  type: str
  returned: when a tick was taken or foretold
  sample: ""
waits_for_a_person:
  description: Whether nothing goes on before somebody opens a gate, resumes, or lets a webhook agree.
  type: bool
  returned: when a tick was taken or foretold
  sample: false
records:
  description: Ticks of this task that differ from the one before in more than time, at most 100. O(journal) has all.
  type: list
  elements: dict
  returned: when a tick was taken or foretold
  sample:
    - format: 1
      time: 1795573132.750
      name: reviews
      namespace: shop
      revision: 80d441ae3e
      phase: progressing
      step: 2
      of: 6
      wave: 0
      clusters:
        east: {intended: 50, observed: 50, holds: true, stable: none, canary: none, error: "", drift: "",
               seconds: 0.008, metrics: {}}
        west: {intended: 50, observed: 50, holds: true, stable: none, canary: none, error: "", drift: "",
               seconds: 0.01, metrics: {}}
      verdict: null
      decision: continue
      reasons:
        - "step 2/6: canary 50 %, progressing"
        - "gate half: opened by ada (ConfigMap onemesh-system/onemesh-approval.reviews.half)"
      gates: {half: open}
      actions: ["east: configured VirtualService shop/reviews", "west: configured VirtualService shop/reviews"]
      limits: {}
      skew_ms: 12.9
      timings: {observe: 0.0499, apply: 0.052}
      errors: []
      waiting: {what: "", since: 1795573132.806, how: [], where: ""}
      owed: {}
      total: 100
      proof: written
touched:
  description:
    - What this task did on each cluster, over all its ticks. C(put_right) says what somebody had changed, and who wrote
      it last.
  type: dict
  returned: when a tick was taken or foretold
  sample:
    east: {created: [], configured: [VirtualService shop/reviews], restored: [], deleted: []}
course:
  description:
    - What the whole release came to so far. Without O(journal) and O(page) it knows the ticks of this task only, and
      V(false) is then said of C(whole). C(ended) says whether this task brought it to its end.
    - Times are in seconds, and moments in seconds since 1970. C(errors) is the worst rate, with the number of requests
      that it is of (none where that is not known).
  type: dict
  returned: when a tick was taken or foretold
  sample:
    began: 1795573130.221
    seconds: 2.585
    ticks: 2
    whole: true
    ended: false
    conclusion: "On its way: step 2 of 6, canary at 50 %, after 2.6 s."
    errors: {percent: 0.02, requests: 12345.0}
    skew_ms: 12.9
    steps:
      - {step: 1, of: 6, phase: progressing, canary: 5 %, began: 1795573130.221, seconds: 2.585, ticks: 1,
         verdict: pass, errors: {percent: 0.02, requests: 12345.0}, skew_ms: 12.9}
    clusters:
      east: {canary: 50 %, state: ok, slowest: 0.008, errors: {percent: 0.02, requests: 6200.0}, ticks_not_well: 0}
approval:
  description:
    - What was said about which gate, for which run of which revision, until when (in seconds since 1970), and by whom.
  type: dict
  returned: when O(request=approve) or O(request=disapprove)
  sample:
    gate: half
    run: 5f3c09aa12
    revision: 80d441ae3e
    decision: open
    expires: null
    by: ada
set:
  description: The name under which the release is recorded.
  type: str
  returned: when O(state=absent)
  sample: reviews
clusters:
  description:
    - What the last change did on each cluster, or would do in check mode, as M(onemesh.istio.replicate) returns it.
      Empty where nothing was to be written.
  type: dict
  returned: when a tick was taken or foretold, or O(state=absent)
  sample:
    east:
      state: ready
      changed: true
      created: []
      configured: [VirtualService shop/reviews]
      restored: []
      deleted: []
      kept: []
      unchanged: []
      uids:
        VirtualService shop/reviews: 695ec6ca-fa15-480c-9cb8-c5728cba2ef0
      hash: b19ab2a56fc79092
      seconds: 0.008
      findings: []
consistent:
  description: Whether every cluster is as intended, and nothing is owed.
  type: bool
  returned: when a tick was taken or foretold, or O(state=absent)
  sample: true
warnings:
  description:
    - What people should know. Before a release with O(manage=true) begins, the objects that select the pods of one side
      only. After O(state=absent), what was not given back and why.
  type: list
  elements: str
  returned: when there are any
  sample:
    - "west (Deployment shop/web): is not there; it takes no users back there, and what the release made is removed
      nevertheless -> apply it again where users are to have pods"
owed:
  description: What has yet to be done on which cluster. A later run does it.
  type: dict
  returned: always
  sample:
    west:
      - apply VirtualService shop/reviews
proof:
  description: How far the last change is known to have arrived, on each cluster and on all. Empty where there was none.
  type: dict
  returned: when a tick was taken or foretold, or O(state=absent)
  sample:
    asked: written
    reached: written
    skew_ms: 12.9
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
  returned: when a tick was taken or foretold, or O(state=absent)
  sample: 12.9
leaked:
  description: What the release made and is still there, with its cluster. Anything but an empty list is a failure.
  type: list
  elements: str
  returned: when O(state=absent)
  sample: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: release reviews
    outcome: "step 2/6, progressing, revision 80d441ae3e"
    unit: object
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 0
        made: []
        changed: [VirtualService shop/reviews]
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {canary: 50 %, worst errors: 0.02 % of 12 345 requests}
    body: []
    facts: []
    proof: {asked: acknowledged, reached: acknowledged, skew_ms: 12.9}
    remarks: []
    next: ["run again: it goes on where it is"]
findings:
  description: What is in the way, went wrong or is left, on which cluster, and what to do about it.
  type: list
  elements: dict
  returned: on failure
  sample:
    - cluster: west
      check: destination-missing
      severity: error
      object: VirtualService shop/reviews
      message: "VirtualService shop/reviews has no route that sends to v9; it has http[main]: v1, v2"
      remedy: name a destination that the route has, or add it with weight 0
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(canary)


if __name__ == "__main__":
    main()

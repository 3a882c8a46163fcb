# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``analysis`` of a canary (ANALYSIS_ARGUMENT_SPEC)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  analysis:
    description:
      - What is measured of the canary, and what it has to keep to. Without it, and without a webhook of type
        C(rollout), a step lasts for its time and asks nothing.
      - An analysis is one of pass, fail, inconclusive (there is no data, or too little), error (whoever is asked for
        data does not answer) and running. Only pass lets the next step be taken. Only fail counts towards
        O(analysis.threshold); with all others the release waits where it is.
      - Clusters are asked in which the canary has a share of the requests, or a copy of them. In a step in which it has
        neither, such as iterations without a mirror, those are asked whose canary is ready.
    type: dict
    suboptions:
      interval:
        description:
          - Seconds from one analysis of a step to the next. A step is always analysed before it is left.
          - The default is the interval of the plan.
        type: float
      threshold:
        description:
          - With how many failed analyses the release is rolled back, at once. They add up over the whole release, and
            one that passes does not lower their number.
        type: int
        default: 1
      rule:
        description:
          - How verdicts of clusters become one.
          - V(any_bad). The worst counts. One bad cluster is bad for all, and one that cannot be measured holds all.
          - V(quorum). The analysis failed where O(analysis.quorum) clusters did.
          - V(weighted). The average over clusters is judged, each with the weight of its requests.
        type: str
        choices: [any_bad, quorum, weighted]
        default: any_bad
      quorum:
        description: How many clusters have to be bad. Required with O(analysis.rule=quorum).
        type: int
      metrics:
        description:
          - What is measured, each with exactly one of O(analysis.metrics[].builtin) and O(analysis.metrics[].query).
            The worst of them counts on a cluster.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Its name in messages and records. Default is that of the built-in metric.
            type: str
          builtin:
            description:
              - V(request-success-rate). Percent of the requests that were not answered with a status of 500 or more.
              - V(request-duration). Milliseconds in which 99 percent of the requests were answered.
            type: str
            choices: [request-success-rate, request-duration]
          query:
            description:
              - A query in PromQL that gives one number. Names like C(${interval}) in it are replaced.
              - There are C(name), C(namespace), C(target), C(service), C(ingress), C(route) and C(interval) as in
                Flagger, and C(cluster), C(side), C(host), C(subset), C(workload) and C(version).
              - C(${selector}) gives the labels of Istio's metrics that mean one side on one cluster.
              - C(${variables.NAME}) is the variable NAME of O(analysis.metrics[].variables).
            type: str
          min:
            description:
              - The least value that passes. One of O(analysis.metrics[].min) and O(analysis.metrics[].max) is needed.
            type: float
          max:
            description: The greatest value that passes.
            type: float
          compare:
            description:
              - The bounds are about the canary compared with the stable side of the same cluster. Default is the canary
                alone.
              - V(ratio). The canary's value divided by the stable side's.
              - V(difference). The canary's value less the stable side's.
            type: str
            choices: [ratio, difference]
          minimum_requests:
            description: With fewer requests to the canary in the interval there is too little data.
            type: float
            default: 0.0
          interval:
            description:
              - The time that is looked at, as Prometheus writes it. With O(analysis.source=envoy) see
                O(analysis.envoy.window).
            type: str
            default: 1m
          failure_limit:
            description:
              - With more failures of this metric than that the release is rolled back. It counts beside
                O(analysis.threshold), which knows analyses as a whole. Default of all limits is none.
            type: int
          inconclusive_limit:
            description: With more inconclusive results than that the release is held, until O(request=resume).
            type: int
          error_limit:
            description: With more errors in a row than that the release is held, until O(request=resume).
            type: int
          success_limit:
            description: How many passes in a row are enough.
            type: int
          dry_run:
            description: The metric is measured and shown, and decides nothing.
            type: bool
            default: false
          variables:
            description: Values for C(${variables.NAME}) in the query.
            type: dict
            default: {}
      source:
        description:
          - Who is asked.
          - V(prometheus). Istio's metrics and others in Prometheus.
          - V(envoy). The built-in metrics from the statistics of sampled proxies, where there is no Prometheus. It
            needs sides that are different subsets, hosts or ports.
        type: str
        choices: [prometheus, envoy]
        default: prometheus
      reporter:
        description:
          - Which of Istio's two views of a request counts.
          - V(destination). What the workloads of a cluster answered, whoever asked.
          - V(source). What the clients in a cluster saw, whoever answered. A connection that failed is seen only here.
        type: str
        choices: [destination, source]
        default: destination
      prometheus:
        description: Where Prometheus is. O(analysis.prometheus.url) or O(analysis.prometheus.urls) is needed.
        type: dict
        suboptions:
          url:
            description:
              - The address of one that has the metrics of all clusters, with the path that comes before C(/api).
            type: str
          urls:
            description:
              - From the name of a cluster to the address of its own. Clusters that are not named use the other one.
            type: dict
          cluster_label:
            description:
              - The label that tells clusters apart. Default is C(destination_cluster), or C(source_cluster) with
                O(analysis.reporter=source).
              - With an empty text no cluster is asked for, which is right where each has a Prometheus of its own.
            type: str
          token:
            description: A bearer token.
            type: str
          username:
            description: A user name for basic authentication, with O(analysis.prometheus.password).
            type: str
          password:
            description: The password for O(analysis.prometheus.username).
            type: str
          headers:
            description: Further headers of a query, for example a tenant's name.
            type: dict
          ca_cert:
            description: A path to the CA certificate of the server.
            type: path
          validate_certs:
            description: Whether the server's certificate is verified.
            type: bool
            default: true
          proxy:
            description: The URL of an HTTP proxy.
            type: str
          timeout:
            description: Seconds that all queries about a cluster may take together.
            type: float
            default: 5.0
      envoy:
        description: How proxies are looked at with O(analysis.source=envoy).
        type: dict
        suboptions:
          window:
            description: Seconds for which requests are counted.
            type: float
            default: 10.0
          pods:
            description: How many proxies of a cluster are looked at.
            type: int
            default: 20
      on_no_data:
        description:
          - What it means that there is no data, or too little.
          - V(hold). The release waits where it is.
          - V(fail). The analysis failed, as in Flagger.
          - V(pass). The analysis passed.
        type: str
        choices: [hold, fail, pass]
        default: hold
"""

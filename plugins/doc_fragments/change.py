# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every change that is made on all clusters as one (CHANGE_ARGUMENT_SPEC)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  hub:
    description:
      - The name of the cluster that keeps the record of what was written and is owed. It need not be one of those that
        the task changes, and has to answer in every run.
      - Default is the variable C(mesh_hub), then the first cluster of the mesh in the inventory, whatever the limit.
        Where the clusters are no hosts of the play, it is the first one.
      - It has to be the same in every run. Its name stands in the record and in an annotation of what is written, and a
        run with another hub is refused.
    type: str
  ledger_namespace:
    description:
      - The namespace of the hub for records and locks. Default is C(onemesh-system), or C(onemesh-) and the name of the
        hub's namespace of Istio where that is not C(istio-system). It is made where it is missing, takes the records
        along that earlier versions kept beside Istio, and is removed when nothing is left in it.
      - A namespace that is named here has to be there, and stays.
    type: str
  unreachable:
    description:
      - What happens when clusters are away.
      - V(halt) writes nothing anywhere unless every cluster is ready.
      - V(quorum) goes on when at least O(quorum) clusters are ready.
      - V(exclude) does not ask the clusters in O(exclude), and needs all others.
      - What a cluster that is left out misses is recorded, and a later run makes up for it.
    type: str
    choices: [halt, quorum, exclude]
    default: halt
  quorum:
    description: How many clusters are enough. Required with O(unreachable=quorum).
    type: int
  exclude:
    description: Names of the clusters that are left out with O(unreachable=exclude).
    type: list
    elements: str
    default: []
  proof:
    description:
      - How far the change has to be known to have arrived. Where that is not seen on every changed cluster within
        O(proof_timeout), all clusters are put back.
      - V(written). Every API server has stored it, and its admission webhooks let it pass.
      - V(accepted). Istio also says of Gateway API objects that this generation of them is valid.
      - V(acknowledged). Every proxy of every istiod has also accepted what was pushed after the change.
      - V(serving). The configuration of sampled proxies also routes as was written.
      - From V(acknowledged) on, routes are written when all proxies have the rules that they need, and rules are
        removed when none has a route to them any more, so that no request fails in between.
      - RV(proof) says what the level reached does not prove.
    type: str
    choices: [written, accepted, acknowledged, serving]
    default: written
  proof_timeout:
    description: Seconds to wait for O(proof).
    type: float
    default: 60.0
  proof_window:
    description:
      - With O(proof=serving), seconds for which the requests of the sampled proxies are counted too. A split that they
        contradict, with a confidence of 99 percent, is not serving. Fewer than 100 requests contradict nothing.
      - With 0 nothing is counted.
    type: float
    default: 0.0
  lock_timeout:
    description: Seconds to wait for another run that works on the same. With 0 it is an error at once, with its holder.
    type: float
    default: 0.0
  write_off:
    description: Names of clusters that are gone for good. What is recorded of them and owed to them is forgotten.
    type: list
    elements: str
    default: []
  workers:
    description: Requests to one cluster at the same time. With more than 32 clusters it is fewer, 512 to all together.
    type: int
    default: 16
"""

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster of a managed release, as it is read, and what a release wants there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import TrafficSplit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release import objects
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.objects import (
    LiveObjects,
    Mark,
    WantedObject,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import CanaryRelease
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.targets import ClusterTarget
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import FIELD_MANAGER, owned, owned_in_set
from ansible_collections.onemesh.istio.tests.support.canary.releases import MANAGED, release_of
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import Object, workload

RELEASE = release_of(MANAGED)
READY = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
MARK = Mark("r2", {})
ALL_STABLE = ClusterTarget(TrafficSplit(0, 100), 0)


def service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {"clusterIP": "10.0.0.9", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
    }


def live(*lives: Object, **more: Any) -> LiveObjects:
    return LiveObjects({ObjectId.of(each): each for each in lives}, **more)


def listed(
    release: CanaryRelease, stands: LiveObjects, target: ClusterTarget, mark: Mark = MARK
) -> dict[str, WantedObject]:
    """By kind and name."""
    found = objects.list_wanted(release, "east", stands, target, mark)
    return {f"{each.id.kind} {each.id.name}": each for each in found}


def written(stands: LiveObjects, *wanted: WantedObject) -> LiveObjects:
    """The cluster once it has all that; what is made has our label."""
    made = [owned(each.desired, "canary") if each.made else each.desired for each in wanted]
    return replace(stands, objects={**stands.objects, **{ObjectId.of(each): each for each in made}})


def managed_shop(target: ClusterTarget = ALL_STABLE, version: int = 1, release: CanaryRelease = RELEASE) -> LiveObjects:
    """A cluster after the first release, in which all is ready; ``version`` of the workload is deployed since."""
    stands = live(workload(status=READY), service())
    for _number in range(2):
        stands = written(stands, *listed(release, stands, target).values())
        primary = stands.objects[ObjectId("apps", "Deployment", "shop", "web-primary")]
        primary.setdefault("metadata", {})["generation"] = 2
        primary["status"] = {"observedGeneration": 2, **READY}
        own = stands.objects[ObjectId("apps", "Deployment", "shop", "web")]
        own["status"] = {"observedGeneration": 2, **READY}
    own["spec"]["template"]["spec"]["containers"][0]["image"] = f"registry.example.org/web:{version}"
    return stands


def held(manifest: Object) -> Object:
    """As the API server has it: by our labels, which we have applied."""
    result = owned_in_set(manifest, "canary", "web")
    labels = {f"f:{name}": {} for name in result["metadata"]["labels"]}
    managed = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": labels}}}
    result["metadata"] |= {"managedFields": [managed], "uid": "5c"}
    return result

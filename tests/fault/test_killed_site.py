# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed anywhere and run again, everything ends as if it had not been killed.

One installation is killed ten times, each time when a later point is reached for the first time, so that each role is
interrupted while its work is new. What then stands is compared with what an undisturbed run made.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET, Kind
from support.lab_runs import NAMESPACE, Lab, Running, Variables, list_objects

pytestmark = pytest.mark.lab
Object = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """The moment when a task begins."""

    title: str

    def reached(self, running: Running, _lab: Lab) -> bool:
        return running.until(self.title)


@dataclass(frozen=True)
class Written:
    """The moment when west has an object: in the middle of a task, which may be further on another cluster."""

    title: str
    kind: Kind
    name: str
    status: str = ""

    def reached(self, _running: Running, lab: Lab) -> bool:
        for event in lab.clients["west"].watch(self.kind, NAMESPACE, timeout=120):
            metadata = event.object["metadata"]
            found = re.fullmatch(self.name, metadata["name"]) is not None
            if found and (metadata.get("labels") or {}).get("status", "") == self.status:
                return True
        return False


POINTS: tuple[Task | Written, ...] = (
    Task("Look at all clusters before anything is written"),
    Task("Make the intermediate"),
    Written("cacerts of one cluster", SECRET, "cacerts"),
    Written("Helm installs istiod", SECRET, r"sh\.helm\.release\.v1\.istiod\.v1", "pending-install"),
    Task("Wait until istiod is rolled out"),
    Written(
        "Helm installs the gateway", SECRET, r"sh\.helm\.release\.v1\.istio-eastwestgateway\.v1", "pending-install"
    ),
    Task("Wait until the gateway has an address"),
    Written("a grant and no remote secret", SECRET, "onemesh-link-east"),
    Written("one remote secret", SECRET, "istio-remote-secret-east"),
    Task("Prove that each cluster reaches each other one"),
)


def variables(lab: Lab, trust: str) -> Variables:
    return {"eastwest_gateway_exposed_hosts": ["*.local"], "trust_directory": str(lab.folder / trust)}


def test_killed_ten_times_and_run_again_ends_as_if_undisturbed(lab: Lab) -> None:
    site = "onemesh.istio.site"
    lab.run(playbook=site, variables=variables(lab, "undisturbed")).succeeded()
    undisturbed = end_state(lab)
    assert {"east", "west"} == {key.split()[0] for key in undisturbed}
    lab.wipe()

    disturbed = variables(lab, "killed")
    for point in POINTS:
        running = lab.start(playbook=site, variables=disturbed)
        try:
            reached = point.reached(running, lab)
        finally:
            running.kill()
        killed = running.wait()
        assert reached, f"{point.title} was not reached:\n{killed.output[-4000:]}"
        assert killed.returncode == -9, f"it was over before it was killed at {point.title}"

    lab.run(playbook=site, variables=disturbed).succeeded()
    assert end_state(lab) == undisturbed
    again = lab.run(playbook=site, variables=disturbed).succeeded()
    assert again.changed == []
    assert end_state(lab) == undisturbed


# The end state, without what differs between any two installations


def end_state(lab: Lab) -> dict[str, Object]:
    state = {}
    for cluster, client in lab.clients.items():
        for key, live in list_objects(client).items():
            if not _is_old_release(live):
                state[f"{cluster} {_REVISION.sub('', key)}"] = normalised(live)
    return state


_REVISION = re.compile(r"\.v\d+$")
_TIMES = ("kubectl.kubernetes.io/restartedAt", "deployment.kubernetes.io/revision")


def _is_old_release(live: Object) -> bool:
    labels = live["metadata"].get("labels") or {}
    return labels.get("owner") == "helm" and labels.get("status") != "deployed"


def normalised(live: Object) -> Object:
    """Names, labels, owners of fields and content; not identities, times, keys and what the API server chose."""
    shown = copy.deepcopy({name: value for name, value in live.items() if name != "status"})
    metadata = shown["metadata"]
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        metadata.pop(name, None)
    for owner in metadata.get("ownerReferences") or ():
        owner.pop("uid")
    for name in _TIMES:
        (metadata.get("annotations") or {}).pop(name, None)
    special: Callable[[Object], None] | None = _SPECIAL.get(shown["kind"])
    if special is not None:
        special(shown)
    return shown


def _secret(shown: Object) -> None:
    metadata = shown["metadata"]
    metadata["name"] = _REVISION.sub("", metadata["name"])
    for counted in ("version", "modifiedAt"):
        (metadata.get("labels") or {}).pop(counted, None)
    metadata["annotations"] = sorted(metadata.get("annotations") or {})
    shown["data"] = sorted(shown.get("data") or {})


def _config_map(shown: Object) -> None:
    if shown["metadata"]["name"].startswith("istio-ca-"):
        shown["data"] = sorted(shown.get("data") or {})


def _service(shown: Object) -> None:
    for name in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
        shown["spec"].pop(name, None)
    for port in shown["spec"]["ports"]:
        port.pop("nodePort", None)


def _deployment(shown: Object) -> None:
    annotations = shown["spec"]["template"]["metadata"].get("annotations") or {}
    for name in _TIMES:
        annotations.pop(name, None)


def _webhooks(shown: Object) -> None:
    for webhook in shown["webhooks"]:
        webhook["clientConfig"].pop("caBundle", None)


_SPECIAL: dict[str, Callable[[Object], None]] = {
    "Secret": _secret,
    "ConfigMap": _config_map,
    "Service": _service,
    "Deployment": _deployment,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of istiod on a cluster, and what each says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._istio import istiod
from .._kube.client import Client
from .._kube.kinds import POD
from .._kube.pods import pod_is_ready
from .._times import go_seconds

_DEBOUNCE = "PILOT_DEBOUNCE_AFTER"
_DEFAULT_DEBOUNCE = 0.1


@dataclass(frozen=True)
class Istiod:
    """One pod of istiod, as its labels and its spec describe it."""

    pod: str
    namespace: str
    cluster: str
    """Where it runs."""
    revision: str
    version: str
    """The tag of its image, without its variant; empty where it has none."""
    cluster_id: str
    """Environment variable CLUSTER_ID; empty where it does not say."""
    domain: str
    """The DNS domain of services; empty where it does not say."""
    debounce: float
    """For how many seconds it collects changes."""
    ready: bool

    @property
    def reads(self) -> str:
        """The cluster whose configuration it serves: that of an external control plane runs elsewhere than it reads."""
        return self.cluster_id or self.cluster


def list_istiods(client: Client, namespace: str) -> list[Istiod]:
    """Those of all revisions, whether they are ready or not. Raises KubeError."""
    return [istiod_of(pod, client.cluster) for pod in client.list(POD, namespace, label_selector=istiod.SELECTOR)]


def list_ready_istiods(client: Client, namespace: str) -> list[Istiod]:
    """Those that are ready, of all revisions. Raises KubeError."""
    return [each for each in list_istiods(client, namespace) if each.ready]


def istiod_of(pod: Mapping[str, Any], cluster: str) -> Istiod:
    """What a pod of istiod on ``cluster`` says of itself. Pure."""
    metadata, spec = pod["metadata"], pod["spec"]
    return Istiod(
        pod=metadata["name"],
        namespace=metadata["namespace"],
        cluster=cluster,
        revision=istiod.revision(metadata.get("labels") or {}),
        version=istiod.version(spec),
        cluster_id=istiod.cluster_id(spec),
        domain=istiod.domain(spec),
        debounce=debounce_of(spec),
        ready=pod_is_ready(pod),
    )


def debounce_of(spec: istiod.PodSpec) -> float:
    """For how many seconds an istiod collects changes: what Go cannot read counts as not given, as it does there."""
    given = go_seconds(istiod.environment(spec).get(_DEBOUNCE, ""))
    return _DEFAULT_DEBOUNCE if given is None else given

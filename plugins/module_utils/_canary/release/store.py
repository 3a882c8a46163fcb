# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a release on the hub: one ConfigMap, written only over what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._change.moving import LABEL_RELEASE
from ..._change.place import Place
from ..._change.records import refuse_other_hub
from ..._kube.errors import KubeError
from ..._kube.kinds import CONFIG_MAP
from ..._ownership import ANNOTATION_HUB, FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY
from ..finding_kinds import STATE_UNREADABLE
from ..state_machine import state as states
from ..state_machine.state import ReleaseState, UnreadableState

_KEY = "state"


def object_name(name: str) -> str:
    """The name of the ConfigMap, which is that of the release's Lease and record too."""
    return f"onemesh-canary-{name}"


@dataclass
class ReleaseStore:
    """The state of one release. Every method raises KubeError; ``save`` raises Conflict where another run has written
    since."""

    place: Place
    name: str
    _live: Mapping[str, Any] | None = None

    def load(self) -> ReleaseState | None:
        """The state; None where there is none."""
        self._live = self.place.find(CONFIG_MAP, object_name(self.name))
        if self._live is None:
            return None
        where = self._live["metadata"]["namespace"]
        refuse_other_hub(self.place.client, self._live, CONFIG_MAP.describe(object_name(self.name), where))
        try:
            return states.decode((self._live.get("data") or {}).get(_KEY, ""))
        except UnreadableState as error:
            raise KubeError(
                self.place.client.cluster,
                f"the state in ConfigMap {where}/{object_name(self.name)} is not usable: {error}",
                kind=STATE_UNREADABLE,
                remedy="use the version of the collection that wrote it; or delete the ConfigMap, and the release "
                "begins anew with the weight 0",
            ) from error

    def save(self, state: ReleaseState) -> None:
        manifest = self._manifest(state)
        if self._live is None:
            self._live = self.place.client.create(manifest, field_manager=FIELD_MANAGER)
            return
        manifest["metadata"]["resourceVersion"] = self._live["metadata"]["resourceVersion"]
        self._live = self.place.client.replace(manifest, field_manager=FIELD_MANAGER)

    def remove(self) -> bool:
        """Whether there was one."""
        if self._live is None:
            return False
        uid = self._live["metadata"]["uid"]
        self.place.remove(CONFIG_MAP, object_name(self.name), uid)
        self._live = None
        return True

    def _manifest(self, state: ReleaseState) -> dict[str, Any]:
        return {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": {
                "name": object_name(self.name),
                "namespace": self.place.namespace,
                "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_RELEASE: self.name},
                "annotations": {ANNOTATION_HUB: self.place.client.cluster},
            },
            "data": {_KEY: states.encode(state)},
        }

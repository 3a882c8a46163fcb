"""What a lab is made of, as kept in lab.json.

Written before anything is created, so that `down` finds whatever an interrupted `up` left behind.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .layout import ClusterLayout, Lab, is_lab_name


@dataclass(frozen=True)
class ClusterState:
    """`port` is the forwarder's, on 127.0.0.1 of the root namespace."""

    index: int
    port: int
    region: str


@dataclass(frozen=True)
class LabState:
    """`binaries` is the folder with the programs, `charts` the one with base/, istiod/, gateway/, ...

    `run` names what started the lab (MESHLAB_RUN), "" when nothing was said. `key` says what its clusters were made
    with, and `snapshot` is the identity of the snapshot that it was started from, "" without one.
    """

    lab: Lab
    shared_network: bool
    binaries: str
    charts: str
    clusters: dict[str, ClusterState] = field(default_factory=dict)
    run: str = ""
    key: str = ""
    snapshot: str = ""

    def layout(self, cluster: str) -> ClusterLayout:
        """Raises KeyError for a cluster that the lab does not have."""
        return self.lab.cluster(cluster, self.clusters[cluster].index)

    def layouts(self) -> list[ClusterLayout]:
        return [self.layout(name) for name in self.clusters]

    def with_cluster(self, name: str, cluster: ClusterState) -> LabState:
        return replace(self, clusters={**self.clusters, name: cluster})

    def to_json(self) -> dict[str, Any]:
        return {
            "network": "shared" if self.shared_network else "separate",
            "binaries": self.binaries,
            "charts": self.charts,
            "run": self.run,
            "key": self.key,
            "snapshot": self.snapshot,
            "clusters": {
                name: {"index": each.index, "port": each.port, "region": each.region}
                for name, each in self.clusters.items()
            },
        }


def from_json(lab: Lab, document: dict[str, Any]) -> LabState:
    return LabState(
        lab,
        document["network"] == "shared",
        document["binaries"],
        document["charts"],
        {
            name: ClusterState(each["index"], each["port"], each["region"])
            for name, each in document["clusters"].items()
        },
        document.get("run", ""),
        document.get("key", ""),
        document.get("snapshot", ""),
    )


def load(lab: Lab) -> LabState | None:
    """The lab's state, None when there is no such lab."""
    try:
        return from_json(lab, json.loads(lab.state_file.read_text()))
    except FileNotFoundError:
        return None


def started_by(home: Path, run: str) -> list[Lab]:
    """The labs below `home` that this run started."""
    labs = (Lab(path.parent.name, home) for path in sorted(home.glob("*/lab.json")) if is_lab_name(path.parent.name))
    states = (load(each) for each in labs)
    return [each.lab for each in states if each is not None and each.run == run]


def save(state: LabState) -> None:
    state.lab.directory.mkdir(parents=True, exist_ok=True)
    partial = state.lab.state_file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(state.to_json(), indent=2) + "\n")
    partial.replace(state.lab.state_file)

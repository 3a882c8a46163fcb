from __future__ import annotations

from pathlib import Path

import pytest
from meshlab.layout import Lab
from meshlab.state import ClusterState, LabState


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab("lab", tmp_path)


@pytest.fixture
def two_clusters(lab: Lab) -> LabState:
    """East and west on networks of their own; nothing runs."""
    clusters = {"east": ClusterState(1, 26440, "region-1"), "west": ClusterState(2, 26441, "region-2")}
    return LabState(lab, False, "/programs", "/charts", clusters)

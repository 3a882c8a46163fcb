"""What `up` waits for before it says that a cluster is ready, and what it starts again meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from meshlab import control_plane, lab
from meshlab.errors import LabError
from meshlab.layout import ClusterLayout
from meshlab.state import ClusterState, LabState

Wait = Callable[[list[list[str]], list[str]], int]


@pytest.fixture
def wait(two_clusters: LabState, monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Wait for a cluster whose components have `ended` after each start, and which then lacks `missing` in turn.

    Returns how often it was started again.
    """

    def run(ended: list[list[str]], missing: list[str]) -> int:
        starts = 0
        lacking = iter(missing)

        def begin(_cluster: ClusterLayout, _state: ClusterState, _binaries: Path) -> None:
            nonlocal starts
            starts += 1

        monkeypatch.setattr(control_plane, "start", begin)
        monkeypatch.setattr(control_plane, "ended", lambda _cluster: ended[min(starts, len(ended) - 1)])
        monkeypatch.setattr(control_plane, "missing", lambda _cluster, _state: next(lacking))
        lab._wait_for_node(two_clusters, two_clusters.layout("east"))
        return starts

    return run


def test_a_cluster_is_ready_when_nothing_is_missing_any_more(wait: Wait) -> None:
    assert wait([[]], ["the node is not ready", "no default service account", ""]) == 0


def test_a_controller_manager_that_gave_up_on_a_slow_api_server_is_started_again(wait: Wait) -> None:
    assert wait([["kube-controller-manager"], []], ["the node is not ready", ""]) == 1


def test_what_ends_each_time_is_named(wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "_READY_SECONDS", 0.2)
    with pytest.raises(LabError, match=r"cluster east: kwok-controller ended after .*: see .*logs"):
        wait([["kwok-controller"]], [])

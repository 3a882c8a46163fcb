"""What `up` decides before it touches anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from meshlab import state as states
from meshlab.build import Programs
from meshlab.errors import LabError
from meshlab.lab import Wish, from_snapshot, plan
from meshlab.layout import Lab
from meshlab.requirements import check_space, findings
from meshlab.snapshots import Snapshot
from meshlab.state import ClusterState, LabState

PROGRAMS = Programs(Path("/programs"), Path("/charts"), "programs-1")


def ports() -> Callable[[], int]:
    return count(26450).__next__


def test_a_new_lab_gets_clusters_in_the_order_given(lab: Lab) -> None:
    made = plan(lab, None, Wish(("west", "east"), regions={"east": "europe"}), PROGRAMS, ports())
    assert made.clusters == {"west": ClusterState(1, 26450, "region-1"), "east": ClusterState(2, 26451, "europe")}
    assert made.shared_network is False


def test_the_same_wish_again_changes_nothing(two_clusters: LabState) -> None:
    assert plan(two_clusters.lab, two_clusters, Wish(("east", "west")), PROGRAMS, ports()) == two_clusters


def test_a_lab_stays_that_of_the_run_which_started_it(lab: Lab) -> None:
    made = plan(lab, None, Wish(("east",), run="run-1"), PROGRAMS, ports())
    assert made.run == "run-1"
    assert plan(lab, made, Wish(("east", "west"), run="run-2"), PROGRAMS, ports()).run == "run-1"


SNAPSHOT = Snapshot("mesh", "key-1", "identity-1", "now", True, {"west": "region-1", "east": "europe"})


def test_a_lab_from_a_snapshot_has_its_clusters_regions_and_network(lab: Lab) -> None:
    made = plan(lab, None, from_snapshot(SNAPSHOT, {"east": 30000}, "run-1"), PROGRAMS, ports())
    assert made.clusters == {"west": ClusterState(1, 26450, "region-1"), "east": ClusterState(2, 30000, "europe")}
    assert (made.shared_network, made.snapshot, made.run) == (True, "identity-1", "run-1")


def test_a_lab_from_a_snapshot_is_finished_by_the_same_wish_and_refuses_another_snapshot(lab: Lab) -> None:
    made = plan(lab, None, from_snapshot(SNAPSHOT, {}, ""), PROGRAMS, ports())
    assert plan(lab, made, from_snapshot(SNAPSHOT, {}, ""), PROGRAMS, ports()) == made
    newer = replace(SNAPSHOT, identity="identity-2")
    with pytest.raises(LabError, match="not from this snapshot"):
        plan(lab, made, from_snapshot(newer, {}, ""), PROGRAMS, ports())


def test_a_lab_that_runs_is_not_replaced_by_a_snapshot(two_clusters: LabState) -> None:
    with pytest.raises(LabError, match=r"lab is there.*meshlab down"):
        plan(two_clusters.lab, two_clusters, from_snapshot(SNAPSHOT, {}, ""), PROGRAMS, ports())


def test_other_programs_give_a_lab_another_key(lab: Lab) -> None:
    made = [
        plan(lab, None, Wish(("east",)), replace(PROGRAMS, key=each), ports()) for each in ("programs-1", "programs-2")
    ]
    assert made[0].key != made[1].key
    assert all(each.key for each in made)


def test_fewer_clusters_take_none_away(two_clusters: LabState) -> None:
    assert plan(two_clusters.lab, two_clusters, Wish(("east",)), PROGRAMS, ports()) == two_clusters


def test_one_more_cluster_leaves_the_others_as_they_are(two_clusters: LabState) -> None:
    made = plan(two_clusters.lab, two_clusters, Wish(("north", "east")), PROGRAMS, ports())
    assert made.clusters == {**two_clusters.clusters, "north": ClusterState(3, 26450, "region-3")}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(("east",), shared_network=True), "--network separate.*meshlab down"),
        (Wish(("east",), regions={"east": "other"}), "east runs in region region-1"),
        (Wish(("east",), ports={"east": 9}), "east runs on port 26440"),
        (Wish(("east",), regions={"wset": "other"}), "names wset"),
    ],
)
def test_a_wish_against_what_runs_is_refused(two_clusters: LabState, wish: Wish, message: str) -> None:
    with pytest.raises(LabError, match=message):
        plan(two_clusters.lab, two_clusters, wish, PROGRAMS, ports())


def test_state_is_read_back_as_it_was_written(two_clusters: LabState) -> None:
    states.save(two_clusters)
    assert states.load(two_clusters.lab) == two_clusters


def test_a_lab_that_was_never_started_has_no_state(lab: Lab) -> None:
    assert states.load(lab) is None


def test_all_that_the_machine_lacks_is_said_at_once() -> None:
    found = findings(1000, {"ip": "/sbin/ip", "unshare": "/bin/unshare"}.get)
    assert len(found) == 2
    assert "root" in found[0]
    assert "iptables, nsenter not found" in found[1] and "apt-get install iptables util-linux" in found[1]


def test_nothing_is_said_when_nothing_lacks() -> None:
    assert findings(0, lambda program: f"/bin/{program}") == []


def test_a_full_disk_is_said_with_what_is_free_and_needed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"not/there.* GiB free, the build needs about \d+ GiB: free some space"):
        check_space(tmp_path / "not/there", needed=2**60)

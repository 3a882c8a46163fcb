from __future__ import annotations

from pathlib import Path

import pytest
from meshlab import faults
from meshlab.errors import LabError
from meshlab.faults import Fault, control, partition, rules, with_fault, without
from meshlab.forwarder import Control, read_control, write_control
from meshlab.state import LabState

DOWN = Fault("api-down", ("east",))
SLOW = Fault("api-delay", ("east",), milliseconds=200)
CUT = partition("east", "west")


def test_a_partition_is_the_same_from_both_sides() -> None:
    assert partition("west", "east") == CUT


def test_a_partition_of_a_cluster_from_itself_is_refused() -> None:
    with pytest.raises(LabError, match="between two clusters"):
        partition("east", "east")


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ([], DOWN, [DOWN]),
        ([DOWN], DOWN, [DOWN]),
        ([DOWN], SLOW, [DOWN, SLOW]),
        ([SLOW], Fault("api-delay", ("east",), milliseconds=5), [Fault("api-delay", ("east",), milliseconds=5)]),
        ([SLOW], Fault("api-delay", ("west",), milliseconds=5), [SLOW, Fault("api-delay", ("west",), milliseconds=5)]),
        (
            [Fault("unready", ("east",), uid="1")],
            Fault("unready", ("east",), uid="2"),
            [Fault("unready", ("east",), uid="1"), Fault("unready", ("east",), uid="2")],
        ),
    ],
)
def test_a_fault_replaces_only_one_about_the_same_thing(before: list[Fault], new: Fault, after: list[Fault]) -> None:
    assert with_fault(before, new) == after


def test_a_delay_is_undone_without_saying_how_long_it_was() -> None:
    assert without([DOWN, SLOW], Fault("api-delay", ("east",))) == [DOWN]


def test_faults_are_read_back_as_they_were_written(two_clusters: LabState) -> None:
    two_clusters.lab.directory.mkdir()
    faults._save(two_clusters.lab, [SLOW, CUT])
    assert faults.load(two_clusters.lab) == [SLOW, CUT]


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ([], Control()),
        ([SLOW], Control(delay=0.2)),
        ([DOWN, SLOW], Control(delay=0.2, refuse=True)),
        ([Fault("api-down", ("west",)), CUT], Control()),
    ],
)
def test_a_forwarder_plays_its_own_clusters_faults(active: list[Fault], expected: Control) -> None:
    assert control(active, "east") == expected


def test_the_forwarder_reads_what_was_written_for_it(tmp_path: Path) -> None:
    file = tmp_path / "forwarder.json"
    assert read_control(file) == Control()
    write_control(file, Control(0.2, True))
    assert read_control(file) == Control(0.2, True)


def test_a_partition_cuts_both_ways_in_the_wan(two_clusters: LabState) -> None:
    found = rules(CUT, two_clusters)
    assert {namespace for namespace, _ in found} == {"ml-lab-wan"}
    assert {rule for _, rule in found if rule.startswith("FORWARD")} == {
        "FORWARD -i c1 -o c2 -j DROP",
        "FORWARD -i c2 -o c1 -j DROP",
    }


def test_an_api_server_that_is_down_still_serves_its_own_control_plane(two_clusters: LabState) -> None:
    assert all("! -i lo" in rule or "! -o lo" in rule for _, rule in rules(DOWN, two_clusters))


@pytest.mark.parametrize(("silent", "expected"), [(False, "-j REJECT --reject-with tcp-reset"), (True, "-j DROP")])
def test_a_gateway_that_is_down_refuses_or_is_silent(two_clusters: LabState, silent: bool, expected: str) -> None:
    [(namespace, rule)] = rules(Fault("gateway-down", ("west",), silent=silent), two_clusters)
    assert namespace == "ml-lab-west" and "--dport 15443" in rule and rule.endswith(expected)

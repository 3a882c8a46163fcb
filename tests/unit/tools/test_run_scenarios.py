"""Which molecule scenarios run in one lab, and what each may rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from run_scenarios import ROOT, group_by_lab, read_lab

COMMON = ROOT / ".config/molecule/config.yml"
SCENARIOS = sorted((ROOT / "molecule").glob("*/molecule.yml"))


def test_scenarios_of_one_lab_are_one_group_and_the_longest_comes_first() -> None:
    labs = [("join", "a"), ("split", "b"), ("canary", "b"), ("default", "c")]
    assert group_by_lab(labs) == [("b", ["canary", "split"]), ("c", ["default"]), ("a", ["join"])]


def test_labs_of_two_checkouts_have_different_names(monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / "molecule/default/molecule.yml"
    monkeypatch.delenv("LAB_PREFIX", raising=False)
    assert read_lab(file) == "mol_default"
    monkeypatch.setenv("LAB_PREFIX", "other")
    assert read_lab(file) == "other_default"


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.parent.name)
def test_a_scenario_can_be_run_alone(file: Path) -> None:
    """It ends what an earlier run left, starts its lab, and ends it: none has to be the first or the last."""
    common, own = (yaml.safe_load(path.read_text()) for path in (COMMON, file))
    sequence = own.get("scenario", common["scenario"])["test_sequence"]
    assert sequence[:2] == ["destroy", "create"]
    assert sequence[-1] == "destroy"
    assert {"create", "destroy"}.isdisjoint(own["ansible"].get("playbooks", {}))


def test_scenarios_of_one_lab_find_the_same_in_it() -> None:
    """A lab that runs is taken as it is."""
    labs: dict[str, set[str]] = {}
    for file in SCENARIOS:
        environ = yaml.safe_load(file.read_text())["ansible"]["env"]
        labs.setdefault(read_lab(file), set()).add(
            str(sorted((k, v) for k, v in environ.items() if k != "MESHLAB_NAME"))
        )
    assert {lab: len(found) for lab, found in labs.items()} == dict.fromkeys(labs, 1)

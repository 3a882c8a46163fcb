"""What the command line makes of its words, before anything is touched."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
from meshlab import build, cli, lab, requirements
from meshlab.errors import LabError
from meshlab.layout import Lab
from meshlab.state import LabState, load, save, started_by


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], argparse.Namespace]:
    monkeypatch.setenv("MESHLAB_HOME", str(tmp_path))
    return lambda line: cli._parser().parse_args(line.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("status", "lab"),
        ("status --name mine", "mine"),
        ("--name mine status", "mine"),
        ("--name other status --name mine", "mine"),
        ("fault --name mine unready east app/echo", "mine"),
        ("fault unready --name mine east app/echo", "mine"),
        ("fault unready east app/echo --name mine", "mine"),
        ("--name mine fault clear", "mine"),
        ("fault clear", "lab"),
        ("exec --name mine east app/echo -- curl --name x", "mine"),
    ],
)
def test_the_labs_name_is_taken_before_and_after_a_command(
    parsed: Callable[[str], argparse.Namespace], line: str, expected: str
) -> None:
    assert cli._lab(parsed(line)).name == expected


@pytest.fixture
def labs(tmp_path: Path) -> dict[str, LabState]:
    """Three labs below one folder; nothing runs."""
    runs = {"first": "run-1", "second": "run-1", "mine": "", "other": "run-10"}
    states = {name: LabState(Lab(name, tmp_path), False, "/programs", "/charts", run=run) for name, run in runs.items()}
    for state in states.values():
        save(state)
    # Neither is a lab.
    (tmp_path / "no lab").mkdir()
    (tmp_path / "no lab" / "lab.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    return states


def test_the_labs_of_a_run_are_those_that_it_started(tmp_path: Path, labs: dict[str, LabState]) -> None:
    assert started_by(tmp_path, "run-1") == [labs["first"].lab, labs["second"].lab]
    assert started_by(tmp_path, "run") == []


def test_a_lab_of_an_older_version_belongs_to_no_run(tmp_path: Path) -> None:
    lab = Lab("old", tmp_path)
    lab.directory.mkdir()
    lab.state_file.write_text('{"network": "separate", "binaries": "/b", "charts": "/c", "clusters": {}}')
    state = load(lab)
    assert state is not None
    assert state.run == ""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the labs that were taken down; lab `second` cannot be."""
    names: list[str] = []

    def down(which: Lab, say: Callable[[str], None]) -> None:
        names.append(which.name)
        if which.name == "second":
            raise LabError("second is not gone")
        say(f"lab {which.name} is down")

    monkeypatch.setattr(lab, "down", down)
    monkeypatch.setattr(requirements, "check", lambda: None)
    return names


@pytest.mark.usefixtures("labs")
def test_down_by_run_ends_all_labs_of_the_run_and_says_which(
    parsed: Callable[[str], argparse.Namespace], ended: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["down", "--started-by", "run-1"]) == 1
    assert ended == ["first", "second"]
    assert capsys.readouterr() == ("lab first is down\n", "meshlab: second is not gone\n")
    assert cli.main(["down", "--started-by", "run-2"]) == 0
    assert capsys.readouterr().out == "run run-2: started no lab that is there\n"


@pytest.mark.usefixtures("labs", "parsed")
@pytest.mark.parametrize(
    "line", ["down --started-by=", "down --started-by run-1 --name mine", "--name mine down --started-by run-1"]
)
def test_down_by_run_wants_a_run_and_nothing_else(ended: list[str], line: str) -> None:
    assert cli.main(line.split()) == 1
    assert ended == []


@pytest.mark.usefixtures("parsed")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("up", "`--clusters east,west`, or a snapshot, `--from NAME`"),
        ("up --from mesh --clusters east --region east=europe", "leave out --clusters, --region"),
        ("up --from mesh --network shared", "leave out --network"),
        ("up --from mesh", "no snapshot mesh"),
        ("save mesh", "lab lab does not run"),
        ("saved mesh", "no snapshot mesh"),
        ("forget mesh", "no snapshot mesh"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_built_or_started(
    line: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "check", lambda: None)
    monkeypatch.setattr(build, "provide", lambda _say: pytest.fail("built"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cli.main(line.split()) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "lab").exists()

"""Snapshots of labs of which nothing runs: what is kept, where it comes back, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from meshlab import control_plane, snapshots
from meshlab.errors import LabError
from meshlab.layout import ClusterLayout, Lab
from meshlab.snapshots import Snapshot, find, forget, load_all, root, save, unpack
from meshlab.state import LabState

PODS = {"east": {"uid-1": "10.65.128.1\n", "uid-2": "10.65.128.2\n"}, "west": {}}


@pytest.fixture
def saved_lab(two_clusters: LabState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabState:
    """A lab of two clusters that were up once. The user's cache is another folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    state = replace(two_clusters, key="key-1")
    for cluster in state.layouts():
        control_plane.create_directories(cluster)
        for part in control_plane.SEED_PARTS:
            folder = control_plane.part(cluster, part)
            folder.mkdir(parents=True)
            (folder / "data").write_text(f"{part} of {cluster.name}")
        (cluster.kwok_directory / "complete").touch()
        for uid, address in PODS[cluster.name].items():
            cluster.pod_directory(uid).mkdir()
            cluster.pod_address(uid).write_text(address)
            (cluster.pod_directory(uid) / "state.json").write_text("of processes that have ended by then")
    state.lab.files.mkdir()
    (state.lab.files / "ca.key").write_text("secret")
    return state


@pytest.fixture
def other(saved_lab: LabState) -> LabState:
    """The lab that is started from the snapshot."""
    return replace(saved_lab, lab=Lab("other", saved_lab.lab.home))


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def dot_names() -> list[str]:
    """Anything of a save that is no snapshot."""
    return [path.name for path in root().glob("*/.*")]


def test_another_lab_gets_the_data_keys_addresses_and_files(saved_lab: LabState, other: LabState) -> None:
    save(saved_lab, "mesh")
    unpack(find("mesh", "key-1"), other)
    east, west = other.layouts()
    assert content(east.seed) == {"etcd/data": "etcd of east", "pki/data": "pki of east"}
    assert content(west.seed) == {"etcd/data": "etcd of west", "pki/data": "pki of west"}
    assert content(east.pods) == {
        "uid-1/ip": "10.65.128.1\n",
        "uid-1/returning": "",
        "uid-2/ip": "10.65.128.2\n",
        "uid-2/returning": "",
    }
    assert (east.returning(), west.returning()) == ({"uid-1", "uid-2"}, set())
    assert content(other.lab.files) == {"ca.key": "secret"}
    assert not control_plane.is_complete(east), "its control plane is made anew"
    assert [path.stat().st_mode & 0o077 for path in (east.seed, root())] == [0, 0], "keys are root's alone"


def test_a_second_save_of_the_name_replaces_the_first(saved_lab: LabState) -> None:
    first = save(saved_lab, "mesh")
    (control_plane.part(saved_lab.layout("east"), "etcd") / "data").write_text("newer")
    second = save(saved_lab, "mesh")
    assert load_all() == [second]
    assert first.identity != second.identity
    assert (second.folder / "east/etcd/data").read_text() == "newer"
    assert dot_names() == []


def test_a_snapshot_that_was_replaced_meanwhile_is_not_mixed_up(saved_lab: LabState, other: LabState) -> None:
    first = save(saved_lab, "mesh")
    save(saved_lab, "mesh")
    with pytest.raises(LabError, match="replaced or removed meanwhile"):
        unpack(first, other)
    assert not other.lab.directory.exists()


def test_saves_at_once_leave_one_whole_snapshot(saved_lab: LabState, other: LabState) -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        made = list(pool.map(lambda _: save(saved_lab, "mesh"), range(8)))
    [last] = load_all()
    assert last in made
    assert dot_names() == []
    unpack(last, other)


def test_a_save_that_fails_leaves_the_earlier_one(saved_lab: LabState, monkeypatch: pytest.MonkeyPatch) -> None:
    before = save(saved_lab, "mesh")

    def full(_cluster: ClusterLayout) -> dict[str, str]:
        raise OSError("no space left on device")

    monkeypatch.setattr(snapshots, "_addresses", full)
    with pytest.raises(OSError, match="no space left"):
        save(saved_lab, "mesh")
    assert load_all() == [before]
    assert dot_names() == []


def test_what_a_killed_save_left_goes_with_the_next_and_what_another_writes_stays(saved_lab: LabState) -> None:
    made = save(saved_lab, "mesh")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, os.getppid()):
        (made.folder.parent / f".mesh.0.{pid}").mkdir()
    save(saved_lab, "mesh")
    assert dot_names() == [f".mesh.0.{os.getppid()}"]


@pytest.mark.parametrize("name", ["", ".", "..", ".mesh", "a/b", "a b", "ä", "a" * 65])
def test_a_name_that_can_be_no_snapshots_is_refused(saved_lab: LabState, name: str) -> None:
    with pytest.raises(LabError, match="snapshot"):
        save(saved_lab, name)


def test_a_lab_that_cannot_be_known_is_not_saved(saved_lab: LabState) -> None:
    with pytest.raises(LabError, match="older meshlab"):
        save(replace(saved_lab, key=""), "mesh")
    (saved_lab.layout("west").kwok_directory / "complete").unlink()
    with pytest.raises(LabError, match=r"cluster west: not started completely.*meshlab up"):
        save(saved_lab, "mesh")
    assert load_all() == []


def test_a_snapshot_is_used_only_with_what_it_was_made_with(saved_lab: LabState) -> None:
    with pytest.raises(LabError, match=r"no snapshot mesh: .*meshlab save mesh"):
        find("mesh", "key-1")
    older = save(saved_lab, "mesh")
    with pytest.raises(LabError, match="made with other programs, charts or settings"):
        find("mesh", "key-2")
    newer = save(replace(saved_lab, key="key-2"), "mesh")
    assert [find("mesh", each) for each in ("key-1", "key-2")] == [older, newer]


def test_a_forgotten_snapshot_is_gone_for_all_programs_and_the_others_stay(saved_lab: LabState) -> None:
    save(saved_lab, "mesh")
    kept = save(saved_lab, "kept")
    save(replace(saved_lab, key="key-2"), "mesh")
    forget("mesh")
    assert load_all() == [kept]
    assert [path.name for path in root().iterdir() if path.is_dir()] == ["key-1"]
    with pytest.raises(LabError, match="no snapshot mesh"):
        forget("mesh")


def test_a_folder_without_a_readable_manifest_is_no_snapshot(saved_lab: LabState) -> None:
    made = save(saved_lab, "mesh")
    for text in ("", "{", "[]", '{"name": "mesh"}'):
        (made.folder / "snapshot.json").write_text(text)
        assert load_all() == []


def test_settings_decide_the_key_and_the_labs_name_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = control_plane.key("programs")
    assert control_plane.key("others") != before
    monkeypatch.setattr(control_plane, "_CRDS", ("PortForward",))
    assert control_plane.key("programs") != before


def test_a_cluster_with_a_seed_is_not_told_to_make_kwoks_definitions_again(lab: Lab) -> None:
    [fresh], [seeded] = (control_plane.configuration(lab.cluster("east", 1), seeded=each) for each in (False, True))
    enabled = {"key": "enable-crds", "value": "PortForward,Exec,Logs"}
    assert (fresh["options"]["enableCRDs"], seeded["options"]["enableCRDs"]) == (["PortForward", "Exec", "Logs"], [])
    kwok = next(each for each in seeded["componentsPatches"] if each["name"] == "kwok-controller")
    assert enabled in kwok["extraArgs"]


def test_the_folder_of_a_snapshot_is_below_the_users_cache(saved_lab: LabState, tmp_path: Path) -> None:
    made = Snapshot("mesh", "key-1", "i", "now", False, {})
    assert made.folder == tmp_path / "cache/meshlab/snapshots/key-1/mesh"


def test_a_digest_goes_by_names_and_content_of_files_and_not_by_what_python_compiled(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/main.yml").write_text("a")
    (tmp_path / "one.py").write_text("b")
    (tmp_path / "other.py").write_text("c")
    places = ["roles", "one.py"]
    first = snapshots.digest(tmp_path, places)
    (tmp_path / "roles/main.pyc").write_text("compiled")
    (tmp_path / "other.py").write_text("not asked for")
    assert snapshots.digest(tmp_path, places) == first
    (tmp_path / "one.py").write_text("d")
    changed = snapshots.digest(tmp_path, places)
    (tmp_path / "roles/main.yml").rename(tmp_path / "roles/other.yml")
    assert len({first, changed, snapshots.digest(tmp_path, places)}) == 3

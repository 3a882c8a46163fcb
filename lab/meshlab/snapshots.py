"""Labs kept as files, from which others are started.

A snapshot holds what the clusters' API servers know (etcd's data), the clusters' keys, the addresses of the pods that
really run, and the lab's own files (Lab.files). Everything else is made anew when a lab is started from it, so that the
lab may have another name and other ports: addresses are the same in all labs. Faults are not kept.

A snapshot is written beside its place and then moved there; it belongs to the programs, charts and settings that its
clusters were made with, because others might not read what these have written.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import build, control_plane, processes
from .errors import LabError
from .files import copy_folder
from .layout import ClusterLayout
from .state import LabState

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MANIFEST = "snapshot.json"
_ADDRESSES = "addresses.json"
_FILES = "files"


@dataclass(frozen=True)
class Snapshot:
    """`key` says what its clusters were made with, `clusters` has their regions, in the order of their indexes.

    `identity` is another one after each save, also under the same name.
    """

    name: str
    key: str
    identity: str
    saved_at: str
    shared_network: bool
    clusters: dict[str, str]

    @property
    def folder(self) -> Path:
        return root() / self.key / self.name


def root() -> Path:
    """The folder of all snapshots."""
    return build.cache() / "snapshots"


def load_all() -> list[Snapshot]:
    """All that are kept, sorted by name; those of older programs too."""
    found = (_load(path) for path in root().glob(f"*/[!.]*/{_MANIFEST}"))
    return sorted((each for each in found if each is not None), key=lambda each: (each.name, each.saved_at))


def find(name: str, key: str) -> Snapshot:
    """The snapshot of that name that was made with what `key` stands for. Raises LabError."""
    of_that_name = [each for each in load_all() if each.name == name]
    for each in of_that_name:
        if each.key == key:
            return each
    if of_that_name:
        raise LabError(
            f"snapshot {name} was made with other programs, charts or settings than meshlab has now: make it again "
            f"with `meshlab save {name}`, or remove it with `meshlab forget {name}`"
        )
    raise LabError(
        f"no snapshot {name}: make it with `meshlab save {name}`; `meshlab saved` lists those that are there"
    )


def digest(folder: Path, places: Iterable[str]) -> str:
    """16 hexadecimal digits for the files at these places of the folder, by name and content.

    A part for the name of a snapshot: of a mesh that these files made, others would make another one.
    """
    content = hashlib.sha256()
    files = {path for place in places for path in (folder / place, *(folder / place).rglob("*")) if path.is_file()}
    for path in sorted(path for path in files if path.suffix != ".pyc"):
        content.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return content.hexdigest()[:16]


def size(snapshot: Snapshot) -> int:
    """Bytes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in snapshot.folder.rglob("*"))


def save(state: LabState, name: str) -> Snapshot:
    """Keep the lab as it is, under that name; one of that name is replaced. The lab runs on. Raises LabError.

    The caller holds the lab's lock.
    """
    if not _NAME.fullmatch(name):
        raise LabError(f"snapshot {name!r}: use at most 64 letters, digits, dots, dashes and underscores")
    if not state.key:
        raise LabError(f"lab {state.lab.name} was started by an older meshlab: run `meshlab down`, and start it again")
    unfinished = [each.name for each in state.layouts() if not control_plane.is_complete(each)]
    if unfinished:
        raise LabError(f"cluster {', '.join(unfinished)}: not started completely: run `meshlab up` again first")
    regions = {each.name: state.clusters[each.name].region for each in state.layouts()}
    made = Snapshot(name, state.key, uuid.uuid4().hex, _now(), state.shared_network, regions)
    folder = made.folder
    # Dot names are no snapshots; by the pid the next save knows what a killed one has left.
    partial = folder.with_name(f".{name}.{made.identity}.{os.getpid()}")
    with _lock(fcntl.LOCK_SH):
        partial.mkdir(parents=True)
        # It holds private keys.
        root().chmod(0o700)
    try:
        _write(state, partial)
        (partial / _MANIFEST).write_text(json.dumps(asdict(made), indent=2) + "\n")
        with _lock(fcntl.LOCK_EX):
            _remove_leftovers(folder.parent)
            before = folder.with_name(f"{partial.name}.before")
            if folder.exists():
                folder.rename(before)
            partial.rename(folder)
            shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made


def unpack(snapshot: Snapshot, state: LabState) -> None:
    """Put the snapshot's content where the lab's clusters start from it. Raises LabError when it is gone meanwhile."""
    with _lock(fcntl.LOCK_SH):
        present = _load(snapshot.folder / _MANIFEST)
        if present != snapshot:
            raise LabError(f"snapshot {snapshot.name} was replaced or removed meanwhile: run the same command again")
        state.lab.directory.mkdir(parents=True, exist_ok=True)
        if (snapshot.folder / _FILES).exists():
            copy_folder(snapshot.folder / _FILES, state.lab.files)
        for cluster in state.layouts():
            source = snapshot.folder / cluster.name
            control_plane.create_directories(cluster)
            cluster.seed.mkdir(mode=0o700)
            for part in control_plane.SEED_PARTS:
                copy_folder(source / part, cluster.seed / part)
            for pod, address in json.loads((source / _ADDRESSES).read_text()).items():
                cluster.pod_directory(pod).mkdir(mode=0o700)
                cluster.pod_address(pod).write_text(address)
                cluster.returning_marker(pod).touch()


def forget(name: str) -> None:
    """Remove the snapshot, also of other programs. Raises LabError without one."""
    with _lock(fcntl.LOCK_EX):
        found = [each for each in load_all() if each.name == name]
        if not found:
            raise LabError(f"no snapshot {name}: `meshlab saved` lists what there is")
        for each in found:
            shutil.rmtree(each.folder)
            with contextlib.suppress(OSError):
                each.folder.parent.rmdir()  # not when there are others in it


def _write(state: LabState, folder: Path) -> None:
    if state.lab.files.exists():
        copy_folder(state.lab.files, folder / _FILES)
    stores = (processes.alive(state.lab.processes, each.process("etcd")) for each in state.layouts())
    # All at the same moment, so that what clusters know of each other fits. What an etcd has written by then is what
    # it would find after it was killed: it acknowledges nothing before.
    with processes.paused([each for each in stores if each is not None]):
        for cluster in state.layouts():
            target = folder / cluster.name
            target.mkdir()
            for part in control_plane.SEED_PARTS:
                copy_folder(control_plane.part(cluster, part), target / part)
            (target / _ADDRESSES).write_text(json.dumps(_addresses(cluster)))


def _addresses(cluster: ClusterLayout) -> dict[str, str]:
    """Address of each pod that really runs, by UID."""
    return {path.parent.name: path.read_text() for path in sorted(cluster.pods.glob("*/ip"))}


def _load(manifest: Path) -> Snapshot | None:
    try:
        return Snapshot(**json.loads(manifest.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _remove_leftovers(folder: Path) -> None:
    """Of saves that were killed."""
    for each in folder.glob(".*"):
        pid = each.name.removesuffix(".before").rpartition(".")[2]
        if pid.isdigit() and processes.start_time(int(pid)) is None:
            shutil.rmtree(each, ignore_errors=True)


@contextlib.contextmanager
def _lock(kind: int) -> Iterator[None]:
    """Exclusive for whoever replaces or removes a snapshot, shared for whoever reads one."""
    root().mkdir(parents=True, exist_ok=True)
    with (root() / ".lock").open("w") as file:
        fcntl.flock(file, kind)
        yield


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

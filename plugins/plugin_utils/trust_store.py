# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the store of certificate authorities lies: the same place in every run of a mesh, and none that Ansible parses.

Ansible reads every file below an inventory directory as an inventory, so each run would try to read a store there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_ROOT = "root"
_NAME = "trust"
_SET = "set trust_directory to an absolute path, the same one in every run"


@dataclass(frozen=True)
class RunSurroundings:
    """What a run knows of itself."""

    sources: Sequence[str]
    """``ansible_inventory_sources``: paths, and lists of hosts such as ``east,west,``."""
    mesh_files: Sequence[str]
    """``inventory_file`` of the hosts of the mesh."""
    working_directory: str
    is_skipped: Callable[[str], bool]
    """Whether Ansible passes over a file or directory of this name in an inventory directory."""
    is_job: bool = False
    """AWX, whose folders end with the job."""


def place(directory: str, run: RunSurroundings) -> str:
    """The absolute path of the store. ``directory`` is what the user set, or empty. ValueError with what to do."""
    chosen = _asked_for(directory, run) if directory else _default(run)
    parsed = _parsed_within(chosen, run)
    if parsed:
        better = _beside(parsed)
        move = f"move it: mv {chosen} {better}, and leave" if _is_store(chosen) else "leave"
        raise ValueError(
            f"the store {chosen} lies in the inventory directory {parsed}, whose files Ansible takes for inventories "
            f"-> {move} trust_directory out, or set it to {better}"
        )
    return os.path.realpath(chosen)


def _asked_for(directory: str, run: RunSurroundings) -> str:
    path = os.path.expanduser(directory)
    if os.path.isabs(path):
        return path
    here = os.path.join(run.working_directory, path)
    folders = list(dict.fromkeys(os.path.dirname(source) for source in _paths(run)))
    if len(folders) != 1:
        raise ValueError(
            f"trust_directory is {directory}, and the inventory does not say from where that counts -> {_SET}"
        )
    chosen = os.path.join(folders[0], path)
    if _is_store(here) and not _is_store(chosen):
        raise ValueError(
            f"trust_directory is {directory}, which counts from the folder of the inventory ({chosen}), but a store "
            f"lies in {here} -> {_SET}: {here}"
        )
    return chosen


def _default(run: RunSurroundings) -> str:
    if run.is_job:
        raise ValueError(
            "the folders of an AWX job end with it, and with them the key of the root -> set trust_directory to a "
            "volume that stays, or give intermediates as files (trust_source: files)"
        )
    paths = _paths(run)
    if not paths:
        old = os.path.join(run.working_directory, _NAME)
        found = f"; a store lies in {old}" if _is_store(old) else ""
        raise ValueError(f"the inventory is no file, so nothing says where the store belongs -> {_SET}{found}")
    candidates = _candidates(paths, run)
    if len(candidates) > 1:
        # Hosts of other things than the mesh may come from inventories of their own.
        named = [path for path in paths if any(_is_within(file, path) for file in run.mesh_files)]
        candidates = _candidates(named, run) or candidates
    if len(candidates) > 1:
        candidates = [candidate for candidate in candidates if _is_store(candidate)] or candidates
    if len(candidates) > 1:
        raise ValueError(
            f"the inventories give several places for the store ({', '.join(candidates)}) -> {_SET}, such as one of "
            "these"
        )
    (chosen,) = candidates
    # Where it lay when it was put into the inventory directory itself.
    for folder in dict.fromkeys([*paths, *(os.path.dirname(file) for file in run.mesh_files)]):
        old = os.path.join(folder, _NAME)
        if old != chosen and _is_store(old) and not _is_store(chosen):
            raise ValueError(
                f"a store lies in {old}, and it belongs to {chosen}, out of the inventory directory -> move it: "
                f"mv {old} {chosen}"
            )
    return chosen


def _candidates(paths: Sequence[str], run: RunSurroundings) -> list[str]:
    return list(dict.fromkeys(_candidate(path, run) for path in paths))


def _candidate(path: str, run: RunSurroundings) -> str:
    """Beside the inventory: ``prod-trust`` beside the directory ``prod``, ``trust`` beside a file."""
    if os.path.isdir(path):
        return _beside(path)
    folder = os.path.dirname(path)
    own, of_folder = os.path.join(folder, _NAME), _beside(folder)
    if _is_store(of_folder) and not _is_store(own):
        return of_folder  # made when the whole folder was the inventory
    parsed = _parsed_within(own, run)
    return _beside(parsed) if parsed else own


def _beside(folder: str) -> str:
    return f"{folder.rstrip(os.sep)}-{_NAME}"


def _paths(run: RunSurroundings) -> list[str]:
    """The sources that are files or directories."""
    return [os.path.abspath(source) for source in run.sources if os.path.exists(source)]


def _is_store(path: str) -> bool:
    return os.path.isdir(os.path.join(path, _ROOT))


def _is_within(path: str, folder: str) -> bool:
    real, top = os.path.realpath(path), os.path.realpath(folder)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def _parsed_within(path: str, run: RunSurroundings) -> str:
    """The inventory directory in which Ansible would parse ``path``; empty where none does."""
    for folder in _paths(run):
        if os.path.isdir(folder) and _is_within(path, folder):
            inner = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
            if not any(run.is_skipped(part) for part in inner.split(os.sep) if part != os.curdir):
                return folder
    return ""

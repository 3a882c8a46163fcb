# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the store lies, for the inventories that people have. ``trust/root`` in a path stands for a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.filter.trust_store import FilterModule, trust_store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("hosts.ini", "inv/prod/hosts.yml", "inv/prod/zone/more.yml", "inv/stage/hosts", "common/hosts"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setenv("PWD", str(tmp_path / "work"))
    return tmp_path


# sources, hosts of the mesh are in, stores that are there, what the user set -> the place
PLACES: dict[str, tuple[list[str], list[str], list[str], str, str]] = {
    "a file": (["hosts.ini"], [], [], "", "trust"),
    "a directory": (["inv/prod"], ["inv/prod/hosts.yml"], [], "", "inv/prod-trust"),
    "a directory with others below": (
        ["inv/prod"],
        ["inv/prod/hosts.yml", "inv/prod/zone/more.yml"],
        [],
        "",
        "inv/prod-trust",
    ),
    "a file of a directory": (["inv/prod/hosts.yml"], [], [], "", "inv/prod/trust"),
    "a file, after the directory was the inventory": (
        ["inv/prod/hosts.yml"],
        [],
        ["inv/prod-trust"],
        "",
        "inv/prod-trust",
    ),
    "two files of a folder": (["inv/prod/hosts.yml", "inv/prod/zone/../hosts.yml"], [], [], "", "inv/prod/trust"),
    "a file and the directory that it is in": (["inv/prod", "inv/prod/hosts.yml"], [], [], "", "inv/prod-trust"),
    "two, of which one has the mesh": (["common", "inv/prod"], ["inv/prod/hosts.yml"], [], "", "inv/prod-trust"),
    "two, of which one has a store": (
        ["inv/stage", "inv/prod"],
        ["inv/prod/hosts.yml", "inv/stage/hosts"],
        ["inv/prod-trust"],
        "",
        "inv/prod-trust",
    ),
    "a file and a list": (["hosts.ini", "north,"], ["north,"], [], "", "trust"),
    "set": (["inv/prod"], [], [], "/srv/trust", "/srv/trust"),
    "set, and no inventory": (["east,"], [], [], "/srv/trust", "/srv/trust"),
    "set from the folder of the inventory": (["hosts.ini"], [], [], "pki/trust", "pki/trust"),
    "set where Ansible does not look": (["inv/prod"], [], [], "{project}/inv/prod/.trust", "inv/prod/.trust"),
    "set beside variables": (["inv/prod"], [], [], "{project}/inv/prod/group_vars/pki", "inv/prod/group_vars/pki"),
}


@pytest.mark.parametrize(("sources", "mesh", "stores", "given", "place"), PLACES.values(), ids=list(PLACES))
def test_the_store_has_one_place(
    project: Path, sources: list[str], mesh: list[str], stores: list[str], given: str, place: str
) -> None:
    for store in stores:
        (project / store / "root").mkdir(parents=True)
    absolute = [source if "," in source else str(project / source) for source in sources]
    files = [str(project / file) for file in mesh]
    found = trust_store(given.format(project=project), absolute, files)
    assert found == str(project / place)
    (Path(found) / "root").mkdir(parents=True, exist_ok=True) if found.startswith(str(project)) else None
    assert trust_store(given.format(project=project), absolute, files) == found, "a second run finds it"


REFUSED: dict[str, tuple[list[str], list[str], str, bool, str]] = {
    "a store in the inventory directory, as it was once": (
        ["inv/prod"],
        ["inv/prod/trust"],
        "",
        False,
        "mv {project}/inv/prod/trust {project}/inv/prod-trust",
    ),
    "set into the inventory directory": (
        ["inv/prod"],
        [],
        "{project}/inv/prod/pki",
        False,
        "out, or set it to {project}",
    ),
    "set to the inventory directory": (
        ["inv/prod"],
        [],
        "{project}/inv/prod",
        False,
        "lies in the inventory directory",
    ),
    "set to a store in the inventory directory": (
        ["inv/prod"],
        ["inv/prod/pki"],
        "{project}/inv/prod/pki",
        False,
        "mv {project}/inv/prod/pki {project}/inv/prod-trust",
    ),
    "beside a directory that is read too": (["inv", "inv/prod"], [], "", False, "several places"),
    "two inventories": (
        ["inv/prod", "inv/stage"],
        [],
        "",
        False,
        "{project}/inv/prod-trust, {project}/inv/stage-trust",
    ),
    "no file": (["east,west,"], [], "", False, "set trust_directory to an absolute path"),
    "no file, and a store in the working directory": (
        ["east,"],
        ["work/trust"],
        "",
        False,
        "a store lies in {project}/work/trust",
    ),
    "a relative path and no file": (["east,"], [], "pki", False, "does not say from where that counts"),
    "a relative path that counted from the working directory": (
        ["hosts.ini"],
        ["work/pki"],
        "pki",
        False,
        "set trust_directory to an absolute path, the same one in every run: {project}/work/pki",
    ),
    "a job of AWX": (["inv/prod"], [], "", True, "a volume that stays"),
}


@pytest.mark.parametrize(("sources", "stores", "given", "job", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused_says_what_to_do(
    project: Path, sources: list[str], stores: list[str], given: str, job: bool, reason: str
) -> None:
    for store in stores:
        (project / store / "root").mkdir(parents=True)
    absolute = [source if "," in source else str(project / source) for source in sources]
    with pytest.raises(AnsibleFilterError) as refused:
        trust_store(given.format(project=project), absolute, (), job)
    assert reason.format(project=project) in str(refused.value)


def test_it_is_a_filter() -> None:
    assert FilterModule().filters() == {"trust_store": trust_store}

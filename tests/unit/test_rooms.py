# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's rooms: all of them are documented, imports run one way, and a class has a name of its own."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins/module_utils"
PREFIX = "ansible_collections.onemesh.istio.plugins.module_utils"

Arrows = Mapping[str, set[str]]
"""Room -> the rooms that it imports."""

pytestmark = pytest.mark.skipif(
    not (ROOT / "CONTRIBUTING.md").exists(), reason="the collection as it is installed has no page for contributors"
)


def modules(engine: Path) -> dict[str, Path]:
    """Dotted name below the engine -> file. A package is called as its folder."""
    return {
        ".".join(path.relative_to(engine).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(engine.rglob("*.py"))
        if path.parent != engine or path.stem != "__init__"
    }


def imported(name: str, path: Path) -> Iterator[str]:
    """What a module imports of the engine, relatively or not: ``_kube.client.Client`` for a name in a module."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            above = package[: len(package) - node.level + 1]
            module = ".".join([*above, module]).rstrip(".")
        elif module == PREFIX or module.startswith(f"{PREFIX}."):
            module = module[len(PREFIX) + 1 :]
        else:
            continue
        yield from (f"{module}.{alias.name}".lstrip(".") for alias in node.names)


def room(name: str) -> str:
    return name.partition(".")[0]


def sub_room(name: str) -> str:
    """The part of a room: a folder in it, or a file beside its folders."""
    return ".".join(name.split(".")[:2])


def arrows_between(engine: Path, part: Mapping[str, str]) -> Arrows:
    """``part``: module -> the room that it is in. Modules that are left out of it count neither way."""
    found: dict[str, set[str]] = {each: set() for each in part.values()}
    known = modules(engine)
    for name, own in part.items():
        for target in imported(name, known[name]):
            module = target if target in known else target.rpartition(".")[0]
            if module in part and part[module] != own:
                found[own].add(part[module])
    return found


def floors(arrows: Arrows) -> dict[str, int]:
    """Room -> how many rooms are below it at most. ValueError names a circle."""
    found: dict[str, int] = {}

    def floor(each: str, way: tuple[str, ...]) -> int:
        if each in way:
            raise ValueError(" -> ".join([*way[way.index(each) :], each]))
        if each not in found:
            found[each] = max((floor(below, (*way, each)) + 1 for below in sorted(arrows[each])), default=0)
        return found[each]

    for each in sorted(arrows):
        floor(each, ())
    return found


def listed(document: str) -> list[str]:
    """The rooms of the engine and of ``_canary``, in the order of the document's table: ``_kube``, ``_canary.plan``."""
    found: list[str] = []
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        names = re.findall(r"`([\w./]+)`", line.split("|")[1]) if line.startswith("| `") else []
        folder = ""
        for name in names:
            path = name.removeprefix("plugins/").removeprefix("module_utils/").rstrip("/").removesuffix(".py")
            if path.startswith("_"):
                folder = f"{path.rpartition('/')[0]}/" if "/" in path else ""
                found.append(path.replace("/", "."))
            elif folder:
                found.append(f"{folder}{path}".replace("/", "."))
    return found


MODULES = modules(ENGINE)
ROOMS = arrows_between(ENGINE, {name: room(name) for name in MODULES})
PARTS_OF_A_RELEASE = arrows_between(
    ENGINE, {name: sub_room(name) for name, path in MODULES.items() if name.count(".") > 1 and room(name) == "_canary"}
)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_room_is_in_the_table_and_the_table_has_no_other(document: str) -> None:
    assert set(listed(document)) == {*ROOMS, *PARTS_OF_A_RELEASE}


def test_a_room_imports_only_what_stands_above_it_in_the_table() -> None:
    order = {each: number for number, each in enumerate(listed("docs/architecture.md"))}
    assert [
        f"{own} imports {other}"
        for arrows in (ROOMS, PARTS_OF_A_RELEASE)
        for own, others in arrows.items()
        for other in sorted(others)
        if order[other] > order[own]
    ] == []


@pytest.mark.parametrize("arrows", [ROOMS, PARTS_OF_A_RELEASE], ids=["rooms", "parts of a release"])
def test_no_imports_make_a_circle(arrows: Arrows) -> None:
    assert floors(arrows)


RELEASE = {
    "analysis": set(),
    "convert": {"analysis", "gates", "release", "workloads"},
    "gates": set(),
    "plan": set(),
    "release": {"analysis", "gates", "plan", "report", "routes", "state_machine", "workloads"},
    "report": set(),
    "routes": set(),
    "state_machine": {"analysis", "plan"},
    "workloads": set(),
}
"""What each part of ``_canary`` imports of the others. What two of them share lies beside them, in ``_canary``."""


def test_a_part_of_a_release_imports_only_these() -> None:
    assert {
        f"_canary.{own}": {f"_canary.{other}" for other in others} for own, others in RELEASE.items()
    } == PARTS_OF_A_RELEASE


def test_plan_routes_workloads_analysis_and_gates_do_not_know_each_other() -> None:
    """So that each can be read and changed alone."""
    strangers = {"plan", "routes", "workloads", "analysis", "gates"}
    assert {each: RELEASE[each] & strangers for each in strangers} == {each: set() for each in strangers}


def test_what_parts_of_a_release_share_imports_none_of_them() -> None:
    """Else it would tie together what the table keeps apart."""
    shared = [name for name in MODULES if name.startswith("_canary.") and name.count(".") == 1]
    used = {sub_room(target) for name in shared for target in imported(name, MODULES[name])}
    assert used & set(PARTS_OF_A_RELEASE) == set()


def test_operations_do_not_know_each_other() -> None:
    """How one is run is known to all of them."""
    shared = {"_operations", "_operations.operation", "_operations.module", "_operations.finding_kinds"}
    operations = {
        name: sub_room(name) for name in MODULES if room(name) == "_operations" and sub_room(name) not in shared
    }
    assert {own: others for own, others in arrows_between(ENGINE, operations).items() if others} == {}


@pytest.mark.parametrize("kind", ["action", "modules"])
def test_every_operation_has_a_face(kind: str) -> None:
    shared = {"operation", "module", "finding_kinds"}
    folder = ENGINE / "_operations"
    operations = {path.stem for path in [*folder.glob("[!_]*.py"), *folder.glob("[!_]*/run.py")] if path.stem != "run"}
    operations |= {path.parent.name for path in folder.glob("*/run.py")}
    assert operations - shared == {path.stem for path in (ROOT / "plugins" / kind).glob("[!_]*.py")}


def classes_of(folders: Iterable[Path]) -> dict[str, list[str]]:
    """Name of a class -> the files that define it, a file as often as it does."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(f"{folder.name}/{path.relative_to(folder)}")
    return dict(found)


def test_each_class_has_a_name_of_its_own() -> None:
    """One word for one thing: whoever finds the name finds what is meant."""
    found = classes_of([ENGINE, ROOT / "plugins/plugin_utils"])
    assert found
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_each_file_of_tests_has_a_name_of_its_own() -> None:
    """pytest takes two of one name for one module, and runs nothing. These are run together."""
    files = [path for folder in ("tests/unit", "tests/secrecy", "lab/tests") for path in (ROOT / folder).rglob("*.py")]
    counted = Counter(path.name for path in files if path.name not in ("conftest.py", "__init__.py"))
    assert [name for name, count in counted.items() if count > 1] == []


def engine(folder: Path, imports: Mapping[str, Iterable[str]]) -> Path:
    for name, lines in imports.items():
        path = folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_absolute_and_relative_imports_are_seen(tmp_path: Path) -> None:
    made = engine(
        tmp_path,
        {
            "_low": [],
            "_middle.a": ["from .._low import x", "from . import b", "from .b import y"],
            "_middle.b": [],
            "_high.__init__": [f"from {PREFIX} import _low"],
            "_high.c": ["def late():", f"    from {PREFIX}._middle.a import z", "from .. import _low"],
        },
    )
    arrows = arrows_between(made, {name: room(name) for name in modules(made)})
    assert arrows == {"_low": set(), "_middle": {"_low"}, "_high": {"_low", "_middle"}}
    assert floors(arrows) == {"_low": 0, "_middle": 1, "_high": 2}


def test_classes_are_seen_with_the_files_that_define_them(tmp_path: Path) -> None:
    made = engine(tmp_path, {"a.low": ["class Step: ..."], "a.high": ["def make():", "    class Step: ..."], "b": []})
    assert classes_of([made / "a"]) == {"Step": ["a/high.py", "a/low.py"]}


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match="a -> b -> c -> a"):
        floors({"a": {"b"}, "b": {"c"}, "c": {"a"}})

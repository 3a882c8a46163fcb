from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from meshlab import build
from meshlab.build import MODULES, Module, module_hash, parse_version, total_hash, wanted_go
from meshlab.errors import LabError

TWO = (
    Module("one", {"tool": "example.org/one"}, {"v": "1"}),
    Module("two", {"other": "example.org/two"}, {}),
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for module in TWO:
        (tmp_path / module.name).mkdir()
        (tmp_path / module.name / "go.mod").write_text(f"module {module.name}\n\ngo 1.25.1\n")
        (tmp_path / module.name / "go.sum").write_text("sums\n")
    return tmp_path


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_change_of_one_modules_sources_changes_only_its_hash(sources: Path, file: str) -> None:
    before = [module_hash(each, sources) for each in TWO]
    (sources / "one" / file).write_text("other\n")
    after = [module_hash(each, sources) for each in TWO]
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)


@pytest.mark.parametrize(
    "changed",
    [replace(TWO[0], variables={"v": "2"}), replace(TWO[0], tools={"tool": "example.org/elsewhere"})],
)
def test_a_change_of_the_tables_entry_changes_the_hash(sources: Path, changed: Module) -> None:
    assert module_hash(changed, sources) != module_hash(TWO[0], sources)
    assert total_hash((changed, TWO[1]), sources) != total_hash(TWO, sources)


def test_linker_flags_set_the_versions() -> None:
    assert TWO[0].build_flags() == "-s -w -X v=1"


def test_the_table_and_the_modules_in_the_repository_agree() -> None:
    for module in MODULES:
        text = (build.SOURCES / module.name / "go.mod").read_text()
        tools = {line.removeprefix("tool").strip(" \t(") for line in text.splitlines()}
        assert set(module.tools.values()) <= tools, f"{module.name}: every program is a tool of its go.mod"


def test_what_is_installed_has_all_that_it_reads_beside_its_code(tmp_path: Path) -> None:
    """As pip builds it: the wheel's content, without the wheel, which not every environment can pack."""
    lab = Path(__file__).parents[1]
    copy = tmp_path / "lab"
    shutil.copytree(lab, copy, ignore=shutil.ignore_patterns("*.egg-info", "build", "tests", "__pycache__"))
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_py", "--build-lib", "../built"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed, source = tmp_path / "built/meshlab", lab / "meshlab"
    data = {path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()} == data
    assert total_hash(MODULES, installed / "binaries") == total_hash(MODULES, build.SOURCES)


@pytest.mark.parametrize(
    ("text", "expected"), [("go1.26.8", (1, 26, 8)), ("1.26", (1, 26)), ("go1.27rc1", (1, 27)), ("", ())]
)
def test_go_versions_are_compared_as_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert parse_version(text) == expected


def test_the_newest_go_that_any_module_asks_for_is_wanted(sources: Path) -> None:
    (sources / "two/go.mod").write_text("module two\n\ngo 1.9\n")
    assert wanted_go(sources, TWO) == (1, 25, 1)


def test_a_folder_of_programs_that_lacks_some_is_refused_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etcd").touch(mode=0o755)
    monkeypatch.setenv("MESHLAB_BIN", str(tmp_path))
    with pytest.raises(LabError, match=r"lacks kwok, kwokctl, .*meshlab build"):
        build.provide(print)


def test_a_folder_with_programs_and_charts_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        for tool in module.tools:
            (tmp_path / tool).touch(mode=0o755)
    (tmp_path / "charts").mkdir()
    monkeypatch.setenv("MESHLAB_BIN", str(tmp_path))
    assert build.provide(print) == build.Programs(tmp_path, tmp_path / "charts", build.key())


def test_other_programs_have_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESHLAB_BIN", raising=False)
    built = build.key()
    assert built == total_hash(MODULES, build.SOURCES)
    (tmp_path / "charts").mkdir()
    program, chart = tmp_path / "etcd", tmp_path / "charts/values.yaml"
    program.write_text("one")
    chart.write_text("one")
    monkeypatch.setenv("MESHLAB_BIN", str(tmp_path))
    given = build.key()
    assert given != built
    for path in (program, chart):
        path.write_text("other")
        assert build.key() != given
        given = build.key()
    assert build.key() == given


def test_what_an_older_lab_has_exported_stays_and_only_the_rest_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, charts = tmp_path / "sources", tmp_path / "charts"
    for path in (*build.CHARTS.values(), build._GATEWAY_API_SOURCE):
        (sources / path).mkdir(parents=True)
        (sources / path / "file.yaml").touch()
    template = sources / build._BOOTSTRAP_SOURCE
    template.parent.mkdir(parents=True)
    template.touch()
    monkeypatch.setattr(build, "_module_source", lambda _module, _go: sources)
    for name in build.CHARTS:
        (charts / name).mkdir(parents=True)
    build._export_charts(charts, "go")
    assert {path.name for path in charts.iterdir()} == {*build.CHARTS, build.GATEWAY_API, build.BOOTSTRAP_TEMPLATE}
    assert [path.relative_to(charts).as_posix() for path in charts.rglob("file.yaml")] == ["gateway-api/file.yaml"]

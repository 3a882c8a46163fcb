# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's metadata agree with its files and with what Galaxy and Automation Hub ask for."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# What a user needs of the collection.
ARTIFACT = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "changelogs",
    "docs",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "tests",
}
# Automation Hub takes a collection only with one of these tags.
HUB_TAGS = {
    "application",
    "cloud",
    "database",
    "eda",
    "infrastructure",
    "linux",
    "monitoring",
    "networking",
    "security",
    "storage",
    "tools",
    "windows",
}
README_SECTIONS = (
    "Description",
    "Requirements",
    "Installation",
    "Use cases",
    "Testing",
    "Support",
    "Release notes",
    "License",
)


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def plugins(kind: str) -> set[str]:
    return {path.stem for path in (ROOT / "plugins" / kind).glob("*.py") if path.stem != "__init__"}


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_action_group_holds_every_module() -> None:
    assert set(load("meta/runtime.yml")["action_groups"]["mesh"]) == plugins("modules")


def test_every_module_has_an_action_plugin_of_its_name() -> None:
    assert plugins("action") == plugins("modules")


def test_the_dependencies_have_a_lower_bound() -> None:
    for collection, versions in load("galaxy.yml")["dependencies"].items():
        assert re.match(r">=[1-9]", versions), f"{collection}: {versions}"


def test_the_tags_are_what_automation_hub_asks_for() -> None:
    tags = load("galaxy.yml")["tags"]
    assert HUB_TAGS & set(tags)
    assert all(re.fullmatch(r"[a-z0-9]+", tag) for tag in tags)


def test_the_execution_environment_names_files_that_exist() -> None:
    for path in load("meta/execution-environment.yml")["dependencies"].values():
        assert (ROOT / path).is_file()


def test_the_execution_environment_brings_no_ansible() -> None:
    names = {
        re.split(r"[<>=\s]", line)[0]
        for line in (ROOT / "meta/ee-requirements.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert names
    assert not {"ansible", "ansible-core"} & names


def test_the_changelog_ends_with_the_version_of_the_metadata() -> None:
    releases = load("changelogs/changelog.yaml")["releases"]
    newest = max(releases, key=lambda version: [int(part) for part in version.split(".")])
    version = load("galaxy.yml")["version"]
    assert newest == version
    assert f"## v{version.replace('.', chr(92) + '.')}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"onemesh-istio-{version}.tar.gz" in readme()


def test_the_artifact_leaves_out_everything_else() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout has anything to leave out")
    ignored = load("galaxy.yml")["build_ignore"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    entries = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    shipped = {entry for entry in entries if not any(fnmatch.fnmatch(entry, pattern) for pattern in ignored)}
    assert shipped <= ARTIFACT


def test_the_readme_has_the_sections_of_a_certified_collection_in_order() -> None:
    headings = re.findall(r"^## (.+)$", readme(), re.MULTILINE)
    assert [heading for heading in headings if heading in README_SECTIONS] == list(README_SECTIONS)


def test_the_readme_has_no_relative_link() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", readme())
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []


def test_the_readme_names_the_versions_of_the_metadata() -> None:
    assert load("meta/runtime.yml")["requires_ansible"].removeprefix(">=").removesuffix(".0") in readme()


def test_the_readme_names_the_ends_of_the_range_that_is_tested() -> None:
    tested = re.findall(r"'ansible-core==([\d.]+)\.\*'", (ROOT / "tools/ansible-range.sh").read_text())
    assert len(tested) == 2
    assert load("meta/runtime.yml")["requires_ansible"] == f">={tested[0]}.0"
    sentence = next(line for line in readme().splitlines() if "The tests run with" in line)
    assert all(f" {version} " in sentence for version in tested)
    assert load("tests/config.yml")["modules"]["python_requires"].removeprefix(">=") in readme()
    for collection in load("galaxy.yml")["dependencies"]:
        assert collection in readme()


@pytest.mark.parametrize("file", ["README.md", "meta/argument_specs.yml", "meta/main.yml", "defaults/main.yml"])
def test_every_role_has_what_its_users_read(file: str) -> None:
    roles = [path for path in sorted((ROOT / "roles").iterdir()) if path.is_dir()]
    assert roles
    assert [role.name for role in roles if not (role / file).is_file()] == []


@pytest.mark.parametrize("kind", ["modules", "action", "filter", "lookup", "inventory", "module_utils", "plugin_utils"])
def test_every_plugin_file_names_its_licence(kind: str) -> None:
    without = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "plugins" / kind).rglob("*.py"))
        if "SPDX-License-Identifier: GPL-3.0-or-later" not in path.read_text(encoding="utf-8")[:600]
    ]
    assert without == []


in_the_repository = pytest.mark.skipif(
    not (ROOT / "CONTRIBUTING.md").exists(), reason="the collection as it is installed has no page for contributors"
)


@in_the_repository
def test_every_document_can_be_found_from_the_readme_or_the_contributors_guide() -> None:
    text = readme() + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in text] == []

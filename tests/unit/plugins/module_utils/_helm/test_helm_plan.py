# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Helm has to run, by chart and values, and what a person is shown of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._helm.chart import (
    NotAChart,
    describe_other_content,
    has_same_values,
    is_exact,
    read_chart,
)
from ansible_collections.onemesh.istio.plugins.module_utils._helm.manifest import ManifestObject, ObjectIdentity
from ansible_collections.onemesh.istio.plugins.module_utils._helm.release import Chart, HelmRelease
from ansible_collections.onemesh.istio.plugins.module_utils._operations.helm_release.plan import (
    Wish,
    diff_of_manifests,
    diff_of_values,
    find_reasons,
    make_diff,
)

FILES = {"templates/a.yaml": "YQ==", "files/b.yaml": "Yg=="}
CHART = Chart("istiod", "1.31.0", (), FILES, {"x": 1})
RELEASE = HelmRelease("istiod", "istio-system", 2, "deployed", CHART, {"env": {"A": "b"}})
WISH = Wish("istiod", {"env": {"A": "b"}}, "1.31.0")

REASONS: dict[str, tuple[Wish, HelmRelease | None, list[str]]] = {
    "as asked for": (WISH, RELEASE, []),
    "the folder's chart": (replace(WISH, chart=CHART), RELEASE, []),
    "a version with a v": (replace(WISH, version="v1.31.0"), RELEASE, []),
    "never installed": (WISH, None, ["it is not installed"]),
    "failed": (WISH, replace(RELEASE, status="failed"), ["its revision 2 is failed"]),
    "another version": (
        replace(WISH, version="1.31.1"),
        RELEASE,
        ["other chart: 1.31.1 in place of 1.31.0"],
    ),
    "another version in the folder": (
        replace(WISH, chart=replace(CHART, version="1.32.0")),
        RELEASE,
        ["other chart: chart 1.32.0 in place of 1.31.0"],
    ),
    "another file in the folder": (
        replace(WISH, chart=replace(CHART, files={**FILES, "templates/a.yaml": "Yw=="})),
        RELEASE,
        ["other chart: templates/a.yaml of the chart"],
    ),
    "a file more and a file less": (
        replace(WISH, chart=replace(CHART, files={"templates/a.yaml": "YQ==", "templates/c.yaml": "YQ=="})),
        RELEASE,
        ["other chart: files/b.yaml of the chart and 1 more files"],
    ),
    "other defaults": (
        replace(WISH, chart=replace(CHART, values={"x": 2})),
        RELEASE,
        ["other chart: values.yaml of the chart"],
    ),
    "other values": (
        replace(WISH, values={"env": {"A": "c"}, "global": {"network": "n"}}),
        RELEASE,
        ["other values: env.A, global"],
    ),
    "a value less": (replace(WISH, values={}), RELEASE, ["other values: env"]),
    "true is not one": (
        replace(WISH, values={"a": True}),
        replace(RELEASE, values={"a": 1}),
        ["other values: their types"],
    ),
    "a number as Helm keeps it": (replace(WISH, values={"a": 1}), replace(RELEASE, values={"a": 1.0}), []),
}


@pytest.mark.parametrize("case", REASONS)
def test_why_helm_has_to_run(case: str) -> None:
    wish, release, expected = REASONS[case]
    assert find_reasons(wish, release) == expected


@pytest.mark.parametrize(
    ("version", "exact"),
    [("1.31.0", True), ("v1.31.0", True), ("1.31.0-rc.1", True), ("", False), ("1.31", False), ("~1.31.0", False)],
)
def test_only_an_exact_version_needs_no_helm_to_find_it(version: str, exact: bool) -> None:
    assert is_exact(version) is exact


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_a_chart_in_a_folder_is_read_as_helm_keeps_it(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "Chart.yaml": "name: istiod\nversion: 1.31.0\n",
            "values.yaml": "x: 1\n",
            "values.schema.json": "{}",
            "templates/a.yaml": "a",
            "files/b.yaml": "b",
            # What Helm leaves out.
            "templates/.a.yaml.swp": "",
            "templates/a.yaml~": "",
            ".git/config": "",
            "charts/other/Chart.yaml": "name: other\n",
        },
    )
    chart = read_chart(folder)
    assert chart == CHART
    assert describe_other_content(CHART, chart) == ""
    assert base64.b64decode(chart.files["files/b.yaml"]) == b"b"


@pytest.mark.parametrize("files", [{}, {"Chart.yaml": "version: 1.0.0\n"}, {"Chart.yaml": "a: b: c\n"}])
def test_a_folder_without_a_chart_is_said_so(tmp_path: Path, files: Mapping[str, str]) -> None:
    with pytest.raises(NotAChart, match=r"Chart\.yaml"):
        read_chart(write(tmp_path, files))


def test_values_that_are_null_are_other_values() -> None:
    assert not has_same_values({"a": None}, {})
    assert has_same_values({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})


def config_map(name: str, **data: str) -> ManifestObject:
    return ManifestObject(
        ObjectIdentity("", "ConfigMap", "n", name),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data},
    )


def test_a_diff_of_manifests_shows_what_comes_changes_and_goes() -> None:
    shown = diff_of_manifests(
        "east",
        [config_map("same"), config_map("changes", a="1"), config_map("goes")],
        [config_map("same"), config_map("changes", a="2"), config_map("comes")],
    )
    assert [(each.cluster, each.object, each.before.get("data"), each.after.get("data")) for each in shown] == [
        ("east", "ConfigMap n/changes", {"a": "1"}, {"a": "2"}),
        ("east", "ConfigMap n/goes", {}, None),
        ("east", "ConfigMap n/comes", None, {}),
    ]


def test_no_secret_in_a_diff() -> None:
    values: dict[str, Any] = {"global": {"adminPassword": "hunter-22", "tag": "1.31.0"}, "apiTokens": ["ab-cdef"]}
    secret = ManifestObject(
        ObjectIdentity("", "Secret", "n", "x"),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"a": "in-the-secret"}},
    )
    hunks = [
        *diff_of_values("east", "istiod", {}, values),
        *diff_of_manifests("east", [], [config_map("values", merged='{"adminPassword": "hunter-22"}'), secret]),
    ]
    shown = str(make_diff(hunks, values))
    assert "1.31.0" in shown
    for word in ("hunter-22", "ab-cdef", "in-the-secret"):
        assert word not in shown

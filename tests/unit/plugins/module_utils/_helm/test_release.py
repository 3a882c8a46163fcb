# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Helm keeps of a release, and which of its Secrets stands for an interrupted Helm."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._helm.release import (
    Chart,
    HelmRelease,
    NotARelease,
    find_newest,
    is_pending,
    release_of,
)


def revision(version: int, status: str, release: str = "istiod") -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.{release}.v{version}",
            "labels": {"owner": "helm", "name": release, "version": str(version), "status": status},
        }
    }


ROWS: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "no release": ([], None),
    "of another release": ([revision(1, "pending-install", "istio-base")], None),
    "installed": ([revision(1, "deployed")], None),
    "killed in the first installation": ([revision(1, "pending-install")], "sh.helm.release.v1.istiod.v1"),
    "killed in an upgrade": (
        [revision(1, "superseded"), revision(2, "deployed"), revision(3, "pending-upgrade")],
        "sh.helm.release.v1.istiod.v3",
    ),
    "killed in a rollback": (
        [revision(2, "pending-rollback"), revision(1, "deployed")],
        "sh.helm.release.v1.istiod.v2",
    ),
    "revisions are numbers": (
        [revision(9, "deployed"), revision(10, "pending-upgrade")],
        "sh.helm.release.v1.istiod.v10",
    ),
    "an old one that a later one has replaced": ([revision(1, "pending-install"), revision(2, "deployed")], None),
    "failed is for Helm itself to go on from": ([revision(1, "failed")], None),
    "being uninstalled": ([revision(1, "uninstalling")], None),
}


@pytest.mark.parametrize("case", ROWS)
def test_what_an_interrupted_helm_left(case: str) -> None:
    secrets, name = ROWS[case]
    found = find_newest(secrets, "istiod")
    assert (found["metadata"]["name"] if found and is_pending(found) else None) == name


KEPT: dict[str, Any] = {
    "name": "istiod",
    "namespace": "istio-system",
    "version": 3,
    "info": {"status": "deployed"},
    "chart": {
        "metadata": {"name": "istiod", "version": "1.31.0", "sources": ["https://github.com/istio/istio"]},
        "templates": [{"name": "templates/a.yaml", "data": "YQ=="}],
        "files": [{"name": "files/b.yaml", "data": "Yg=="}],
        "values": {"x": 1},
    },
    "config": {"env": {"A": "b"}},
    "manifest": "---\nkind: X\n",
}


def packed(content: Any, *, compressed: bool = True) -> dict[str, Any]:
    data = json.dumps(content).encode()
    twice = base64.b64encode(base64.b64encode(gzip.compress(data) if compressed else data))
    return {"metadata": {"name": "sh.helm.release.v1.istiod.v3"}, "data": {"release": twice.decode()}}


@pytest.mark.parametrize("compressed", [True, False])
def test_what_helm_keeps(compressed: bool) -> None:
    files = {"templates/a.yaml": "YQ==", "files/b.yaml": "Yg=="}
    chart = Chart("istiod", "1.31.0", ("https://github.com/istio/istio",), files, {"x": 1})
    wanted = HelmRelease("istiod", "istio-system", 3, "deployed", chart, {"env": {"A": "b"}}, "---\nkind: X\n")
    assert release_of(packed(KEPT, compressed=compressed)) == wanted


@pytest.mark.parametrize(
    "secret",
    [{}, {"data": None}, {"data": {"release": "e30="}}, {"data": {"release": "not base64"}}, packed({}), packed([])],
)
def test_what_is_no_release_is_said_so(secret: dict[str, Any]) -> None:
    with pytest.raises(NotARelease):
        release_of(secret)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Helm is told of where charts come from; a password is in none of its arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._helm.source import (
    DEFAULT_CHARTS,
    Charts,
    options_of_host,
)

ROOT = Path(__file__).resolve().parents[5]
HTTPS, OCI = "https://charts.example.com/istio", "oci://registry.example.com:5000/istio"
USER = {"username": "charts", "password": "secret-of-charts"}

ARGUMENTS: list[tuple[Charts, list[str]]] = [
    (Charts(HTTPS), ["base", "--repo", HTTPS]),
    (Charts(HTTPS, "1.31.0", "/ca.pem"), ["base", "--repo", HTTPS, "--version", "1.31.0", "--ca-file", "/ca.pem"]),
    (Charts(HTTPS, "1.31.0", "/ca.pem", **USER), ["onemesh-charts/base", "--version", "1.31.0"]),
    (Charts(HTTPS, plain_http=True), ["base", "--repo", HTTPS]),
    (Charts(OCI, "1.31.0"), [f"{OCI}/base", "--version", "1.31.0"]),
    (Charts(f"{OCI}/", "", "/ca.pem", **USER), [f"{OCI}/base", "--ca-file", "/ca.pem"]),
    (Charts(OCI, plain_http=True), [f"{OCI}/base", "--plain-http"]),
    (Charts("/charts"), ["/charts/base"]),
    (Charts("istio", "1.31.0"), ["istio/base", "--version", "1.31.0"]),
]


@pytest.mark.parametrize(("charts", "arguments"), ARGUMENTS)
def test_a_chart_is_named_for_helm(charts: Charts, arguments: list[str]) -> None:
    assert charts.of("base").arguments == arguments
    assert "secret-of-charts" not in repr(charts)


@pytest.mark.parametrize(
    ("location", "folder"), [(HTTPS, False), (OCI, False), ("./charts", True), ("istio", False), ("here", True)]
)
def test_a_folder_is_told_from_the_name_of_a_repository(
    location: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert Charts(location).is_folder("base") is folder


def files_of(charts: Charts) -> dict[str, Any]:
    """What the environment names, read while it is there; afterwards it is gone."""
    with charts.login({"HOME": "/home"}) as environment:
        named = {name: Path(path) for name, path in environment.items() if name != "HOME"}
        found = {name: json.loads(path.read_text()) for name, path in named.items() if path.is_file()}
        for path in named.values():
            assert path.parent.stat().st_mode & 0o777 == 0o700
            assert not path.is_file() or path.stat().st_mode & 0o777 == 0o600
    assert not any(path.parent.exists() for path in named.values())
    return found


def test_a_password_is_in_a_file_that_goes() -> None:
    assert files_of(Charts(OCI, **USER)) == {
        "HELM_REGISTRY_CONFIG": {"auths": {"registry.example.com:5000": {"auth": "Y2hhcnRzOnNlY3JldC1vZi1jaGFydHM="}}}
    }
    entry = {"name": "onemesh-charts", "url": HTTPS, "caFile": "/ca.pem", **USER}
    assert files_of(Charts(HTTPS, ca_cert="/ca.pem", **USER)) == {
        "HELM_REPOSITORY_CONFIG": {"apiVersion": "v1", "repositories": [entry]}
    }
    assert files_of(Charts(HTTPS)) == files_of(Charts("/charts", **USER)) == {}


def test_a_host_says_what_differs_from_the_roles_defaults() -> None:
    assert options_of_host({"cluster_charts_ca_cert": "", "other": 1}) == {"charts": DEFAULT_CHARTS}
    said = {"cluster_charts": OCI, "cluster_charts_plain_http": "true", "cluster_istio_version": "1.31.0"}
    assert options_of_host(said) == {"charts": OCI, "charts_plain_http": "true", "chart_version": "1.31.0"}
    defaults = yaml.safe_load((ROOT / "roles/cluster/defaults/main.yml").read_text())
    assert defaults["cluster_charts"] == DEFAULT_CHARTS

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import istiod


def spec(image: str, **environment: str) -> dict[str, Any]:
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in environment.items()]
    variables.append({"name": "POD_NAME", "valueFrom": {}})
    return {"containers": [{"name": "discovery", "image": image, "env": variables}]}


VERSIONS = {
    "docker.io/istio/pilot:1.31.0": "1.31.0",
    "docker.io/istio/pilot:1.31.0-distroless": "1.31.0",
    "registry:5000/pilot:1.31-debug": "1.31",
    "registry:5000/pilot": "",
    "docker.io/istio/pilot:1.31.0@sha256:0000": "1.31.0",
    "pilot:1.31.0-distroless@sha256:0000": "1.31.0",
    "registry:5000/pilot:1.31.0@sha256:0000": "1.31.0",
    "registry:5000/pilot@sha256:0000": "",
}


@pytest.mark.parametrize("image", VERSIONS)
def test_the_version_is_the_tag_without_its_variant(image: str) -> None:
    assert istiod.version(spec(image)) == VERSIONS[image]


def test_the_own_cluster_is_in_the_environment() -> None:
    assert istiod.cluster_id(spec("pilot", CLUSTER_ID="east")) == "east"
    assert istiod.cluster_id(spec("pilot")) == ""


def test_a_revision_has_its_own_mesh_configuration() -> None:
    assert istiod.revision({}) == "default"
    assert istiod.mesh_config_name("default") == "istio"
    assert istiod.mesh_config_name(istiod.revision({"istio.io/rev": "1-31"})) == "istio-1-31"


TRUST_DOMAINS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "said": ({"data": {"mesh": "trustDomain: mesh.example\n"}}, "mesh.example"),
    "not said": ({"data": {"mesh": "rootNamespace: x\n"}}, "cluster.local"),
    "no mesh configuration": (None, "cluster.local"),
    "empty": ({"data": {"mesh": ""}}, "cluster.local"),
    "no YAML": ({"data": {"mesh": "a: [\n"}}, "cluster.local"),
    "no mapping": ({"data": {"mesh": "- a\n"}}, "cluster.local"),
}


@pytest.mark.parametrize("case", TRUST_DOMAINS)
def test_the_trust_domain(case: str) -> None:
    config_map, expected = TRUST_DOMAINS[case]
    assert istiod.trust_domain(config_map) == expected

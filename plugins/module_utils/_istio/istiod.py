# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pods of istiod, and the Deployment that makes them, say of it. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._yaml import NotYaml, load
from . import names

SELECTOR = "app=istiod"
DEFAULT_REVISION = "default"
DEFAULT_TRUST_DOMAIN = "cluster.local"
DEFAULT_DOMAIN = "cluster.local"

PodSpec = Mapping[str, Any]


def selects(labels: Mapping[str, str]) -> bool:
    """Whether SELECTOR does."""
    name, _equals, value = SELECTOR.partition("=")
    return labels.get(name) == value


def environment(spec: PodSpec) -> dict[str, str]:
    """Environment variables with a plain value; one that Kubernetes fills in is empty."""
    return {
        variable["name"]: variable.get("value", "")
        for container in spec["containers"]
        for variable in container.get("env") or []
    }


def cluster_id(spec: PodSpec) -> str:
    """The ID of the cluster that this istiod takes for its own; empty where it does not say."""
    return environment(spec).get("CLUSTER_ID", "")


def version(spec: PodSpec) -> str:
    """The tag of the image, without its variant (``-distroless``); empty where it has none."""
    tag = str(spec["containers"][0]["image"]).partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removesuffix("-distroless").removesuffix("-debug")


def domain(spec: PodSpec) -> str:
    """The DNS domain of services, as its arguments say it; empty where they do not."""
    for container in spec["containers"]:
        arguments = container.get("args") or []
        if "--domain" in arguments[:-1]:
            return str(arguments[arguments.index("--domain") + 1])
    return ""


def revision(labels: Mapping[str, str]) -> str:
    """The revision of a pod or a Deployment with these labels."""
    return labels.get(names.REVISION_LABEL, DEFAULT_REVISION)


def mesh_config_name(of_revision: str) -> str:
    """The ConfigMap with the mesh configuration of a revision."""
    return "istio" if of_revision == DEFAULT_REVISION else f"istio-{of_revision}"


def trust_domain(config_map: Mapping[str, Any] | None) -> str:
    """The trust domain that a mesh configuration says, Istio's default where it says none."""
    text = ((config_map or {}).get("data") or {}).get("mesh") or ""
    try:
        mesh = load(text, unique_keys=False)
    except NotYaml:
        return DEFAULT_TRUST_DOMAIN
    return str((mesh.get("trustDomain") if isinstance(mesh, dict) else "") or DEFAULT_TRUST_DOMAIN)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object that we make after a user's one takes over of its labels and annotations. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OF_DEPLOYERS = (
    "argocd.argoproj.io/",
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "flagger.app/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kapp.k14s.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "objectset.rio.cattle.io/",
    "onemesh.istio/",
)
_LABELS_OF_DEPLOYERS = ("app.kubernetes.io/instance", "app.kubernetes.io/managed-by")


def strip_deployer_keys(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Labels or annotations without those by which deployers and controllers know what is theirs.

    With them, Argo CD and Flux would take the new object for one of their own that is no longer declared, and prune it.
    """
    return {
        name: value
        for name, value in (values or {}).items()
        if not name.startswith(_OF_DEPLOYERS) and name not in _LABELS_OF_DEPLOYERS
    }

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the operations helm_release and preflight, and a look at the cluster beside them."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._helm.release import HelmRelease, release_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._operations.helm_release import run as helm_release
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight import run as preflight
from support import control_plane
from support.control_plane import ControlPlane

ISTIO = "istio-system"
NO_HELM = "/nonexistent/helm"
"""A run that has to start helm fails with this binary."""
RELEASES: list[dict[str, Any]] = [
    {"name": "istio-base", "chart": "base", "chart_values": {"defaultRevision": "default"}},
    {
        "name": "istiod",
        "chart": "istiod",
        "chart_values": {
            "global": {"multiCluster": {"clusterName": "east"}},
            "env": {"SAID": "by-the-chart"},
            "autoscaleEnabled": False,
        },
    },
]


@dataclass(frozen=True)
class Run:
    """The result of an operation, and what it said on the way."""

    result: dict[str, Any]
    said: list[str]

    def succeeded(self) -> Run:
        assert not self.result.get("failed"), self.result["msg"]
        return self

    @property
    def releases(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.result["clusters"]["east"]["releases"]}

    @property
    def actions(self) -> dict[str, str]:
        return {name: each["action"] for name, each in self.releases.items()}

    @property
    def checks(self) -> list[str]:
        return [each["check"] for each in self.result.get("findings") or ()]


@dataclass
class Releases:
    plane: ControlPlane
    folder: Path
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        binaries = control_plane.binaries_folder()
        assert binaries is not None
        self.helm = str(binaries / "helm")
        self.charts = str(binaries.parent / "charts")
        self.client = Client("east", load_credentials(self.plane.admin_options(), cluster="east", environ={}))
        self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO}})

    def run(self, *, check_mode: bool = False, environ: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Operation ``helm_release`` with these options beside the usual."""
        given = {"releases": RELEASES, "charts": self.charts, "binary_path": self.helm, "grace": 0.5, **options}
        return self._operation(helm_release, given, check_mode, environ)

    def preflight(self, leftovers: str = "refuse") -> Run:
        # A server on loopback is a finding of its own.
        given = {"leftovers": {"east": leftovers}, "gateways": {"east": {"enabled": True}}}
        return self._operation(preflight, given, False, None)

    def _operation(
        self, operation: Any, given: Mapping[str, Any], check_mode: bool, environ: Mapping[str, str] | None
    ) -> Run:
        clusters = [{"name": "east", **self.plane.admin_options()}]
        checked = ArgumentSpecValidator(operation.ARGUMENT_SPEC).validate(
            copy.deepcopy({"clusters": clusters, "request_timeout": 10, **given})
        )
        assert not checked.error_messages, checked.error_messages
        said: list[str] = []
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **(environ or {})}
        context = Context(check_mode=check_mode, environ=environment, progress=said.append)
        return Run(run_operation(operation, checked.validated_parameters, context), said)

    def kept(self, name: str) -> HelmRelease:
        """What Helm keeps of a release."""
        selector = f"owner=helm,name={name},status=deployed"
        (secret,) = self.client.list(SECRET, ISTIO, label_selector=selector)
        return release_of(secret)

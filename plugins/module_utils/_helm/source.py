# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Istio's charts come from, and what Helm has to be told so that it gets them.

A password goes to Helm in a file that only we can read and that is gone afterwards, never in an argument list.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._files import write_whole

DEFAULT_CHARTS = "https://istio-release.storage.googleapis.com/charts"
CHARTS_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "charts": {"type": "str", "required": True},
    "chart_version": {"type": "str", "default": ""},
    "charts_ca_cert": {"type": "str", "default": ""},
    "charts_username": {"type": "str", "default": ""},
    "charts_password": {"type": "str", "default": "", "no_log": True},
    "charts_plain_http": {"type": "bool", "default": False},
    "binary_path": {"type": "str", "default": "helm"},
}
_ALIAS = "onemesh-charts"
_VARIABLES = {
    "charts": "cluster_charts",
    "chart_version": "cluster_istio_version",
    "charts_ca_cert": "cluster_charts_ca_cert",
    "charts_username": "cluster_charts_username",
    "charts_password": "cluster_charts_password",
    "charts_plain_http": "cluster_charts_plain_http",
    "binary_path": "cluster_helm_binary",
}


@dataclass(frozen=True)
class ChartSource:
    """One chart: a folder, an oci:// reference, a name in an https ``repository`` or in one that Helm knows by name."""

    reference: str
    repository: str = ""
    version: str = ""
    options: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """What names the chart on a command line."""
        repository = ["--repo", self.repository] if self.repository else []
        version = ["--version", self.version] if self.version else []
        return [self.reference, *repository, *version, *self.options]


@dataclass(frozen=True)
class Charts:
    """A repository (https://), a registry (oci://), a folder, or the name of a repository that Helm knows."""

    location: str
    version: str = ""
    ca_cert: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    plain_http: bool = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Charts:
        """From the options of CHARTS_ARGUMENT_SPEC."""
        return cls(
            parameters["charts"],
            parameters["chart_version"],
            parameters["charts_ca_cert"],
            parameters["charts_username"],
            parameters["charts_password"],
            parameters["charts_plain_http"],
        )

    @property
    def is_repository(self) -> bool:
        return self.location.startswith(("http://", "https://"))

    @property
    def is_registry(self) -> bool:
        return self.location.startswith("oci://")

    @property
    def needs_index(self) -> bool:
        """Whether Helm has to read the repository's index first: it takes a password from its list of repositories."""
        return self.is_repository and bool(self.username)

    def of(self, chart: str) -> ChartSource:
        if self.needs_index:
            return ChartSource(f"{_ALIAS}/{chart}", version=self.version)
        options = ("--ca-file", self.ca_cert) if self.ca_cert else ()
        if self.is_repository:
            return ChartSource(chart, self.location, self.version, options)
        plain = ("--plain-http",) if self.is_registry and self.plain_http else ()
        return ChartSource(f"{self.location.rstrip('/')}/{chart}", version=self.version, options=(*options, *plain))

    def is_folder(self, chart: str) -> bool:
        if self.is_repository or self.is_registry:
            return False
        # `helm repo add istio ...` gives a repository a name that could be a folder's.
        return "/" in self.location or Path(self.location, chart).is_dir()

    @contextmanager
    def login(self, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The environment by which Helm may get the charts, for as long as the block lasts."""
        if not self.username or not (self.is_repository or self.is_registry):
            yield dict(environment)
            return
        # Such a folder is of mode 0700.
        with tempfile.TemporaryDirectory(prefix="onemesh-") as name:
            folder = Path(name)
            if self.is_registry:
                token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")
                write_whole(
                    folder / "login.json", json.dumps({"auths": {urlsplit(self.location).netloc: {"auth": token}}})
                )
                yield {**environment, "HELM_REGISTRY_CONFIG": str(folder / "login.json")}
                return
            entry = {
                "name": _ALIAS,
                "url": self.location,
                "username": self.username,
                "password": self.password,
                "caFile": self.ca_cert,
            }
            # YAML takes JSON.
            write_whole(folder / "repositories.yaml", json.dumps({"apiVersion": "v1", "repositories": [entry]}))
            yield {
                **environment,
                "HELM_REPOSITORY_CONFIG": str(folder / "repositories.yaml"),
                "HELM_REPOSITORY_CACHE": str(folder / "cache"),
            }


def options_of_host(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The options of CHARTS_ARGUMENT_SPEC from a host's variables, with the defaults of role ``cluster``."""
    said = {option: variables[name] for option, name in _VARIABLES.items() if variables.get(name) not in (None, "")}
    return {"charts": DEFAULT_CHARTS, **said}

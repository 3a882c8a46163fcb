# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs helm for one cluster, by a private kubeconfig and an environment that names no other cluster.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import _yaml
from .._finding_kinds import HELM_FAILED, HELM_MISSING
from .._kube.errors import KubeError
from .source import ChartSource


@dataclass(frozen=True)
class Helm:
    """One helm binary for one cluster. ``timeout`` in seconds holds for each command; every one raises KubeError."""

    cluster: str
    binary: str
    environment: Mapping[str, str] = field(repr=False)
    timeout: float

    def upgrade(self, release: str, namespace: str, source: ChartSource, values: Mapping[str, Any]) -> None:
        """Install the release, or bring it to this chart and these values alone. Nothing is waited for but hooks."""
        command = ["upgrade", "--install", release, *source.arguments, "--namespace", namespace, "--values", "-"]
        self._run([*command, "--reset-values"], f"bring release {release} about", values)

    def template(
        self,
        release: str,
        namespace: str,
        source: ChartSource,
        values: Mapping[str, Any],
        *,
        kubernetes: str,
        upgrade: bool,
    ) -> str:
        """The manifest that the chart gives with these values; no cluster is asked."""
        command = ["template", release, *source.arguments, "--namespace", namespace, "--values", "-", "--no-hooks"]
        command += ["--kube-version", kubernetes, *(["--is-upgrade"] if upgrade else [])]
        return self._run(command, f"render the chart of release {release}", values)

    def read_index(self) -> None:
        """Get the index of the repository whose password Helm finds in its list (see Charts.login)."""
        self._run(["repo", "update", "--fail-on-repo-update-fail"], "read the index of the repository")

    def find_newest_version(self, source: ChartSource) -> str:
        """The version that Helm takes for a source whose version is not exact."""
        said = self._run(["show", "chart", *source.arguments], f"look up the chart {source.reference}")
        try:
            return str(_yaml.load(said, unique_keys=False)["version"])
        except (_yaml.NotYaml, TypeError, KeyError):
            raise KubeError(
                self.cluster, f"helm shows no version of the chart {source.reference}", kind=HELM_FAILED
            ) from None

    def _run(self, command: Sequence[str], action: str, values: Mapping[str, Any] | None = None) -> str:
        # Values may hold secrets, and every user of this machine can read an argument list.
        given = "" if values is None else json.dumps(values)
        try:
            done = subprocess.run(
                [self.binary, *command],
                input=given,
                env=dict(self.environment),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeout,
                check=False,
            )
        except OSError as error:
            raise KubeError(
                self.cluster,
                f"{self.binary} cannot be run: {error.strerror}",
                kind=HELM_MISSING,
                remedy="install Helm 3 where this runs, or set binary_path to its path",
            ) from None
        except subprocess.TimeoutExpired:
            raise KubeError(
                self.cluster,
                f"helm did not {action} within {self.timeout:g} s",
                kind=HELM_FAILED,
                remedy="see whether the API server and the source of the charts answer, then run again: what an "
                "interrupted Helm left is put right first",
            ) from None
        if done.returncode:
            raise KubeError(
                self.cluster,
                f"helm did not {action}: {_read_cause(done.stdout) or _read_words(done.stderr)}",
                kind=HELM_FAILED,
                remedy="correct what Helm names, then run again",
            )
        return done.stdout


def _read_cause(stdout: str) -> str:
    """Of an index that cannot be read Helm tells the cause among its results, indented below the repository."""
    return " ".join(line.strip() for line in stdout.splitlines() if line.startswith("\t"))[:2000]


def _read_words(stderr: str) -> str:
    """What helm says of its failure, without its warnings."""
    lines = [" ".join(line.split()) for line in stderr.splitlines() if line.strip()]
    first = next((index for index, line in enumerate(lines) if line.startswith("Error:")), 0)
    return " ".join(lines[first:]).removeprefix("Error: ")[:2000] or "it says nothing"

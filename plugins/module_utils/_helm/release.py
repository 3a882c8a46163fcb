# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Helm keeps of a release: a Secret for each revision (helm.sh/helm/v3/pkg/storage). Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SELECTOR = "owner=helm"
DEPLOYED = "deployed"


class NotARelease(ValueError):
    """The Secret holds no release that can be read."""


@dataclass(frozen=True)
class Chart:
    """The chart that a release was made of; ``files`` are its templates and files by path, in base64 as Helm has them.

    Helm does not keep the charts that a chart depends on.
    """

    name: str
    version: str
    sources: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class HelmRelease:
    """One revision. ``values`` are the user's, which may hold secrets; ``manifest`` is YAML, hooks left out."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: Chart
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    manifest: str = field(default="", repr=False)


def release_of(secret: Mapping[str, Any]) -> HelmRelease:
    """The release in a Secret: base64 (of the Secret), base64, gzip, JSON. Raises NotARelease."""
    try:
        packed = base64.b64decode(base64.b64decode((secret.get("data") or {})["release"]))
        content = json.loads(gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed)
        chart, metadata = content["chart"], content["chart"]["metadata"]
        return HelmRelease(
            str(content.get("name") or ""),
            str(content.get("namespace") or ""),
            int(content.get("version") or 0),
            str((content.get("info") or {}).get("status") or ""),
            Chart(
                str(metadata["name"]),
                str(metadata.get("version") or ""),
                tuple(map(str, metadata.get("sources") or ())),
                {
                    str(each["name"]): str(each.get("data") or "")
                    for part in ("templates", "files")
                    for each in chart.get(part) or ()
                },
                chart.get("values") or {},
            ),
            content.get("config") or {},
            str(content.get("manifest") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, OSError, EOFError, zlib.error):
        raise NotARelease(f"Secret {(secret.get('metadata') or {}).get('name', '')} holds no release of Helm") from None


def find_newest(secrets: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The Secret of a release's newest revision."""
    revisions = [secret for secret in secrets if _labels(secret).get("name") == name]
    return max(revisions, key=revision_of, default=None)


def revision_of(secret: Mapping[str, Any]) -> int:
    """The number of the revision, by the Secret's label; 0 where it has none."""
    version = _labels(secret).get("version") or ""
    return int(version) if version.isdigit() else 0


def status_of(secret: Mapping[str, Any]) -> str:
    """``deployed``, ``superseded``, ``failed``, ``uninstalling``, ``pending-install`` and so on, by the label."""
    return str(_labels(secret).get("status") or "")


def is_pending(secret: Mapping[str, Any]) -> bool:
    """A Helm is at work on it, or was killed: every later one refuses with "another operation is in progress"."""
    return status_of(secret).startswith("pending-")


def _labels(secret: Mapping[str, Any]) -> Mapping[str, str]:
    return (secret.get("metadata") or {}).get("labels") or {}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release Secret stands for an interrupted Helm."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.helm_recover import interrupted


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
    found = interrupted(secrets, "istiod")
    assert (found["metadata"]["name"] if found else None) == name

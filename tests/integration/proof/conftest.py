# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with a whole mesh and an application with sidecars: what is stopped here, others would miss."""

from __future__ import annotations

import os
from collections.abc import Iterator

import proof_lab
import pytest
from proof_lab import Lab
from support import verify_lab

KEPT_LAB = os.environ.get("PROOF_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with verify_lab.running(KEPT_LAB, "proof", tmp_path_factory.mktemp("mesh")) as mesh:
        yield proof_lab.with_application(mesh)


@pytest.fixture
def lab(running_lab: Lab) -> Lab:
    """Each test begins with the same objects, acknowledged by all proxies."""
    running_lab.begin()
    return running_lab

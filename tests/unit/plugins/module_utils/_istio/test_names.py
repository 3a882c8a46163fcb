# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import names


@pytest.mark.parametrize(
    ("text", "label"), [("east", True), ("e", True), ("1-2", True), ("e-", False), ("E", False), ("a.b", False)]
)
def test_cluster_names_are_dns_labels(text: str, label: bool) -> None:
    assert names.is_dns_label(text) is label

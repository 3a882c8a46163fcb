# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.filter.clusters import FilterModule, clusters


def test_hosts_become_the_clusters_option() -> None:
    assert clusters(["a"], {"a": {"cluster_name": "c1"}}) == [{"name": "c1", "network": "c1"}]
    assert FilterModule().filters() == {"clusters": clusters}


@pytest.mark.parametrize("given", ["east", None, 7])
def test_something_else_than_a_list_is_named(given: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=f"takes a list of inventory hosts, not {type(given).__name__}"):
        clusters(given, {})

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that no API server would give is refused before anything is made for it."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.accounts import LONGEST, SHORTEST, refuse_lifetime


@pytest.mark.parametrize("seconds", [SHORTEST, 2592000, LONGEST])
def test_what_an_api_server_gives_is_taken(seconds: int) -> None:
    refuse_lifetime(seconds)


@pytest.mark.parametrize("seconds", [-1, 0, SHORTEST - 1, LONGEST + 1])
def test_what_it_would_not_give_is_refused_by_name(seconds: int) -> None:
    with pytest.raises(MeshError, match=f"token_lifetime is {seconds} -> give 600 to 4294967296 seconds") as refused:
        refuse_lifetime(seconds)
    assert [finding.check for finding in refused.value.findings] == ["option-token-lifetime"]

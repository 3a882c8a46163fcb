# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod of istiod says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istiod.pods import Istiod, debounce_of, istiod_of


def pod(environment: dict[str, str], arguments: list[str], *, ready: bool = True) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    container = {"name": "discovery", "image": "istio/pilot:1.31.0-distroless", "env": variables, "args": arguments}
    return {
        "metadata": {"name": "istiod-1", "namespace": "mesh", "labels": {"istio.io/rev": "blue"}},
        "spec": {"containers": [container]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def test_an_istiod_that_says_everything() -> None:
    told = pod({"CLUSTER_ID": "west", "PILOT_DEBOUNCE_AFTER": "1s"}, ["discovery", "--domain", "corp.example"])
    assert istiod_of(told, "hub") == Istiod(
        "istiod-1", "mesh", "hub", "blue", "1.31.0", cluster_id="west", domain="corp.example", debounce=1.0, ready=True
    )
    assert istiod_of(told, "hub").reads == "west"


def test_an_istiod_that_says_nothing_reads_where_it_runs() -> None:
    silent = istiod_of(pod({}, ["discovery", "--domain"], ready=False), "hub")
    assert (silent.cluster_id, silent.domain, silent.debounce, silent.ready) == ("", "", 0.1, False)
    assert silent.reads == "hub"


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("1m30s", 90.0), ("", 0.1), ("soon", 0.1), ("5", 0.1)])
def test_what_is_no_duration_of_go_leaves_istiod_with_its_default(text: str, seconds: float) -> None:
    variables = [{"name": "PILOT_DEBOUNCE_AFTER", "value": text}]
    assert debounce_of({"containers": [{"env": variables}]}) == seconds

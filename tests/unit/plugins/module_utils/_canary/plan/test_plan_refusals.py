# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused: all that makes Flagger hang or jump without a word, and what cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError

RAMP = {"step_weight": 10}
AB = {"iterations": 2, "matched": True}


def refused(plan: dict[str, Any]) -> list[str]:
    """The slugs of everything that is wrong with a plan."""
    with pytest.raises(MeshError) as caught:
        build_schedule(plan)
    assert all(finding.remedy and finding.message for finding in caught.value.findings)
    return [finding.check.removeprefix("plan-") for finding in caught.value.findings]


TRAPS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["no-steps"]),
    ({"step_weight": 0}, ["step-weight"]),
    ({"step_weight": -5}, ["step-weight"]),
    ({"step_weight": 101}, ["step-weight"]),
    ({**RAMP, "max_weight": 101}, ["max-weight"]),
    ({**RAMP, "max_weight": 0}, ["max-weight"]),
    ({**RAMP, "max_weight": -1}, ["max-weight"]),
    ({"step_weights": [0, 10]}, ["step-weights"]),
    ({"step_weights": [5, 5]}, ["step-weights"]),
    ({"step_weights": [5, 20, 10]}, ["step-weights"]),
    ({"step_weights": [100, 200]}, ["step-weights"]),
    ({"step_weights": [5, 20], "max_weight": 50}, ["max-weight"]),
    ({**RAMP, "step_weights": [5]}, ["two-ways"]),
    ({**RAMP, "iterations": 5}, ["two-ways"]),
    ({**RAMP, "step_weight_promotion": -1}, ["step-weight-promotion"]),
    ({**RAMP, "step_weight_promotion": 101}, ["step-weight-promotion"]),
    ({"iterations": 0}, ["iterations"]),
    ({"iterations": -1}, ["iterations"]),
    ({"iterations": 3, "max_weight": 50}, ["max-weight"]),
    ({**AB, "mirror": True}, ["mirror"]),
    ({**AB, "step_weight_promotion": 10}, ["step-weight-promotion"]),
    ({**RAMP, "interval": "1minute"}, ["duration"]),
    ({**RAMP, "interval": 0}, ["duration"]),
]


@pytest.mark.parametrize(("plan", "slugs"), TRAPS, ids=[str(plan) for plan, _slugs in TRAPS])
def test_what_hangs_or_jumps_in_flagger_is_refused(plan: dict[str, Any], slugs: list[str]) -> None:
    assert refused(plan) == slugs


STRAY: list[tuple[dict[str, Any], list[str]]] = [
    ({**RAMP, "total": 0}, ["total"]),
    ({"step_weight": 1, "total": 100000}, ["too-many-steps"]),
    ({"step_weights": [50], "total": 100000, "step_weight_promotion": 1}, ["too-many-steps"]),
    ({"iterations": 1001}, ["iterations"]),
    ({**RAMP, "drain": "later"}, ["duration"]),
    ({**RAMP, "mirror_weight": 5}, ["mirror-weight"]),
    ({**RAMP, "mirror": True, "mirror_weight": 0}, ["mirror-weight"]),
    ({**RAMP, "mirror": True, "mirror_weight": 101}, ["mirror-weight"]),
    ({"strategy": "ab", "iterations": 1}, ["matched"]),
    ({"strategy": "ab", "matched": True, **RAMP}, ["iterations"]),
    ({"strategy": "bluegreen", **RAMP}, ["iterations"]),
    ({"strategy": "bluegreen", **AB}, ["matched"]),
    ({"strategy": "weights", "iterations": 1}, ["strategy"]),
    ({"steps": [{"weight": 5}], "mirror": True}, ["mirror"]),
    ({"steps": [{"weight": 5}], "matched": True}, ["matched"]),
    ({"steps": [{"weight": 5}], "max_weight": 50}, ["max-weight"]),
    ({"steps": [{"weight": 5}], "strategy": "bluegreen"}, ["strategy"]),
    ({"steps": [{}]}, ["step-kind"]),
    ({"steps": [{"weight": 5, "pause": 1}]}, ["step-kind"]),
    ({"steps": [{"weight": 101}]}, ["weight"]),
    ({"steps": [{"weight": -1}]}, ["weight"]),
    ({"steps": [{"pause": 0}]}, ["duration"]),
    ({"steps": [{"weight": 5}, {"pause": "no"}]}, ["duration"]),
    ({"steps": [{"weight": 5}, {"pause": "perhaps"}]}, ["duration"]),
    ({"steps": [{"pause": 5, "interval": 5}]}, ["step-interval"]),
    ({"steps": [{"analysis": 0}]}, ["analysis"]),
    ({"steps": [{"analysis": 1, "interval": 0}]}, ["duration"]),
    ({"steps": [{"mirror": 101}]}, ["mirror"]),
    ({"steps": [{"replicas": 101}]}, ["replicas"]),
    ({"steps": [{"replicas": 0}, {"weight": 5}]}, ["no-replicas"]),
    ({**RAMP, "gates": [{"before_weight": 0}]}, ["gate-nowhere"]),
    ({**RAMP, "max_weight": 50, "gates": [{"before_weight": 51}]}, ["gate-nowhere"]),
    ({**AB, "gates": [{"before_weight": 5}]}, ["gate-nowhere"]),
    ({**RAMP, "gates": [{"before_weight": 21}, {"before_weight": 22}]}, ["two-gates"]),
    ({**RAMP, "gates": [{"before_weight": 20, "name": "x"}, {"before_weight": 40, "name": "x"}]}, ["gate-name"]),
    ({**RAMP, "gates": [{"before": "promotion", "name": "Go!"}]}, ["gate-name"]),
    ({**RAMP, "waves": [{"name": "a"}, {"name": "a", "clusters": ["x"]}]}, ["wave-name"]),
    ({**RAMP, "waves": [{"name": "A b"}]}, ["wave-name"]),
    ({**RAMP, "waves": [{}, {}]}, ["wave-clusters"]),
    ({**RAMP, "waves": [{"clusters": ["x"]}, {"clusters": ["x"]}]}, ["wave-clusters"]),
    ({**RAMP, "waves": [{"bake": "soon"}]}, ["duration"]),
    (
        {**RAMP, "promote": "together", "waves": [{"clusters": ["x"], "max_weight": 50}, {}]},
        ["waves-end-differently"],
    ),
    (
        {**RAMP, "promote": "together", "waves": [{"clusters": ["x"], "drain": 1}, {}]},
        ["waves-end-differently"],
    ),
]


@pytest.mark.parametrize(("plan", "slugs"), STRAY, ids=[str(plan) for plan, _slugs in STRAY])
def test_what_cannot_be_meant_is_refused(plan: dict[str, Any], slugs: list[str]) -> None:
    assert refused(plan) == slugs


def test_everything_that_is_wrong_is_said_at_once_and_where() -> None:
    plan = {
        **RAMP,
        "interval": "x",
        "waves": [{"name": "first", "clusters": ["x"], "step_weights": [0, 5, 5]}, {"name": "rest", "max_weight": 400}],
    }
    with pytest.raises(MeshError, match="The plan cannot be followed") as caught:
        build_schedule(plan)
    found = [(each.check.removeprefix("plan-"), each.message.partition(": ")[0]) for each in caught.value.findings]
    assert found == [
        ("duration", "wave first"),
        ("step-weights", "wave first"),
        ("step-weights", "wave first"),
        ("duration", "wave rest"),
        ("max-weight", "wave rest"),
    ]

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of tasks the role canary runs before which step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import as_dict, build_schedule

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is one

    def trust_as_template(value: str) -> str:
        return value


ROOT = Path(__file__).resolve().parents[2]
WAVES = [{"name": "first", "clusters": ["east"]}, {"name": "rest"}]


def hooks_before(plan: dict[str, Any], *, hook: str) -> list[int]:
    """The steps that a hook is run before."""
    variables = yaml.safe_load((ROOT / "roles/canary/vars/main.yml").read_text(encoding="utf-8"))
    given = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()}
    schedule = [as_dict(step) for step in build_schedule(plan)]
    found = []
    for step in schedule:
        known = {"canary__hooks": {hook: ["ask.yml"]}, "canary_result": {"schedule": schedule}, "canary__step": step}
        templar = Templar(loader=DataLoader(), variables={**given, **known})
        if templar.template(trust_as_template("{{ canary__hooks_before }}")):
            found.append(step["index"])
    return found


@pytest.mark.parametrize(
    ("plan", "hook", "steps"),
    [
        ({"step_weights": [5, 50]}, "confirm-rollout", [0]),
        ({"step_weights": [5, 50]}, "pre-rollout", [1]),
        ({"step_weights": [5, 50]}, "confirm-traffic-increase", [1, 2]),
        ({"step_weights": [5, 50]}, "confirm-promotion", [3]),
        ({"step_weights": [50], "step_weight_promotion": 20}, "confirm-promotion", [2, 3, 4]),
        # Of blue/green users see the cutover, and nobody is asked after it.
        ({"iterations": 2}, "confirm-promotion", [3]),
        ({"iterations": 2, "mirror": True}, "confirm-promotion", [3]),
        ({"iterations": 1, "waves": WAVES}, "confirm-promotion", [2, 8]),
        ({"iterations": 1, "waves": WAVES, "promote": "together"}, "confirm-promotion", [2, 5]),
    ],
)
def test_hooks_before_steps(plan: dict[str, Any], hook: str, steps: list[int]) -> None:
    assert hooks_before(plan, hook=hook) == steps

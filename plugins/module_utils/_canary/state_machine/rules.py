# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state machine goes by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..._change.policy import Policy
from ..analysis.analysis import Metric, OnNoData, Rule
from ..model import ALL_WAVES, TOTAL, PlanStep


@dataclass(frozen=True)
class Rules:
    """One release. ``waves`` is from cluster to the number of its wave.

    Times are in seconds. ``threshold``: so many failed analyses end the release. ``metrics``, ``rule`` and
    ``on_no_data`` are those of the analysis, whose limits count over a whole run.
    ``revert`` says what a failure takes back. ``rollback_step`` is by how much the weight falls every
    ``rollback_interval`` when it is taken back (0: at once), ``drain`` how long a side without traffic stays up.
    ``hooks`` are the types of webhooks that are configured. ``scales``: the canary's size is ours. ``baseline``: before
    the first release the stable side is made from what runs (Flagger's initialisation). ``sticky``: clients of the
    canary stay with it.
    """

    steps: tuple[PlanStep, ...]
    waves: Mapping[str, int]
    interval: float = 60.0
    threshold: int = 1
    metrics: tuple[Metric, ...] = ()
    rule: Rule = field(default_factory=Rule)
    on_no_data: OnNoData = "hold"
    policy: Policy = field(default_factory=Policy)
    revert: Literal["all", "wave"] = "all"
    rollback_step: int = 0
    rollback_interval: float = 60.0
    drain: float = 60.0
    on_failed_promotion: Literal["hold", "retry", "restore"] = "hold"
    hooks: frozenset[str] = frozenset()
    scales: bool = False
    baseline: bool = False
    sticky: bool = False
    history_limit: int = 50

    @property
    def total(self) -> int:
        return self.steps[0].canary + self.steps[0].stable if self.steps else TOTAL

    def duration_of(self, index: int) -> float:
        """Seconds that a step lasts at least."""
        if index + 1 >= len(self.steps):
            return 0.0
        return max(0.0, self.steps[index + 1].after - self.steps[index].after)

    def clusters_of(self, wave: int) -> list[str]:
        """The clusters of a wave."""
        return [name for name, each in self.waves.items() if wave in (ALL_WAVES, each)]

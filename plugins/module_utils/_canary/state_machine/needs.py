# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick has to ask before anything can be decided. Nothing is judged before the canary's pods are ready. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Observation
from ..reasons import Reason
from .clusters import find_away, find_excluded, find_unready, observation_of, targets_at
from .decision import Tick
from .repair import find_lagging
from .rules import Rules
from .state import ReleaseState
from .steps import Guards, guards_of, is_analysis_due, is_start, next_step, pick_configured, step_of, webhooks_before


@dataclass(frozen=True)
class Needs:
    """What has to be asked before ``advance`` can say anything. ``measured`` are the clusters whose metrics are asked,
    none for no analysis. ``gate`` is that of a person, empty for none."""

    measured: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    gate: str = ""


def compute_needs(rules: Rules, state: ReleaseState, seen: Observation) -> Needs:
    """What a tick has to ask; of ``seen`` the answers are still missing."""
    if not state.is_running:
        is_new = seen.revision not in ("", state.revision, state.promoted)
        asked = ["confirm-rollout", *(["rollback"] if state.phase == "waiting" else [])]
        return Needs(hooks=pick_configured(rules, *asked) if is_new else ())
    asked = ["rollback"]
    if state.position.mode != "forward" or seen.revision not in ("", state.revision):
        return Needs(hooks=pick_configured(rules, *asked))
    if state.intended is not None:
        place = state.intended.place
        guards = Guards() if place is None else guards_of(rules, state, state.intended, place)
        return Needs(hooks=(*pick_configured(rules, *asked), *guards.hooks), gate=guards.gate)
    step, after = step_of(rules, state), next_step(rules, state)
    if step is None:
        return Needs(hooks=pick_configured(rules, *asked))
    tick = Tick(rules, seen, state)
    if is_pre_rollout_due(tick):
        asked.append("pre-rollout")
    judged = find_judged(tick) if is_analysis_due(rules, state, step, seen.now) else ()
    if judged:
        asked.append("rollout")
    if after is not None and seen.now >= state.since + rules.duration_of(state.position.step):
        asked += webhooks_before(step, after)
    return Needs(judged if rules.metrics else (), pick_configured(rules, *asked), step.gate)


def is_pre_rollout_due(tick: Tick) -> bool:
    """Whether the pre-rollout webhooks are asked now, be it once more."""
    state = tick.state
    is_time = state.checked <= state.since or tick.seen.now >= state.checked + tick.rules.interval
    return is_time and not state.prepared and not find_missing_canaries(tick)


def find_missing_canaries(tick: Tick) -> list[Reason]:
    """Why the canary of the wave under way cannot be looked at yet."""
    concerned = tick.rules.clusters_of(tick.state.position.wave_under_way)
    return [*find_away(tick, concerned), *find_unready(tick, "canary", concerned)]


def is_starting(rules: Rules, state: ReleaseState, seen: Observation) -> bool:
    """Whether the step that stands has asked for pods that are not ready yet."""
    return is_start(rules, state.position.step) and bool(find_missing_canaries(Tick(rules, seen, state)))


def is_judgeable(tick: Tick) -> bool:
    """Whether there is a canary to wait for a verdict on: not where all clusters of the step are left out by name."""
    concerned = tick.rules.clusters_of(tick.state.position.wave_under_way)
    return bool(set(concerned) - set(find_excluded(tick)) or find_judged(tick))


def find_judged(tick: Tick) -> tuple[str, ...]:
    """The clusters whose canary is judged: where requests go to it, and in a step of their wave where none do, once its
    pods are ready. Requests that fail while pods are down count; before a cluster has its share, nothing does."""
    position = tick.state.position
    concerned = tick.rules.clusters_of(position.wave_under_way)
    left_out = {*tick.state.behind, *find_lagging(tick, position)}
    return tuple(
        name
        for name, target in targets_at(tick, position).items()
        for seen in [observation_of(tick, name)]
        if not seen.error and name not in left_out
        if target.sends or (name in concerned and seen.canary.usable)
    )

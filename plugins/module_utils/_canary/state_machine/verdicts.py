# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the analyses of a run come to. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..analysis import limits
from .decision import Tick
from .steps import analysed, step_of


def counted(tick: Tick) -> None:
    """Note the analysis of this tick, once: a look at the same moment counts no more."""
    state, seen, rules = tick.state, tick.seen, tick.rules
    step = step_of(rules, state)
    if state.intended is not None or step is None or seen.now <= state.checked:
        return
    failed = [name for name in ("pre-rollout", "rollout") if name in rules.hooks and seen.gates.get(name) == "failed"]
    if failed:
        tick.reasons.append(f"the {failed[0]} webhook failed")
        tick.state = replace(state, failed=state.failed + 1, checked=seen.now, verdict="fail")
        return
    if not analysed(rules, state, step):
        return
    if "rollout" in rules.hooks and "rollout" in seen.gates and seen.gates["rollout"] != "open":
        tick.reasons.append("the rollout webhook holds")
        tick.state = replace(state, verdict="running")
        return
    if rules.metrics:
        _measured(tick)
    elif seen.gates.get("rollout") == "open":
        tick.state = replace(state, checked=seen.now, verdict="pass")


def _measured(tick: Tick) -> None:
    state, rules, analysis = tick.state, tick.rules, tick.seen.analysis
    if analysis is None:
        return
    if analysis.verdict != "pass":
        tick.reasons += analysis.reasons or (f"the analysis says {analysis.verdict}",)
    if analysis.verdict == "running":
        tick.state = replace(state, verdict="running")
        return
    tick.state = replace(
        state,
        checked=tick.seen.now,
        verdict=analysis.verdict,
        failed=state.failed + (analysis.verdict == "fail"),
        tallies=limits.count(state.tallies, rules.rule, rules.metrics, analysis, rules.on_no_data),
    )


def judged(tick: Tick) -> list[str]:
    """Why the run fails by its analyses; empty where it does not.

    A limit that says only that nothing is known holds the run.
    """
    state, rules = tick.state, tick.rules
    reasons = tick.seen.analysis.reasons if tick.seen.analysis is not None else ()
    if state.failed >= rules.threshold:
        return [f"{state.failed} of {rules.threshold} failed analyses", *reasons]
    verdict, why = limits.limit(rules.metrics, state.tallies)
    if verdict == "fail":
        return list(why)
    if verdict in ("error", "inconclusive") and not state.held:
        tick.state = replace(state, held="; ".join(why))
    return []


def forgiven(tick: Tick) -> None:
    """A person goes on without data: what counts its lack begins again, what counts failures does not."""
    tallies = {name: {**tally, "inconclusive": 0, "errors": 0} for name, tally in tick.state.tallies.items()}
    tick.state = replace(tick.state, tallies=tallies)

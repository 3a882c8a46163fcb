# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the analyses of a run come to. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..analysis import limits
from ..reasons import Reason, join
from .decision import Tick
from .needs import is_pre_rollout_due
from .state import Hold, ReleaseState
from .steps import needs_analysis, step_of


def count_analysis(tick: Tick) -> Tick:
    """Note the analysis of this tick, once: a look at the same moment counts no more."""
    state, seen, rules = tick.state, tick.seen, tick.rules
    step = step_of(rules, state)
    if state.intended is not None or step is None or seen.now <= state.checked:
        return tick
    judged = ["rollout", *(["pre-rollout"] if is_pre_rollout_due(tick) else [])]
    failed = [name for name in judged if name in rules.hooks and seen.gates.get(name) == "failed"]
    if failed:
        counted = replace(state, failed=state.failed + 1, checked=seen.now, verdict="fail")
        return tick.with_state(counted).with_reasons(Reason("webhook", "failed", failed[0]))
    if not needs_analysis(rules, state, step):
        return tick
    if "rollout" in rules.hooks and "rollout" in seen.gates and seen.gates["rollout"] != "open":
        return tick.with_state(replace(state, verdict="running")).with_reasons(Reason("webhook", "closed", "rollout"))
    if rules.metrics:
        return _count_metrics(tick)
    if seen.gates.get("rollout") == "open":
        return tick.with_state(replace(state, checked=seen.now, verdict="pass"))
    return tick


def _count_metrics(tick: Tick) -> Tick:
    state, rules, analysis = tick.state, tick.rules, tick.seen.analysis
    if analysis is None:
        return tick
    if analysis.verdict != "pass":
        said = [Reason("analysis", "result", values=(text,)) for text in analysis.reasons]
        tick = tick.with_reasons(*(said or [Reason("analysis", "verdict", values=(analysis.verdict,))]))
    if analysis.verdict == "running":
        return tick.with_state(replace(state, verdict="running"))
    return tick.with_state(
        replace(
            state,
            checked=tick.seen.now,
            verdict=analysis.verdict,
            failed=state.failed + (analysis.verdict == "fail"),
            tallies=limits.count_results(state.tallies, rules.rule, rules.metrics, analysis, rules.on_no_data),
        )
    )


def find_failures(tick: Tick) -> list[Reason]:
    """Why the run fails by its analyses; empty where it does not."""
    state, rules = tick.state, tick.rules
    if state.failed >= rules.threshold:
        texts = tick.seen.analysis.reasons if tick.seen.analysis is not None else ()
        said = [Reason("analysis", "result", values=(text,)) for text in texts]
        return [Reason("analysis", "threshold", values=(state.failed, rules.threshold)), *said]
    verdict, why = limits.find_limit(rules.metrics, state.tallies)
    return _limits(why) if verdict == "fail" else []


def hold_without_data(tick: Tick) -> Tick:
    """A limit that says only that nothing is known holds the run."""
    verdict, why = limits.find_limit(tick.rules.metrics, tick.state.tallies)
    if verdict not in ("error", "inconclusive") or tick.state.hold is not None:
        return tick
    return tick.with_state(replace(tick.state, hold=Hold("analysis", join(_limits(why)))))


def forgive_missing_data(state: ReleaseState) -> ReleaseState:
    """A person goes on without data: what counts its lack begins again, what counts failures does not."""
    tallies = {name: {**tally, "inconclusive": 0, "errors": 0} for name, tally in state.tallies.items()}
    return replace(state, tallies=tallies)


def _limits(texts: tuple[str, ...]) -> list[Reason]:
    return [Reason("analysis", "limit", values=(text,)) for text in texts]

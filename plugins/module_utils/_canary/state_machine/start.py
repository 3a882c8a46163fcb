# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a release begins, and what is done while none is under way. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..model import Phase
from ..reasons import Reason
from .clusters import find_away, find_failed, find_routing_to_canary, find_unready, targets_at
from .decision import Decision, Tick, run_stages
from .forward import find_closed_webhooks, shrink_canary
from .repair import repair_clusters
from .rollback import begin_rollback, is_rollback_asked, refuse_revision
from .state import Position, ReleaseState
from .steps import position_at


def restart_on_new_revision(tick: Tick) -> Tick | Decision:
    """Another revision has come while one is under way: everybody goes back to the stable side, and the ramp begins."""
    state, revision = tick.state, tick.seen.revision
    if not state.is_running or not revision or revision == state.revision:
        return tick
    if revision == state.promoted:
        return begin_rollback(tick, Reason("revision", "is-back", revision), everything=True)
    waiting = find_unready(tick, "stable", tick.rules.waves)
    copied = [name for name, target in targets_at(tick, tick.current).items() if target.copy]
    if tick.current.mode == "canary" or find_failed(tick, "stable", copied):
        # It never becomes ready with the template that it has.
        return begin_rollback(tick, Reason("revision", "after-failed-promotion", revision), everything=True)
    if waiting:
        return tick.stay(Reason("revision", "waits-for-return", revision), *waiting)
    # The rollback is owed, whoever is away. The ramp begins when all clusters are there.
    start = replace(position_at(tick.rules, 0), mode="back", keeps=True)
    reason = Reason("revision", "replaces", revision, (state.revision,))
    return tick.with_state(_reset_state(tick)).begin(start, reason, "progressing")


def begin_after_return(tick: Tick) -> Tick | Decision:
    """Everybody has gone back for another revision: its ramp begins."""
    state = tick.state
    if not state.is_running or tick.current.mode != "back":
        return tick
    if state.intended is not None:
        waiting = find_unready(tick, "stable", tick.rules.waves)
        return tick.stay(*waiting) if waiting else tick.repeat_stored_reason()
    return run_stages(tick, repair_clusters, _begin_when_all_are_there)


def _begin_when_all_are_there(tick: Tick) -> Decision:
    waiting = find_away(tick, tick.rules.waves)
    if waiting:
        return tick.stay(*waiting)
    return tick.begin(_first_position(tick), Reason("revision", "begins", tick.state.revision))


def begin_new_revision(tick: Tick) -> Tick | Decision:
    """Nothing is under way: a new revision begins, if it may."""
    state, rules, revision = tick.state, tick.rules, tick.seen.revision
    if state.is_running or (state.phase == "failed" and not state.done):
        return tick
    if state.phase == "initializing":
        return initialize(tick)
    if not revision or revision in (state.revision, state.promoted) or state.hold is not None:
        return _keep_what_stands(tick)
    if state.phase == "waiting" and is_rollback_asked(tick):
        return _keep_what_stands(refuse_revision(tick, Reason("webhook", "rollback", "rollback")))
    closed = find_closed_webhooks(tick, ["confirm-rollout"])
    if closed:
        if state.phase != "waiting":
            tick = tick.enter_phase("waiting", closed[0])
        return tick.stay(*closed)
    # A stable side that is not ready cannot take users back, so nothing new is begun.
    waiting = [*find_away(tick, rules.waves), *find_unready(tick, "stable", rules.waves)]
    if waiting:
        return tick.stay(Reason("revision", "waits", revision), *waiting)
    tick = tick.with_state(_reset_state(tick))
    return tick.begin(_first_position(tick), Reason("revision", "begins", revision), "progressing")


def _keep_what_stands(tick: Tick) -> Decision:
    """No new revision: what stands is kept as it is."""
    state, revision = tick.state, tick.seen.revision
    if state.intended is not None:
        if not find_routing_to_canary(tick):
            return tick.repeat_stored_reason()
        tick = tick.with_state(replace(state, intended=None))
    if state.phase == "waiting" and state.hold is None:
        tick = tick.enter_phase(_find_earlier_phase(state), Reason("revision", "not-new", revision))
    outcome = run_stages(tick, repair_clusters, shrink_canary)
    if isinstance(outcome, Decision):
        return outcome
    word = "held" if state.hold is not None else outcome.state.phase
    return outcome.stay(Reason("revision", "stands", revision or "unknown", (word,)))


def _find_earlier_phase(state: ReleaseState) -> Phase:
    if state.position.step < 0:
        return "initialized"
    return "succeeded" if state.position.mode == "forward" else "failed"


def initialize(tick: Tick) -> Tick | Decision:
    """The first tick of all: with a baseline the stable side is made of what runs, else the release begins at once."""
    state, rules, revision = tick.state, tick.rules, tick.seen.revision
    waiting = find_away(tick, rules.waves)
    if waiting:
        return tick.stay(*waiting)
    if not revision:
        return tick.stay(Reason("revision", "not-seen"))
    if not rules.baseline:
        return begin_new_revision(tick.enter_phase("initialized", Reason("revision", "routes-known")))
    if state.revision != revision:
        tick = tick.with_state(replace(state, revision=revision, released=state.revisions, started=tick.seen.now))
        return tick.begin(Position(), Reason("revision", "becomes-stable", revision), "initializing")
    if state.intended is not None and not state.intended.scaled:
        return tick.repeat_stored_reason()
    waiting = find_unready(tick, "stable", rules.waves)
    if rules.scales:
        waiting += find_routing_to_canary(tick)
    if not waiting:
        return tick.begin(Position(scaled=True), Reason("revision", "is-stable-side", revision), "initializing")
    outcome = repair_clusters(tick.with_state(replace(state, intended=None)))
    return outcome if isinstance(outcome, Decision) else outcome.stay(*waiting)


def _first_position(tick: Tick) -> Position:
    """The first step. Pods of an earlier run stay where somebody may still route to them, or was sent there lately."""
    first = position_at(tick.rules, 0)
    goes = any(target.replicas == 0 for target in targets_at(tick, first).values())
    is_drained = not tick.state.is_running or tick.state.is_drained(tick.seen.now, tick.rules.drain)
    return replace(first, keeps=goes and (not is_drained or bool(find_routing_to_canary(tick))))


def _reset_state(tick: Tick) -> ReleaseState:
    """The state at the start of a ramp; nothing of an earlier run counts."""
    state, now, revision = tick.state, tick.seen.now, tick.seen.revision
    promoted, previous = _find_stable_revisions(tick)
    cookie = f"c{revision}" if tick.rules.sticky else ""
    return replace(
        state,
        revision=revision,
        released=state.revisions,
        promoted=promoted,
        previous=previous,
        started=now,
        since=now,
        checked=0.0,
        verdict="",
        failed=0,
        tallies={},
        prepared=False,
        behind=(),
        done=False,
        reason="",
        cause="",
        cookie=cookie,
        expired=(state.cookie,) if state.cookie not in ("", cookie) else (),
    )


def _find_stable_revisions(tick: Tick) -> tuple[str, str]:
    """The revision of the stable side, and the one before: of a run that is cut short by the next one it may be in
    between."""
    state = tick.state
    standing = [target.copy for target in targets_at(tick, state.position).values()]
    begun = [target.copy for target in targets_at(tick, tick.current).values()]
    if not state.is_running or not any([*standing, *begun]):
        return state.promoted, state.previous
    return (state.revision, state.promoted) if all(standing) else ("", "")

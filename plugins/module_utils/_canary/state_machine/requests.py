# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person asks for. Pure. To pass over a step (``forward.force_next_step``) comes later: first things first."""

from __future__ import annotations

from dataclasses import replace

from ..model import ALL_WAVES
from ..reasons import Reason, describe
from .decision import Decision, Tick
from .rollback import begin_rollback, refuse_revision
from .state import Hold
from .verdicts import forgive_missing_data


def handle_request(tick: Tick) -> Tick | Decision:
    """Holding and going on, rolling back and beginning again."""
    state, request = tick.state, tick.seen.request
    if request == "hold":
        hold = state.hold or Hold("person", describe(Reason("person", "hold")))
        return tick.with_state(replace(state, hold=hold))
    # A promotion that failed is held where everybody gets the canary: to promote is to go on with it.
    goes_on = request == "promote" and tick.current.mode == "canary"
    if state.hold is not None and (request == "resume" or goes_on):
        return tick.with_state(forgive_missing_data(replace(state, hold=None)))
    if request == "rollback":
        return _handle_rollback(tick)
    if request == "restart" and state.is_running:
        return tick.with_reasons(Reason("person", "no-restart", values=(state.phase,)))
    moves_on = request in ("skip", "promote") and not goes_on
    if moves_on and (not state.is_running or tick.current.mode != "forward"):
        return tick.with_reasons(Reason("person", "nothing-to-do", request, (state.phase,)))
    return tick


def _handle_rollback(tick: Tick) -> Tick | Decision:
    state, revision = tick.state, tick.seen.revision
    is_new = revision not in ("", state.revision, state.promoted)
    about_to_begin = state.phase == "initialized" or (state.phase == "failed" and state.done)
    if state.phase == "waiting" or (is_new and about_to_begin):
        return refuse_revision(tick, Reason("person", "refusal"))
    # Of a release that was taken back in one wave the others are still there.
    partly = state.phase == "failed" and tick.current.mode == "back" and tick.current.wave != ALL_WAVES
    if state.is_running or state.phase == "succeeded" or partly:
        return begin_rollback(tick, Reason("person", "rollback"), everything=True)
    return tick.with_reasons(Reason("person", "nothing-to-do", "roll back", (state.phase,)))


def restart_on_request(tick: Tick) -> Tick:
    """The revision that there is begins once more, as if it were a new one."""
    state = tick.state
    if tick.seen.request == "restart" and not state.is_running and (state.done or state.phase == "waiting"):
        promoted = "" if state.promoted == tick.seen.revision else state.promoted
        return tick.with_state(replace(state, revision="", promoted=promoted, hold=None))
    return tick

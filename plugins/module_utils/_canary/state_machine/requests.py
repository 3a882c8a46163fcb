# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person asks for. Pure. To pass over a step (``_forward.pushed``) comes later: first things first."""

from __future__ import annotations

from dataclasses import replace

from ..model import ALL_WAVES
from .decision import Decision, Tick
from .rollback import rolled_back
from .state import ASKED
from .verdicts import forgiven


def commanded(tick: Tick) -> Decision | None:
    """Holding and going on, rolling back and beginning again; None where the tick goes on after it."""
    state, request = tick.state, tick.seen.request
    if request == "hold":
        tick.state = replace(state, held=state.held or ASKED)
    elif request == "resume" and state.held:
        tick.state = replace(state, held="")
        forgiven(tick)
    elif request == "rollback":
        return _refused(tick)
    elif request == "restart" and state.running:
        tick.reasons.append(f"nothing is restarted while the release is {state.phase}")
    elif request in ("skip", "promote") and (not state.running or tick.current.mode != "forward"):
        tick.reasons.append(f"there is nothing to {request}: the release is {state.phase}")
    return None


def _refused(tick: Tick) -> Decision | None:
    state, revision = tick.state, tick.seen.revision
    is_new = revision not in ("", state.revision, state.promoted)
    about_to_begin = state.phase == "initialized" or (state.phase == "failed" and state.done)
    if state.phase == "waiting" or (is_new and about_to_begin):
        tick.state = replace(state, revision=revision, done=True)
        tick.turn("failed", "a person refused it")
        return tick.stay("a person refused it")
    # Of a release that was taken back in one wave the others are still there.
    partly = state.phase == "failed" and tick.current.mode == "back" and tick.current.wave != ALL_WAVES
    if state.running or state.phase == "succeeded" or partly:
        return rolled_back(tick, "a person asked for it", everything=True)
    tick.reasons.append(f"there is nothing to roll back: the release is {state.phase}")
    return None


def restarted(tick: Tick) -> Decision | None:
    """The revision that there is begins once more, as if it were a new one."""
    state = tick.state
    if tick.seen.request == "restart" and not state.running and (state.done or state.phase == "waiting"):
        promoted = "" if state.promoted == tick.seen.revision else state.promoted
        tick.state = replace(state, revision="", promoted=promoted, held="")
    return None

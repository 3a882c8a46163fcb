# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``canary``: one release on every cluster, one tick at a time or as many as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from .._canary.gates import approvals, gates
from .._canary.model import Request
from .._canary.release import removal
from .._canary.release.objects import COMPONENT
from .._canary.release.release import RELEASE_ARGUMENT_SPEC, CanaryRelease, read_release
from .._canary.release.reporter import Reporter
from .._canary.release.store import object_name
from .._canary.release.tick import Ticker, TickResult
from .._canary.report.summary import summarize_release
from .._canary.state_machine import advance as machine
from .._change.policy import Policy, is_away
from .._change.setup import CHANGE_ARGUMENT_SPEC, CHANGE_REQUIRED_IF, Setup
from .._cluster import FLEET_ARGUMENT_SPEC
from .._findings import OPTION, Finding, MeshError
from .._kube.errors import Conflict, KubeError
from .._kube.kinds import CONFIG_MAP
from .._summary.summary import Summary
from .finding_kinds import RELEASE_MISSING
from .operation import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **CHANGE_ARGUMENT_SPEC,
    **RELEASE_ARGUMENT_SPEC,
    "state": {
        "type": "str",
        "choices": ["planned", "progressing", "promoted", "rolled_back", "status", "absent"],
        "default": "progressing",
    },
    "request": {"type": "str", "choices": ["hold", "resume", "skip", "restart", "approve", "disapprove"]},
    "gate": {"type": "str"},
    "approval_expires": {"type": "float"},
    "approved_by": {"type": "str"},
    "wait": {"type": "bool", "default": False},
    "wait_step": {"type": "int"},
    "wait_timeout": {"type": "float", "default": 3600.0},
    "wait_for_gates": {"type": "bool", "default": True},
    "poll": {"type": "float", "default": 5.0},
    "journal": {"type": "path"},
    "page": {"type": "path"},
    "force": {"type": "bool", "default": False},
}
REQUIRED_IF = [*CHANGE_REQUIRED_IF]
READING_STATES = ("status",)
REQUIRED_BY = {"approval_expires": ["request"], "approved_by": ["request"]}

_REQUESTS: Mapping[str, Request] = {"promoted": "promote", "rolled_back": "rollback"}

MOMENT = "last"
WRITES_CONFIGURATION = True


def moves_pods(parameters: Mapping[str, Any]) -> bool:
    """Whether pods are released, and not only their routes. Pure."""
    return bool(parameters["manage"] or parameters["workload"])


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Raises MeshError with a finding for everything that is in the way, and for what is left or owed."""
    fleet = fleet_of(parameters, context)
    policy = Policy.of(parameters, fleet.names)
    moves = parameters["state"] not in ("status", "absent") and parameters["request"] not in ("approve", "disapprove")
    release = read_release(parameters, fleet.names, policy, moves=moves)
    setup = Setup.of(
        parameters,
        fleet,
        COMPONENT,
        release.name,
        check_mode=context.check_mode or parameters["state"] in ("planned", "status"),
        diff=context.diff,
        # What is waited for within a tick is not told: a tick has a few lines in all.
        progress=lambda _line: None,
    )
    if parameters["state"] == "absent":
        return removal.remove(setup, release, force=parameters["force"])
    reporter = Reporter(
        setup,
        release,
        context.progress,
        journal=parameters["journal"],
        page=parameters["page"],
        live=parameters["wait"],
        whole=parameters["wait_step"] is None,
    )
    if parameters["state"] == "status":
        return reporter.status(planned=bool(parameters["plan"]))
    if parameters["request"] in ("approve", "disapprove"):
        return _approve(parameters, setup, release, reporter)
    result = _Run(parameters, setup, release, reporter).run()
    # A plan changes nothing, also where it is made in earnest.
    return {**result, "changed": result["changed"] and parameters["state"] != "planned"}


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return summarize_release(parameters, result, foretold=foretold)


class _Run:
    """Ticks until what was asked for is reached."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        setup: Setup,
        release: CanaryRelease,
        reporter: Reporter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parameters = parameters
        self._setup = setup
        self._release = release
        self._reporter = reporter
        self._ticker = Ticker(setup, release)
        self._sleep = sleep
        # A task that waits for a step leaves what follows to the next one.
        self._last_step: int | None = parameters["wait_step"] if parameters["wait"] else None
        self._revision = ""
        self._ends = time.monotonic() + parameters["wait_timeout"]

    def run(self) -> dict[str, Any]:
        given = self._parameters["request"] or _REQUESTS.get(self._parameters["state"], "")
        tick = self._ticker.tick(cast(Request, given), self._last_step)
        self._revision = tick.state.revision
        self._reporter.note(tick)
        last = tick
        looked = tick.observation.now
        while self._parameters["wait"] and not self._setup.check_mode and not self._has_reached(last):
            if not self._pause(last, looked):
                return self._reporter.result(last, timed_out=True)
            following = self._tick_again(last)
            looked = time.time() if following is None else following.observation.now
            if following is not None:
                if following.state.position != last.state.position:
                    self._ends = time.monotonic() + self._parameters["wait_timeout"]
                last = following
                self._reporter.note(last)
        return self._reporter.result(last)

    def _tick_again(self, last: TickResult) -> TickResult | None:
        """The next tick; None where the hub does not answer now, or another run is at it."""
        try:
            return self._ticker.tick(self._find_open_request(last), self._last_step)
        except KubeError as error:
            if not (is_away(error) or isinstance(error, Conflict)):
                raise
            self._reporter.say_delayed(error)
            return None

    def _find_open_request(self, last: TickResult) -> Request:
        """What was asked for and could not be done yet, as a promotion where the canary is not ready."""
        state = self._parameters["state"]
        if state == "promoted" and last.state.phase in ("progressing", "waiting_promotion"):
            return "promote"
        return "rollback" if state == "rolled_back" and last.state.is_running else ""

    def _has_reached(self, tick: TickResult) -> bool:
        state, until = tick.state, self._last_step
        # A task for one step does not take another revision through the steps before it.
        if state.done or (until is not None and state.revision != self._revision):
            return True
        if not self._parameters["wait_for_gates"] and self._reporter.waits_for_a_person(tick):
            return True
        going_on = state.intended is None and state.position.mode == "forward"
        is_there = until is not None and going_on and state.is_running and state.position.step >= until
        return is_there and not machine.is_starting(self._release.rules, state, tick.observation)

    def _pause(self, tick: TickResult, looked: float) -> bool:
        """Sleep until something can be new since the last look; False where the time is up."""
        left = self._ends - time.monotonic()
        if left <= 0:
            return False
        due = machine.next_due_at(self._release.rules, tick.state, looked)
        poll: float = self._parameters["poll"]
        # What fell due while the tick was under way is due now.
        self._sleep(min(poll if due is None else max(due - time.time(), 0.0), poll, left))
        return True


def _approve(parameters: Mapping[str, Any], setup: Setup, release: CanaryRelease, reporter: Reporter) -> dict[str, Any]:
    """Open or close a gate for the run that is under way. It needs no lock: it is a word of its own."""
    state = reporter.load()
    gate = parameters["gate"] or gates.EVERY_GATE
    if gate != gates.EVERY_GATE and not gates.is_gate_name(gate):
        wrong = Finding("", OPTION.kind("gate"), f"gate is {gate!r}", "name a gate of the plan, or * for all")
        raise MeshError("There is nothing to approve.", [wrong])
    if state is None or not state.is_running:
        situation = "has not begun" if state is None or not state.revision else f"is {state.phase}, and not under way"
        raise MeshError(
            "There is nothing to approve.",
            [
                Finding(
                    setup.hub,
                    RELEASE_MISSING,
                    f"release {release.name} {situation}",
                    "begin it, for an approval is of one run; or correct name and hub",
                )
            ],
        )
    expires = parameters["approval_expires"]
    until = None if expires is None else time.time() + expires
    decision: Literal["open", "closed"] = "open" if parameters["request"] == "approve" else "closed"
    stored = setup.records.place.find(CONFIG_MAP, object_name(release.name))
    manifest = gates.approval_manifest(
        release.name,
        # Beside the state, which may not have been taken along yet.
        setup.records.namespace if stored is None else stored["metadata"]["namespace"],
        gate,
        state.run,
        decision=decision,
        expires=until,
        by=parameters["approved_by"] or "",
    )
    applied = approvals.approve(setup.records.client, manifest, dry_run=setup.check_mode)
    approval = {
        "gate": gate,
        "run": state.run,
        "revision": state.revision,
        "decision": decision,
        "expires": until,
        "by": parameters["approved_by"] or "",
    }
    return {**reporter.status(planned=bool(parameters["plan"])), "changed": applied.changed, "approval": approval}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a release: lines on the screen, a journal, a page, notifications, and the result of the task."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..._change.report import CHANGING_WORDS, describe_owed
from ..._change.setup import Setup
from ..._files import write_whole
from ..._finding_kinds import WAIT_TIMEOUT
from ..._findings import Finding, MeshError, join_clusters
from ..._kube.errors import KubeError
from ..._kube.libraries import make_missing_library_error
from ..._summary.hunks import chain_diffs
from ..gates import gates, webhooks
from ..gates.gates import Door
from ..gates.webhooks import HookType, Payload
from ..plan.plan import as_dict
from ..reasons import Reason, describe, describe_all
from ..report import journal, notifications, page, story, table
from ..report.course import report_course
from ..report.notifications import Standing
from ..report.page import import_error as page_import_error
from ..report.record import Limit, TickRecord, Waiting, drop_seconds
from ..state_machine import advance as machine
from ..state_machine.state import ReleaseState
from .release import CanaryRelease
from .store import ReleaseStore
from .tick import TickResult

_RECORDS = 100
"""So many records at most are in a result; the journal has all of them."""


class Reporter:
    """Everything that one task says of one release. Raises CredentialsError where a page cannot be drawn here."""

    def __init__(
        self,
        setup: Setup,
        release: CanaryRelease,
        say: Callable[[str], None],
        *,
        journal: str | None,
        page: str | None,
        live: bool,
        whole: bool,
    ) -> None:
        """``say`` takes a line for the screen. ``live``: each tick is told when it is made; the task's summary has the
        last one. ``whole``: the task goes through the plan, which it tells first."""
        missing = page_import_error() if page else ""
        if missing:
            raise make_missing_library_error(setup.hub, "Jinja2", "drawing the page of a release", missing)
        self._setup = setup
        self._release = release
        self._say = say
        self._live = live
        self._whole = whole
        # A page is of a whole release, which several tasks may have a part in.
        self._journal = journal or (f"{page}.jsonl" if page else None)
        self._page = page
        self._records: list[TickRecord] = []
        # Those with something new: waiting for long would fill a job's log, where the result is of a failure.
        self._notable: list[TickRecord] = []
        self._changed = False
        self._said = ""
        self._warnings: list[str] = []
        self._hold = ""
        self._change: dict[str, Any] = {}
        self._touched: dict[str, dict[str, list[str]]] = {}
        self._was_done = False

    def load(self) -> ReleaseState | None:
        """The state as it is stored. Raises KubeError."""
        return ReleaseStore(self._setup.records.place, self._release.name).load()

    def note(self, tick: TickResult) -> None:
        """Say what a tick did, everywhere where somebody wants to know."""
        record = self._record(tick)
        if not self._records:
            self._was_done = tick.before.done and tick.before.run == tick.state.run
        if not self._records or not record.repeats(self._records[-1]):
            self._notable.append(record)
        self._records.append(record)
        self._changed |= tick.changed
        if tick.change:
            # A change that had nothing to write proves nothing.
            proven = self._change if not tick.change.get("proof") else tick.change
            self._change = {
                **tick.change,
                **{word: proven[word] for word in ("proof", "skew_ms") if word in proven},
                "diff": chain_diffs(self._change.get("diff", ()), tick.change.get("diff", ())),
            }
        self._note_touched(tick)
        self._warn([str(finding) for finding in join_clusters(tick.warnings)])
        if self._setup.check_mode:
            return
        self._tell_tick(tick, record)
        if self._journal:
            journal.append(self._journal, record)
        self._write_page(tick.state.started or None)
        self._tell(tick, record)

    def _note_touched(self, tick: TickResult) -> None:
        """What was done on which cluster, over all ticks."""
        repaired = {
            reason.about: str(reason.values[0])
            for reason in tick.decision.reasons
            if (reason.kind, reason.what) == ("cluster", "repaired")
        }
        for name, part in tick.change.get("clusters", {}).items():
            done = {word: part.get(word, ()) for word in CHANGING_WORDS}
            if name in repaired and part.get("changed"):
                done = {"put_right": [repaired[name]]}
            for word, objects in done.items():
                known = self._touched.setdefault(name, {}).setdefault(word, [])
                known += [each for each in objects if each not in known]

    def _tell_tick(self, tick: TickResult, record: TickRecord) -> None:
        """A hold is said once, and again when it changes; a step always, and an analysis that found something out. What
        only time is waited for was said with the step."""
        said = drop_seconds(" ".join([record.phase, str(record.step), *record.reasons, *record.errors]))
        news = said != self._said and any(reason.kind != "time" for reason in tick.decision.reasons)
        # That there is nothing to do is said at the end.
        live = self._live and (tick.changed or not tick.state.done)
        if live and (news or tick.decision.apply or record.verdict not in (None, "inconclusive")):
            if self._whole and len(self._records) == 1:
                self._say(table.plan_line(self._release.rules.steps))
            rules, now = self._release.rules, tick.observation.now
            due = None if tick.state.done else machine.next_due_at(rules, tick.state, now)
            for line in table.tick_lines(record, None if due is None else due - now):
                self._say(line)
        self._said = said

    def say_delayed(self, error: KubeError) -> None:
        """Say that a tick could not be made now."""
        said = f"{error.cluster}: {error.message}; it goes on when that is over"
        if said != self._said:
            self._say(said)
        self._said = said

    def waits_for_a_person(self, tick: TickResult) -> bool:
        """Whether nothing goes on before somebody opens a gate, resumes or puts something right."""
        state = tick.state
        if tick.decision.apply:
            return False
        return (
            state.hold is not None
            or state.phase in ("waiting", "waiting_promotion")
            or bool(self._find_closed_gate(tick))
        )

    def result(self, tick: TickResult, *, timed_out: bool = False) -> dict[str, Any]:
        """The result of the task. Raises MeshError where the change of the last tick failed and nobody goes on."""
        state = tick.state
        rules = self._release.rules
        reasons = describe_all(tick.decision.reasons)
        result = {
            **self._situation(state),
            "changed": self._changed,
            "intended": {name: aim.traffic.canary for name, aim in tick.aims.items()},
            "observed": {
                name: None if seen.traffic is None else seen.traffic.canary
                for name, seen in _clusters_after(tick).items()
            },
            "reasons": list(reasons),
            "waiting": "" if state.done or tick.decision.apply else "; ".join(reasons),
            "records": [record.as_dict() for record in self._notable[-_RECORDS:]],
            "schedule": [as_dict(step) for step in rules.steps],
            "clusters": self._change.get("clusters", {}),
            "touched": self._touched,
            "owed": self._change.get("owed", {}),
            "consistent": not tick.findings
            and all(seen.as_intended and not seen.error for seen in _clusters_after(tick).values()),
            "proof": self._change.get("proof", {}),
            "skew_ms": self._change.get("skew_ms", 0.0),
            "waits_for_a_person": self.waits_for_a_person(tick),
            "course": report_course(
                self._whole_run(), state.started or None, cause=state.cause, ended=state.done and not self._was_done
            ),
        }
        if self._setup.diff:
            result["diff"] = self._change.get("diff", [])
        if self._warnings:
            result["warnings"] = self._warnings
        if tick.findings and not self._setup.check_mode:
            raise MeshError(f"Release {self._release.name}: {self._records[-1].reasons[-1]}", tick.findings, result)
        if timed_out:
            raise MeshError(
                f"Release {self._release.name} is not where it was to be in time.",
                [_make_timeout_finding(tick)],
                result,
            )
        return result

    def status(self, *, planned: bool) -> dict[str, Any]:
        """What is stored, without a look at any cluster but the hub; where the task has the plan (``planned``), with
        its schedule. Raises KubeError."""
        state = self.load()
        setup = self._setup
        return {
            **self._situation(state or ReleaseState()),
            "changed": False,
            "known": state is not None,
            "owed": describe_owed(setup.records.load(setup.component, setup.name).list_owed()),
            **({"schedule": [as_dict(step) for step in self._release.rules.steps]} if planned else {}),
        }

    def _situation(self, state: ReleaseState) -> dict[str, Any]:
        position = state.intended or state.position
        return {
            "name": self._release.name,
            "hub": self._setup.hub,
            "phase": state.phase,
            "done": state.done,
            "succeeded": state.phase == "succeeded" and state.done,
            "revision": state.revision,
            "run": state.run,
            "promoted": state.promoted,
            "step": state.position.step if state.intended is None else state.intended.step - 1,
            "steps": len(self._release.rules.steps) - 1,
            "total": self._release.rules.total,
            "since": state.since,
            "weights": {
                name: aim.traffic.canary
                for name, aim in machine.compute_intended_targets(self._release.rules, state).items()
            },
            "mode": position.mode,
            "held": state.hold.text if state.hold is not None else "",
            "failed_checks": state.failed,
            "reason": state.cause or state.reason,
            "history": [asdict(each) for each in state.history],
        }

    # Records

    def _record(self, tick: TickResult) -> TickRecord:
        state, release = tick.state, self._release
        steps = release.rules.steps
        position = state.intended or state.position
        closed = self._find_closed_gate(tick)
        hows: tuple[str, ...] = ()
        if closed:
            hub = self._setup.records.client.credentials
            door = Door(release.name, self._setup.records.namespace, hub.context, kubeconfig=hub.kubeconfig)
            hows = gates.list_commands(closed, state.run, door)
        hold = state.hold
        what = f"a person to resume it ({hold.text})" if hold is not None else f"gate {closed}" if closed else ""
        record = TickRecord.of_tick(
            now=tick.observation.now,
            name=release.name,
            namespace=release.namespace,
            revision=state.revision or tick.observation.revision,
            phase=state.phase,
            step=max(0, position.step),
            of=len(steps) - 1,
            wave=max(0, steps[position.step].wave) if 0 <= position.step < len(steps) else 0,
            intended={name: aim.traffic.canary for name, aim in tick.aims.items()},
            clusters=_clusters_after(tick),
            analysis=tick.observation.analysis,
            decision=_decision_word(tick),
            reasons=(*describe_all(tick.decision.reasons), *tick.asked),
            gates=tick.observation.gates,
            actions=_list_actions(tick.change),
            limits={
                metric.name: Limit(metric.minimum, metric.maximum, metric.unit) for metric in release.analysis.metrics
            },
            settled_after={
                name: part["seconds"]
                for name, part in tick.change.get("clusters", {}).items()
                if part.get("changed") and part.get("seconds")
            },
            timings=tick.seconds,
            errors=[str(finding) for finding in tick.findings],
            waiting=Waiting(what, state.since or None, hows, self._setup.hub if hows else ""),
            owed={name: ", ".join(items) for name, items in tick.change.get("owed", {}).items()},
            total=release.rules.total,
            proof=(tick.change.get("proof") or {}).get("reached", ""),
        )
        # Of one cluster there is none.
        return replace(record, skew_ms=tick.change.get("skew_ms") or None)

    def _find_closed_gate(self, tick: TickResult) -> str:
        """The gate that a person has to open, empty where none is waited for."""
        return next((reason.about for reason in tick.decision.reasons if reason.kind == "gate"), "")

    def _write_page(self, began: float | None) -> None:
        if self._page:
            write_whole(self._page, page.render_page(self._whole_run(), began), mode=None)

    def _whole_run(self) -> list[TickRecord]:
        """The records of this release, those of earlier tasks too where there is a journal."""
        records = journal.read(self._journal).records if self._journal else tuple(self._records)
        own = [each for each in records if (each.name, each.namespace) == (self._release.name, self._release.namespace)]
        return story.select_last_run(own)

    # Webhooks and notifications

    def _tell(self, tick: TickResult, record: TickRecord) -> None:
        """Webhooks of events, and one notification for each change of state; what goes wrong there is a warning."""
        state, release = tick.state, self._release
        moved = [each for each in state.history if each not in tick.before.history]
        kinds: list[HookType] = ["event"] if moved else []
        if state.done and not tick.before.done and state.phase in ("succeeded", "failed"):
            kinds.append("post-rollout")
        if kinds and release.webhooks:
            metadata = {"eventMessage": state.reason, "timestamp": str(int(time.time() * 1000))}
            payload = Payload(release.name, release.namespace, state.phase, state.revision, metadata)
            for answer in webhooks.ask_webhooks(release.webhooks, kinds, payload).values():
                self._warn(answer.reasons)
        hold = self._hold_of(tick)
        message = notifications.make_notification(
            Standing(tick.before.phase, self._hold),
            Standing(state.phase, hold),
            now=record.time,
            name=release.name,
            namespace=release.namespace,
            revision=record.revision,
            step=record.step,
            of=record.of,
            weights={name: aim.traffic.canary for name, aim in tick.aims.items()},
            reasons=describe_all(tick.decision.reasons),
        )
        self._hold = hold
        if message is not None and release.receivers:
            self._warn(notifications.send_notification(release.receivers, message))

    def _hold_of(self, tick: TickResult) -> str:
        closed = self._find_closed_gate(tick)
        hold = tick.state.hold
        if hold is not None:
            return hold.text
        return describe(Reason("gate", "closed", closed)) if closed else ""

    def _warn(self, texts: list[str] | tuple[str, ...]) -> None:
        for text in texts:
            if text not in self._warnings:
                self._warnings.append(text)
                # Ansible tells warnings when the task has ended, and a release may take hours.
                self._say(f"warning: {text}")


def _make_timeout_finding(tick: TickResult) -> Finding:
    waited = describe(tick.decision.reasons[-1]) if tick.decision.reasons else "nothing was said"
    return Finding(
        "",
        WAIT_TIMEOUT,
        f"the release is {tick.state.phase}, and waits: {waited}",
        "run again, which goes on where it is; or allow more time with wait_timeout",
    )


def _clusters_after(tick: TickResult) -> dict[str, Any]:
    """The clusters as they are after the tick: what was written is seen in the answers of the API servers."""
    written = {} if tick.findings else tick.change.get("clusters", {})
    return {
        name: replace(seen, error="", as_intended=True, traffic=tick.aims[name].traffic, drift="")
        if written.get(name, {}).get("state") == "ready"
        else seen
        for name, seen in tick.observation.clusters.items()
    }


def _decision_word(tick: TickResult) -> str:
    if tick.state.phase == "failed":
        return "rolled back" if tick.state.done else "roll back"
    if tick.findings:
        return "not taken"
    if tick.state.done:
        return tick.state.phase
    return "continue" if tick.decision.apply else "hold"


def _list_actions(change: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {word} {each}"
        for name, part in change.get("clusters", {}).items()
        for word in CHANGING_WORDS
        for each in part.get(word, ())
    ]

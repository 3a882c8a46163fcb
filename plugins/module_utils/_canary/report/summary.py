# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task tells of a release at its end, by its result. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..._change.summary import summarize_change, summarize_proof
from ..._summary.summary import ClusterSummary, Summary
from ..model import PlanStep
from . import story, table
from .record import ErrorRate


def summarize_release(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Of a tick, of a whole run, of the status, of an approval or of the removal."""
    what = f"release {parameters['name']}"
    if parameters["state"] == "absent":
        return _summarize_removal(what, result, foretold=foretold)
    if "phase" not in result:
        return Summary(what, foretold=foretold)
    if not result.get("known", True):
        return Summary(
            what,
            f"hub {result['hub']} has none of this name: it has not begun, or was removed, or name or hub is another",
        )
    planned = foretold or parameters["state"] == "planned"
    course = result.get("course") or {}
    ended = bool(course) and course["ended"] and not planned
    body: list[str] = []
    if ended:
        body = table.steps_lines(course["steps"])
    elif (planned or "known" in result) and result.get("schedule"):
        body = _draw_plan(parameters, result)
    proof = summarize_proof(result)
    if proof is not None and course.get("skew_ms") is not None:
        proof = replace(proof, skew_ms=round(course["skew_ms"], 1))
    return Summary(
        what,
        course["conclusion"] if ended else _describe_situation(result, planned=planned),
        foretold=planned,
        clusters=_list_clusters(result, planned=planned),
        body=tuple(body),
        facts=tuple(_list_facts(result, ended=ended, planned=planned)),
        proof=proof,
        following=tuple(_list_next(parameters, result, planned=planned)),
    )


def _summarize_removal(what: str, result: Mapping[str, Any], *, foretold: bool) -> Summary:
    summary = summarize_change(f"{what}, removal", result, foretold=foretold, settle="")
    return replace(summary, outcome=f"what was stored of it on {result['hub']} is gone") if summary.outcome else summary


def _describe_situation(result: Mapping[str, Any], *, planned: bool) -> str:
    approval = result.get("approval")
    if approval:
        return _describe_approval(approval, foretold=planned)
    revision = f", revision {result['revision']}" if result["revision"] else ""
    phase = story.describe_phase(result["phase"])
    if planned and result.get("reasons"):
        verb = "would wait" if result["waiting"] else "would go on"
        return f"{verb}: {'; '.join(result['reasons'])}; nothing is written"
    if result["done"]:
        quiet = "" if result["changed"] or "known" in result else "nothing to do; "
        return f"{quiet}{phase}{revision}"
    return f"step {max(0, result['step'])}/{result['steps']}, {phase}{revision}"


def _describe_approval(approval: Mapping[str, Any], *, foretold: bool) -> str:
    until = f" until {story.format_date_and_clock(approval['expires'])}" if approval["expires"] else ""
    by = f", by {approval['by']}" if approval["by"] else ""
    gate = "every gate" if approval["gate"] == "*" else f"gate {approval['gate']}"
    verb = "would be" if foretold else "is"
    return f"{gate} {verb} {approval['decision']} for this run of revision {approval['revision']}{until}{by}"


def _list_clusters(result: Mapping[str, Any], *, planned: bool) -> dict[str, ClusterSummary]:
    courses: Mapping[str, Any] = (result.get("course") or {}).get("clusters", {})
    parts: Mapping[str, Any] = result.get("clusters") or {}
    owed: Mapping[str, Any] = result.get("owed") or {}
    clusters = {}
    for name in dict.fromkeys((*result["weights"], *courses, *owed)):
        done: Mapping[str, Any] = (parts if planned else result.get("touched") or {}).get(name) or {}
        clusters[name] = ClusterSummary(
            made=tuple(done.get("created", ())),
            changed=tuple(done.get("configured", ())),
            put_right=tuple(done.get("put_right", ())),
            given_back=tuple(done.get("restored", ())),
            removed=tuple(done.get("deleted", ())),
            owed=tuple(owed.get(name, ())),
            facts=_describe_cluster(name, result, courses.get(name)),
        )
    return clusters


def _describe_cluster(name: str, result: Mapping[str, Any], course: Mapping[str, Any] | None) -> dict[str, str]:
    if course is None:
        weight = result["weights"].get(name)
        return {} if weight is None else {"canary": story.describe_weight(weight, result["total"])}
    errors = course["errors"]
    late = course["ticks_not_well"]
    return {
        "canary": course["canary"] if course["state"] == "ok" else f"{course['canary']}, {course['state']}",
        **({"worst errors": story.describe_errors(ErrorRate(**errors))} if errors else {}),
        **({"not well": f"in {story.plural(late, 'tick')}"} if late and course["state"] == "ok" else {}),
    }


def _draw_plan(parameters: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Steps wait for an analysis only where there is one."""
    hooks = parameters.get("webhooks") or ()
    asks = bool(parameters.get("analysis")) or any(hook["type"] == "rollout" for hook in hooks)
    steps = [PlanStep(**each) for each in result.get("schedule", ())]
    return table.schedule_lines([replace(step, analysis=step.analysis and asks) for step in steps], result["step"])


def _list_facts(result: Mapping[str, Any], *, ended: bool, planned: bool) -> Iterator[tuple[str, str]]:
    if ended and result["revision"]:
        yield "revision", result["revision"]
    if result["held"]:
        yield "held", result["held"]
    if result.get("waiting"):
        yield "waits", result["waiting"]
    elif result["reason"] and not ended and not planned and not _is_said(result):
        yield "last", result["reason"]
    if "known" in result and result.get("since"):
        yield "since", story.format_date_and_clock(result["since"])


def _is_asked_step(parameters: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Whether the task was to come so far, and another one goes on."""
    until = parameters.get("wait_step")
    return until is not None and result["step"] >= until


def _is_said(result: Mapping[str, Any]) -> bool:
    """Whether the reason is only that the step was taken, which the outcome says."""
    return "approval" not in result and str(result["reason"]).startswith(f"step {result['step']}/")


def _list_next(parameters: Mapping[str, Any], result: Mapping[str, Any], *, planned: bool) -> Iterator[str]:
    records = result.get("records") or ()
    waiting = records[-1]["waiting"] if records else {"how": ()}
    if planned:
        return
    if waiting["how"]:
        yield f"on {waiting['where']}: {waiting['how'][0]}"
        yield "or a task with request: approve"
    elif result["held"]:
        yield "request: resume goes on, state: rolled_back takes it back"
    elif result["phase"] == "failed" and result["done"]:
        yield "deploy another revision, or begin this one again with request: restart"
    elif not result["done"] and "known" not in result and not _is_asked_step(parameters, result):
        yield "run again: it goes on where it is"
    if result.get("owed"):
        yield f"run again when {', '.join(result['owed'])} can be reached, which gets what it is owed"

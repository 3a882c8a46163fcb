# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One release as its options describe it, checked as far as that can be done without a look at clusters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from ..._change.policy import Policy
from ..._change.records import is_set_name
from ..._findings import OPTION, Finding, MeshError
from ..._istio.routes import VIRTUAL_SERVICE_SECTIONS, RouteSelection
from ..._kube.kinds import GRPC_ROUTE, HTTP_ROUTE, TCP_ROUTE, TLS_ROUTE, VIRTUAL_SERVICE, Kind
from ..._times import seconds_of
from ..analysis.spec import ANALYSIS_ARGUMENT_SPEC, AnalysisSpec
from ..gates.webhooks import WEBHOOK_ARGUMENT_SPEC, HookType, Webhook, webhooks_of
from ..model import TOTAL, PlanStep
from ..plan.options import PLAN_ARGUMENT_SPEC, WAYS
from ..plan.plan import build_schedule, waves_of
from ..report.notifications import NOTIFICATION_ARGUMENT_SPEC, Receiver, receivers_of
from ..routes.affinity import Affinity
from ..routes.routes import RouteRules, Sides
from ..state_machine.rules import Rules
from ..workloads.managed import SERVICE_ARGUMENT_SPEC
from ..workloads.selectors import SELECTOR_LABELS
from ..workloads.workloads import KINDS as WORKLOAD_KINDS

ROUTE_KINDS = {kind.kind: kind for kind in (VIRTUAL_SERVICE, HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE)}

RELEASE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "revision": {"type": "str"},
    "routes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {"type": "str", "choices": list(ROUTE_KINDS), "default": VIRTUAL_SERVICE.kind},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "section": {"type": "str", "choices": list(VIRTUAL_SERVICE_SECTIONS)},
            "routes": {"type": "list", "elements": "str", "default": []},
        },
    },
    "stable": {"type": "str"},
    "canary": {"type": "str"},
    "by": {"type": "str", "choices": ["destination", "subset", "host"], "default": "destination"},
    "workload": {
        "type": "dict",
        "options": {
            "kind": {"type": "str", "choices": list(WORKLOAD_KINDS), "default": "Deployment"},
            "name": {"type": "str", "required": True},
            "stable": {"type": "str"},
            "scale": {"type": "bool", "default": False},
            "ready_threshold": {"type": "int", "default": 100},
            "stable_ready_threshold": {"type": "int", "default": 100},
            "progress_deadline": {"type": "raw", "default": 600},
            "selector_labels": {"type": "list", "elements": "str", "default": list(SELECTOR_LABELS)},
        },
    },
    "manage": {"type": "bool", "default": False},
    "service": {"type": "dict", "options": SERVICE_ARGUMENT_SPEC},
    # How a promotion goes follows from manage.
    "plan": {
        "type": "dict",
        "options": {name: option for name, option in PLAN_ARGUMENT_SPEC.items() if name != "promotion"},
    },
    "match": {"type": "list", "elements": "dict", "default": []},
    "session_affinity": {
        "type": "dict",
        "options": {
            "cookie_name": {"type": "str", "required": True},
            "max_age": {"type": "int", "default": 86400},
            "stable_cookie_name": {"type": "str"},
            "stable_max_age": {"type": "int"},
        },
    },
    "analysis": {"type": "dict", "options": ANALYSIS_ARGUMENT_SPEC},
    "skip_analysis": {"type": "bool", "default": False},
    "revert": {"type": "str", "choices": ["all", "wave"], "default": "all"},
    "rollback_step": {"type": "int", "default": 0},
    "rollback_interval": {"type": "raw"},
    "drain": {"type": "raw"},
    "on_failed_promotion": {"type": "str", "choices": ["hold", "retry", "restore"], "default": "hold"},
    "webhooks": {"type": "list", "elements": "dict", "default": [], "options": WEBHOOK_ARGUMENT_SPEC},
    "notices": {"type": "list", "elements": "dict", "default": [], "options": NOTIFICATION_ARGUMENT_SPEC},
    "history_limit": {"type": "int", "default": 50},
}
"""What a release is, beside the fleet and how a change is made; documented in modules/canary.py."""

Checked = TypeVar("Checked")


@dataclass(frozen=True)
class RouteReference:
    """One object whose routes are divided."""

    kind: Kind
    name: str
    namespace: str
    rules: RouteRules


@dataclass(frozen=True)
class Workload:
    """The pods of both sides. ``name`` is the canary's, ``stable`` the other one's, empty where nobody looks at it.

    ``scales``: the canary's size is ours. Thresholds are in percent, ``deadline`` in seconds.
    """

    kind: Kind
    name: str
    stable: str = ""
    scales: bool = False
    ready_threshold: int = 100
    stable_ready_threshold: int = 100
    deadline: float = 600.0
    selector_labels: tuple[str, ...] = SELECTOR_LABELS


@dataclass(frozen=True)
class CanaryRelease:
    """``service`` are the options of what is made with ``manage``; None where the user has made everything.

    ``makes_route``: the route is among that. ``revision`` is the user's word for it, empty where the workload tells.
    """

    name: str
    namespace: str
    sides: Sides
    routes: tuple[RouteReference, ...]
    rules: Rules
    workload: Workload | None = None
    service: Mapping[str, Any] | None = None
    makes_route: bool = False
    revision: str = ""
    analysis: AnalysisSpec = field(default_factory=AnalysisSpec)
    webhooks: tuple[Webhook, ...] = ()
    receivers: tuple[Receiver, ...] = ()

    @property
    def subject(self) -> str:
        """What is released: whose weights a stored position is about."""
        routes = ", ".join(each.kind.describe(each.name, each.namespace) for each in self.routes)
        return f"{self.sides.stable} and {self.sides.canary} in {routes}"

    @property
    def apex(self) -> str:
        """The name of the Service that is released, as far as it is known."""
        if self.service is not None and self.workload is not None:
            return str(self.service.get("name") or self.workload.name)
        return self.routes[0].name


def read_release(
    parameters: Mapping[str, Any], clusters: Iterable[str], policy: Policy, *, moves: bool = True
) -> CanaryRelease:
    """From options with RELEASE_ARGUMENT_SPEC, for these clusters. Raises MeshError with all that is wrong.

    Without ``moves`` nobody is moved by it, and it needs no plan.
    """
    names = list(clusters)
    problems: list[Finding] = []

    def check(work: Callable[[], Checked], otherwise: Checked) -> Checked:
        try:
            return work()
        except MeshError as error:
            problems.extend(error.findings)
            return otherwise

    if not is_set_name(parameters["name"]):
        problems.append(
            _option(
                "name",
                f"name is {parameters['name']!r}",
                "use at most 40 lower case letters, digits and hyphens, a letter or digit first and last",
            )
        )
    workload = _workload(parameters, problems)
    plan = _plan(parameters)
    if not moves and not any(plan.get(way) for way in WAYS):
        plan["step_weights"] = [plan.get("total") or TOTAL]
    ramp: tuple[PlanStep, ...] = check(lambda: build_schedule(plan), ())
    steps = build_schedule(plan, skips_analysis=True) if parameters["skip_analysis"] and ramp else ramp
    waves = check(lambda: waves_of(plan, names), dict.fromkeys(names, 0))
    given_analysis = {} if parameters["skip_analysis"] else parameters.get("analysis") or {}
    analysis = check(lambda: AnalysisSpec.of(given_analysis, names), AnalysisSpec())
    webhooks: tuple[Webhook, ...] = check(lambda: webhooks_of(parameters["webhooks"]), ())
    receivers: tuple[Receiver, ...] = check(lambda: receivers_of(parameters["notices"]), ())
    sides = _sides(parameters, problems)
    interval = analysis.interval or seconds_of(plan.get("interval") or 60) or 60.0
    rules = Rules(
        steps=steps,
        waves=waves,
        interval=interval,
        threshold=analysis.threshold,
        metrics=analysis.metrics,
        rule=analysis.rule,
        on_no_data=analysis.on_no_data,
        policy=policy,
        revert=parameters["revert"],
        rollback_step=parameters["rollback_step"],
        rollback_interval=_seconds(parameters, "rollback_interval", interval, problems),
        drain=_seconds(parameters, "drain", interval, problems),
        on_failed_promotion=parameters["on_failed_promotion"],
        hooks=frozenset(hook.type for hook in webhooks),
        scales=workload is not None and workload.scales,
        baseline=parameters["manage"],
        sticky=parameters["session_affinity"] is not None,
        history_limit=parameters["history_limit"],
    )
    # Requests that match, with weights: these requests alone are divided, as Flagger does without iterations.
    matched = any(step.matched for step in ramp)
    segment = bool(parameters["match"]) and not matched
    routes = _routes(parameters, rules.total, segment=segment)
    _check(parameters, rules, problems, matched=matched)
    if problems:
        raise MeshError("The release cannot be made.", problems)
    return CanaryRelease(
        name=parameters["name"],
        namespace=parameters["namespace"],
        sides=sides,
        routes=routes,
        rules=rules,
        workload=workload,
        service=dict(parameters["service"]) if parameters["manage"] else None,
        makes_route=parameters["manage"] and not parameters["routes"],
        revision=parameters["revision"] or "",
        analysis=analysis,
        webhooks=webhooks,
        receivers=receivers,
    )


def _plan(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The plan; without a word of the user, what the sides are says how a promotion goes."""
    plan = {key: value for key, value in (parameters.get("plan") or {}).items() if value is not None}
    # Nobody but us makes a stable side of the canary's template, so without manage traffic stays on the canary.
    plan["promotion"] = "copy" if parameters["manage"] else "switch"
    if parameters["match"] and plan.get("iterations") is not None:
        plan["matched"] = True
    return plan


def _workload(parameters: Mapping[str, Any], problems: list[Finding]) -> Workload | None:
    given = parameters.get("workload")
    if given is None:
        return None
    deadline = seconds_of(given["progress_deadline"])
    if not deadline:
        problems.append(
            _option(
                "progress_deadline",
                f"progress_deadline is {given['progress_deadline']!r}",
                "give seconds, or a text like 10m",
            )
        )
    for option in ("ready_threshold", "stable_ready_threshold"):
        if not 0 <= given[option] <= 100:
            problems.append(_option(option, f"{option} is {given[option]}", "give a percentage, 0 to 100"))
    return Workload(
        kind=WORKLOAD_KINDS[given["kind"]],
        name=given["name"],
        stable=f"{given['name']}-primary" if parameters["manage"] else given["stable"] or "",
        scales=bool(parameters["manage"] or given["scale"]),
        ready_threshold=given["ready_threshold"],
        stable_ready_threshold=given["stable_ready_threshold"],
        deadline=deadline or 600.0,
        selector_labels=tuple(given["selector_labels"]),
    )


def _sides(parameters: Mapping[str, Any], problems: list[Finding]) -> Sides:
    stable, canary = parameters["stable"] or "", parameters["canary"] or ""
    if parameters["manage"] and parameters.get("service") and parameters.get("workload"):
        apex = parameters["service"].get("name") or parameters["workload"]["name"]
        stable, canary = stable or f"{apex}-primary", canary or f"{apex}-canary"
    elif not (stable and canary):
        problems.append(
            _option(
                "stable" if canary else "canary",
                f"stable is {stable or 'not given'}, canary is {canary or 'not given'}",
                "name both destinations as they are in the routes, for example v1 and v2; or set manage",
            )
        )
    elif stable == canary:
        problems.append(_option("canary", f"both sides are {canary}", "name two destinations"))
    return Sides(stable, canary, parameters["by"])


def _routes(parameters: Mapping[str, Any], total: int, *, segment: bool) -> tuple[RouteReference, ...]:
    affinity = None
    given = parameters["session_affinity"]
    if given is not None:
        affinity = Affinity(**{key: value for key, value in given.items() if value is not None})

    def rules(section: str, routes: Iterable[str]) -> RouteRules:
        return RouteRules(
            selection=RouteSelection(section, tuple(routes), parameters["by"]),
            name=parameters["name"],
            match=tuple(parameters["match"]),
            affinity=affinity,
            total=total,
            segment=segment,
        )

    if parameters["routes"]:
        return tuple(
            RouteReference(
                ROUTE_KINDS[each["kind"]],
                each["name"],
                each["namespace"] or parameters["namespace"],
                rules(each["section"] or "", each["routes"]),
            )
            for each in parameters["routes"]
        )
    service = parameters.get("service") or {}
    kind = HTTP_ROUTE if service.get("gateway_refs") else VIRTUAL_SERVICE
    name = service.get("name") or (parameters.get("workload") or {}).get("name") or parameters["name"]
    if not parameters["manage"]:
        name = parameters["name"]
    return (RouteReference(kind, name, parameters["namespace"], rules("", ())),)


def _check(parameters: Mapping[str, Any], rules: Rules, problems: list[Finding], *, matched: bool) -> None:
    """What options say together. ``matched``: steps of the plan match requests."""
    if parameters["manage"] and not (parameters.get("workload") and parameters.get("service")):
        problems.append(
            _option(
                "manage",
                "manage is true, and workload or service is not given",
                "give workload with its name, and service with its port",
            )
        )
    if parameters.get("service") and not parameters["manage"]:
        problems.append(_option("service", "service is given, and manage is false", "set manage, or leave service out"))
    if matched and not parameters["match"]:
        problems.append(
            _option("match", "the plan matches requests, and match is empty", "say which requests the canary gets")
        )
    for gate in sorted({step.gate for step in rules.steps} & set(get_args(HookType))):
        problems.append(
            _option("gates", f"a gate has the name {gate}, as webhooks of that type have", "give the gate another name")
        )
    if not 0 <= parameters["rollback_step"] <= rules.total:
        problems.append(
            _option(
                "rollback_step",
                f"rollback_step is {parameters['rollback_step']}",
                f"give a number from 0 (at once) to {rules.total}",
            )
        )
    if parameters["history_limit"] < 1:
        problems.append(_option("history_limit", f"history_limit is {parameters['history_limit']}", "give 1 or more"))


def _seconds(parameters: Mapping[str, Any], option: str, default: float, problems: list[Finding]) -> float:
    given = parameters.get(option)
    if given is None:
        return default
    found = seconds_of(given)
    if found is None:
        problems.append(_option(option, f"{option} is {given!r}", "give seconds, or a text like 90s or 10m"))
        return default
    return found


def _option(name: str, message: str, remedy: str) -> Finding:
    return Finding("", OPTION.kind(name), message, remedy)

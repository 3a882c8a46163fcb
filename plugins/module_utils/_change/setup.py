# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every mesh-wide change takes: options, the fleet, the hub, and how far it has to be proven."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .._cluster import MESH_ARGUMENT_SPEC, fleet_of_parameters
from .._finding_kinds import HUB_UNKNOWN
from .._findings import OPTION, Finding, MeshError
from .._fleet import Fleet, LaneOutcome, Member
from .._kube.errors import LeftPlay, Unreachable
from .._proof.levels import LEVELS
from .finding_kinds import HUB_NOT_REACHABLE, SET_NAME_INVALID
from .lease import Borrowed, SetLease
from .place import Place
from .policy import Policy
from .records import Records, is_set_name, record_name

T = TypeVar("T")

CHANGE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **MESH_ARGUMENT_SPEC,
    "hub": {"type": "str"},
    "ledger_namespace": {"type": "str"},
    "unreachable": {"type": "str", "choices": ["halt", "quorum", "exclude"], "default": "halt"},
    "quorum": {"type": "int"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "proof": {"type": "str", "choices": list(LEVELS), "default": "written"},
    "proof_timeout": {"type": "float", "default": 60.0},
    "proof_window": {"type": "float", "default": 0.0},
    "lock_timeout": {"type": "float", "default": 0.0},
    "write_off": {"type": "list", "elements": "str", "default": []},
    "workers": {"type": "int", "default": 16},
}
"""Documented in doc_fragments/change.py."""

CHANGE_REQUIRED_IF = [("unreachable", "quorum", ["quorum"])]

_CONNECTIONS = 512
"""To all clusters together: most systems let a process open 1024 files."""


@dataclass(frozen=True)
class Setup:
    """One set on one fleet. ``mesh`` names the clusters beside the fleet, which are left as they are, and one of which
    may be the hub. ``progress`` takes a line for the screen."""

    component: str
    name: str
    fleet: Fleet
    mesh: tuple[str, ...]
    hub: str
    records: Records
    policy: Policy
    level: str
    proof_timeout: float
    proof_window: float
    request_timeout: float
    lock_timeout: float
    write_off: tuple[str, ...]
    workers: int
    check_mode: bool
    diff: bool
    progress: Callable[[str], None]
    lock_of_run: SetLease | None = None
    """The lock, where a whole run of changes holds it."""

    @classmethod
    def of(
        cls,
        parameters: Mapping[str, Any],
        fleet: Fleet,
        component: str,
        name: str,
        *,
        check_mode: bool,
        diff: bool,
        progress: Callable[[str], None],
    ) -> Setup:
        """From options that have CHANGE_ARGUMENT_SPEC. Raises MeshError, and KubeError where the hub's credentials are
        not usable."""
        hub = parameters["hub"] or fleet.names[0]
        mesh = fleet_of_parameters(parameters["mesh"]) if parameters["mesh"] else {}
        beside = {each: cluster for each, cluster in mesh.items() if each not in fleet}
        problems = []
        if hub not in fleet and hub not in beside:
            problems.append(
                Finding(
                    "",
                    HUB_UNKNOWN,
                    f"hub is {hub}, the clusters are {', '.join([*fleet.names, *beside])}",
                    "name one of the clusters as hub; it has to be the same in every run for this set",
                )
            )
        if not is_set_name(name):
            problems.append(
                Finding(
                    "",
                    SET_NAME_INVALID,
                    f"the set's name is {name!r}",
                    "use at most 40 lower case letters, digits and hyphens, a letter or digit first and last",
                )
            )
        if parameters["workers"] < 1:
            problems.append(
                Finding("", OPTION.kind("workers"), f"workers is {parameters['workers']}", "give 1 or more")
            )
        if problems:
            raise MeshError("The change cannot be made.", problems)
        member = fleet[hub] if hub in fleet else fleet.beside(beside[hub])
        try:
            client = member.client
        except Unreachable as error:
            raise MeshError("Nothing was written: the hub does not answer.", [_report_hub_away(name, error)]) from error
        place = Place.of(client, member.cluster.istio_namespace, parameters["ledger_namespace"])
        return cls(
            component=component,
            name=name,
            fleet=fleet,
            mesh=tuple(beside),
            hub=hub,
            records=Records(place),
            policy=Policy.of(parameters, fleet.names),
            level=parameters["proof"],
            proof_timeout=parameters["proof_timeout"],
            proof_window=parameters["proof_window"],
            request_timeout=parameters["request_timeout"],
            lock_timeout=parameters["lock_timeout"],
            write_off=tuple(parameters["write_off"]),
            workers=min(parameters["workers"], max(2, _CONNECTIONS // len(fleet))),
            check_mode=check_mode,
            diff=diff,
            progress=progress,
        )

    def each(self, look: Callable[[Member], T], of: Iterable[str] | None = None) -> dict[str, LaneOutcome[T]]:
        """What is found on each cluster (or on those of ``of``) that is not excluded, in the time of four requests."""
        asked = [name for name in (self.fleet.names if of is None else of) if name not in self.policy.exclude]
        return self.fleet.each(look, deadline=self.request_timeout * 4, only=asked)

    def lease(self) -> SetLease | Borrowed:
        """The lock of this set, to be used as ``with setup.lease() as lease``."""
        return self.lock() if self.lock_of_run is None else self.lock_of_run.borrow()

    def lock(self) -> SetLease:
        """The lock of this set itself."""
        return SetLease(
            self.records.client,
            self.records.namespace,
            record_name(self.component, self.name),
            wait=self.lock_timeout,
            home=self.records.place,
        )


def _report_hub_away(name: str, error: Unreachable) -> Finding:
    """Also where a run is limited to others: what undoes a change is noted on the hub before its first write."""
    hub = error.cluster
    remedies = [error.remedy] if error.remedy else []
    if not isinstance(error, LeftPlay):
        remedies.append(f"if {hub} is gone for good, name another hub and set write_off: [{hub}]")
    return Finding(
        hub,
        HUB_NOT_REACHABLE,
        f"{hub} is the hub, which keeps the record of {name}: {error.message}",
        "; ".join(remedies),
    )

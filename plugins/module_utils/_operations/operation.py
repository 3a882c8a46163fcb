# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operation is run: as an action on the controller, or as an ordinary module. Both call the same function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Protocol

from .._cluster import Cluster, fleet_of_parameters
from .._deployment_model import DeploymentModel, leave_out_remotes
from .._findings import Finding, MeshError
from .._fleet import Fleet
from .._guard import Guard
from .._kube.errors import KubeError
from .._kube.files import Decrypt
from .._summary.summary import ClusterSummary, Summary, collect_remarks
from .._values import check_numbers
from .finding_kinds import OPTION_UNUSABLE


def _ignore(_line: str) -> None:
    """Modules have no screen."""


@dataclass(frozen=True)
class Context:
    """What an operation knows of the run that it is part of."""

    check_mode: bool = False
    diff: bool = True
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    progress: Callable[[str], None] = _ignore
    render: Callable[[str, Mapping[str, Any]], Any] | None = field(default=None, repr=False)
    """What a template file gives with variables added to those of the task: text, or the data in it. Only the
    controller has it."""
    decrypt: Decrypt | None = field(default=None, repr=False)
    """What ansible-vault has encrypted, in plain; only the controller has it."""
    locate: Callable[[str, str], str] = lambda _folder, name: name
    """The path of a file that is named as tasks name files, searched in ``files`` or ``templates`` of a role too."""
    guarded: bool = True
    """Whether the API servers have to be the clusters they are said to be: for all but operations that only read."""


class Operation(Protocol):
    """What a module of ``_operations`` offers: its options, and one function that does the work.

    ``run`` returns the result (``changed`` and, where something changes, ``diff``) or raises MeshError or KubeError.
    ``summarize`` says in short what the result tells, also of a failed run, which may have no more than ``findings``.
    An operation that changes nothing says so by ``READS_ONLY = True``, one that changes nothing in some states by
    ``READING_STATES``; all others get to no API server that is not the cluster it is said to be. One that writes
    configuration of Istio says ``WRITES_CONFIGURATION = True``, and gets no remote cluster; where it may move pods too,
    its ``moves_pods`` says whether a run does.
    """

    ARGUMENT_SPEC: dict[str, Any]

    @staticmethod
    def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]: ...

    @staticmethod
    def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary: ...


_RELATIONS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def face_of(operation: Operation | ModuleType) -> dict[str, Any]:
    """By what Ansible checks the options of an operation, whichever face it has: their specification, and how they
    depend on each other, which an operation says by names in capitals (``REQUIRED_IF``)."""
    relations = {name: getattr(operation, name.upper(), None) for name in _RELATIONS}
    return {
        "argument_spec": operation.ARGUMENT_SPEC,
        **{name: relation for name, relation in relations.items() if relation is not None},
    }


def fleet_of(parameters: Mapping[str, Any], context: Context, clusters: Mapping[str, Cluster] | None = None) -> Fleet:
    """The fleet that a mesh-wide operation was given, or that of ``clusters``.

    Raises MeshError where an API server is not the cluster it is said to be, or two of them are one: nothing is written
    then, and nothing is looked at that could be taken for another cluster's.
    """
    fleet = Fleet(
        fleet_of_parameters(parameters["clusters"]) if clusters is None else clusters,
        request_timeout=parameters["request_timeout"],
        environ=context.environ,
        decrypt=context.decrypt,
        guard=Guard() if context.guarded else None,
    )
    findings = fleet.identify(leave_out=parameters.get("exclude") or ())
    if findings:
        raise MeshError("Nothing was written: not every API server is the cluster that it is said to be.", findings)
    return fleet


def reads_only(operation: Operation | ModuleType, parameters: Mapping[str, Any]) -> bool:
    """Whether a run changes nothing, as its operation says."""
    return getattr(operation, "READS_ONLY", False) or parameters.get("state") in getattr(
        operation, "READING_STATES", ()
    )


def mesh_of(parameters: Mapping[str, Any], context: Context) -> Fleet:
    """The fleet, and the clusters of ``mesh`` beside it, in the order of the mesh.

    Raises MeshError, too, where a cluster is to be controlled by an istiod that is not there.
    """
    clusters = fleet_of_parameters(parameters["clusters"])
    others = fleet_of_parameters(parameters["mesh"]) if parameters["mesh"] else {}
    mesh = {**others, **clusters}
    DeploymentModel.of(mesh.values())
    return fleet_of(parameters, context, mesh)


def run_operation(operation: Operation | ModuleType, parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Run an operation and turn what it raises into a failed result with findings; what it did, in short, is added."""
    remotes: dict[str, str] = {}
    result = _run(operation, parameters, context, remotes)
    if hasattr(operation, "summarize"):
        summary = operation.summarize(parameters, result, foretold=context.check_mode)
        summary = _tell_of_remotes(_of_failed(summary, result) if result.get("failed") else summary, remotes)
        result["summary"] = summary.as_dict()
    return result


def _run(
    operation: Operation | ModuleType, parameters: Mapping[str, Any], context: Context, remotes: dict[str, str]
) -> dict[str, Any]:
    try:
        _check(parameters, operation.ARGUMENT_SPEC)
        if getattr(operation, "WRITES_CONFIGURATION", False):
            moves_pods = getattr(operation, "moves_pods", lambda _parameters: False)(parameters)
            parameters, left_out = leave_out_remotes(parameters, moves_pods=moves_pods)
            remotes.update(left_out)
        return dict(operation.run(parameters, replace(context, guarded=not reads_only(operation, parameters))))
    except MeshError as error:
        findings = [finding.as_dict() for finding in error.findings]
        return {"changed": False, **error.result, "failed": True, "msg": str(error), "findings": findings}
    except KubeError as error:
        finding = Finding(error.cluster, error.kind, error.message, error.remedy)
        return {"changed": False, "failed": True, "msg": str(error), "findings": [finding.as_dict()]}


def _of_failed(summary: Summary, result: Mapping[str, Any]) -> Summary:
    """It ended as its first sentence says, for the reasons that it found."""
    remarks = () if summary.tells_findings else collect_remarks(result["findings"])
    known = {(each.text, each.remedy) for each in remarks}
    others = [each for each in summary.remarks if (each.text, each.remedy) not in known]
    summary = summary if result.get("changed") else summary.without_deeds()
    return replace(summary, outcome=str(result["msg"]).partition("\n")[0], remarks=(*remarks, *others))


def _tell_of_remotes(summary: Summary, remotes: Mapping[str, str]) -> Summary:
    """With a row for each remote that was left out."""
    rows = {
        name: ClusterSummary("left out", f"is a remote of {primary}, which has its configuration")
        for name, primary in remotes.items()
    }
    return replace(summary, clusters={**summary.clusters, **rows})


def _check(parameters: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]) -> None:
    try:
        check_numbers(parameters, spec)
    except ValueError as error:
        finding = Finding("", OPTION_UNUSABLE, str(error), "correct it")
        raise MeshError("The options cannot be used; nothing was written anywhere.", [finding]) from error

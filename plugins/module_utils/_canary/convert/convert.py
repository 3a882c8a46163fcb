# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of onemesh.istio.canary from what people have: a Canary of Flagger or a Rollout of Argo. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..._change.policy import Policy
from ..._findings import Finding, MeshError
from ..._kube.kinds import group_of
from ..release.release import RELEASE_ARGUMENT_SPEC, read_release
from ..workloads.managed import find_service_problems
from .argo import from_rollout
from .flagger import from_canary
from .manifest_reader import Conversion, ManifestDifference, ManifestNotes, ManifestPart, RelatedObjects

_READERS = {("flagger.app", "Canary"): from_canary, ("argoproj.io", "Rollout"): from_rollout}

_CLUSTERS = ("first", "second")
"""A release is one of several clusters: what only one of them would take is told."""


def convert(manifest: Mapping[str, Any], related: Any = ()) -> dict[str, Any]:
    """``options`` of the module, and ``differences``: each field that means something else here, or nothing.

    ``related`` are the objects that the manifest names: MetricTemplate and AlertProvider, or AnalysisTemplate. Raises
    ValueError where it is another manifest, or one that no API server would take.
    """
    kind = (group_of(str(manifest.get("apiVersion"))), str(manifest.get("kind")))
    read = _READERS.get(kind)
    if read is None:
        known = " or ".join(f"{name} ({group})" for group, name in _READERS)
        raise ValueError(f"expected a manifest of {known}, found {kind[1]} ({kind[0] or 'no group'})")
    notes = ManifestNotes()
    found = read(ManifestPart("", manifest, notes), RelatedObjects(related, notes))
    differences = notes.list_differences(f"nothing here goes by it, or it is a field of {kind[1]} that is not known")
    differences += _list_refusals(found)
    return {"options": found.options, "differences": [each.as_dict() for each in differences]}


def _list_refusals(found: Conversion) -> Iterator[ManifestDifference]:
    """What the module would refuse of the options, before it looks at any cluster."""
    validated = ArgumentSpecValidator(RELEASE_ARGUMENT_SPEC).validate(deepcopy(found.options))
    for message in validated.error_messages:
        yield ManifestDifference("spec", f"refused here: {message}", "correct it in the options")
    if validated.error_messages:
        return
    for finding in _find_problems(validated.validated_parameters):
        place = next((place for slug, place in found.places.items() if finding.check.startswith(slug)), "spec")
        yield ManifestDifference(place, f"refused here: {finding.message}", finding.remedy)


def _find_problems(parameters: Mapping[str, Any]) -> list[Finding]:
    problems: list[Finding] = []
    try:
        read_release(parameters, _CLUSTERS, Policy())
    except MeshError as error:
        problems += error.findings
    if parameters["manage"] and parameters["service"] and parameters["workload"]:
        name = parameters["service"]["name"] or parameters["workload"]["name"]
        problems += find_service_problems(parameters["service"], name, parameters["namespace"])
    return problems

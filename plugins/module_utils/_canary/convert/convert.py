# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of onemesh.istio.canary from what people have: a Canary of Flagger or a Rollout of Argo. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._kube.kinds import group_of
from .argo import from_rollout
from .flagger import from_canary
from .manifest_reader import ManifestReader

_READERS = {("flagger.app", "Canary"): from_canary, ("argoproj.io", "Rollout"): from_rollout}


def convert(manifest: Mapping[str, Any], related: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """``options`` of the module, and ``differences``: each field that means something else here, or nothing.

    ``related`` are the objects that the manifest names: MetricTemplate and AlertProvider, or AnalysisTemplate. Raises
    ValueError where it is another manifest.
    """
    kind = (group_of(str(manifest.get("apiVersion"))), str(manifest.get("kind")))
    read = _READERS.get(kind)
    if read is None:
        known = " or ".join(f"{name} ({group})" for group, name in _READERS)
        raise ValueError(f"expected a manifest of {known}, found {kind[1]} ({kind[0] or 'no group'})")
    source = ManifestReader.of(manifest, related)
    options = read(source)
    differences = source.rest(f"nothing here goes by it, or it is a field of {kind[1]} that is not known")
    return {"options": options, "differences": [each.as_dict() for each in differences]}

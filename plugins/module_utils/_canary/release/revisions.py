# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary's revision over all clusters, of the one on each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..._change.objects import content_hash
from ..state_machine.state import ReleaseState


def note_revisions(
    state: ReleaseState, clusters: Iterable[str], found: Mapping[str, str], given: str = ""
) -> ReleaseState:
    """The state with the revision of each cluster; of one that is not in ``found`` the last known one counts.

    ``given`` is the user's word for the revision, empty where the workload tells.
    """
    known = {**state.revisions, **found}
    revisions = {name: known[name] for name in clusters if name in known}
    # It is new where it is new on any cluster; one that joins or leaves brings nothing new.
    is_new = any(state.revisions.get(name, revision) != revision for name, revision in found.items())
    # Not by who answered: where no workload tells anything, one cluster that is late would be another revision.
    told = {name: revision for name, revision in revisions.items() if revision}
    latest = state.latest if state.latest and not is_new else content_hash(told)[:10]
    return replace(state, revisions=revisions, latest=given or latest)

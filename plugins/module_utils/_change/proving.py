# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a change. What proves more than ``written`` is a third of the engine, and imported for that only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ansible_collections.onemesh.istio.plugins.module_utils._change.setup import Setup
from ansible_collections.onemesh.istio.plugins.module_utils._proof import levels
from ansible_collections.onemesh.istio.plugins.module_utils._proof.levels import Changed, Proof

if TYPE_CHECKING:
    from ansible_collections.onemesh.istio.plugins.module_utils._proof.prove import Baseline


def baseline(setup: Setup, clusters: Iterable[str]) -> Baseline | None:
    """What has to be known before the first write, of all clusters that answer; None for the level ``written``.

    Its findings say which istiods cannot be asked: then the level cannot be reached.
    """
    if setup.level == levels.WRITTEN:
        return None
    from ansible_collections.onemesh.istio.plugins.module_utils._proof import prove as proofs

    return proofs.baseline(setup.fleet, setup.level, clusters, deadline=max(setup.request_timeout * 2, 10.0))


def prove(setup: Setup, before: Baseline | None, changes: Mapping[str, Sequence[Changed]]) -> Proof:
    """Wait until the changes of each cluster have got as far as is asked for. Never raises for what is late or bad."""
    made = {name: changed for name, changed in changes.items() if changed}
    if before is None:
        return levels.written(made)
    from ansible_collections.onemesh.istio.plugins.module_utils._proof import prove as proofs

    return proofs.prove(
        setup.fleet,
        setup.level,
        before,
        made,
        timeout=setup.proof_timeout,
        progress=setup.progress,
        window=setup.proof_window,
    )

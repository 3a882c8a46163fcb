# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a change. What proves more than ``written`` is a third of the engine, and imported for that only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .._proof import levels
from .._proof.levels import Changed, Proof
from .setup import Setup

if TYPE_CHECKING:
    from .._proof.prove import Baseline
    from .settle import Payment


def take_baseline(setup: Setup, clusters: Iterable[str]) -> Baseline | None:
    """What has to be known before the first write, of all clusters that answer; None for the level ``written``.

    Its findings say which istiods cannot be asked: then the level cannot be reached.
    """
    if setup.level == levels.WRITTEN:
        return None
    from .._proof import prove as proofs

    return proofs.take_baseline(setup.fleet, setup.level, clusters, deadline=max(setup.request_timeout * 2, 10.0))


def prove(setup: Setup, before: Baseline | None, changes: Mapping[str, Sequence[Changed]]) -> Proof:
    """Wait until the changes of each cluster have got as far as is asked for. Never raises for what is late or bad."""
    made = {name: changed for name, changed in changes.items() if changed}
    if before is None:
        return levels.prove_written(made)
    from .._proof import prove as proofs

    return proofs.prove(
        setup.fleet,
        setup.level,
        before,
        made,
        timeout=setup.proof_timeout,
        progress=setup.progress,
        window=setup.proof_window,
    )


class Stages:
    """Whether proxies have one stage of a change before the next is made, where that is asked for at all.

    The gateway of one cluster may get a subset later than the clients of another get the route that leads to it, and
    lose it earlier. The connections in between would be reset. ``late`` is the proof that did not hold.
    """

    def __init__(self, setup: Setup, before: Baseline | None) -> None:
        self._setup = replace(setup, level=levels.ACKNOWLEDGED, proof_window=0.0)
        self._before = before if levels.reaches(setup.level, levels.ACKNOWLEDGED) else None
        self.late: Proof | None = None

    def have(self, changes: Mapping[str, Sequence[Changed]]) -> bool:
        """Wait until all of this is acknowledged."""
        if self._before is None or not any(changes.values()):
            return True
        proof = prove(self._setup, self._before, changes)
        self.late = None if proof.holds else proof
        return proof.holds

    def have_lost(self, paid: Mapping[str, Sequence[Payment]]) -> bool:
        """Wait until what was taken away is acknowledged to be gone."""
        return self.have(list_gone(paid))


def list_gone(paid: Mapping[str, Sequence[Payment]]) -> dict[str, list[Changed]]:
    """Paid obligations as changes."""
    return {
        name: [Changed(each.before, each.after, each.started, each.finished) for each in payments if each.changed]
        for name, payments in paid.items()
    }

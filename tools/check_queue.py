"""Which check is to start next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    name: str
    needs_lab: bool = False


@dataclass(frozen=True)
class Lanes:
    """How many checks run at the same time, and how many of these with a lab."""

    all: int
    with_lab: int


def take_next(waiting: Sequence[Check], running: Collection[Check], *, lab_built: bool, lanes: Lanes) -> Check | None:
    """The first that may start now, in the order given."""
    if len(running) >= lanes.all:
        return None
    labs = sum(check.needs_lab for check in running)
    for check in waiting:
        if not check.needs_lab or (lab_built and labs < lanes.with_lab):
            return check
    return None

"""Which check is to start next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`alone`: it measures traffic, so that nothing may run beside it."""

    name: str
    needs_lab: bool = False
    alone: bool = False


def take_next(waiting: Sequence[Check], running: Collection[Check], *, lab_built: bool, lanes: int) -> Check | None:
    """The first that may start now, in the order given; those that run alone come after all others."""
    if len(running) >= lanes or any(check.alone for check in running):
        return None
    for check in waiting:
        if check.needs_lab and not lab_built:
            continue
        if check.alone and (running or not all(other.alone for other in waiting)):
            continue
        return check
    return None

"""Which check is to start next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`quiet`: it measures traffic, so no other check with a lab runs beside it."""

    name: str
    needs_lab: bool = False
    quiet: bool = False


def take_next(waiting: Sequence[Check], running: Collection[Check], *, lab_built: bool, lanes: int) -> Check | None:
    """The first that may start now, in the order given; quiet ones come after all others with a lab."""
    if len(running) >= lanes:
        return None
    labs = [check for check in running if check.needs_lab]
    for check in waiting:
        if not check.needs_lab:
            return check
        if not lab_built or any(other.quiet for other in labs):
            continue
        if check.quiet and (labs or not all(other.quiet for other in waiting if other.needs_lab)):
            continue
        return check
    return None

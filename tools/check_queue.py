"""Which check is to start next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`measures_traffic`: others give way to it, and no other such check runs beside it."""

    name: str
    needs_lab: bool = False
    measures_traffic: bool = False


def take_next(waiting: Sequence[Check], running: Collection[Check], *, lab_built: bool, lanes: int) -> Check | None:
    """The first that may start now, in the order given."""
    if len(running) >= lanes:
        return None
    is_measured = any(check.measures_traffic for check in running)
    for check in waiting:
        waits_for_programs = check.needs_lab and not lab_built
        if not waits_for_programs and not (check.measures_traffic and is_measured):
            return check
    return None

"""How long a container that ended waits before it starts again. Pure."""

from __future__ import annotations

FIRST = 0.5
LONGEST = 10.0
# A container that ran this long is healthy: the next end waits the first delay again.
FORGIVEN = 30.0


def delay(ends_in_a_row: int) -> float:
    """Seconds before the next start: 0.5 doubling to 10."""
    return float(min(LONGEST, FIRST * 2 ** min(max(0, ends_in_a_row - 1), 10)))


def ends_in_a_row(before: int, seconds_run: float) -> int:
    """The count after one more end, of a process that ran so long."""
    return 1 if seconds_run >= FORGIVEN else before + 1

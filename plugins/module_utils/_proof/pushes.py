# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of istiod's pushes contains a change. Pure: fed with what each look at an istiod brought.

istiod numbers its pushes from 1. A change reaches its store, then its handlers, which ask for a push; requests are
collected until none came for PILOT_DEBOUNCE_AFTER (pilot/pkg/xds/discovery.go, debounce), then the next push is made of
all. Nothing says which push holds which change, so it is bounded: the push is later than the last one that was counted
while the store did not show the change, and no later than the newest one once istiod has been quiet for longer than it
collects, or has made two more since the store showed it. The assumption that is left: a handler runs within SLACK
seconds of the store's update.
"""

from __future__ import annotations

SLACK = 0.3
"""Seconds that are allowed beyond what istiod collects and prepares."""
IDLE = 3.0
"""Seconds without any push or request for one, after which a change is taken to be one that istiod makes none for."""


class PushTracker:
    """One istiod process. ``floor`` is below the number of our push, ``ceiling`` not (None: not known yet)."""

    def __init__(self, pushes_before: int, *, debounce: float) -> None:
        self.floor = pushes_before
        self.ceiling: int | None = None
        self._debounce = debounce
        self._stored_at: float | None = None
        self._pushes_when_stored = 0
        self._last = (pushes_before, -1)
        self._moved_at = 0.0

    @property
    def no_push(self) -> bool:
        """The change is in istiod's store, and istiod made no push for it."""
        return self.ceiling is not None and self.ceiling == self.floor

    def see(self, at: float, pushes: int, updates: int, preparation: float, *, stored: bool) -> None:
        """``pushes`` and ``updates`` were read before the store was, which ``stored`` is about; ``at`` in seconds."""
        if pushes < self._last[0]:
            # Another process, which counts from 1 and has read all anew.
            self.floor, self.ceiling, self._stored_at = 0, None, None
        if (pushes, updates) != self._last:
            self._last, self._moved_at = (pushes, updates), at
        if self.ceiling is not None:
            return
        if not stored:
            self.floor, self._stored_at = pushes, None
            return
        if self._stored_at is None:
            self._stored_at, self._pushes_when_stored, self._moved_at = at, pushes, at
        settles = self._debounce + 2 * preparation + SLACK
        quiet = at - self._moved_at
        if pushes > self.floor:
            two_more = pushes >= self._pushes_when_stored + 2 and at - self._stored_at >= settles
            if quiet >= settles or two_more:
                self.ceiling = pushes
        elif quiet >= settles + IDLE:
            self.ceiling = pushes

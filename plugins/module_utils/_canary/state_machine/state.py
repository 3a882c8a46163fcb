# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release stands, and its written form. Pure.

Position and counters are stored, never read off the live weights, so that a run goes on wherever it was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from ..._change.objects import content_hash
from ..model import ALL_WAVES, Phase, PlanStep, Verdict

FORMAT = 1


class UnreadableState(ValueError):
    """What is stored is no state of this version of the collection."""


@dataclass(frozen=True)
class Position:
    """What all clusters are to be like; see ``targets.targets`` for what that is on each.

    ``step`` is the index into the schedule, -1 before it begins.

    - ``forward``: as the step says.
    - ``back``: as the step says, but the canary has at most ``cap``, and nothing is matched or mirrored. While ``kept``
      users stay where they are.
    - ``canary``: the stable side is not usable, and the canary has everything.

    ``wave`` is the one that ``back``, ``canary`` or ``size`` are about; all others are as the step says.
    ``over`` is the wave whose canary had everything before, whatever the step says. ``restore``: the pod template that
    the stable side had before the promotion is put back. ``scaled``: the canary is gone, of a failed release or before
    the first one. ``size`` is the canary's least size in percent, whatever the step says: pods come before requests.
    ``keeps``: and they go after them, so no canary gets smaller than it is found. ``forced``: a person has passed over
    what guards the step.

    ``places`` are the steps that the waves are at (``targets.places_at``), and ``plan`` is the hash of the schedule up
    to there: a position means the same after the plan was changed.
    """

    step: int = -1
    mode: Literal["forward", "back", "canary"] = "forward"
    cap: int = 0
    wave: int = ALL_WAVES
    restore: bool = False
    scaled: bool = False
    over: int | None = None
    kept: bool = False
    size: int = 0
    keeps: bool = False
    forced: bool = False
    places: tuple[PlanStep, ...] = ()
    plan: str = ""

    @property
    def place(self) -> PlanStep | None:
        """The step itself."""
        return next((each for each in self.places if each.index == self.step), None)

    @property
    def wave_under_way(self) -> int:
        """The wave that the step is about."""
        waves = {each.wave for each in self.places if each.index == self.step}
        return waves.pop() if len(waves) == 1 else ALL_WAVES


@dataclass(frozen=True)
class Hold:
    """Why a release does not go on until a person resumes: a person said so, an analysis does not know, or a promotion
    failed. ``text`` is for people."""

    kind: Literal["person", "analysis", "promotion"]
    text: str


@dataclass(frozen=True)
class Transition:
    """One change of phase or position. ``time`` is seconds since the epoch."""

    time: float
    phase: Phase
    step: int
    reason: str


@dataclass(frozen=True)
class ReleaseState:
    """Times are in seconds since the epoch.

    ``position`` is what every cluster is known to have, ``intended`` what was begun and is not known to be everywhere.
    ``since`` is when the position was reached, ``settled`` when the last cluster had its routes, which may be later
    (None: one has yet to get them), ``checked`` when the last analysis was made, ``verdict`` what it said. ``plan`` is
    the hash of the schedule up to the position. ``done``: nothing is left to be done for this revision. ``promoted`` is
    the stable side's revision, ``previous`` the one that a rollback after the end puts back; both are empty where that
    is not known. ``subject`` is what is released: the sides and their routes. ``latest`` is the canary's newest
    revision, over all clusters; ``revisions`` is what was last seen on each of them, ``released`` what the release
    began with. ``failed`` counts failed analyses, ``tallies`` what each metric came to (see ``limits.py``).
    ``prepared``: the pre-rollout webhooks let it pass. ``behind`` are clusters that came back, and whose canary is not
    ready for its share yet. ``cause`` is why the release was rolled back, empty where it was not.
    """

    phase: Phase = "initializing"
    subject: str = ""
    revision: str = ""
    latest: str = ""
    revisions: Mapping[str, str] = field(default_factory=dict)
    released: Mapping[str, str] = field(default_factory=dict)
    promoted: str = ""
    previous: str = ""
    plan: str = ""
    position: Position = field(default_factory=Position)
    intended: Position | None = None
    started: float = 0.0
    since: float = 0.0
    settled: float | None = 0.0
    checked: float = 0.0
    verdict: Verdict | Literal[""] = ""
    failed: int = 0
    tallies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    prepared: bool = False
    hold: Hold | None = None
    behind: tuple[str, ...] = ()
    done: bool = False
    reason: str = ""
    cause: str = ""
    cookie: str = ""
    expired: tuple[str, ...] = ()
    history: tuple[Transition, ...] = ()

    def is_drained(self, now: float, seconds: float) -> bool:
        """Whether no cluster has sent more to the canary than the position says for so long."""
        return self.settled is not None and now >= max(self.since, self.settled) + seconds

    @property
    def run(self) -> str:
        """What tells this run from every other one, also of the same revision: approvals are bound to it. A text fit
        for an annotation, empty before the first run."""
        return content_hash([self.revision, self.started])[:10] if self.revision else ""

    @property
    def is_running(self) -> bool:
        return self.phase in ("progressing", "waiting_promotion", "promoting", "finalising")


def encode(state: ReleaseState) -> str:
    """JSON."""
    return json.dumps({"format": FORMAT, **asdict(state)}, separators=(",", ":"), sort_keys=True)


def decode(text: str) -> ReleaseState:
    """The state of its written form. Raises UnreadableState."""
    try:
        document: dict[str, Any] = json.loads(text)
        version = document.pop("format")
        if version != FORMAT:
            raise UnreadableState(f"its format is {version}, this version of the collection reads {FORMAT}")
        # Earlier versions have remembered that a gate was open once. It is asked again.
        document.pop("approved", None)
        if "held" in document:
            document["hold"] = _hold_of_text(document.pop("held"))
        unknown = set(document) - {each.name for each in fields(ReleaseState)}
        if unknown:
            raise UnreadableState(f"it has unknown fields: {', '.join(sorted(unknown))}")
        return ReleaseState(**{**document, **_read_fields(document)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UnreadableState):
            raise
        raise UnreadableState(f"it cannot be read ({type(error).__name__}: {error})") from error


def _read_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    if document["phase"] not in get_args(Phase):
        raise UnreadableState(f"it has the unknown phase {document['phase']}")
    intended = document["intended"]
    return {
        "position": _position(document["position"]),
        "intended": None if intended is None else _position(intended),
        "hold": Hold(**document["hold"]) if document.get("hold") else None,
        "expired": tuple(document["expired"]),
        "behind": tuple(document["behind"]),
        "history": tuple(Transition(**each) for each in document["history"]),
    }


def _hold_of_text(text: str) -> dict[str, str] | None:
    """What earlier versions have written: the text alone."""
    kinds = {"asked for": "person", "the promotion failed": "promotion"}
    return {"kind": kinds.get(text, "analysis"), "text": text} if text else None


def _position(document: Mapping[str, Any]) -> Position:
    known = {name: value for name, value in document.items() if name != "bare"}
    # Earlier versions gave waves that have not begun their pods, unless the position was bare.
    known.setdefault("keeps", bool(document["size"]) or not document.get("bare", True))
    return Position(**{**known, "places": tuple(PlanStep(**each) for each in document["places"])})

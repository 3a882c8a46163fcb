# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a release does what it does, or waits. Decisions go by ``kind``, ``what`` and ``about``; the text is made from
them here, for people, and in no other place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

ReasonKind = Literal[
    "analysis",
    "cluster",
    "gate",
    "hold",
    "person",
    "plan",
    "promotion",
    "revision",
    "rollback",
    "step",
    "stored",
    "time",
    "webhook",
]


@dataclass(frozen=True)
class Reason:
    """``kind`` and ``what`` say which reason it is, ``about`` the gate, the cluster, the revision or the step that it
    is about, ``values`` what else its text has in it."""

    kind: ReasonKind
    what: str
    about: str = ""
    values: tuple[str | float, ...] = ()


TEXTS: Mapping[tuple[ReasonKind, str], str] = {
    ("analysis", "result"): "{0}",
    ("analysis", "verdict"): "the analysis says {0}",
    ("analysis", "verdict-of-step"): "the analysis of this step says {0}",
    ("analysis", "threshold"): "{0} of {1} failed analyses",
    ("analysis", "limit"): "{0}",
    ("cluster", "away"): "{about} is away: {0}",
    ("cluster", "owed"): "{about} is away and still owed: {0}",
    ("cluster", "not-ready"): "{about}: the {0} side is not ready: {1}",
    ("cluster", "failed"): "{about}: the {0} side failed: {1}",
    ("cluster", "routes"): "{about} still routes to the canary side",
    ("cluster", "may-route"): "{about} may still route to the canary side: {0}; bring it back, or take it out",
    ("cluster", "no-canary"): "{about} has no canary any more",
    ("cluster", "catches-up"): "{about}: has its pods, and gets its share",
    ("cluster", "set-up"): "{about}: its stable side is being set up",
    ("cluster", "repaired"): "{about}: {0}; put right",
    ("gate", "closed"): "gate {about} is closed",
    ("hold", "held"): "held: {0}",
    ("hold", "held-at-canary"): "held: {0}; everybody gets the canary",
    ("person", "hold"): "asked for",
    ("person", "rollback"): "a person asked for it",
    ("person", "refusal"): "a person refused it",
    ("person", "no-restart"): "nothing is restarted while the release is {0}",
    ("person", "nothing-to-do"): "there is nothing to {about}: the release is {0}",
    ("plan", "changed"): "the plan was changed in what is done already; roll back, or put the plan back",
    ("plan", "no-step"): "there is no step to {about} to",
    ("promotion", "failed"): "the promotion failed",
    ("promotion", "retried"): "the promotion is tried again",
    ("promotion", "stable-unusable"): "the stable side is not usable, so nothing is moved",
    ("promotion", "none-usable"): "neither side is usable, so nothing is moved",
    ("promotion", "to-canary"): "the promotion failed, everybody gets the canary: {0}",
    ("promotion", "waits"): "the promotion waits",
    ("promotion", "resumed"): "the stable side is ready, the promotion goes on with {about}",
    ("revision", "not-seen"): "there is no revision to be seen",
    ("revision", "routes-known"): "the routes are known",
    ("revision", "becomes-stable"): "revision {about} becomes the stable side",
    ("revision", "is-stable-side"): "revision {about} is the stable side",
    ("revision", "is-back"): "revision {about} is back, which is the stable one",
    ("revision", "after-failed-promotion"): "revision {about} has come, and the promotion failed",
    ("revision", "waits-for-return"): "revision {about} waits until users can go back to the stable side",
    ("revision", "replaces"): "revision {about} replaces {0}; it begins from the start",
    ("revision", "begins"): "revision {about} begins",
    ("revision", "waits"): "revision {about} waits",
    ("revision", "not-new"): "revision {about} is no new one any more",
    ("revision", "stands"): "revision {about} is {0}",
    ("rollback", "begins"): "rolling back: {0}",
    ("rollback", "begins-in-wave"): "rolling back on {about}: {0}",
    ("rollback", "lowered"): "users go back to the stable side, the canary has {0}",
    ("rollback", "done"): "rolled back",
    ("rollback", "done-without"): "rolled back; the canary stays, for {about} may still route to it",
    ("step", "taken"): "{about}",
    ("step", "forced"): "{about} (a person asked to {0})",
    ("step", "resumed"): "goes on with {about}",
    ("step", "last"): "this task goes no further than {about}",
    ("step", "canary-grows"): "the canary grows to {0} % for {about}",
    ("step", "canary-has-size"): "{about}: the canary has its size",
    ("stored", "reason"): "{0}",
    ("time", "step"): "{about} lasts {0:.0f} s more",
    ("time", "rollback"): "the weight falls on in {0:.0f} s",
    ("time", "drain"): "the canary drains for {0:.0f} s more",
    ("webhook", "failed"): "the {about} webhook failed",
    ("webhook", "closed"): "the {about} webhook holds",
    ("webhook", "no-answer"): "the {about} webhook has not answered yet",
    ("webhook", "rollback"): "the {about} webhook asked for it",
}


def describe(reason: Reason) -> str:
    """The reason as a person reads it."""
    return TEXTS[reason.kind, reason.what].format(*reason.values, about=reason.about)


def describe_all(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Each text once."""
    return tuple(dict.fromkeys(describe(reason) for reason in reasons))


def join(reasons: Iterable[Reason]) -> str:
    """Several reasons in one text."""
    return "; ".join(describe(reason) for reason in reasons)

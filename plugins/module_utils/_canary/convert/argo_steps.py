# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a Rollout as steps of a plan. Pure."""

from __future__ import annotations

from typing import Any

from ..._times import go_seconds
from ..workloads.workloads import canary_size
from .argo_analysis import RolloutAnalysis
from .istio_words import STRING_MATCH
from .manifest_reader import ANY, ManifestPart

_WHY_UNKNOWN = "Argo knows no such way to match"
_LONGEST_NUMBER = 9


class StepReader:
    """Reads them one after the other: what a pause means depends on what stands before it. ``matches`` are those of the
    header routes. ``total`` is what weights are parts of, ``replicas`` the size of the workload, if it is known."""

    def __init__(self, analysis: RolloutAnalysis, total: int, replicas: int | None) -> None:
        self.matches: list[dict[str, Any]] = []
        self._analysis = analysis
        self._total = total
        self._replicas = replicas
        self._made: list[dict[str, Any]] = []

    @property
    def sizes(self) -> bool:
        """Whether any step says how large the canary is."""
        return any("replicas" in each for each in self._made)

    def take(self, step: ManifestPart) -> None:
        """Read one step. Of one that does several things Argo takes none; here the others are told as unread."""
        kinds = {
            "setWeight": self._take_weight,
            "pause": self._take_pause,
            "analysis": self._take_analysis,
            "setCanaryScale": self._take_scale,
            "setHeaderRoute": self._take_header_route,
            "setMirrorRoute": self._take_mirror_route,
        }
        kind = next((kind for kind in kinds if step.has(kind)), None)
        if kind is not None:
            kinds[kind](step)
        else:
            names = step.names
            step.differs(
                "", f"there is no step like {', '.join(names) or 'it'}", "leave it out, or ask it in a webhook"
            )
            step.ignore(*names)

    def finish(self, given: ManifestPart) -> list[dict[str, Any]]:
        """The steps of the plan, one at least."""
        if not self._made:
            given.differs(
                "steps",
                "without steps Argo replaces pods as a Deployment does; here it is one step",
                "write steps",
            )
            return [{"weight": self._total}]
        if self.sizes:
            given.differs(
                "steps",
                "for setCanaryScale the release scales the Deployment (workload.scale), which has pods only while the "
                "release needs them",
                "nothing",
            )
        else:
            given.differs(
                "steps",
                "the canary has its full size from the start; in Argo it grows with the weight",
                "put {replicas: PERCENT} before a weight, and workload.scale: true",
            )
        return self._made

    def _take_weight(self, step: ManifestPart) -> None:
        weight = step.whole("setWeight")
        if weight is not None:
            self._made.append({"weight": weight, "interval": 0})

    def _take_pause(self, step: ManifestPart) -> None:
        pause = step.part("pause")
        duration = pause.number_or_text("duration")
        if duration is None:
            self._made.append({"pause": True})
            return
        seconds = _seconds_of(duration)
        if seconds is None or seconds < 0:
            pause.differs("duration", f"{duration!r} is no length of time, so that a person ends it", "write it right")
            self._made.append({"pause": True})
            return
        last = self._made[-1] if self._made else {}
        # A weight that nothing has followed lasts for the time of the pause.
        if "weight" in last and last["interval"] == 0:
            self._made[-1] = {**last, "interval": seconds}
        elif seconds:
            self._made.append({"pause": seconds})

    def _take_analysis(self, step: ManifestPart) -> None:
        part = step.part("analysis")
        made, names = self._analysis.take_inline(part)
        self._made.append(made)
        step.differs(
            "",
            f"it runs {names or 'templates'} for as long as these say; here so many analyses are made, in which all "
            "metrics of the release are asked, and theirs in every other analysis too",
            "see that analysis.metrics and the number fit",
        )

    def _take_scale(self, step: ManifestPart) -> None:
        scale = step.part("setCanaryScale")
        weight, wanted, follows = scale.whole("weight"), scale.whole("replicas"), scale.truth("matchTrafficWeight")
        percent: int | None = None
        if weight is not None:
            percent = -(-100 * weight // self._total)
        elif wanted is not None and self._replicas:
            percent = _percent_of(wanted, self._replicas)
        elif wanted is not None:
            step.differs("", "spec.replicas is not known, of which it would be a part", "put {replicas: PERCENT} there")
        else:
            why = "the canary's size does not follow its weight by itself" if follows else "it says no size"
            step.differs("", why, "put {replicas: PERCENT} before each weight")
        if percent is None:
            return
        if not 0 <= percent <= 100:
            step.differs("", f"it comes to {percent} % of the full size, and 100 % is the most", "give a part of it")
            percent = max(0, min(100, percent))
        pods = canary_size(self._replicas, percent) if self._replicas else None
        if wanted is not None and weight is None and pods != wanted:
            step.differs(
                "", f"{wanted} of {self._replicas} pods come to {percent} %, which are {pods}", "nothing, mostly"
            )
        self._made.append({"replicas": percent})

    def _take_header_route(self, step: ManifestPart) -> None:
        route = step.part("setHeaderRoute")
        route.ignore("name")
        wanted: dict[str, Any] = {}
        for match in route.parts("match"):
            header = match.required("headerName")
            wanted[header] = match.words("headerValue", STRING_MATCH, _WHY_UNKNOWN) or {}
        # All of one header route have to match.
        together = {"headers": wanted}
        if wanted and together not in self.matches:
            if self.matches:
                step.differs(
                    "",
                    "another header route was there before; here one set of matches is on or off",
                    "see whether all of match may be on at the same time",
                )
            self.matches.append(together)
        self._made.append({"matched": bool(wanted)})

    def _take_mirror_route(self, step: ManifestPart) -> None:
        route = step.part("setMirrorRoute")
        route.ignore("name")
        share = route.whole("percentage")
        matched = list(route.parts("match"))
        for match in matched:
            for name, shape in (("method", STRING_MATCH), ("path", STRING_MATCH), ("headers", {ANY: STRING_MATCH})):
                match.words(name, shape, _WHY_UNKNOWN)
        if matched:
            step.differs("", "all requests are mirrored, and not only those that match", "see whether that will do")
        # Without a match Argo takes the route away.
        self._made.append({"mirror": (100 if share is None else share) if matched else 0})


def _seconds_of(duration: int | float | str) -> float | None:
    """As Argo reads a pause: a number is seconds, also as text; any other text has units."""
    if not isinstance(duration, str):
        return float(duration)
    if duration.isascii() and duration.isdigit() and len(duration) <= _LONGEST_NUMBER:
        return float(duration)
    return go_seconds(duration)


def _percent_of(wanted: int, replicas: int) -> int:
    """The percentage that comes to so many replicas, or else nearly: a share of them is rounded up."""
    if wanted <= 0 or wanted >= replicas:
        return 100 * wanted // replicas
    return min(
        range(1, 101), key=lambda each: (abs(canary_size(replicas, each) - wanted), abs(each * replicas - 100 * wanted))
    )

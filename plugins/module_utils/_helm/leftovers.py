# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a chart will own and that somebody else left: Helm imports none of them, and installs nothing. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._findings import Finding
from .finding_kinds import LEFTOVER, LEFTOVER_IN_USE, WEBHOOK_OF_A_GONE_ISTIO
from .manifest import ObjectIdentity, Owner, owner_of

REFUSE, ADOPT, REMOVE = CHOICES = ("refuse", "adopt", "remove")


@dataclass(frozen=True)
class Leftover:
    """One such object. ``owner`` is the other release that it names, ``holds`` how many objects of a definition."""

    id: ObjectIdentity
    api_version: str
    uid: str
    owner: Owner | None = None
    holds: int = 0
    calls: str = ""
    """The Service that a webhook calls and that is not there: while it stands, what it is asked about is refused."""

    def __str__(self) -> str:
        said = [f"of Helm release {self.owner.namespace}/{self.owner.name}"] if self.owner else []
        said += [f"calls Service {self.calls}, which does not exist"] if self.calls else []
        said += [f"with {self.holds} object{'s' if self.holds > 1 else ''}"] if self.holds else []
        return f"{self.id} ({'; '.join(said)})" if said else str(self.id)


def find_foreign(
    live: Mapping[ObjectIdentity, Mapping[str, Any] | None], owner: Owner
) -> dict[ObjectIdentity, Mapping[str, Any]]:
    """Those that are there without the marks of the release that will own them."""
    return {id_: there for id_, there in live.items() if there is not None and owner_of(there) != owner}


def find_not_removable(leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Definitions that still hold objects: those would end with it, and nobody asked for that."""
    return [each for each in leftovers if each.holds]


def report_leftovers(cluster: str, leftovers: Iterable[Leftover], choice: str, owned: bool = True) -> list[Finding]:
    """What stands in the way of an installation with this choice; empty where nothing does.

    ``owned`` says that a chart will own them; otherwise they are webhooks of an Istio that is gone.
    """
    leftovers = list(leftovers)
    if owned and choice == REFUSE and leftovers:
        return [
            Finding(
                cluster,
                LEFTOVER,
                f"the charts will own what somebody else left: {_join(leftovers)}",
                "to take them over set leftovers to adopt, which gives them Helm's marks and the charts' "
                f"content; to have exactly these deleted set it to remove{_tell_what_ends(leftovers)}"
                f"{_tell_still_listed(leftovers)}",
                object=str(leftovers[0].id),
            )
        ]
    if choice == REMOVE:
        return [
            Finding(
                cluster,
                LEFTOVER_IN_USE,
                f"{each} is to be removed, and its objects would be deleted with it",
                "to keep them set leftovers to adopt; or delete those objects yourself first",
                object=str(each.id),
            )
            for each in find_not_removable(leftovers)
        ]
    if owned or not leftovers:
        return []
    names = " ".join(f"{each.id.kind.lower()}/{each.id.name}" for each in leftovers)
    return [
        Finding(
            cluster,
            WEBHOOK_OF_A_GONE_ISTIO,
            f"webhooks of an Istio that is gone refuse what they are asked about: {_join(leftovers)}",
            "make that Service again if this Istio is to stay; else set leftovers to remove, or run "
            f"`kubectl delete {names}`: only these configurations go, nothing answers them",
            object=str(leftovers[0].id),
        )
    ]


def describe_still_listed(leftovers: Iterable[Leftover]) -> list[str]:
    """What there is to say of each release that the objects were of: Helm asks nobody whose they are now."""
    return [
        f"if Helm still lists release {owner.namespace}/{owner.name}, do not uninstall it, which would delete them: "
        f"`kubectl --namespace {owner.namespace} delete secret --selector owner=helm,name={owner.name}` forgets it"
        for owner in dict.fromkeys(each.owner for each in leftovers)
        if owner is not None
    ]


def _tell_still_listed(leftovers: list[Leftover]) -> str:
    return "".join(f"; {words}" for words in describe_still_listed(leftovers))


def _join(leftovers: list[Leftover], most: int = 30) -> str:
    shown = ", ".join(map(str, leftovers[:most]))
    return shown + (f" and {len(leftovers) - most} more" if len(leftovers) > most else "")


def _tell_what_ends(leftovers: list[Leftover]) -> str:
    count = sum(each.holds for each in leftovers)
    return f" ({count} objects of these resource types stand in the way of that)" if count else ""

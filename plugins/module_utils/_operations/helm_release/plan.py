# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operation ``helm_release`` decides: why Helm has to run, and what a person is shown of it. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.report import hide_data
from ..._helm import chart as charts
from ..._helm.drift import find_differing
from ..._helm.live import Difference
from ..._helm.manifest import ManifestObject, ObjectIdentity
from ..._helm.release import DEPLOYED, Chart, HelmRelease
from ..._masking import mask
from ..._summary.hunks import Hunk, merge_hunks
from ..._summary.lines import name_some
from ..._summary.summary import ClusterSummary


@dataclass(frozen=True)
class Wish:
    """A release that is asked for. ``chart`` is what lies in the folder; None where charts come from elsewhere."""

    name: str
    values: Mapping[str, Any] = field(repr=False)
    version: str = ""
    chart: Chart | None = field(default=None, repr=False)


def find_reasons(wish: Wish, release: HelmRelease | None) -> list[str]:
    """Why Helm has to make another revision, whatever stands on the cluster; empty where it has not."""
    if release is None:
        return ["it is not installed"]
    if release.status != DEPLOYED:
        return [f"its revision {release.revision} is {release.status}"]
    found = []
    if wish.chart is not None:
        other = charts.describe_other_content(release.chart, wish.chart)
        found += [f"other chart: {other}"] if other else []
    elif wish.version and not charts.is_same_version(release.chart.version, wish.version):
        found.append(f"other chart: {wish.version} in place of {release.chart.version}")
    if not charts.has_same_values(release.values, wish.values):
        where = find_differing(release.values, wish.values)
        found.append(f"other values: {', '.join(where) or 'their types'}")
    return found


def name_action(release: HelmRelease | None, reasons_: Iterable[str], differences: Iterable[Difference]) -> str:
    """What Helm's run is called: installed, upgraded, repaired (nothing but the cluster had changed) or unchanged."""
    if release is None:
        return "installed"
    if list(reasons_):
        return "upgraded"
    return "repaired" if list(differences) else "unchanged"


def describe_differences(differences: Iterable[Difference], most: int = 4) -> list[str]:
    """Differences in few words."""
    found = [str(each) for each in differences]
    return found[:most] + ([f"{len(found) - most} more objects"] if len(found) > most else [])


def summarize_releases(releases: Sequence[Mapping[str, Any]], *, foretold: bool) -> ClusterSummary:
    """What became of the releases of a cluster, each with the reason."""

    def tell(action: str) -> tuple[str, ...]:
        return tuple(_describe_release(each, foretold=foretold) for each in releases if each["action"] == action)

    facts = {
        "freed": [f"{each['name']} of the record {each['recovered']}" for each in releases if each["recovered"]],
        "adopted": [name for each in releases for name in each["adopted"]],
    }
    return ClusterSummary(
        looked_at=len(releases),
        made=tell("installed"),
        changed=tell("upgraded"),
        put_right=tell("repaired"),
        removed=tuple(name for each in releases for name in each["removed"]),
        facts={label: name_some(words) for label, words in facts.items() if words},
    )


def _describe_release(release: Mapping[str, Any], *, foretold: bool) -> str:
    """In check mode Helm has made no revision yet."""
    revision = "" if foretold else f", revision {release['revision']}"
    return f"release {release['name']}{revision} ({'; '.join(release['reasons'])})"


Diff = list[dict[str, Any]]


def diff_of_differences(cluster: str, differences: Iterable[Difference]) -> list[Hunk]:
    """What stands there, and what will."""
    return [_entry(cluster, each.id, each.before, each.after) for each in differences]


def diff_of_manifests(cluster: str, before: Iterable[ManifestObject], after: Iterable[ManifestObject]) -> list[Hunk]:
    """What a manifest said, and what the next one says."""
    old, new = {each.id: each.object for each in before}, {each.id: each.object for each in after}
    return [_entry(cluster, id_, old.get(id_), new.get(id_)) for id_ in {**old, **new} if old.get(id_) != new.get(id_)]


def diff_of_values(cluster: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Hunk]:
    if charts.has_same_values(before, after):
        return []
    return [Hunk(cluster, f"values of release {name}", dict(before), dict(after))]


def _entry(
    cluster: str, id_: ObjectIdentity, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Hunk:
    return Hunk(cluster, str(id_), _show(before), _show(after))


def _show(manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    shown = hide_data(manifest)
    if shown.get("kind") == "CustomResourceDefinition" and "spec" in shown:
        # Pages of schema that nobody reads; that it is another one is to be seen.
        digest = hashlib.sha256(json.dumps(shown["spec"], sort_keys=True).encode()).hexdigest()
        shown["spec"] = f"(not shown, sha256 {digest[:16]})"
    return shown


def make_diff(hunks: Iterable[Hunk], *values: Mapping[str, Any]) -> Diff:
    """A diff without the values whose names say that they are secret, wherever a chart has put them."""
    diff = merge_hunks(hunks)
    secrets = {each for one in values for each in _list_secrets(one)}
    return _hide(diff, secrets) if secrets else diff


def _hide(shown: Any, secrets: set[str]) -> Any:
    if isinstance(shown, Mapping):
        return {key: _hide(value, secrets) for key, value in shown.items()}
    if isinstance(shown, list):
        return [_hide(value, secrets) for value in shown]
    return mask(shown, secrets, by="(not shown)") if isinstance(shown, str) else shown


_SECRET_WORDS = ("password", "passphrase", "token", "privatekey", "clientsecret", "dockerconfig", "apikey")
_LEAST = 4
"""Shorter text is in every sentence, and hides nothing."""


def _list_secrets(values: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _list_secrets(value, secret or _is_secret(str(key)))
    elif isinstance(values, list):
        for value in values:
            yield from _list_secrets(value, secret)
    elif secret and isinstance(values, str) and len(values) >= _LEAST:
        yield values


def _is_secret(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "").replace(".", "")
    return any(word in plain for word in _SECRET_WORDS)

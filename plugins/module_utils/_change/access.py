# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account must be allowed to do before a change starts, and what it is not: asked, never tried."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from .._finding_kinds import PERMISSION_MISSING
from .._findings import Finding
from .._kube.client import Client
from .._kube.kinds import Kind

_CONNECTIONS = 8
"""As many as a client keeps open."""
_NAMED = 5
"""So many namespaces are named in a message."""


@dataclass(frozen=True)
class Need:
    """One verb on one type; ``namespace`` None is all namespaces, or a type that is in none."""

    verb: str
    kind: Kind
    namespace: str | None
    subresource: str = ""

    @property
    def resource(self) -> str:
        """As a rule of a role names it: ``virtualservices``, ``serviceaccounts/token``."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    @property
    def everywhere(self) -> Need:
        """The same in all namespaces: what one review can settle for many."""
        return replace(self, namespace=None)


def find_missing(client: Client, needs: Iterable[Need]) -> list[Need]:
    """The needs that the API server does not allow, in the order given. Raises KubeError where it cannot be asked.

    One SelfSubjectAccessReview for each verb on a type; only where that is denied, one for each namespace.
    """
    wanted = list(dict.fromkeys(needs))
    with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix=f"access-{client.cluster}") as pool:

        def denied(asked: Iterable[Need]) -> set[Need]:
            distinct = list(dict.fromkeys(asked))
            answers = pool.map(lambda need: is_allowed(client, need), distinct)
            return {need for need, allowed in zip(distinct, answers, strict=True) if not allowed}

        everywhere = denied(need.everywhere for need in wanted)
        unsettled = [need for need in wanted if need.everywhere in everywhere]
        somewhere = denied(need for need in unsettled if need != need.everywhere)
        return [need for need in unsettled if need in everywhere or need in somewhere]


def is_allowed(client: Client, need: Need) -> bool:
    """What the API server says of one need. Raises KubeError."""
    return client.can_i(need.verb, need.kind, need.namespace, subresource=need.subresource)


def report_missing(cluster: str, missing: Iterable[Need], *, beyond: str = "") -> list[Finding]:
    """One finding with all that a cluster does not allow, or none. ``beyond`` says what to do instead. Pure."""
    lacks = _group_missing(missing)
    if not lacks:
        return []
    return [
        Finding(
            cluster,
            PERMISSION_MISSING,
            "the account in use may not " + "; ".join(lack.describe() for lack in lacks),
            beyond
            or "make a writer with these kinds (module onemesh.istio.writer, role onemesh.istio.link), and use its "
            "account; or grant the account in use "
            + "; ".join(lack.describe_rule() for lack in lacks),
        )
    ]


class _Lack(NamedTuple):
    """What one rule of a role would grant, and where: no namespaces are all of them."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    namespaces: tuple[str, ...]

    def describe(self) -> str:
        types = (f"{resource}.{self.group}" if self.group else resource for resource in self.resources)
        return f"{', '.join(self.verbs)} {', '.join(types)} in {_join_namespaces(self.namespaces)}"

    def describe_rule(self) -> str:
        group = self.group or '""'
        rule = f"apiGroups: [{group}], resources: [{', '.join(self.resources)}], verbs: [{', '.join(self.verbs)}]"
        return f"the rule {{{rule}}} in {_join_namespaces(self.namespaces)}"


def _group_missing(missing: Iterable[Need]) -> list[_Lack]:
    """Verbs, namespaces and types brought together as far as one rule says the same."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for need in dict.fromkeys(missing):
        verbs.setdefault((need.kind.group, need.resource, need.namespace or ""), []).append(need.verb)
    namespaces: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (group, resource, namespace), lacking in verbs.items():
        namespaces.setdefault((group, resource, tuple(lacking)), []).append(namespace)
    resources: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (group, resource, lacking_verbs), where in namespaces.items():
        # All namespaces include every one that is named beside.
        places = () if "" in where else tuple(where)
        resources.setdefault((group, lacking_verbs, places), []).append(resource)
    return [_Lack(group, tuple(types), lacking, where) for (group, lacking, where), types in resources.items()]


def _join_namespaces(namespaces: tuple[str, ...]) -> str:
    if not namespaces:
        return "the whole cluster"
    more = f" and {len(namespaces) - _NAMED} more" if len(namespaces) > _NAMED else ""
    word = "namespace" if len(namespaces) == 1 else "namespaces"
    return f"{word} {', '.join(namespaces[:_NAMED])}{more}"

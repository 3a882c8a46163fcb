# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``trust``: both clusters have a root in common, and their proxies trust it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..facts import ClusterFacts
from .check import Check, make_failed, without_istiod


def check(source: ClusterFacts, target: ClusterFacts) -> Check:
    """The first thing that is wrong with the roots of the two."""
    for facts in (source, target):
        if facts.cacerts_unreadable:
            return make_failed(
                "trust",
                facts,
                f"istiod cannot read what secret cacerts holds, and does not start with it again: "
                f"{'; '.join(facts.cacerts_unreadable)}",
                "run role trust, which writes it anew (with its option adopt where something else made it)",
                object=f"Secret {facts.istio_namespace}/cacerts",
            )
        if not facts.root_distributed:
            if not (facts.istiods or facts.istiods_not_ready):
                # Nobody makes one meanwhile, so it is not waited for.
                return make_failed("trust", facts, *without_istiod(facts))
            return make_failed(
                "trust",
                facts,
                f"config map {facts.istio_namespace}/istio-ca-root-cert has no root certificate: "
                "istiod has not written it",
                "see whether istiod is ready and what its log says about the certificate authority",
                eventual=True,
            )
        if facts.root_secret and not facts.root_secret & facts.root_distributed:
            return make_failed(
                "trust",
                facts,
                f"istiod hands out root {_shorten(facts.root_distributed)}, but secret cacerts holds "
                f"{_shorten(facts.root_secret)}: it has not taken the secret up",
                f"restart it: kubectl -n {facts.istio_namespace} rollout restart deployment -l app=istiod, "
                "then the gateways and workloads",
                object=f"Secret {facts.istio_namespace}/cacerts",
                eventual=True,
            )
    if not source.root_distributed & target.root_distributed:
        # The same words for both directions, so that it is one finding.
        one, other = sorted((source, target), key=lambda facts: facts.name)
        own = [facts.name for facts in (one, other) if not facts.root_secret]
        why = f"; {' and '.join(own)} signed its own, because it has no secret cacerts" if own else ""
        return make_failed(
            "trust",
            other,
            f"the roots differ: {one.name} trusts {_shorten(one.root_distributed)}, "
            f"{other.name} {_shorten(other.root_distributed)}{why}",
            "give both clusters intermediates of one root (role trust)",
        )
    stale = _find_stale_proxy(source) or _find_stale_proxy(target)
    if stale:
        return stale
    if source.root_distributed != target.root_distributed:
        return Check("trust", "ok", "one root in common, others differ: a root is being replaced")
    return Check("trust", "ok")


def _find_stale_proxy(facts: ClusterFacts) -> Check | None:
    for proxy, roots in facts.proxy_roots.items():
        if roots and facts.root_serials and not roots & facts.root_serials:
            pod, _separator, namespace = proxy.rpartition(".")
            return make_failed(
                "trust",
                facts,
                f"proxy {proxy} trusts another root than istiod hands out: it has run since before the root changed",
                f"restart it: kubectl -n {namespace} delete pod {pod}",
                object=f"Pod {namespace}/{pod}",
                eventual=True,
            )
    return None


def _shorten(fingerprints: Iterable[str]) -> str:
    return " and ".join(sorted(fingerprint[:12] for fingerprint in fingerprints)) or "none"

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records go from Istio's namespace, where earlier versions kept them, to their own.

A run that is killed at each write of the move, of the change after it, or of the removal of the namespace, and then run
again, ends as if it had not been killed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change import moving
from ansible_collections.onemesh.istio.plugins.module_utils._change.lease import SetLease
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import Record
from ansible_collections.onemesh.istio.plugins.module_utils._change.place import Place
from ansible_collections.onemesh.istio.plugins.module_utils._change.records import Records, record_name
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    LEASE,
    NAMESPACE,
    SECRET,
    VIRTUAL_SERVICE,
    Kind,
)
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import LABEL_MANAGED_BY, MANAGED_BY
from support.fault_runs import HUB, SOMEBODY, Forked, Kill, Site, forked
from support.fleet_runs import Planes

_KINDS = (SECRET, CONFIG_MAP, LEASE)


class Old:
    """A set whose record, in several Secrets, stands in an Istio's namespace, beside what is of a release."""

    def __init__(self, planes: Planes, name: str) -> None:
        self.site = Site(planes, name)
        self.hub = planes.clients[HUB]
        self.istio = f"istio-{name}"
        self.records = f"onemesh-{self.istio}"
        clusters = planes.clusters()
        self.options: dict[str, Any] = {"clusters": [{**each, "istio_namespace": self.istio} for each in clusters]}
        self.site.make_namespace()
        self.hub.apply(_of(NAMESPACE, self.istio), field_manager=SOMEBODY)
        self.change(100, ledger_namespace=self.istio).succeeded()
        ours = {LABEL_MANAGED_BY: MANAGED_BY}
        for live in (
            _of(CONFIG_MAP, "onemesh-canary-cart", self.istio, {moving.LABEL_RELEASE: "cart", **ours}),
            _of(CONFIG_MAP, "by-ada", self.istio, {moving.LABEL_APPROVAL: "cart"}),
            _of(CONFIG_MAP, "mesh", self.istio),
        ):
            self.hub.create({**live, "data": {"key": live["metadata"]["name"]}}, field_manager=SOMEBODY)

    def change(self, weight: int, kill: Kill | None = None, **options: Any) -> Forked:
        return self.once(kill, definition=self.site.objects(weight), **options)

    def once(self, kill: Kill | None = None, **options: Any) -> Forked:
        return forked(self.site.parameters(**self.options, **options), kill, part_bytes=300)

    def stored(self, namespace: str) -> set[str]:
        return {
            f"{kind.kind} {live['metadata']['name']}"
            for kind in _KINDS
            for live in self.hub.list(kind, namespace)
            if live["metadata"]["name"] != "kube-root-ca.crt"
        }

    def record(self) -> Record:
        return Records(Place(self.hub, self.records)).load("replicate", self.site.name)

    def is_moved(self, weight: int) -> None:
        assert self.stored(self.istio) == {"ConfigMap mesh"}
        head = f"Secret {record_name('replicate', self.site.name)}"
        stored = self.stored(self.records)
        assert {head, "ConfigMap onemesh-canary-cart", "ConfigMap by-ada"} <= stored
        parts = {f"Secret {each}" for each in self.record().parts}
        assert parts <= stored
        assert parts
        for client in self.site.clients.values():
            live = client.get(VIRTUAL_SERVICE, "reviews", self.site.name)
            assert live["spec"]["http"][0]["route"][0]["weight"] == weight

    def is_gone(self) -> None:
        """The state of the release goes by hand, as nothing else of it is there; then the namespace goes too."""
        for name in ("onemesh-canary-cart", "by-ada"):
            self.hub.delete(CONFIG_MAP, name, self.records)
        self.once(state="absent").succeeded()
        live = self.hub.find(NAMESPACE, self.records)
        assert live is None or live["metadata"]["deletionTimestamp"]
        assert self.stored(self.istio) == {"ConfigMap mesh"}
        assert self.site.leftovers() == []


def _of(kind: Kind, name: str, namespace: str | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels or {}, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def test_a_run_that_is_killed_at_each_write_is_finished_by_the_next(planes: Planes) -> None:
    undisturbed = Old(planes, "move")
    writes = undisturbed.change(20).succeeded().writes
    undisturbed.is_moved(20)
    undisturbed.is_gone()

    def trial(kill: Kill) -> str:
        old = Old(planes, f"move-{kill.when}-{kill.nth}")
        try:
            old.change(20, kill)
            old.change(20).succeeded()
            old.is_moved(20)
            assert old.change(20).succeeded().writes == 0
            old.is_gone()
        except AssertionError as error:
            return f"{kill}: {error}"
        return ""

    kills = [Kill(1, "before"), *(Kill(nth, "after") for nth in range(1, writes + 1))]
    with ThreadPoolExecutor(6) as pool:
        failed = list(filter(None, pool.map(trial, kills)))
    assert not failed, "\n".join(failed)


def test_check_mode_tells_of_records_where_they_are_and_moves_nothing(planes: Planes) -> None:
    old = Old(planes, "move-check")
    before = old.stored(old.istio)
    assert not old.site.run(check=True, definition=old.site.objects(100), **old.options).succeeded()["changed"]
    assert old.site.run(check=True, definition=old.site.objects(20), **old.options).succeeded()["changed"]
    assert old.stored(old.istio) == before
    assert old.hub.find(NAMESPACE, old.records) is None
    old.once(state="absent").succeeded()
    assert old.stored(old.istio) == {"ConfigMap mesh"}
    old.is_gone()


def test_a_run_of_an_earlier_version_holds_its_records_until_it_ends(planes: Planes) -> None:
    old = Old(planes, "move-held")
    held = SetLease(old.hub, old.istio, record_name("replicate", old.site.name))
    with held:
        said = old.site.run(definition=old.site.objects(20), **old.options).failed()
        assert f"Lease {old.istio}/onemesh-replicate-move-held is held by" in said
    old.change(20).succeeded()
    old.is_moved(20)


def test_two_records_that_differ_are_both_left_and_named(planes: Planes) -> None:
    old = Old(planes, "move-twice")
    old.change(20).succeeded()
    # An earlier version comes again, and the namespace does not say that all is moved.
    old.change(40, ledger_namespace=old.istio)
    unsettled = {"metadata": {"annotations": {"onemesh.istio/records-of": None}}}
    old.hub.patch(NAMESPACE, old.records, None, unsettled)
    before = (old.stored(old.istio), old.stored(old.records))
    said = old.site.run(definition=old.site.objects(60), **old.options).failed()
    assert f"Secret {old.records}/onemesh-replicate-move-twice and Secret {old.istio}/" in said
    assert (old.stored(old.istio), old.stored(old.records)) == before


@pytest.mark.parametrize("labels", [{}, {LABEL_MANAGED_BY: "helm"}], ids=["of nobody", "of helm"])
def test_a_namespace_that_somebody_else_made_stays(planes: Planes, labels: dict[str, str]) -> None:
    old = Old(planes, f"move-foreign-{len(labels)}")
    old.hub.create(_of(NAMESPACE, old.records, labels=labels), field_manager=SOMEBODY)
    old.change(20).succeeded()
    old.is_moved(20)
    old.once(state="absent").succeeded()
    live = old.hub.get(NAMESPACE, old.records)
    assert live["status"]["phase"] == "Active"
    assert {**live["metadata"]["labels"], **labels} == live["metadata"]["labels"]

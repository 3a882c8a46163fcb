# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching and waiting against a real API server, over cut connections and forgotten versions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, Queue
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube import watch as watch_module
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import NotFound, Unreachable, WaitTimeout
from ansible_collections.onemesh.istio.plugins.module_utils._kube.watch import Event
from support.control_plane import ControlPlane
from support.faults import Wire
from support.ports import free_port

Connect = Callable[..., Client]
LONG = 60.0


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


class Follower:
    """A watch that runs in a thread; ``next`` gives its events one after another."""

    def __init__(self, client: Client, namespace: str, *, kind: kinds.Kind = kinds.CONFIG_MAP, **options: Any) -> None:
        self._kind = kind
        self._events: Queue[Event | BaseException] = Queue()
        self._client = client
        self._namespace = namespace
        self._options = {"timeout": LONG, **options}
        threading.Thread(target=self._run, daemon=True).start()

    def next(self) -> tuple[str, str]:
        try:
            event = self._events.get(timeout=20)
        except Empty:
            pytest.fail("no event came")
        if isinstance(event, BaseException):
            raise event
        return event.type, event.object["metadata"]["name"]

    def _run(self) -> None:
        try:
            for event in self._client.watch(self._kind, self._namespace, **self._options):
                self._events.put(event)
        except BaseException as error:
            self._events.put(error)


def test_what_is_there_and_what_happens(admin: Client, namespace: str) -> None:
    admin.create(config_map(namespace, "first"))
    follower = Follower(admin, namespace)
    assert follower.next() == ("ADDED", "first")
    admin.create(config_map(namespace, "second"))
    assert follower.next() == ("ADDED", "second")
    admin.apply(config_map(namespace, "second", a="1"), field_manager="test")
    assert follower.next() == ("MODIFIED", "second")
    admin.delete(kinds.CONFIG_MAP, "first", namespace)
    assert follower.next() == ("DELETED", "first")


def test_selectors(admin: Client, namespace: str) -> None:
    follower = Follower(admin, namespace, label_selector="colour=blue")
    admin.create(config_map(namespace, "red"))
    blue = config_map(namespace, "blue")
    blue["metadata"]["labels"] = {"colour": "blue"}
    admin.create(blue)
    assert follower.next() == ("ADDED", "blue")


def test_only_what_came_after_a_resource_version(admin: Client, namespace: str) -> None:
    version = admin.create(config_map(namespace, "first"))["metadata"]["resourceVersion"]
    admin.create(config_map(namespace, "second"))
    assert Follower(admin, namespace, resource_version=version).next() == ("ADDED", "second")


def test_cut_connections_lose_and_repeat_nothing(
    plane: ControlPlane, connect: Connect, admin: Client, namespace: str, wire: Wire
) -> None:
    admin.create(config_map(namespace, "0"))
    follower = Follower(connect({**plane.admin_options(), "host": wire.url}), namespace)
    assert follower.next() == ("ADDED", "0")
    for number in range(1, 4):
        wire.cut()
        admin.create(config_map(namespace, str(number)))
        assert follower.next() == ("ADDED", str(number))
    assert wire.accepted >= 4


def test_server_ends_connections(admin: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CONNECTION_SECONDS", 1)
    follower = Follower(admin, namespace)
    version = admin.create(config_map(namespace, "first"))["metadata"]["resourceVersion"]
    assert follower.next() == ("ADDED", "first")
    # Outlive the connection on which the first event came.
    for _ in admin.watch(kinds.CONFIG_MAP, namespace, timeout=1.5, resource_version=version):
        pytest.fail("nothing happens here")
    admin.create(config_map(namespace, "second"))
    assert follower.next() == ("ADDED", "second")


def lease(namespace: str, name: str, holder: str = "nobody") -> dict[str, Any]:
    return {
        "apiVersion": kinds.LEASE.api_version,
        "kind": kinds.LEASE.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"holderIdentity": holder},
    }


def test_forgotten_version_leads_to_a_new_list(plane: ControlPlane, admin: Client, namespace: str) -> None:
    version = admin.create(lease(namespace, "first"))["metadata"]["resourceVersion"]
    # Of what came and went only a history could tell.
    admin.create(lease(namespace, "passing"))
    admin.delete(kinds.LEASE, "passing", namespace)
    admin.create(lease(namespace, "second"))
    plane.forget_history()
    follower = Follower(admin, namespace, kind=kinds.LEASE, resource_version=version)
    assert sorted([follower.next(), follower.next()]) == [("ADDED", "first"), ("ADDED", "second")]
    admin.create(lease(namespace, "third"))
    assert follower.next() == ("ADDED", "third")


def test_history_lost_during_an_outage_is_told_as_the_difference(
    plane: ControlPlane, connect: Connect, admin: Client, namespace: str, wire: Wire
) -> None:
    """After a 410 the consumer hears of what went away, changed and came meanwhile, and of nothing else."""
    for name in ("gone", "kept", "made-again", "touched"):
        admin.create(lease(namespace, name))
    follower = Follower(connect({**plane.admin_options(), "host": wire.url}, timeout=2), namespace, kind=kinds.LEASE)
    assert sorted(follower.next()[1] for _ in range(4)) == ["gone", "kept", "made-again", "touched"]
    # Wait for the stream itself, so that the outage comes after it.
    admin.create(lease(namespace, "before"))
    assert follower.next() == ("ADDED", "before")
    wire.silent = True
    wire.cut()
    admin.delete(kinds.LEASE, "gone", namespace)
    admin.delete(kinds.LEASE, "made-again", namespace)
    admin.create(lease(namespace, "made-again"))
    for holder in ("somebody", "somebody-else"):
        admin.apply(lease(namespace, "touched", holder), field_manager="test", force=True)
    admin.create(lease(namespace, "passing"))
    admin.delete(kinds.LEASE, "passing", namespace)
    admin.create(lease(namespace, "new"))
    plane.forget_history()
    wire.silent = False
    wire.cut()
    assert sorted(follower.next() for _ in range(5)) == [
        ("ADDED", "made-again"),
        ("ADDED", "new"),
        ("DELETED", "gone"),
        ("DELETED", "made-again"),
        ("MODIFIED", "touched"),
    ]
    admin.create(lease(namespace, "last"))
    assert follower.next() == ("ADDED", "last")


def test_watch_ends_at_its_time_limit_on_a_silent_connection(
    plane: ControlPlane, connect: Connect, namespace: str, wire: Wire
) -> None:
    client = connect({**plane.admin_options(), "host": wire.url})
    version = client.create(config_map(namespace, "first"))["metadata"]["resourceVersion"]
    client.close()
    wire.silent = True
    ended = threading.Event()

    def follow() -> None:
        for _ in client.watch(kinds.CONFIG_MAP, namespace, timeout=2, resource_version=version):
            pass
        ended.set()

    threading.Thread(target=follow, daemon=True).start()
    assert ended.wait(20)


def test_first_list_raises_its_error(connect: Connect, admin: Client) -> None:
    with pytest.raises(NotFound, match="does not serve this resource"):
        next(admin.watch(kinds.VIRTUAL_SERVICE, "default", timeout=LONG))
    dead = connect({"host": f"https://127.0.0.1:{free_port()}", "api_key": "t"})
    with pytest.raises(Unreachable, match="refused"):
        dead.wait_for(kinds.CONFIG_MAP, "x", "default", lambda found: True, LONG)


def test_wait_for_an_object_that_comes_and_changes(admin: Client, namespace: str) -> None:
    seen: list[str] = []
    first_event = threading.Event()

    def observe(event: Event) -> None:
        seen.append(event.type)
        first_event.set()

    def write() -> None:
        admin.create(config_map(namespace, "subject", state="coming"))
        admin.create(config_map(namespace, "other", state="ready"))
        first_event.wait(20)
        admin.apply(config_map(namespace, "subject", state="ready"), field_manager="test", force=True)

    writer = threading.Thread(target=write)
    writer.start()
    found = admin.wait_for(
        kinds.CONFIG_MAP, "subject", namespace, lambda item: item["data"]["state"] == "ready", LONG, observe
    )
    writer.join()
    assert found["data"]["state"] == "ready"
    assert seen == ["ADDED", "MODIFIED"]


def test_wait_goes_on_over_an_outage(
    plane: ControlPlane, connect: Connect, admin: Client, namespace: str, wire: Wire
) -> None:
    admin.create(config_map(namespace, "subject", state="coming"))
    client = connect({**plane.admin_options(), "host": wire.url}, timeout=1)
    listed = threading.Event()
    result: Queue[Any] = Queue()

    def wait() -> None:
        result.put(
            client.wait_for(
                kinds.CONFIG_MAP,
                "subject",
                namespace,
                lambda item: item["data"]["state"] == "ready",
                LONG,
                lambda event: listed.set(),
            )
        )

    threading.Thread(target=wait, daemon=True).start()
    assert listed.wait(20)
    attempts = wire.accepted
    wire.silent = True
    while wire.accepted < attempts + 2:
        wire.cut()
        time.sleep(0.05)
    admin.apply(config_map(namespace, "subject", state="ready"), field_manager="test", force=True)
    wire.silent = False
    wire.cut()
    assert result.get(timeout=30)["data"]["state"] == "ready"


def test_wait_that_ends_says_what_was_seen_last(admin: Client, namespace: str) -> None:
    admin.create(config_map(namespace, "subject", state="coming"))
    with pytest.raises(WaitTimeout) as raised:
        admin.wait_for(kinds.CONFIG_MAP, "subject", namespace, lambda item: False, 0.5)
    assert raised.value.last is not None
    assert raised.value.last["data"] == {"state": "coming"}
    assert f"ConfigMap {namespace}/subject is not as awaited after 0.5 s" in str(raised.value)
    with pytest.raises(WaitTimeout, match=f"ConfigMap {namespace}/absent does not exist after"):
        admin.wait_for(kinds.CONFIG_MAP, "absent", namespace, lambda item: True, 0.5)


def test_wait_gone(admin: Client, namespace: str) -> None:
    held = config_map(namespace, "held")
    held["metadata"]["finalizers"] = ["mesh.test/hold"]
    admin.create(held)
    admin.delete(kinds.CONFIG_MAP, "held", namespace)
    with pytest.raises(WaitTimeout, match=r"waits for its finalizers mesh\.test/hold"):
        admin.wait_gone(kinds.CONFIG_MAP, "held", namespace, 0.5)
    released = threading.Event()
    waiter = threading.Thread(
        target=lambda: (admin.wait_gone(kinds.CONFIG_MAP, "held", namespace, LONG), released.set()), daemon=True
    )
    waiter.start()
    admin.patch(kinds.CONFIG_MAP, "held", namespace, {"metadata": {"finalizers": None}})
    assert released.wait(20)
    admin.wait_gone(kinds.CONFIG_MAP, "held", namespace, LONG)


def test_events_do_not_show_content(admin: Client, namespace: str) -> None:
    admin.create(config_map(namespace, "subject", key="looks-like-a-secret"))
    event = next(admin.watch(kinds.CONFIG_MAP, namespace, timeout=5))
    assert "looks-like-a-secret" not in repr(event)
    assert f"{namespace}/subject" in repr(event)

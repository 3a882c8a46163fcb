# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests through faults: what is sent again, what is not, and how long a server that does not answer can hold."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import (
    Conflict,
    Invalid,
    NotFound,
    ServerError,
    Throttled,
    Unreachable,
)
from support.control_plane import ADMIN_TOKEN, ControlPlane
from support.faults import Front, Wire
from support.ports import free_port

Connect = Callable[..., Client]
GENEROUS = 30.0
"""Seconds; far beyond any limit that these tests set, so reaching it means that the limit was not kept."""


def behind(plane: ControlPlane, url: str) -> dict[str, str]:
    return {**plane.admin_options(), "host": url}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def test_throttled_request_is_sent_again_after_the_time_asked_for(
    plane: ControlPlane, connect: Connect, front: Front
) -> None:
    front.script.extend([(429, {"Retry-After": "1"}), (503, {})])
    began = time.monotonic()
    assert connect(behind(plane, front.url)).version()["major"] == "1"
    assert time.monotonic() - began >= 1
    assert len(front.requests) == 3


def test_throttled_creation_is_sent_again(plane: ControlPlane, connect: Connect, front: Front, admin: Client) -> None:
    front.script.append((429, {"Retry-After": "0"}))
    connect(behind(plane, front.url)).create(config_map("throttled"))
    assert admin.delete(kinds.CONFIG_MAP, "throttled", "default") is True


def test_retry_after_beyond_the_time_limit_is_not_waited_for(
    plane: ControlPlane, connect: Connect, front: Front
) -> None:
    front.script.append((429, {"Retry-After": "3600"}))
    with pytest.raises(Throttled, match="still limits requests"):
        connect(behind(plane, front.url), timeout=GENEROUS).version()
    assert len(front.requests) == 1


def test_server_that_stays_unavailable(plane: ControlPlane, connect: Connect, front: Front) -> None:
    front.script.extend([(503, {})] * 100)
    with pytest.raises(ServerError) as raised:
        connect(behind(plane, front.url), timeout=1).version()
    assert raised.value.status == 503
    assert len(front.requests) > 1


def test_error_that_will_not_pass_is_not_retried(plane: ControlPlane, connect: Connect, front: Front) -> None:
    front.script.append((500, {}))
    with pytest.raises(ServerError):
        connect(behind(plane, front.url)).version()
    assert len(front.requests) == 1


def test_cut_off_apply_is_sent_again(plane: ControlPlane, connect: Connect, front: Front, admin: Client) -> None:
    front.script.extend(["pass", "cut"])
    applied = connect(behind(plane, front.url)).apply(config_map("cut-off", a="1"), field_manager="test")
    assert applied.object["data"] == {"a": "1"}
    assert applied.changed is True
    assert [method for method, _path in front.requests] == ["GET", "PATCH", "PATCH"]
    assert admin.delete(kinds.CONFIG_MAP, "cut-off", "default") is True


def test_cut_off_creation_is_not_sent_again(plane: ControlPlane, connect: Connect, front: Front, admin: Client) -> None:
    front.script.append("cut")
    with pytest.raises(Unreachable, match="closed the connection before it answered"):
        connect(behind(plane, front.url)).create(config_map("created-once"))
    assert len(front.requests) == 1
    assert admin.delete(kinds.CONFIG_MAP, "created-once", "default") is True


def test_connections_that_were_closed_while_idle(plane: ControlPlane, connect: Connect, wire: Wire) -> None:
    client = connect(behind(plane, wire.url))
    assert client.version()["major"] == "1"
    wire.cut()
    assert client.version()["major"] == "1"
    assert wire.accepted >= 2


def test_connection_is_kept_for_the_next_request(plane: ControlPlane, connect: Connect, wire: Wire) -> None:
    client = connect(behind(plane, wire.url))
    for _ in range(5):
        client.version()
    assert wire.accepted == 1


def test_dead_server(connect: Connect) -> None:
    client = connect({"host": f"https://127.0.0.1:{free_port()}", "api_key": "t"}, timeout=GENEROUS)
    with pytest.raises(Unreachable) as raised:
        client.version()
    assert "refused the connection" in raised.value.message
    assert raised.value.status is None
    assert raised.value.cluster == "west"


def test_name_that_does_not_resolve(connect: Connect) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        connect({"host": "https://no-such-cluster.invalid:6443", "api_key": "t"}).version()


def test_server_that_accepts_and_says_nothing(plane: ControlPlane, connect: Connect, wire: Wire) -> None:
    wire.silent = True
    with pytest.raises(Unreachable, match=r"gave no answer within 1\.5 s"):
        within(GENEROUS, connect(behind(plane, wire.url), timeout=1.5).version)


def test_server_that_drops_packets(connect: Connect) -> None:
    # A listener whose queue is full drops further connections, as a firewall would.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        client = connect({"host": f"https://127.0.0.1:{address[1]}", "api_key": "t"}, timeout=1.5)
        with pytest.raises(Unreachable, match=r"gave no answer within 1\.5 s"):
            within(GENEROUS, client.version)
        for filler in fillers:
            filler.close()


def test_plain_http_where_tls_is_meant(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        threading.Thread(target=answer, daemon=True).start()
        client = connect({"host": f"https://127.0.0.1:{listener.getsockname()[1]}", "api_key": "t"})
        with pytest.raises(Unreachable, match="does not speak TLS"):
            client.version()


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """The outcome of ``work``; fails where it takes longer."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"still running after {seconds} s"
    if failure:
        raise failure[0]
    return outcome[0]


def test_one_client_in_many_threads(admin: Client, namespace: str) -> None:
    names = [f"shared-{number}" for number in range(40)]
    errors: list[BaseException] = []

    def apply(name: str) -> None:
        try:
            manifest = config_map(name, owner=name)
            manifest["metadata"]["namespace"] = namespace
            assert admin.apply(manifest, field_manager="test").object["data"] == {"owner": name}
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=apply, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GENEROUS)
    assert errors == []
    assert sorted(found["metadata"]["name"] for found in admin.list(kinds.CONFIG_MAP, namespace)) == sorted(names)


def test_list_in_pages(admin: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.onemesh.istio.plugins.module_utils._kube.client._PAGE", 2)
    for number in range(5):
        manifest = config_map(f"page-{number}")
        manifest["metadata"] |= {"namespace": namespace, "labels": {"even": str(number % 2 == 0).lower()}}
        admin.create(manifest)
    found = admin.list(kinds.CONFIG_MAP, namespace)
    assert [item["metadata"]["name"] for item in found] == [f"page-{number}" for number in range(5)]
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "ConfigMap")}
    assert len(admin.list(kinds.CONFIG_MAP, namespace, label_selector="even=true")) == 3


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda c: c.get(kinds.SECRET, "nope", "default"), NotFound, 'Secret default/nope: secrets "nope" not found'),
        (lambda c: c.list(kinds.GATEWAY, "default"), NotFound, "does not serve this resource"),
        (lambda c: c.create(config_map("Bad_Name")), Invalid, "Invalid value"),
        (lambda c: c.create({**config_map("x"), "metadata": {"name": "x"}}), Invalid, "has no namespace"),
        (lambda c: c.create({"apiVersion": "x.example/v1", "kind": "Y", "metadata": {}}), NotFound, "does not serve"),
        (
            lambda c: c.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}),
            Conflict,
            "already exists",
        ),
    ],
)
def test_errors_name_cluster_object_and_cause(
    admin: Client, call: Callable[[Client], Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as raised:
        call(admin)
    assert said in str(raised.value)
    assert str(raised.value).startswith("west: ")
    assert " -> " in str(raised.value)


def test_value_of_a_refused_secret_is_not_repeated(admin: Client) -> None:
    value = "c2VjcmV0LXZhbHVl!not-base64"
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "broken", "namespace": "default"},
        "data": {"key": value},
    }
    for send in (lambda: admin.create(manifest), lambda: admin.apply(manifest, field_manager="test")):
        with pytest.raises(Invalid) as raised:
            send()
        assert "c2VjcmV0LXZhbHVl" not in f"{raised.value} {raised.value!r} {raised.value.details}"


def test_text_answers(admin: Client) -> None:
    assert admin.request("GET", "/readyz") == "ok"


def test_find_and_delete_what_is_not_there(admin: Client) -> None:
    assert admin.find(kinds.SECRET, "nope", "default") is None
    assert admin.find(kinds.VIRTUAL_SERVICE, "nope", "default") is None
    assert admin.delete(kinds.SECRET, "nope", "no-such-namespace") is False


def test_review_of_a_token(admin: Client) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": ADMIN_TOKEN}}
    assert admin.create(review)["status"]["user"]["username"] == "token-admin"


def test_kinds_that_are_not_in_the_table_are_discovered(admin: Client) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.mesh.test"},
        "spec": {
            "group": "mesh.test",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    # Discovered before the type exists, so what is remembered has to be read again.
    assert all(kind.kind != "Widget" for kind in admin.list_served_kinds())
    admin.apply(crd, field_manager="test")

    def established(found: dict[str, Any]) -> bool:
        conditions = found.get("status", {}).get("conditions") or []
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    admin.wait_for(kinds.CUSTOM_RESOURCE_DEFINITION, "widgets.mesh.test", None, established, GENEROUS)
    widget = {"apiVersion": "mesh.test/v1", "kind": "Widget", "metadata": {"name": "one", "namespace": "default"}}
    assert admin.apply(widget, field_manager="test").created is True
    assert admin.find_kind(widget) == kinds.Kind("mesh.test/v1", "Widget", "widgets", True)
    admin.delete(kinds.CUSTOM_RESOURCE_DEFINITION, "widgets.mesh.test")


def test_table_of_kinds_agrees_with_the_api_server(admin: Client) -> None:
    custom = ("istio.io", "sailoperator.io", "gateway.networking.k8s.io", "k8s.cni.cncf.io")
    served = {(found.api_version, found.kind): found for found in admin.list_served_kinds()}
    for kind in kinds.KINDS:
        if kind is not kinds.TOKEN_REQUEST and not kind.group.endswith(custom):
            assert served[kind.api_version, kind.kind] == kind

from __future__ import annotations

import base64
from typing import Any

import pytest
from meshlab.agent.environment import MissingObject, arguments, environment, expand, field_value

POD = {
    "metadata": {
        "name": "istiod-1",
        "namespace": "istio-system",
        "uid": "u-1",
        "labels": {"b": "2", "a": 'say "hi"', "istio.io/rev": "default"},
        "annotations": {"note": "n"},
    },
    "spec": {"nodeName": "east-node", "serviceAccountName": "istiod"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(NAME).svc", "echo.svc"),
        ("$$(NAME)", "$(NAME)"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$NAME ${NAME} 5$", "$NAME ${NAME} 5$"),
        ("$(NAME)$(NAME)", "echoecho"),
        ("$$$$", "$$"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expected: str) -> None:
    assert expand(text, {"NAME": "echo"}) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "istiod-1"),
        ("metadata.namespace", "istio-system"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['istio.io/rev']", "default"),
        ("metadata.annotations['note']", "n"),
        ("metadata.annotations['absent']", ""),
        ("metadata.labels", 'a="say \\"hi\\""\nb="2"\nistio.io/rev="default"'),
        ("spec.nodeName", "east-node"),
        ("spec.serviceAccountName", "istiod"),
        ("status.podIP", "10.65.128.1"),
        ("status.hostIP", "172.31.0.1"),
    ],
)
def test_fields_of_a_pod(path: str, expected: str) -> None:
    assert field_value(POD, path, pod_ip="10.65.128.1", host_ip="172.31.0.1") == expected


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValueError, match="spec\\.unknown"):
        field_value(POD, "spec.unknown", pod_ip="", host_ip="")


def found(container: dict[str, Any], base: dict[str, str] | None = None) -> dict[str, str]:
    config_maps: dict[str, Any] = {"settings": {"data": {"LEVEL": "debug", "RATE": "5"}}}
    secrets: dict[str, Any] = {"login": {"data": {"PASSWORD": base64.b64encode(b"hidden").decode()}}}
    return environment(
        container,
        lambda path: field_value(POD, path, pod_ip="10.65.128.1", host_ip="172.31.0.1"),
        config_maps.get,
        secrets.get,
        base or {},
    )


def test_variables_come_in_order_and_see_those_before_them() -> None:
    container = {
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "ADDRESS", "value": "$(NAME).$(LATER):$(PORT)"},
            {"name": "LATER", "value": "x"},
            {"name": "EMPTY"},
        ]
    }
    assert found(container, {"PORT": "80"}) == {
        "PORT": "80",
        "NAME": "istiod-1",
        "ADDRESS": "istiod-1.$(LATER):80",
        "LATER": "x",
        "EMPTY": "",
    }


def test_limits_are_left_out() -> None:
    container = {"env": [{"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]}
    assert found(container) == {}


def test_config_maps_and_secrets_give_variables() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "settings"}, "prefix": "X_"}, {"secretRef": {"name": "login"}}],
        "env": [
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "LEVEL"}}},
            {"name": "PASS", "valueFrom": {"secretKeyRef": {"name": "login", "key": "PASSWORD"}}},
            {"name": "GONE", "valueFrom": {"secretKeyRef": {"name": "login", "key": "no", "optional": True}}},
        ],
    }
    assert found(container) == {
        "X_LEVEL": "debug",
        "X_RATE": "5",
        "PASSWORD": "hidden",
        "LEVEL": "debug",
        "PASS": "hidden",
    }


@pytest.mark.parametrize(
    "source",
    [
        {"configMapKeyRef": {"name": "absent", "key": "k"}},
        {"configMapKeyRef": {"name": "settings", "key": "absent"}},
        {"secretKeyRef": {"name": "absent", "key": "k"}},
    ],
)
def test_what_must_be_there_is_waited_for(source: dict[str, Any]) -> None:
    with pytest.raises(MissingObject, match="absent"):
        found({"env": [{"name": "A", "valueFrom": source}]})


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"args": ["proxy", "--domain", "$(NS).svc"]}, ["/entry", "proxy", "--domain", "app.svc"]),
        ({"command": ["/other", "$(NS)"]}, ["/other", "app"]),
        ({}, ["/entry"]),
    ],
)
def test_the_command_line(container: dict[str, Any], expected: list[str]) -> None:
    assert arguments(container, ["/entry"], {"NS": "app"}) == expected

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import errors
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError, error_of_response


def status(message: str, reason: str = "", **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "details": details}).encode()


def forbidden(verb: str, resource: str, group: str, place: str) -> bytes:
    text = f'{resource} is forbidden: User "dana" cannot {verb} resource "{resource}" in API group "{group}" {place}'
    return status(text, "Forbidden")


CONFLICT = status(
    "Apply failed with 2 conflicts",
    "Conflict",
    causes=[
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec.replicas"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.a"},
    ],
)


@pytest.mark.parametrize(
    ("code", "body", "kind", "message", "remedy"),
    [
        (
            401,
            status("Unauthorized"),
            errors.Unauthorized,
            "does not accept the credentials (context a)",
            "get a new one",
        ),
        (
            403,
            forbidden("list", "secrets", "", 'in the namespace "istio-system"'),
            errors.Forbidden,
            "secrets is forbidden",
            'grant "dana" the verb list on secrets in namespace istio-system, or use other credentials',
        ),
        (
            403,
            forbidden("create", "clusterroles", "rbac.authorization.k8s.io", "at the cluster scope"),
            errors.Forbidden,
            "clusterroles is forbidden",
            'grant "dana" the verb create on clusterroles.rbac.authorization.k8s.io in the whole cluster',
        ),
        (403, status('forbidden: User "dana" cannot get path "/metrics"'), errors.Forbidden, "", "on the URL /metrics"),
        (
            403,
            status('forbidden: User "dana" cannot impersonate-on:user-info:get path "/x"'),
            errors.Forbidden,
            "",
            "leave impersonation out",
        ),
        (
            403,
            forbidden("impersonate", "users", "", "at the cluster scope"),
            errors.Forbidden,
            "",
            "leave impersonation out",
        ),
        (
            403,
            forbidden("get", "pods", "", "").replace(b"dana", b"system:anonymous"),
            errors.Forbidden,
            "",
            "no credentials were recognised (context a)",
        ),
        (403, status("exceeded quota: small"), errors.Forbidden, "exceeded quota", "a quota"),
        (
            404,
            status('secrets "x" not found', "NotFound", kind="secrets", name="x"),
            errors.NotFound,
            'secrets "x" not found',
            "create it first",
        ),
        (
            404,
            status('namespaces "x" not found', "NotFound", kind="namespaces", name="x"),
            errors.NotFound,
            "",
            "create the namespace x first",
        ),
        (
            404,
            b"404 page not found\n",
            errors.NotFound,
            "does not serve this resource: 404 page not found",
            "CustomResourceDefinition",
        ),
        (
            409,
            CONFLICT,
            errors.Conflict,
            '.spec.replicas is managed by "helm"; .data.a is managed by "kubectl"',
            'let "helm" and "kubectl" give',
        ),
        (409, status('x "a" already exists', "AlreadyExists"), errors.Conflict, "already exists", "apply instead"),
        (
            409,
            status("the UID in the precondition (a) does not match"),
            errors.Conflict,
            "",
            "another object has taken this name",
        ),
        (409, status("the object has been modified"), errors.Conflict, "", "read it again"),
        (410, status("too old resource version"), errors.Gone, "", ""),
        (400, status("unknown field"), errors.Invalid, "unknown field", "correct the fields"),
        (422, status('spec.x: Invalid value: ""'), errors.Invalid, "spec.x", "correct the fields"),
        (
            500,
            status("failed to create typed patch object (a/b): .x: field not declared in schema"),
            errors.Invalid,
            ".x",
            "correct the fields",
        ),
        (429, status("too many requests"), errors.Throttled, "too many requests", "try again later"),
        (
            500,
            status('failed calling webhook "sidecar.istio.io": refused'),
            errors.ServerError,
            "HTTP 500",
            "the webhook sidecar.istio.io does not answer",
        ),
        (503, b"", errors.ServerError, "HTTP 503: no further text", "/readyz"),
        (418, b"tea", KubeError, "HTTP 418: tea", ""),
    ],
)
def test_answers(code: int, body: bytes, kind: type[KubeError], message: str, remedy: str) -> None:
    error = error_of_response("west", "try it", code, body, credentials="context a")
    assert error.__class__ is kind
    assert (error.cluster, error.status) == ("west", code)
    assert message in error.message
    assert remedy in error.remedy
    assert str(error).startswith("west: try it")
    assert str(error).endswith(f" -> {error.remedy}" if error.remedy else error.message)


def test_causes_of_a_conflict() -> None:
    error = error_of_response("west", "apply", 409, CONFLICT)
    assert [(cause.manager, cause.field) for cause in error.causes] == [
        ("helm", ".spec.replicas"),
        ("kubectl", ".data.a"),
    ]


def test_secrets_are_not_repeated() -> None:
    causes = [{"message": "value is my-secret-value", "field": "data"}]
    body = status("cannot parse my-secret-value: my-secret-value", "Invalid", causes=causes)
    error = error_of_response("west", "apply", 400, body, secrets=["my-secret-value", "e", ""])
    assert "my-secret-value" not in f"{error} {error!r} {error.details} {error.causes}"
    assert "cannot parse ********: ********" in str(error)


def test_long_pages_of_a_proxy_are_cut() -> None:
    assert len(str(error_of_response("west", "get", 502, b"<html>" + b"x" * 10_000))) < 600

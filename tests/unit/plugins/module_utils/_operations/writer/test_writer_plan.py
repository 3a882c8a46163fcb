# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided for the writer of each cluster: one row per action and reason."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._istio import writer
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._operations.writer.plan import (
    OwnedObject,
    WriterFacts,
    make_desired_objects,
    plan_absent,
    plan_present,
)
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import owned

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
NAMESPACE = "istio-system"
ROLE = "onemesh-writer-istio-system"
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def token(*, days: tuple[int, int] = (-10, 20), grant: str = "grant-uid", account: str = "account-uid") -> str:
    """Of a life from and to so many days from now."""
    issued, expires = (NOW.timestamp() + day * 86400 for day in days)
    bound = {"secret": {"uid": grant}, "serviceaccount": {"uid": account}}
    claims = {"iat": issued, "exp": expires, "kubernetes.io": bound}
    parts = ({"alg": "none"}, claims, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def secret(bearer: str = "", *, cluster: str = "west", server: str = "https://west.example") -> dict[str, Any]:
    made = writer.make_secret(cluster, server, b"", bearer or token(), namespace=NAMESPACE, tls_server_name=None)
    made["metadata"]["uid"] = "secret-uid"
    return owned(made, "writer")


ACCOUNT = OwnedObject(kinds.SERVICE_ACCOUNT, "onemesh-writer", NAMESPACE, "account-uid")
GRANT = OwnedObject(kinds.SECRET, "onemesh-writer", NAMESPACE, "grant-uid")
CLUSTER_ROLE = OwnedObject(kinds.CLUSTER_ROLE, ROLE, None, "role-uid")
BINDING = OwnedObject(kinds.CLUSTER_ROLE_BINDING, ROLE, None, "binding-uid")
LOCAL_ROLE = OwnedObject(kinds.ROLE, ROLE, "records", "local-uid")
ALL = (BINDING, CLUSTER_ROLE, GRANT, ACCOUNT)

WEST = WriterFacts(
    Cluster("west", "net", api_server="https://west.example"),
    "https://127.0.0.1:2",
    owned=ALL,
    desired=tuple(make_desired_objects(NAMESPACE, RULES, {})),
)
EAST = replace(WEST, cluster=Cluster("east", "net", api_server="https://east.example"))
GOOD = (secret(), secret(cluster="east", server="https://east.example"))
CHANGED = ({"object": f"ClusterRole {ROLE}", "action": "configured"},)
SAME = ({"object": f"ClusterRole {ROLE}", "action": "unchanged"},)

# west, the secrets of east as hub, action, reason
PRESENT: dict[str, tuple[WriterFacts, tuple[dict[str, Any], ...], str, str]] = {
    "nothing yet": (replace(WEST, owned=()), (), "create", "east has no kubeconfig for it"),
    "all is well": (WEST, GOOD, "keep", "may write, token expires 2026-12-11T12:00:00Z"),
    "a dry run that changes nothing": (
        replace(WEST, changes=SAME),
        GOOD,
        "keep",
        "may write, token expires 2026-12-11T12:00:00Z",
    ),
    "no kubeconfig": (WEST, GOOD[1:], "create", "east has no kubeconfig for it"),
    "a kubeconfig under another key": (
        WEST,
        ({**secret(), "data": {"other": "eA=="}},),
        "create",
        "east has no kubeconfig for it",
    ),
    "another server": (
        WEST,
        (secret(server="https://old.example"),),
        "renew",
        "its server is https://old.example, expected https://west.example",
    ),
    "the last third": (
        WEST,
        (secret(token(days=(-21, 9))),),
        "renew",
        "its token expires at 2026-11-30T12:00:00Z",
    ),
    "before the last third": (
        WEST,
        (secret(token(days=(-19, 11))),),
        "keep",
        "may write, token expires 2026-12-02T12:00:00Z",
    ),
    "no grant": (
        replace(WEST, owned=(BINDING, CLUSTER_ROLE, ACCOUNT)),
        GOOD,
        "renew",
        "its token was revoked, or is none of ours",
    ),
    "another grant": (WEST, (secret(token(grant="x")),), "renew", "its token was revoked, or is none of ours"),
    "another account": (
        WEST,
        (secret(token(account="x")),),
        "renew",
        "the account of its token was removed or made anew",
    ),
    "no account": (
        replace(WEST, owned=(GRANT,)),
        GOOD,
        "renew",
        "the account of its token was removed or made anew",
    ),
    "other rights": (replace(WEST, changes=CHANGED), GOOD, "configure", f"not as wanted: ClusterRole {ROLE}"),
    "a role too many": (
        replace(WEST, owned=(*ALL, LOCAL_ROLE)),
        GOOD,
        "configure",
        f"not as wanted: Role records/{ROLE}",
    ),
    "renewal and other rights": (
        replace(WEST, changes=CHANGED),
        (secret(token(days=(-21, 9))),),
        "renew",
        "its token expires at 2026-11-30T12:00:00Z",
    ),
    "a kubeconfig elsewhere": (
        replace(WEST, secrets=(secret(),)),
        GOOD,
        "configure",
        "another cluster than east has a kubeconfig for it too",
    ),
}


@pytest.mark.parametrize(("west", "secrets", "action", "reason"), PRESENT.values(), ids=PRESENT)
def test_what_a_writer_needs(west: WriterFacts, secrets: tuple[dict[str, Any], ...], action: str, reason: str) -> None:
    facts = {"east": replace(EAST, secrets=secrets), "west": west}
    step = plan_present(facts, "east", now=NOW)[1]
    assert (step.cluster, step.action, step.reason) == ("west", action, reason)
    assert step.changes is (action != "keep")
    assert step.issues is (action in ("create", "renew"))


def test_a_token_is_renewed_as_early_as_asked_for() -> None:
    facts = {"east": replace(EAST, secrets=GOOD), "west": WEST}
    for days, action in ((19, "keep"), (21, "renew")):
        steps = plan_present(facts, "east", now=NOW, renew_before=timedelta(days=days))
        assert {step.action for step in steps} == {action}


@pytest.mark.parametrize(
    ("facts", "actions"),
    [
        ({"east": EAST, "west": WEST}, ["remove", "remove"]),
        ({"east": replace(EAST, owned=()), "west": replace(WEST, owned=())}, ["absent", "absent"]),
        # Only a kubeconfig is left, wherever it is, also of a cluster that is away.
        ({"east": replace(EAST, owned=(), secrets=GOOD), "west": replace(WEST, owned=())}, ["remove", "remove"]),
        ({"east": replace(EAST, owned=(), secrets=GOOD[:1])}, ["absent", "remove"]),
        ({}, ["absent", "absent"]),
    ],
)
def test_what_is_to_be_removed(facts: dict[str, WriterFacts], actions: list[str]) -> None:
    assert [step.action for step in plan_absent(["east", "west"], facts)] == actions

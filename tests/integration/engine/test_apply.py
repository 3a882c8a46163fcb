# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply and deletion against a real API server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Conflict, Invalid, NotFound

OURS = "onemesh.istio"


def config_map(namespace: str, name: str = "subject", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_created_then_unchanged_then_changed(admin: Client, namespace: str) -> None:
    first = admin.apply(config_map(namespace, a="1"), field_manager=OURS)
    assert (first.changed, first.created, first.before) == (True, True, None)
    again = admin.apply(config_map(namespace, a="1"), field_manager=OURS)
    assert (again.changed, again.created) == (False, False)
    assert again.object["metadata"]["resourceVersion"] == first.object["metadata"]["resourceVersion"]
    other = admin.apply(config_map(namespace, a="2"), field_manager=OURS)
    assert (other.changed, other.created) == (True, False)
    assert other.before is not None
    assert (other.before["data"], other.object["data"]) == ({"a": "1"}, {"a": "2"})


def test_field_that_is_no_longer_declared_goes_away(admin: Client, namespace: str) -> None:
    admin.apply(config_map(namespace, a="1", b="2"), field_manager=OURS)
    after = admin.apply(config_map(namespace, a="1"), field_manager=OURS)
    assert after.changed is True
    assert after.object["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("existing", "wanted", "changed", "created"),
    [
        (None, {"a": "1"}, True, True),
        ({"a": "1"}, {"a": "1"}, False, False),
        ({"a": "1"}, {"a": "2"}, True, False),
    ],
)
def test_dry_run_says_what_the_run_does_and_does_nothing(
    admin: Client,
    namespace: str,
    existing: dict[str, str] | None,
    wanted: dict[str, str],
    changed: bool,
    created: bool,
) -> None:
    admin.delete(kinds.CONFIG_MAP, "subject", namespace)
    if existing is not None:
        admin.apply(config_map(namespace, **existing), field_manager=OURS)
    before = admin.find(kinds.CONFIG_MAP, "subject", namespace)
    dry = admin.apply(config_map(namespace, **wanted), field_manager=OURS, dry_run=True)
    assert (dry.changed, dry.created, dry.object["data"]) == (changed, created, wanted)
    assert admin.find(kinds.CONFIG_MAP, "subject", namespace) == before
    real = admin.apply(config_map(namespace, **wanted), field_manager=OURS)
    assert (real.changed, real.created) == (dry.changed, dry.created)


def test_dry_run_in_a_namespace_that_the_same_plan_makes(admin: Client) -> None:
    planned = admin.apply(
        config_map("not-yet", a="1"), field_manager=OURS, dry_run=True, planned_namespaces=["not-yet"]
    )
    assert (planned.changed, planned.created) == (True, True)
    with pytest.raises(NotFound, match="create the namespace not-yet first"):
        admin.apply(config_map("not-yet", a="1"), field_manager=OURS, dry_run=True)


def test_conflict_names_manager_and_field(admin: Client, namespace: str) -> None:
    admin.apply(config_map(namespace, a="1", b="1"), field_manager="somebody-else")
    with pytest.raises(Conflict) as raised:
        admin.apply(config_map(namespace, a="2"), field_manager=OURS)
    assert [(cause.manager, cause.field) for cause in raised.value.causes] == [("somebody-else", ".data.a")]
    assert '.data.a is managed by "somebody-else"' in str(raised.value)
    forced = admin.apply(config_map(namespace, a="2"), field_manager=OURS, force=True)
    assert forced.object["data"] == {"a": "2", "b": "1"}


def test_equal_values_of_another_manager_are_no_change(admin: Client, namespace: str) -> None:
    admin.apply(config_map(namespace, a="1"), field_manager="somebody-else")
    assert admin.apply(config_map(namespace, a="1"), field_manager=OURS).changed is False


def test_unknown_field_is_refused(admin: Client, namespace: str) -> None:
    manifest = config_map(namespace) | {"dta": {"a": "1"}}
    with pytest.raises(Invalid, match="dta"):
        admin.apply(manifest, field_manager=OURS)
    with pytest.raises(Invalid, match="dta"):
        admin.apply(manifest, field_manager=OURS, dry_run=True)
    assert admin.find(kinds.CONFIG_MAP, "subject", namespace) is None


def test_live_object_of_the_caller_saves_the_read(admin: Client, namespace: str) -> None:
    created = admin.apply(config_map(namespace, a="1"), field_manager=OURS, live=None)
    assert created.created is True
    live = admin.get(kinds.CONFIG_MAP, "subject", namespace)
    assert admin.apply(config_map(namespace, a="1"), field_manager=OURS, live=live).changed is False
    assert admin.apply(config_map(namespace, a="2"), field_manager=OURS, live=live).changed is True


def test_delete_leaves_a_namesake_alone(admin: Client, namespace: str) -> None:
    old = admin.create(config_map(namespace))["metadata"]["uid"]
    admin.delete(kinds.CONFIG_MAP, "subject", namespace, uid=old)
    new = admin.create(config_map(namespace))["metadata"]["uid"]
    with pytest.raises(Conflict, match="another object has taken this name"):
        admin.delete(kinds.CONFIG_MAP, "subject", namespace, uid=old)
    assert admin.get(kinds.CONFIG_MAP, "subject", namespace)["metadata"]["uid"] == new
    assert admin.delete(kinds.CONFIG_MAP, "subject", namespace, uid=new, dry_run=True) is True
    assert admin.delete(kinds.CONFIG_MAP, "subject", namespace, uid=new) is True
    assert admin.delete(kinds.CONFIG_MAP, "subject", namespace, uid=new) is False


@pytest.mark.parametrize(
    ("patch_type", "body", "data"),
    [
        ("merge", {"data": {"a": None, "b": "2"}}, {"b": "2"}),
        ("strategic", {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        ("json", [{"op": "replace", "path": "/data/a", "value": "3"}], {"a": "3"}),
    ],
)
def test_patches(admin: Client, namespace: str, patch_type: Any, body: Any, data: dict[str, str]) -> None:
    admin.delete(kinds.CONFIG_MAP, "subject", namespace)
    admin.create(config_map(namespace, a="1"))
    assert admin.patch(kinds.CONFIG_MAP, "subject", namespace, body, patch_type=patch_type)["data"] == data


def test_results_do_not_show_content(admin: Client, namespace: str) -> None:
    applied = admin.apply(config_map(namespace, a="looks-like-a-secret"), field_manager=OURS)
    assert "looks-like-a-secret" not in repr(applied)

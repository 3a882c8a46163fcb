# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A managed release is removed whatever has become of its workload, and what is not given back is said."""

from __future__ import annotations

from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DEPLOYMENT, NAMESPACE
from managed_shop import ManagedShop
from support.releases import AT_50

USERS = {"Deployment web", "Service web"}
QUICK = {"kind": "Deployment", "name": "web", "progress_deadline": 2}


def found(managed: ManagedShop) -> list[set[str]]:
    """What stands on each cluster."""
    return [set(managed.found(cluster)) for cluster in managed.planes.clients]


def lead(managed: ManagedShop) -> list[Any]:
    """To whom the user's Service leads, on each cluster."""
    return [managed.found(cluster)["Service web"]["spec"]["selector"] for cluster in managed.planes.clients]


def removed(managed: ManagedShop, **options: Any) -> str:
    """Nothing is left, anywhere; what is warned of."""
    ran = managed.run(state="absent", **options)
    result = ran.succeeded()
    assert (result["leaked"], result["owed"]) == ([], {})
    assert managed.left_on_the_hub() == []
    assert not managed.run(state="absent", **options).succeeded()["changed"]
    warnings = result.get("warnings", [])
    assert len(result["summary"]["remarks"]) == len(warnings)
    return "\n".join(warnings)


def test_with_the_workload_gone_on_one_cluster(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.client("west").delete(DEPLOYMENT, "web", managed.namespace)
    said = removed(managed)
    assert f"west (Deployment {managed.namespace}/web): is not there; it takes no users back there" in said
    assert "east" not in said
    assert found(managed) == [USERS, {"Service web"}, USERS]
    assert lead(managed) == [{"app": "web"}] * 3
    for cluster in ("east", "north"):
        assert managed.found(cluster)["Deployment web"]["spec"]["replicas"] == 3
    assert not [each for each in managed.outages if "of west" not in each]


def test_with_the_workload_gone_everywhere_in_the_middle_of_a_release(managed: ManagedShop) -> None:
    """There is no version that could be promoted, so nothing is asked for."""
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    for client in managed.planes.clients.values():
        client.delete(DEPLOYMENT, "web", managed.namespace)
    said = removed(managed)
    assert f"east, west, north (Deployment {managed.namespace}/web): is not there" in said
    assert found(managed) == [{"Service web"}] * 3
    assert lead(managed) == [{"app": "web"}] * 3


def test_with_the_namespace_gone_on_one_cluster(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.client("west").delete(NAMESPACE, managed.namespace)
    managed.client("west").wait_gone(NAMESPACE, managed.namespace, None, timeout=60)
    said = removed(managed)
    assert (
        f"west (Deployment {managed.namespace}/web): is not there, and neither is namespace {managed.namespace}" in said
    )
    assert found(managed) == [USERS, set(), USERS]


def test_with_pods_that_crash(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.broken.add(2)
    managed.new_version(2)
    assert managed.to_the_end()["phase"] == "failed"
    assert "not-promoted" in str(managed.run(state="absent").result["findings"])
    said = removed(managed, force=True)
    assert "exceeded its progress deadline" in said
    assert found(managed) == [USERS] * 3
    assert lead(managed) == [{"app": "web"}] * 3


def test_with_pods_that_never_get_ready(managed: ManagedShop) -> None:
    """They are waited for as long as they may take, and no longer."""
    managed.to_the_end()
    managed.pending.add("west")
    said = removed(managed, workload=QUICK)
    assert f"west (Deployment {managed.namespace}/web): " in said
    assert "0 replicas are available, and 3 are expected" in said
    assert "east" not in said
    assert found(managed) == [USERS] * 3


def test_with_a_cluster_away_the_others_get_their_workload_and_the_rest_later(managed: ManagedShop) -> None:
    managed.to_the_end()
    with managed.away("west"):
        assert "west" in managed.run(state="absent").failed()
        for cluster in ("east", "north"):
            assert "VirtualService web" not in managed.found(cluster)
            assert managed.found(cluster)["Deployment web"]["spec"]["replicas"] == 3
    assert removed(managed) == ""
    assert found(managed) == [USERS] * 3
    assert managed.outages == []


def test_what_will_not_be_given_back_is_foretold(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.client("west").delete(DEPLOYMENT, "web", managed.namespace)
    before = managed.users()
    assert "it takes no users back there" in str(managed.run(state="absent", check=True).succeeded()["warnings"])
    assert managed.users() == before

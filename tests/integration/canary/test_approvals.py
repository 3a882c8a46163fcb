# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals on a real API server: written by us, by kubectl as a person is told to, and by others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates import approvals, gates
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates.gates import Door, GateReply
from ansible_collections.onemesh.istio.plugins.module_utils._change.moving import LABEL_APPROVAL
from ansible_collections.onemesh.istio.plugins.module_utils._change.place import Place
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, VIRTUAL_SERVICE
from support.control_plane import binaries_folder
from support.fleet_runs import RECORDS, Planes

NOW = 1795608000.0
ROUTE = {
    "apiVersion": VIRTUAL_SERVICE.api_version,
    "kind": VIRTUAL_SERVICE.kind,
    "metadata": {"name": "cart", "namespace": RECORDS},
    "spec": {"hosts": ["cart"], "http": [{"route": [{"destination": {"host": "cart"}}]}]},
}


@pytest.fixture
def hub(planes: Planes) -> Iterator[Client]:
    client = planes.clients["east"]
    client.apply(ROUTE, field_manager="team")
    yield client
    client.delete(VIRTUAL_SERVICE, "cart", RECORDS)
    for live in client.list(CONFIG_MAP, RECORDS, label_selector=LABEL_APPROVAL):
        client.delete(CONFIG_MAP, live["metadata"]["name"], RECORDS)


def answer(hub: Client, checksum: str = "5f3c", gate: str = "half", now: float = NOW) -> GateReply:
    found = approvals.read(Place(hub, RECORDS), "cart", [hub.find(VIRTUAL_SERVICE, "cart", RECORDS), None])
    return gates.judge_gate(gate, checksum, found, now)


def config_map(name: str, canary: str = "cart", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": RECORDS, "labels": {LABEL_APPROVAL: canary}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_a_gate_is_closed_until_it_is_opened_and_for_one_run_only(hub: Client) -> None:
    assert answer(hub) == ("closed", "nobody has opened it yet")
    manifest = gates.approval_manifest("cart", RECORDS, "half", "5f3c", expires=NOW + 60, by="ada")
    assert approvals.approve(hub, manifest, dry_run=True).changed
    assert answer(hub).answer == "closed"
    assert approvals.approve(hub, manifest).created
    assert not approvals.approve(hub, manifest).changed
    assert answer(hub).answer == "open"
    assert answer(hub, checksum="77aa").answer == "closed"
    assert answer(hub, gate="full").answer == "closed"
    assert answer(hub, now=NOW + 61).answer == "closed"


def test_those_of_another_canary_count_for_nothing(hub: Client) -> None:
    hub.create(config_map("other", "pay", gate="*", checksum="5f3c", decision="open"))
    assert answer(hub) == ("closed", "nobody has opened it yet")


def test_a_refusal_counts_more(hub: Client) -> None:
    approvals.approve(hub, gates.approval_manifest("cart", RECORDS, "half", "5f3c"))
    hub.create(config_map("stop", gate="*", checksum="5f3c", decision="closed", by="bob"))
    assert answer(hub) == ("closed", f"closed by bob (ConfigMap {RECORDS}/stop)")


@pytest.mark.parametrize("way", [0, 1])
def test_what_a_person_is_told_to_type_opens_it(hub: Client, planes: Planes, tmp_path: Path, way: int) -> None:
    kubeconfig = planes.planes["east"].admin_kubeconfig()
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(kubeconfig))
    # One of an earlier run stands there under the name that ours would have.
    approvals.approve(hub, gates.approval_manifest("cart", RECORDS, "half", "0000"))
    door = Door("cart", RECORDS, kubeconfig["current-context"], ("virtualservice", RECORDS, "cart"))
    assert answer(hub).answer == "closed"
    command = gates.list_commands("half", "5f3c", door)[way]
    environment = {"PATH": f"{binaries_folder()}:/usr/bin:/bin", "KUBECONFIG": str(path), "HOME": str(tmp_path)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=environment, check=True, capture_output=True)
    assert answer(hub).answer == "open"


def test_an_approval_goes_with_its_run_whoever_wrote_it(hub: Client) -> None:
    approvals.approve(hub, gates.approval_manifest("cart", RECORDS, "half", "5f3c"))
    hub.create(config_map("theirs", gate="*", checksum="5f3c", decision="open"))
    hub.create(config_map("other", "pay", gate="*", checksum="5f3c", decision="open"))
    place = Place(hub, RECORDS)
    assert sorted(approvals.forget(place, "cart")) == ["onemesh-approval.cart.half", "theirs"]
    assert approvals.forget(place, "cart") == []
    assert hub.find(CONFIG_MAP, "other", RECORDS) is not None

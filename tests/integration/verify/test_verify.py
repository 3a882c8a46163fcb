# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify against a real mesh: what it says when all is well, and the one cause that it names when something is not."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

from support.mesh import Mesh
from verdicts import ALL_WELL, descendants, failed_checks, states


def only_finding(result: dict[str, object], severity: str = "error") -> dict[str, str]:
    found = [each for each in result["findings"] if each["severity"] == severity]
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def test_a_mesh_that_works_is_proven_by_requests_both_ways_and_nothing_is_left(mesh: Mesh, tmp_path: Path) -> None:
    written = tmp_path / "report.json"
    result = mesh.verify(report_file=str(written))
    assert not result.get("failed"), result["msg"]
    assert states(result) == ALL_WELL
    assert result["changed"] is False
    assert result["findings"] == []
    for source, target in (("east", "west"), ("west", "east")):
        verdict = result["matrix"][source][target]
        assert verdict["requests"]["answered"] == {target: 10}
        assert verdict["mutual_tls"] is True
        assert verdict["endpoints"] == result["clusters"][target]["gateways"]["istio-system/istio-eastwestgateway"]
        assert {check["state"] for check in verdict["checks"].values()} == {"ok"}
    assert all(set(cluster["answered_by"]) == {"east", "west"} for cluster in result["clusters"].values())
    assert mesh.is_clean()
    assert json.loads(written.read_text())["matrix"] == result["matrix"]
    assert stat.S_IMODE(written.stat().st_mode) == 0o644


EXISTING = {
    "probe": "existing",
    "client": {
        "namespace": "onemesh-verify",
        "selector": "app.kubernetes.io/name=probe",
        "container": "app",
        "command": ["/usr/local/bin/client", "http://probe.onemesh-verify.svc.cluster.local:80/"],
    },
    "service": {"namespace": "onemesh-verify", "name": "probe", "port": 80},
}


def test_while_the_probe_stays_istioctl_agrees_and_a_client_and_a_service_of_the_user_serve_as_well(mesh: Mesh) -> None:
    """istioctl and the gateway's Service are independent witnesses."""
    result = mesh.verify(keep_probe=True)
    assert result["changed"] is True
    for source, target in ((mesh.east, mesh.west), (mesh.west, mesh.east)):
        pod = source.get("pods", "-n", "onemesh-verify")["items"][0]["metadata"]["name"]
        service = f"probe-{target.name}.onemesh-verify.svc.cluster.local"
        table = source.istioctl("proxy-config", "endpoint", f"{pod}.onemesh-verify", "-o", "json")
        seen = next(each for each in json.loads(table) if each["name"] == f"outbound|80||{service}")
        addresses = [host["address"]["socketAddress"] for host in seen["hostStatuses"]]
        assert [f"{each['address']}:{each['portValue']}" for each in addresses] == (
            result["matrix"][source.name][target.name]["endpoints"]
        )
        gateway = target.get("service", "istio-eastwestgateway", "-n", "istio-system")
        assert [each["address"] for each in addresses] == [
            each["ip"] for each in gateway["status"]["loadBalancer"]["ingress"]
        ]
        lines = source.istioctl("remote-clusters").splitlines()
        assert any(line.split()[0] == target.name and " synced " in line for line in lines)
    # What stays stands for the user's workload here.
    existing = mesh.verify(**EXISTING)
    assert not existing.get("failed"), existing["msg"]
    assert states(existing) == ALL_WELL
    for source, target in (("east", "west"), ("west", "east")):
        assert existing["matrix"][source][target]["requests"]["answered"][target] > 0
    again = mesh.verify(keep_probe=True)
    assert (again["changed"], states(again)) == (False, ALL_WELL)
    last = mesh.verify()
    assert last["changed"] is True, "a probe that was there is there no more"
    assert mesh.is_clean()


def test_check_mode_reads_and_deploys_nothing(mesh: Mesh) -> None:
    result = mesh.verify(check_mode=True)
    assert states(result) == ALL_WELL
    assert result["changed"] is False
    assert result["matrix"]["east"]["west"]["checks"]["requests"]["cause"] == "check mode makes none"
    assert result["matrix"]["east"]["west"]["checks"]["synced"]["state"] == "ok"
    assert mesh.is_clean()


def test_a_stopped_gateway_breaks_one_direction_although_a_service_of_all_clusters_answers(mesh: Mesh) -> None:
    with mesh.lab.fault("gateway-down", "west"):
        result = mesh.verify(timeout=10.0)
    assert result["failed"]
    assert states(result) == {**ALL_WELL, ("east", "west"): "failed"}
    assert failed_checks(result, "east", "west")[0] in ("gateway", "requests")
    # Retries hide it from whoever asks any cluster.
    assert set(result["clusters"]["east"]["answered_by"]) == {"east"}
    finding = only_finding(result)
    assert finding["remedy"]
    assert finding["message"] in result["msg"]
    assert mesh.is_clean()


def test_a_cluster_that_is_away_does_not_hide_what_is_known_of_the_other(mesh: Mesh) -> None:
    with mesh.lab.fault("api-down", "west"):
        result = mesh.verify(timeout=10.0)
    assert states(result) == {
        ("east", "east"): "ok",
        ("east", "west"): "away",
        ("west", "east"): "away",
        ("west", "west"): "away",
    }
    assert only_finding(result)["cluster"] == "west"
    assert result["clusters"]["west"]["away"]
    assert mesh.is_clean()


def test_clusters_that_cannot_reach_each_other_are_told_although_istiod_says_synced(mesh: Mesh) -> None:
    with mesh.lab.fault("partition", "east", "west"):
        result = mesh.verify(timeout=10.0)
    assert states(result) == {**ALL_WELL, ("east", "west"): "failed", ("west", "east"): "failed"}
    causes = {result["matrix"][one][other]["cause"] for one, other in (("east", "west"), ("west", "east"))}
    assert causes == {
        f"istiod has not heard of the workload in {name}, although it says 'synced'" for name in ("east", "west")
    }


def test_a_network_label_that_differs_from_the_charts_is_the_cause_once(mesh: Mesh) -> None:
    with mesh.west.labelled("namespace", "istio-system", "topology.istio.io/network", "net-w"):
        result = mesh.verify(probe="none", timeout=10.0)
    finding = only_finding(result)
    assert (finding["cluster"], finding["check"]) == ("west", "verify-names")
    assert "is net-w, expected west" in finding["message"]
    assert states(result)["east", "west"] == states(result)["west", "east"] == "failed"


def test_a_link_that_is_missing_is_told_and_one_way_is_well_where_it_is_meant(mesh: Mesh) -> None:
    with mesh.west.without("secret", "istio-remote-secret-east"):
        one_way = mesh.verify(links=[{"from": "east", "to": "west"}])
        assert not one_way.get("failed"), one_way["msg"]
        assert states(one_way) == {**ALL_WELL, ("west", "east"): "not-linked"}
        assert one_way["matrix"]["west"]["east"]["requests"]["answered"] == {}
        both = mesh.verify(probe="none", timeout=10.0)
        assert only_finding(both)["message"].startswith("there is no remote secret for east")
    unwanted = mesh.verify(probe="none", timeout=10.0, links=[{"from": "east", "to": "west"}])
    assert "shall not be linked" in only_finding(unwanted)["message"]


def test_a_secret_that_istiod_refuses_is_told_in_istiods_words(mesh: Mesh) -> None:
    with mesh.east.without("secret", "istio-remote-secret-west") as secret:
        kubeconfig = base64.b64decode(secret["data"]["west"]).decode()
        head, _separator, _token = kubeconfig.rpartition("    token: ")
        plugin = "    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}\n"
        broken = {**secret, "data": {"west": base64.b64encode((head + plugin).encode()).decode()}}
        with mesh.east.applied(broken):
            result = mesh.verify(probe="none", timeout=10.0)
        assert "exec is not allowed" in only_finding(result)["message"]
        assert failed_checks(result, "east", "west")[0] == "synced"


def test_an_istiod_that_has_a_good_secret_and_not_its_cluster_is_to_be_restarted(mesh: Mesh) -> None:
    """The second of two secrets with one cluster is ignored for good, also when the first is gone: for whoever looks
    from outside the same as a worker for secrets that hangs."""
    secret = mesh.east.manifest("secret", "istio-remote-secret-west", "istio-system")
    first = {**secret, "metadata": {**secret["metadata"], "name": "first"}}
    mesh.east.kubectl("delete", "secret", "istio-remote-secret-west", "-n", "istio-system")
    with mesh.east.applied(first):
        mesh.east.wait_for_remote("west", "istio-system/first")
        mesh.east.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    mesh.east.wait_for_remote("west", "")
    result = mesh.verify(probe="none", timeout=10.0)
    finding = only_finding(result)
    assert (finding["cluster"], finding["check"]) == ("east", "verify-synced")
    assert "does not know west, although secret istio-system/istio-remote-secret-west is there" in finding["message"]
    assert "rollout restart" in finding["remedy"]
    mesh.east.restart_istiod()
    assert not mesh.verify(probe="none").get("failed"), "the remedy helps"


def test_a_proxy_that_rejects_its_configuration_is_told_in_envoys_words(mesh: Mesh) -> None:
    unknown = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "unknown-extension", "namespace": "istio-system"},
        "spec": {
            "workloadSelector": {"labels": {"istio": "eastwestgateway"}},
            "configPatches": [
                {
                    "applyTo": "LISTENER",
                    "match": {"context": "GATEWAY"},
                    "patch": {
                        "operation": "MERGE",
                        "value": {
                            "listener_filters": [
                                {
                                    "name": "no.such.extension",
                                    "typed_config": {
                                        "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
                                        "type_url": "type.googleapis.com/no.such.Extension",
                                    },
                                }
                            ]
                        },
                    },
                }
            ],
        },
    }
    with mesh.west.applied(unknown):
        deadline = time.monotonic() + 30
        while (result := mesh.verify(probe="none", timeout=10.0)) and not result.get("failed"):
            assert time.monotonic() < deadline, "istiod never told of a rejection"
    finding = only_finding(result)
    assert (finding["cluster"], finding["check"]) == ("west", "verify-gateway")
    assert "no.such" in finding["message"]
    assert states(result)["west", "east"] == "ok"
    assert not mesh.verify(probe="none").get("failed"), "it recovers"


def test_only_exposed_hosts_cross_networks_and_the_probe_brings_its_own(mesh: Mesh) -> None:
    with mesh.west.without("gateways.networking.istio.io", "cross-network-gateway"):
        result = mesh.verify()
    assert not result.get("failed"), result["msg"]
    assert states(result) == ALL_WELL
    assert only_finding(result, "warning")["check"] == "verify-nothing-exposed"
    assert mesh.is_clean()


def test_the_playbook_shows_the_matrix_and_nothing_secret(mesh: Mesh, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    shown = mesh.playbook("verify", "-vvvv", "--diff", verify_timeout=30, verify_report_file=str(report))
    assert "mTLS yes, via gateway" in shown
    assert "changed=0" in shown
    token = base64.b64decode(mesh.east.get("secret", "istio-remote-secret-west", "-n", "istio-system")["data"]["west"])
    secret = token.decode().rpartition("token: ")[2].strip()
    key = mesh.east.get("secret", "cacerts", "-n", "istio-system")["data"]["ca-key.pem"]
    for hidden in (secret, key, base64.b64decode(key).decode().splitlines()[1]):
        assert hidden not in shown
        assert hidden not in report.read_text()


def test_the_playbook_fails_with_the_cause(mesh: Mesh) -> None:
    with mesh.west.labelled("namespace", "istio-system", "topology.istio.io/network", "net-w"):
        failed = mesh.playbook("verify", check=False, verify_timeout=10, verify_probe="none")
    assert "failed=1" in failed
    assert "✗ west (Namespace istio-system): label topology.istio.io/network" in failed


def test_a_run_that_was_killed_leaves_a_probe_that_the_next_run_takes_away(mesh: Mesh) -> None:
    killed = subprocess.Popen(
        mesh.playbook_command("verify"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not mesh.east.exists("namespace", "onemesh-verify"):
        assert time.monotonic() < deadline
        assert killed.poll() is None
    for process in [killed.pid, *descendants(killed.pid)]:
        os.kill(process, signal.SIGKILL)
    killed.wait()
    assert not mesh.is_clean()
    result = mesh.verify()
    assert states(result) == ALL_WELL
    assert mesh.is_clean()


def test_a_namespace_of_somebody_else_is_left_alone(mesh: Mesh) -> None:
    mesh.east.kubectl("create", "namespace", "onemesh-verify")
    try:
        result = mesh.verify(timeout=10.0)
        assert "is there and not ours" in only_finding(result)["message"]
        assert mesh.east.exists("namespace", "onemesh-verify")
        assert not mesh.east.exists("all", "-n", "onemesh-verify")
    finally:
        mesh.east.kubectl("delete", "namespace", "onemesh-verify")
    assert mesh.is_clean()

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory and lookup over a real API server that holds a zoo of remote secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.inventory import remote_secrets
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import (
    DiscoveredCluster,
    Search,
    discover,
)
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Fleet
from ansible_collections.onemesh.istio.plugins.module_utils._istio import remote_secret
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import (
    CredentialsError,
    KubeError,
    Unreachable,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from support import discovery_runs as runs
from support import faults
from support.control_plane import ADMIN_TOKEN, STRANGER_TOKEN
from support.discovery_runs import Hub


def found_on(hub: Hub, **search: Any) -> dict[str, DiscoveredCluster]:
    discovery = discover(Search({"kubeconfig": str(hub.kubeconfig)}, **search), environ={})
    return {each.name: each for each in discovery.clusters}


def reading(cluster: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    """The version of Kubernetes, read as any task would read it."""
    fleet = Fleet({"one": Cluster.from_parameters(cluster)}, environ=environ or {})
    return fleet["one"].client.version()["gitVersion"]


# What is found


def test_every_animal_of_the_zoo_is_found_and_none_hides_another(hub: Hub) -> None:
    found = found_on(hub)
    assert {name for name, each in found.items() if each.usable} == {*hub.usable, "east"}
    for name, reason in hub.refused.items():
        assert not found[name].usable
        assert reason in found[name].reason
    for beast in hub.beasts:
        place = f"istio-system/{beast.name}"
        said = {
            finding.check for each in found.values() for finding in each.findings if finding.object == f"Secret {place}"
        } - {"remote-secret-loopback"}
        assert said == beast.checks - {"remote-secret-empty"}, beast.name


def test_what_belongs_to_no_cluster_is_said_too(hub: Hub) -> None:
    discovery = discover(Search({"kubeconfig": str(hub.kubeconfig)}), environ={})
    assert [finding.check for finding in discovery.findings] == ["remote-secret-empty"]


def test_the_hub_comes_first_and_knows_its_name_from_istiod(hub: Hub) -> None:
    first, *others = found_on(hub).values()
    assert (first.name, first.hub, first.server) == ("east", True, hub.plane.url)
    assert [each.name for each in others] == sorted(each.name for each in others)


def test_each_usable_cluster_can_be_read_by_its_reference(hub: Hub) -> None:
    for name in hub.usable - {"insecure"}:
        assert reading(dict(found_on(hub)[name].cluster)).startswith("v1.")


def test_credentials_are_handed_out_when_asked_for_by_name(hub: Hub) -> None:
    plain = found_on(hub, credentials=True)["plain"].cluster
    assert plain["kubeconfig"]["users"][0]["user"]["token"] == hub.token
    assert reading(dict(plain)).startswith("v1.")


def test_networks_are_read_from_the_clusters_when_asked_for(hub: Hub) -> None:
    found = found_on(hub, networks=True)
    assert (found["plain"].network, found["plain"].cluster["network"]) == ("net-east", "net-east")
    assert found_on(hub)["plain"].network == ""


def test_secrets_under_another_label_are_found_by_the_same_rules(hub: Hub) -> None:
    writer = hub.beasts[0].manifest(label="onemesh.istio/writer")
    writer["metadata"]["name"] = "onemesh-writer-plain"
    writer["data"]["east"] = writer["data"]["plain"]
    hub.admin.apply(writer, field_manager="test")
    try:
        found = found_on(hub, label="onemesh.istio/writer=true", include_hub=False)
        assert {name: each.secret for name, each in found.items()} == {
            "plain": "istio-system/onemesh-writer-plain",
            "east": "istio-system/onemesh-writer-plain",
        }
        assert reading(dict(found["plain"].cluster)).startswith("v1.")
    finally:
        hub.admin.delete(SECRET, "onemesh-writer-plain", "istio-system")


# How a reference fails

BAD_REFERENCES: dict[str, tuple[dict[str, Any], type[KubeError], str]] = {
    "no such secret": (
        {"name": "none", "key": "plain"},
        CredentialsError,
        "one: Secret istio-system/none, key plain, of hub east cannot be read: get Secret istio-system/none: secrets "
        '"none" not found -> correct remote_secret, link the cluster again, or look which clusters there are now',
    ),
    "no such key": (
        {"name": "istio-remote-secret-plain", "key": "other"},
        CredentialsError,
        "one: Secret istio-system/istio-remote-secret-plain, key other, of hub east: there is no such key, only plain"
        " -> correct remote_secret, or link the cluster again",
    ),
    "the name is the key": (
        {"name": "istio-remote-secret-plain"},
        CredentialsError,
        "one: Secret istio-system/istio-remote-secret-plain, key one, of hub east: there is no such key, only plain"
        " -> correct remote_secret, or link the cluster again",
    ),
    "a kubeconfig that runs a program": (
        {"name": "istio-remote-secret-exec", "key": "exec"},
        CredentialsError,
        "one: Secret istio-system/istio-remote-secret-exec, key exec, of hub east: kubeconfig is not allowed: exec is "
        "not allowed -> link the cluster again so that the secret is made anew",
    ),
    "a hub that is away": (
        {"name": "istio-remote-secret-plain", "key": "plain", "kubeconfig": None, "host": "https://127.0.0.1:1"},
        Unreachable,
        "one: Secret istio-system/istio-remote-secret-plain, key plain, of hub east cannot be read: get Secret "
        "istio-system/istio-remote-secret-plain: https://127.0.0.1:1 refused the connection -> nothing listens there: "
        "see whether it runs, and correct the address and the port",
    ),
}


@pytest.mark.parametrize("case", BAD_REFERENCES)
def test_a_reference_that_leads_nowhere_names_hub_secret_and_key(case: str, hub: Hub) -> None:
    reference, kind, text = BAD_REFERENCES[case]
    cluster = {"name": "one", "remote_secret": {"hub": "east", "kubeconfig": str(hub.kubeconfig), **reference}}
    with pytest.raises(KubeError) as failed:
        reading(cluster)
    assert str(failed.value) == text
    assert type(failed.value) is kind
    assert not Path("/tmp/was-run").exists()


def test_a_secret_that_leads_back_to_the_hub_is_read_once(hub: Hub) -> None:
    """The own ID: such a reference is of no use, and harmless."""
    reference = {"name": "istio-remote-secret-east", "key": "east", "kubeconfig": str(hub.kubeconfig)}
    assert reading({"name": "east", "remote_secret": reference}).startswith("v1.")


def test_the_environment_is_about_the_hub_alone(hub: Hub) -> None:
    """As in AWX. Were it about the cluster too, the hub's address, token and way to verify would be used for it."""
    environ = {
        "K8S_AUTH_HOST": hub.plane.url,
        "K8S_AUTH_API_KEY": ADMIN_TOKEN,
        "K8S_AUTH_SSL_CA_CERT": str(hub.plane.ca),
    }
    cluster = Cluster.from_parameters({"name": "plain", "remote_secret": {"name": "istio-remote-secret-plain"}})
    stranger = Fleet({"plain": cluster}, environ={**environ, "K8S_AUTH_API_KEY": STRANGER_TOKEN})["plain"]
    with pytest.raises(CredentialsError, match=r'of the hub cannot be read: .* User "stranger" cannot get'):
        stranger.client.version()
    reached = Fleet({"plain": cluster}, environ=environ)["plain"].client
    assert reached.credentials.token == hub.token
    assert reached.version()["gitVersion"].startswith("v1.")


def test_a_token_that_was_renewed_meanwhile_is_read_again(hub: Hub) -> None:
    """A link is renewed while a long task runs: the next request gets 401, and the secret is read again."""
    stale = remote_secret.build("renewed", hub.plane.url, hub.plane.ca.read_bytes(), "revoked-token")
    hub.admin.apply(remote_secret.make_stored(stale), field_manager="test")
    try:
        reference = {"name": "istio-remote-secret-renewed", "kubeconfig": str(hub.kubeconfig)}
        fleet = Fleet({"renewed": Cluster.from_parameters({"name": "renewed", "remote_secret": reference})}, environ={})
        client = fleet["renewed"].client
        fresh = remote_secret.build("renewed", hub.plane.url, hub.plane.ca.read_bytes(), hub.token)
        hub.admin.apply(remote_secret.make_stored(fresh), field_manager="test")
        assert client.version()["gitVersion"].startswith("v1.")
    finally:
        hub.admin.delete(SECRET, "istio-remote-secret-renewed", "istio-system")


# The inventory


def test_the_inventory_has_a_host_for_each_cluster(hub: Hub, tmp_path: Path) -> None:
    listed = runs.inventory(tmp_path, kubeconfig=str(hub.kubeconfig))
    hosts = listed["_meta"]["hostvars"]
    assert set(hosts) == {*hub.usable, *hub.refused, "east"}
    assert set(listed["unusable"]["hosts"]) == set(hub.refused)
    assert hosts["exec"]["cluster_reason"] == "kubeconfig is not allowed: exec is not allowed"
    assert hosts["east"]["cluster_kubeconfig"] == str(hub.kubeconfig)
    assert hosts["plain"]["cluster_remote_secret"] == {
        "namespace": "istio-system",
        "name": "istio-remote-secret-plain",
        "key": "plain",
        "hub": "east",
        "kubeconfig": str(hub.kubeconfig),
    }


def test_the_environment_alone_makes_an_inventory_as_in_awx(hub: Hub, tmp_path: Path) -> None:
    environ = {
        "K8S_AUTH_HOST": hub.plane.url,
        "K8S_AUTH_API_KEY": ADMIN_TOKEN,
        "K8S_AUTH_SSL_CA_CERT": str(hub.plane.ca),
        "K8S_AUTH_VERIFY_SSL": "True",
        "HOME": str(tmp_path),
    }
    hosts = runs.inventory(tmp_path, environ=environ)["_meta"]["hostvars"]
    assert not {name for name in hosts["east"] if name in ("cluster_host", "cluster_api_key", "cluster_kubeconfig")}
    tasks = [
        {
            "onemesh.istio.cluster_info": {
                "clusters": "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}",
                "require_all": True,
            },
            "run_once": True,
            "register": "info",
        },
        {"debug": {"msg": "{{ info.clusters | dict2items | map(attribute='value.kubernetes') }}"}, "run_once": True},
    ]
    path = tmp_path / "mesh.remote_secrets.yml"
    said = runs.play(tmp_path, tasks, "-i", str(path), hosts="east:plain:key-a", environ=environ)
    assert len(re.findall(r'"v1\.\d+', said)) == 3


def test_compose_groups_and_keyed_groups(hub: Hub, tmp_path: Path) -> None:
    listed = runs.inventory(
        tmp_path,
        kubeconfig=str(hub.kubeconfig),
        read_networks=True,
        strict=True,
        compose={"where": "cluster_server | default('', true)"},
        groups={"of_the_hub": "cluster_is_hub"},
        keyed_groups=[{"key": "cluster_network | default('')", "prefix": "network", "default_value": "unknown"}],
    )
    assert listed["of_the_hub"]["hosts"] == ["east"]
    assert set(listed["network_net_east"]["hosts"]) >= {"plain", "east"}
    assert listed["_meta"]["hostvars"]["plain"]["where"] == hub.plane.url


DOCUMENTS = list(yaml.safe_load_all(remote_secrets.EXAMPLES))


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_the_examples_run_as_they_are_printed(number: int, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(hub.kubeconfig.read_text())
    listed = runs.inventory(tmp_path, environ={"HOME": str(tmp_path)}, **DOCUMENTS[number])
    assert set(listed["_meta"]["hostvars"]) == {*hub.usable, *hub.refused, "east"}
    if "groups" in DOCUMENTS[number]:
        assert set(listed["soon"]["hosts"]) == hub.usable, "the token of the zoo ends within the hour"


def test_the_hub_can_be_left_out(hub: Hub, tmp_path: Path) -> None:
    listed = runs.inventory(tmp_path, kubeconfig=str(hub.kubeconfig), include_hub=False)
    hosts = listed["_meta"]["hostvars"]
    assert hosts["east"]["cluster_reason"] == "ignoring cluster as it would overwrite the config cluster"
    assert "east" in listed["unusable"]["hosts"]


def test_a_hub_without_a_name_is_an_error_that_says_what_to_set(hub: Hub, tmp_path: Path) -> None:
    path = runs.write_inventory(tmp_path, kubeconfig=str(hub.kubeconfig), secret_namespace="kube-system")
    said = runs.run("ansible-inventory", "-i", str(path), "--list", check=False)
    assert "the cluster ID of the hub is not known" in said
    assert "set local_cluster to the ID, or include_hub: false" in said


def test_the_cache_serves_while_the_hub_is_away(hub: Hub, tmp_path: Path) -> None:
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    with faults.Wire(hub.plane) as wire:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(hub.kubeconfig.read_text().replace(hub.plane.url, wire.url))
        first = runs.inventory(tmp_path, kubeconfig=str(kubeconfig), **options)
    again = runs.inventory(tmp_path, kubeconfig=str(kubeconfig), **options)
    assert again == first
    (kept,) = (tmp_path / "cache").iterdir()
    assert hub.token not in kept.read_text()
    path = tmp_path / "mesh.remote_secrets.yml"
    said = runs.run("ansible-inventory", "-i", str(path), "--list", "--flush-cache", check=False)
    assert "refused the connection" in said


# The lookup

QUERY = "query('onemesh.istio.remote_clusters', kubeconfig='{}')"


def test_a_lookup_in_a_play_variable_asks_the_hub_once(hub: Hub, tmp_path: Path) -> None:
    with faults.Front(hub.plane) as front:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(hub.kubeconfig.read_text().replace(hub.plane.url, front.url))
        found = "{{ " + QUERY.format(kubeconfig) + " }}"
        tasks: list[dict[str, Any]] = [
            {"debug": {"msg": "{{ item.name }}"}, "loop": "{{ found }}", "when": "found | length > 3"} for _ in range(3)
        ]
        inventory = tmp_path / "hosts"
        inventory.write_text("a ansible_connection=local\nb ansible_connection=local\nc ansible_connection=local\n")
        runs.play(tmp_path, tasks, "-i", str(inventory), hosts="all", variables={"found": found})
        listed = [path for _method, path in front.requests if "/secrets" in path]
        assert len(listed) == 1


def test_a_lookup_is_refreshed_when_asked(hub: Hub, tmp_path: Path) -> None:
    newcomer = remote_secret.make_stored(
        remote_secret.build("newcomer", hub.plane.url, hub.plane.ca.read_bytes(), hub.token)
    )
    manifest = tmp_path / "newcomer.json"
    manifest.touch(mode=0o600)
    manifest.write_text(json.dumps(newcomer))
    query = QUERY.format(hub.kubeconfig)
    names = "BEFORE {{ " + query + " | map(attribute='name') | select('eq', 'newcomer') | list }}"
    fresh = names.replace("BEFORE", "AFTER").replace("')", "', refresh=true)", 1)
    apply = {
        "onemesh.istio.apply": {
            "clusters": [{"name": "east", "kubeconfig": str(hub.kubeconfig)}],
            "component": "test",
            "objects": ["{{ lookup('file', '" + str(manifest) + "') | from_json }}"],
        },
        "no_log": True,
    }
    tasks = [
        {"debug": {"msg": names}},
        apply,
        {"debug": {"msg": names}},
        {"debug": {"msg": fresh}},
        {"debug": {"msg": names}},
    ]
    try:
        said = runs.play(tmp_path, tasks)
    finally:
        hub.admin.delete(SECRET, "istio-remote-secret-newcomer", "istio-system")
    assert re.findall(r'"(?:BEFORE|AFTER) .*"', said) == [
        '"BEFORE []"',
        '"BEFORE []"',
        "\"AFTER ['newcomer']\"",
        "\"BEFORE ['newcomer']\"",
    ]


def test_a_lookup_says_why_it_failed(hub: Hub, tmp_path: Path) -> None:
    lookup = "query('onemesh.istio.remote_clusters', host='" + hub.plane.url + "', ca_cert='" + str(hub.plane.ca) + "')"
    tasks = [{"debug": {"msg": "{{ " + lookup + " }}"}}]
    said = runs.play(tmp_path, tasks, check=False, environ={"K8S_AUTH_API_KEY": STRANGER_TOKEN, "HOME": str(tmp_path)})
    assert 'User "stranger" cannot list resource "secrets"' in " ".join(said.replace('\\"', '"').split())
    assert "grant" in said
    assert STRANGER_TOKEN not in said

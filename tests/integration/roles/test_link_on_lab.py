# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between two real istiods: made, renewed, adopted, rendered, and gone."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Unauthorized
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET, SERVICE_ACCOUNT
from support import scan
from support.lab_runs import LINK, NAMESPACE, Lab, list_objects

pytestmark = pytest.mark.lab
FLEET = "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
BOTH = [("east", "west"), ("west", "east")]
OURS = "app.kubernetes.io/managed-by=onemesh.istio,onemesh.istio/component in (link, link-grant)"
READER = (kinds.CLUSTER_ROLE_BINDING, kinds.CLUSTER_ROLE, SERVICE_ACCOUNT)
SCANNER = Path(scan.__file__)


def link(name: str, *, task: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """A task. It goes on where it fails, so that a play shows what comes of each."""
    module = {"clusters": FLEET, "timeout": 60, **options}
    return {"name": name, "onemesh.istio.link": module, "run_once": True, "ignore_errors": True, **(task or {})}


def actions(result: dict[str, Any]) -> list[str]:
    return [each["action"] for each in result["links"]]


def secret(lab: Lab, source: str, target: str) -> dict[str, Any] | None:
    return lab.clients[source].find(SECRET, f"istio-remote-secret-{target}", NAMESPACE)


def token(lab: Lab, source: str, target: str) -> str:
    """What the istiod of ``source`` shows to the API server of ``target``."""
    found = secret(lab, source, target)
    assert found is not None
    return str(yaml.safe_load(base64.b64decode(found["data"][target]))["users"][0]["user"]["token"])


def claims(of: str) -> dict[str, Any]:
    body = of.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return decoded


def days_left(of: str) -> float:
    return (float(claims(of)["exp"]) - datetime.now(timezone.utc).timestamp()) / 86400


def bearer(lab: Lab, target: str, of: str) -> Client:
    """A client with nothing but the token."""
    kubeconfig = yaml.safe_load(Path(lab.hosts[target]["cluster_kubeconfig"]).read_text())
    kubeconfig["users"] = [{"name": user["name"], "user": {"token": of}} for user in kubeconfig["users"]]
    return lab.client(target, kubeconfig=kubeconfig)


def await_refusal(client: Client) -> None:
    """The API server may remember for 10 s that a token was good."""
    ends = time.monotonic() + 30
    try:
        while time.monotonic() < ends:
            who(client)
            time.sleep(0.2)
    except Unauthorized:
        return
    pytest.fail("the token is still accepted")


def who(client: Client) -> str:
    review = client.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    return str(review["status"]["userInfo"]["username"])


def istioctl_sees(lab: Lab, cluster: str) -> dict[str, str]:
    """Name and status of the other clusters, by istioctl."""
    lines = lab.clusters[cluster].istioctl("remote-clusters", "-i", NAMESPACE).splitlines()[1:]
    # Name, secret, status, istiod, revision; its own cluster has no secret.
    rows = [line.split() for line in lines]
    return {row[0]: row[2] for row in rows if "/" in row[1]}


def traces(lab: Lab) -> list[str]:
    """What there is of links on both clusters."""
    return [
        f"{cluster} {key}"
        for cluster, client in lab.clients.items()
        for key in list_objects(client)
        if any(word in key for word in ("/istio-remote-secret-", "/onemesh-link-", "/onemesh-istio-reader"))
    ]


@pytest.fixture
def linked(mesh: Lab) -> Lab:
    mesh.run(LINK).succeeded()
    return mesh


@pytest.fixture
def unlinked(mesh: Lab) -> Lab:
    """By nothing of the collection, which would wait until each token is refused."""
    remote = "istio/multiCluster=true"
    for kind, selector in ((SECRET, remote), *((kind, OURS) for kind in (SECRET, *READER))):
        for client in mesh.clients.values():
            for live in client.list(kind, label_selector=selector):
                client.delete(kind, live["metadata"]["name"], live["metadata"].get("namespace"))
    assert traces(mesh) == []
    return mesh


def test_check_mode_says_what_the_run_does_and_a_second_run_does_nothing(unlinked: Lab) -> None:
    before = unlinked.state()
    checked = unlinked.run(LINK, arguments=["--check", "--diff"]).succeeded()
    assert unlinked.state() == before
    run = unlinked.run(
        LINK, link("again"), link("again in check mode", task={"check_mode": True}), arguments=["--diff"]
    )
    made = run.succeeded().results[-3].result
    assert actions(checked.last) == actions(made) == ["create", "create"]
    assert checked.last["diff"] == made["diff"]
    assert (checked.last["changed"], made["changed"]) == (True, True)
    for name in ("again", "again in check mode"):
        again = run.of(name).result
        assert (again["changed"], again["diff"], actions(again)) == (False, [], ["keep", "keep"])
    assert istioctl_sees(unlinked, "east") == {"west": "synced"}
    assert istioctl_sees(unlinked, "west") == {"east": "synced"}


@pytest.mark.parametrize(("source", "target"), BOTH)
def test_the_remote_secret_is_as_istioctl_makes_it(linked: Lab, source: str, target: str) -> None:
    server = linked.hosts[target]["cluster_api_server"]
    made = linked.clusters[target].istioctl("create-remote-secret", "--name", target, "--server", server)
    expected = next(yaml.safe_load_all(made))
    live = secret(linked, source, target)
    assert live is not None
    theirs, ours = (
        yaml.safe_load(text) for text in (expected["stringData"][target], base64.b64decode(live["data"][target]))
    )
    for kubeconfig in (theirs, ours):
        kubeconfig["users"][0]["user"]["token"] = "some token"
    assert ours == theirs
    made_for = {
        "onemesh.istio/cluster-uid": linked.clients[target].get(kinds.NAMESPACE, "kube-system")["metadata"]["uid"]
    }
    assert live["metadata"]["annotations"] == {**expected["metadata"]["annotations"], **made_for}
    assert expected["metadata"]["labels"].items() <= live["metadata"]["labels"].items()
    assert (live["metadata"]["name"], live["metadata"]["namespace"]) == (expected["metadata"]["name"], NAMESPACE)


def test_the_token_is_the_readers_for_this_link_alone(linked: Lab) -> None:
    held = token(linked, "east", "west")
    west = linked.clients["west"]
    bound = claims(held)["kubernetes.io"]
    assert bound["secret"]["name"] == "onemesh-link-east"
    assert bound["secret"]["uid"] == west.get(SECRET, "onemesh-link-east", NAMESPACE)["metadata"]["uid"]
    assert 25 < days_left(held) <= 31
    client = bearer(linked, "west", held)
    assert who(client) == f"system:serviceaccount:{NAMESPACE}:onemesh-istio-reader"
    assert client.can_i("list", kinds.ENDPOINT_SLICE)
    for verb, kind in (("create", kinds.POD), ("delete", SECRET), ("patch", kinds.DEPLOYMENT), ("list", kinds.ROLE)):
        assert not client.can_i(verb, kind), f"the reader may {verb} {kind.plural}"


def test_a_token_that_is_due_is_renewed_and_nothing_of_it_is_shown(linked: Lab) -> None:
    """Once with all that Ansible can be made to say."""
    short = {"token_lifetime": 600}
    old = token(linked, "east", "west")
    run = linked.run(
        link("renew", renew_before=40 * 86400, **short),
        link("not due", renew_before=60, **short),
        arguments=["-vvvv", "--diff"],
    ).succeeded()
    assert actions(run.of("renew").result) == ["renew", "renew"]
    assert actions(run.of("not due").result) == ["keep", "keep"]
    new = token(linked, "east", "west")
    assert new != old
    assert days_left(new) < 1
    assert who(bearer(linked, "west", new)).endswith(":onemesh-istio-reader")

    for text in (old, new):
        assert text not in run.output
    kubeconfigs = {name: host["cluster_kubeconfig"] for name, host in linked.hosts.items()}
    command = [sys.executable, str(SCANNER), "--kubectl", str(linked.programs / "kubectl")]
    command += [f"--kubeconfig={name}={path}" for name, path in kubeconfigs.items()]
    scanned = subprocess.run([*command, str(run.folder)], capture_output=True, text=True, check=False)
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr


def test_a_reader_that_was_taken_away_is_made_again(linked: Lab) -> None:
    old = token(linked, "east", "west")
    linked.clients["west"].delete(SERVICE_ACCOUNT, "onemesh-istio-reader", NAMESPACE)
    run = linked.run(link("link")).succeeded()
    assert actions(run.last) == ["renew", "keep"]
    assert run.last["links"][0]["reason"] == "the account of its token was removed or made anew"
    assert who(bearer(linked, "west", token(linked, "east", "west"))).endswith(":onemesh-istio-reader")
    assert token(linked, "east", "west") != old


def test_a_url_of_another_cluster_is_refused_and_the_link_stays(linked: Lab) -> None:
    before = linked.state()
    hosts = {"west": {"cluster_api_server": linked.hosts["east"]["cluster_api_server"] + "/"}}
    for check in ([], ["--check"]):
        run = linked.run(link("link"), hosts=hosts, arguments=check).succeeded()
        assert {each["check"] for each in run.last["findings"]} == {"api-server-of-another"}
        assert run.last["changed"] is False
    assert linked.state() == before


def test_what_works_is_put_back_where_its_replacement_does_not(linked: Lab) -> None:
    """A URL that nobody answers at: this machine cannot know that, and istiod says no more than that it waits."""
    held = secret(linked, "east", "west")
    hosts = {"west": {"cluster_api_server": "https://192.0.2.77:6443"}}
    run = linked.run(link("link", timeout=6, **{"from": ["east"]}), hosts=hosts).succeeded()
    assert "What worked before was put back: east -> west." in run.last["msg"]
    assert ("west", "warning") in {(each["cluster"], each["severity"]) for each in run.last["findings"]}
    back = secret(linked, "east", "west")
    assert held is not None
    assert back is not None
    assert back["data"] == held["data"]
    assert actions(linked.run(link("link")).succeeded().last) == ["keep", "keep"]
    assert istioctl_sees(linked, "east") == {"west": "synced"}


def test_a_cluster_that_was_made_anew_is_named_and_linked_again(linked: Lab) -> None:
    """istiod goes on saying that it is synced."""
    live = secret(linked, "east", "west")
    assert live is not None
    kept = {key: live["metadata"][key] for key in ("name", "namespace", "labels")}
    annotations = {**live["metadata"]["annotations"], "onemesh.istio/cluster-uid": "of-the-old-one"}
    old = {**live, "metadata": {**kept, "annotations": annotations}}
    linked.clients["east"].apply(old, field_manager="onemesh.istio", force=True)
    fleet = {"clusters": FLEET}
    run = linked.run(
        {"name": "info", "onemesh.istio.cluster_info": fleet, "run_once": True},
        link("link"),
    ).succeeded()
    cause = "west was made anew: it was made for one with UID of-the-old-one"
    assert run.of("info").result["clusters"]["east"]["peers"]["west"]["reason"].startswith(cause)
    assert run.last["links"][0]["reason"].startswith(cause)
    assert actions(run.last) == ["renew", "keep"]


def test_only_one_way(unlinked: Lab) -> None:
    run = unlinked.run(
        LINK, link("again", **{"from": ["east"]}), variables={"link_from": ["east"], "link_to": ["west"]}
    )
    assert [(each["from"], each["to"]) for each in run.succeeded().results[-2].result["links"]] == [("east", "west")]
    assert run.of("again").result["changed"] is False
    assert (secret(unlinked, "east", "west") is not None, secret(unlinked, "west", "east")) == (True, None)
    assert istioctl_sees(unlinked, "east") == {"west": "synced"}
    assert istioctl_sees(unlinked, "west") == {}


def test_a_secret_of_somebody_else_is_refused_and_adopted_only_when_told(unlinked: Lab) -> None:
    server = unlinked.hosts["west"]["cluster_api_server"]
    theirs = unlinked.folder / "theirs.yml"
    theirs.touch(mode=0o600)
    theirs.write_text(unlinked.clusters["west"].istioctl("create-remote-secret", "--name", "west", "--server", server))
    unlinked.clusters["east"].kubectl("apply", "-f", str(theirs))
    before = unlinked.state()
    one_way = {"from": ["east"], "to": ["west"]}
    refused = unlinked.run(link("link", **one_way), link("unlink", state="absent", **one_way)).succeeded()
    assert refused.of("link").result["findings"][0]["check"] == "object-of-another"
    assert refused.of("unlink").result["findings"][0]["check"] == "object-of-another"
    assert "set adopt: true to take it over, or delete it" in refused.output
    assert unlinked.state() == before

    run = unlinked.run(link("adopt", adopt=True, **one_way), link("ours now", **one_way)).succeeded()
    assert run.of("adopt").result["links"][0]["reason"] == "it is taken over from somebody else"
    assert actions(run.of("ours now").result) == ["keep"]


def test_a_cluster_that_another_secret_registers_is_refused(unlinked: Lab) -> None:
    """istiod would take one of the two and ignore the other, without a word."""
    other = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "by-hand", "namespace": NAMESPACE, "labels": {"istio/multiCluster": "true"}},
        "stringData": {"west": "apiVersion: v1\nkind: Config\n"},
    }
    east = unlinked.clients["east"]
    east.apply(other, field_manager="somebody")
    try:
        run = unlinked.run(link("link")).succeeded()
    finally:
        east.delete(SECRET, "by-hand", NAMESPACE)
    assert [finding["check"] for finding in run.last["findings"]] == ["cluster-registered-twice"]
    assert "kubectl -n istio-system delete secret by-hand" in run.output
    assert traces(unlinked) == []


def test_rendered_manifests_are_private_and_link_when_applied(unlinked: Lab) -> None:
    folder = unlinked.folder / "rendered"
    rendered = {"state": "rendered", "render_to": str(folder), "from": ["east"]}
    unlinked.run(link("render", task={"check_mode": True}, **rendered)).succeeded()
    assert (folder.exists(), traces(unlinked)) == (False, [])
    run = unlinked.run(link("render", **rendered)).succeeded()
    assert run.last["manifests"] == {"east": str(folder / "east.json")}
    assert [(path.name, oct(path.stat().st_mode)[-3:]) for path in folder.iterdir()] == [("east.json", "600")]
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert secret(unlinked, "east", "west") is None

    unlinked.clusters["east"].kubectl("apply", "-f", str(folder / "east.json"))
    run = unlinked.run(link("link", **{"from": ["east"]})).succeeded()
    assert (run.last["changed"], actions(run.last)) == (False, ["keep"])
    assert istioctl_sees(unlinked, "east") == {"west": "synced"}


def test_manifests_that_cannot_be_written_are_told_before_a_token_is_made(unlinked: Lab) -> None:
    occupied = unlinked.folder / "occupied"
    occupied.write_text("a file where a folder is asked for")
    run = unlinked.run(link("render", state="rendered", render_to=str(occupied))).succeeded()
    assert [finding["check"] for finding in run.last["findings"]] == ["option-render-to"]
    assert traces(unlinked) == []


def test_unlinking_leaves_nothing_and_the_old_tokens_are_refused(linked: Lab) -> None:
    clients = {target: bearer(linked, target, token(linked, source, target)) for source, target in BOTH}
    for client in clients.values():
        assert who(client).endswith(":onemesh-istio-reader")
    before = linked.state()
    checked = linked.run(link("unlink", state="absent"), arguments=["--check", "--diff"]).succeeded()
    # A mesh of one is nothing to unlink, and what that one has of others is no small matter.
    alone = linked.run(playbook="onemesh.istio.unlink", variables={"mesh_hosts": "west"}).failed()
    assert alone.findings() == {("west", "linked-beyond-the-inventory")}
    assert linked.state() == before
    # A limit means the links of that cluster, on both sides.
    done = linked.run(playbook="onemesh.istio.unlink", arguments=["--diff", "--limit", "west"]).succeeded()
    assert actions(checked.last) == actions(done.last) == ["remove", "remove"]
    assert (checked.last["diff"], done.last["changed"]) == (done.last["diff"], True)
    for client in clients.values():
        with pytest.raises(Unauthorized):
            who(client)
    assert traces(linked) == []
    assert istioctl_sees(linked, "east") == istioctl_sees(linked, "west") == {}
    again = linked.run(link("unlink", state="absent")).succeeded()
    assert (again.last["changed"], again.last["diff"]) == (False, [])


def test_a_cluster_that_is_away_is_finished_when_it_is_back(linked: Lab) -> None:
    """Nothing is linked while one is away; unlinking does what it can, says what it owes, and pays it later."""
    held = token(linked, "east", "west")
    linked.meshlab("fault api-down", "west")
    try:
        run = linked.run(
            link("link", request_timeout=3, renew_before=40 * 86400), link("unlink", request_timeout=3, state="absent")
        )
    finally:
        linked.meshlab("fault clear")
    tried, unlinked = run.succeeded().of("link").result, run.of("unlink").result
    assert tried["msg"].startswith("Nothing was written: not all clusters answer.\n  west: ")
    assert tried["changed"] is False
    assert {(each["cluster"], each["check"]) for each in unlinked["findings"]} == {("west", "not-reachable")}
    assert secret(linked, "east", "west") is None
    assert secret(linked, "west", "east") is not None
    await_refusal(bearer(linked, "east", token(linked, "west", "east")))
    assert who(bearer(linked, "west", held)).endswith(":onemesh-istio-reader"), "west was away"

    run = linked.run(link("unlink", state="absent")).succeeded()
    assert run.last["changed"] is True
    assert traces(linked) == []
    await_refusal(bearer(linked, "west", held))

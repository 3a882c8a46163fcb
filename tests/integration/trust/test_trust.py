# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role trust against a real API server: what it makes, keeps, renews and refuses."""

from __future__ import annotations

import base64
import shutil
import stat
from pathlib import Path

import istiod_process
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.onemesh.istio.plugins.module_utils._istio.trust import (
    compute_fingerprints,
    read_certificate_facts,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import POD, SECRET
from trust_runs import Fleet

pytestmark = pytest.mark.lab

EC_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
KEYS = {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"}


def cacerts(fleet: Fleet, cluster: str) -> dict[str, bytes]:
    """The data of the Secret; empty where there is none."""
    secret = fleet.client(cluster).find(SECRET, "cacerts", fleet.namespace(cluster)) or {}
    return {key: base64.b64decode(text) for key, text in secret.get("data", {}).items()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def test_one_root_and_a_unique_intermediate_for_each_cluster(fleet: Fleet) -> None:
    predicted = fleet.trust("east", "west", arguments=("--check", "--diff"))
    assert predicted.ok, predicted.output
    assert predicted.changed == {"east": 1, "west": 1}
    assert "Would make the root of the mesh, and an intermediate for cluster west" in predicted.output
    assert not fleet.store.exists()
    assert cacerts(fleet, "east") == {}

    first = fleet.trust("east", "west", arguments=("--diff", "-vvvv"))
    assert first.ok, first.output
    east, west = cacerts(fleet, "east"), cacerts(fleet, "west")
    assert set(east) == set(west) == KEYS
    assert east["root-cert.pem"] == west["root-cert.pem"]
    assert east["ca-key.pem"] != west["ca-key.pem"]
    assert east["cert-chain.pem"] == east["ca-cert.pem"] + east["root-cert.pem"]
    facts = read_certificate_facts(west["ca-cert.pem"])[0]
    assert "L=west" in facts.subject.split(",")
    assert {mode(path) for path in fleet.store.rglob("*-key.pem")} == {0o600}
    assert {mode(path) for path in (fleet.store, *fleet.store.iterdir()) if path.is_dir()} == {0o700}
    assert (fleet.store / ".gitignore").read_text() == "*\n"
    report = fleet.report("east")
    assert report["root"]["fingerprint"] == compute_fingerprints(east["root-cert.pem"])[0]
    # Their first hour is over already, for the sake of slow clocks.
    assert (report["root"]["days_left"], report["intermediate"]["days_left"]) == (3649, 1824)

    before = files(fleet.store)
    again = fleet.trust("east", "west")
    assert again.ok, again.output
    assert again.changed == {"east": 0, "west": 0}
    assert files(fleet.store) == before

    joined = fleet.trust("north")
    assert joined.ok, joined.output
    assert cacerts(fleet, "north")["root-cert.pem"] == east["root-cert.pem"]
    assert files(fleet.store).items() >= before.items()

    # The key of the root is in no cluster, and no key is in any output.
    keys = [path.read_text() for path in fleet.store.rglob("*-key.pem")]
    everything = "".join(fleet.outputs)
    assert len(keys) == 4
    for key in keys:
        assert key.splitlines()[1] not in everything
    root_key = (fleet.store / "root" / "root-key.pem").read_bytes()
    assert all(root_key not in cacerts(fleet, name).values() for name in ("east", "west", "north"))


def test_an_intermediate_is_renewed_and_a_running_istiod_signs_with_it(fleet: Fleet) -> None:
    assert fleet.trust("east", trust_intermediate_days=100).ok
    before = cacerts(fleet, "east")
    with istiod_process.istiod(fleet.folder / "istiod", fleet.planes.planes["east"], before) as running:
        running.wait("showed a certificate", lambda: running.signs_with(before["ca-cert.pem"]))
        renewed = fleet.trust("east", trust_renew_days=100)
        assert renewed.ok, renewed.output
        after = cacerts(fleet, "east")
        assert after["root-cert.pem"] == before["root-cert.pem"]
        assert after["ca-key.pem"] != before["ca-key.pem"]
        assert fleet.report("east")["intermediate"]["days_left"] == 1824
        assert fleet.report("east")["restart_required"] is False
        running.show(after)
        running.wait("signed with the renewed one", lambda: running.signs_with(after["ca-cert.pem"]))

        # Why the bytes of the root stay as they are, and why what we write is what Go reads.
        refused = {
            "Multi root is disabled": {**before, "root-cert.pem": b"Bag Attributes\n" + before["root-cert.pem"]},
            "failed to parse cert PEM": {**before, "ca-cert.pem": b"\xef\xbb\xbf" + before["ca-cert.pem"]},
            "unsupported PEM block type for a private key: EC PARAMETERS": {
                **before,
                "ca-key.pem": EC_PARAMETERS + before["ca-key.pem"],
            },
        }
        for said, files in refused.items():
            running.show(files)
            running.wait(f"said {said}", lambda said=said: said in running.log)
            assert running.signs_with(after["ca-cert.pem"])
    assert fleet.trust("east", trust_renew_days=100).changed == {"east": 0}


def test_a_store_that_lost_its_root_makes_no_other(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "east")
    fleet.store.rename(fleet.folder / "kept")
    lost = fleet.trust("east", "west")
    assert not lost.ok
    assert "goes by root sha256:" in lost.output
    assert "replace_root" in lost.output
    # As a survey gives it: text is no permission.
    joining = fleet.trust("east", "west", arguments=("--limit", "west"), trust_replace_root="false")
    assert not joining.ok, "a cluster that joins must not begin with another root either"
    assert "east (Secret" in joining.output
    assert not fleet.store.exists()
    assert cacerts(fleet, "west") == {}

    (fleet.folder / "kept").rename(fleet.store)
    root_key = fleet.store / "root" / "root-key.pem"
    content = root_key.read_bytes()
    root_key.unlink()
    without_key = fleet.trust("east", "west")
    assert not without_key.ok
    assert "west need an intermediate, but root/root-key.pem is not there" in without_key.output
    assert fleet.trust("east").changed == {"east": 0}, "nothing has to be signed, so the root key may stay away"
    root_key.write_bytes(content)
    assert fleet.trust("east", "west").ok


def test_another_root_is_refused_until_it_is_asked_for(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "east")
    (old,) = compute_fingerprints(cacerts(fleet, "east")["root-cert.pem"])
    istiod(fleet.client("east"), fleet.namespace("east"))
    other = str(fleet.folder / "other")
    # A store of its own, for another mesh.
    assert fleet.trust("west", trust_directory=other).ok
    (new,) = compute_fingerprints(cacerts(fleet, "west")["root-cert.pem"])

    refused = fleet.trust("east", "west", trust_directory=other)
    assert not refused.ok
    assert f"sha256:{old}" in refused.output
    assert f"sha256:{new}" in refused.output
    assert not (fleet.folder / "other" / "east").exists()
    assert compute_fingerprints(cacerts(fleet, "east")["root-cert.pem"]) == (old,)

    replaced = fleet.trust("east", "west", trust_directory=other, trust_replace_root=True)
    assert replaced.ok, replaced.output
    assert compute_fingerprints(cacerts(fleet, "east")["root-cert.pem"]) == (new,)


def istiod(client: Client, namespace: str) -> None:
    """A pod that istiod's Deployment would have made; nothing has to run for what is tested here."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "istiod-0", "namespace": namespace, "labels": {"app": "istiod"}},
        "spec": {"containers": [{"name": "discovery", "image": "pilot"}]},
    }
    client.apply(pod, field_manager="test")


def test_istiod_that_signed_its_own_root_is_named(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "west")
    west = cacerts(fleet, "west")
    namespace = fleet.namespace("east")
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "istio.io/ca-root",
            "metadata": {"name": "istio-ca-secret", "namespace": namespace},
            # Any certificate will do for istiod's own.
            "data": {"ca-cert.pem": base64.b64encode(west["ca-cert.pem"]).decode()},
        },
    ):
        fleet.client("east").apply(manifest, field_manager="test")
    istiod(fleet.client("east"), namespace)
    refused = fleet.trust("east", "west")
    assert not refused.ok
    assert "istio-ca-secret, which istiod signed itself" in refused.output
    replaced = fleet.trust("east", "west", trust_replace_root=True)
    assert replaced.ok, replaced.output
    assert fleet.report("east")["restart_required"] is True
    assert "istiod does not use this certificate authority until it is restarted" in replaced.output
    assert fleet.client("east").find(POD, "istiod-0", namespace) is not None


def test_the_passphrase_covers_every_key_of_the_store(fleet: Fleet, made: Fleet) -> None:
    # A store as it was before there was a passphrase, with modes that let others in.
    fleet.take(made, "east")
    before = cacerts(fleet, "east")
    (fleet.store / "east").chmod(0o755)
    (fleet.store / "east" / "ca-key.pem").chmod(0o644)
    secret = {"trust_passphrase": "only-the-vault-knows"}
    predicted = fleet.trust("east", arguments=("--check",), **secret)
    assert predicted.changed == {"east": 2}
    assert mode(fleet.store / "east" / "ca-key.pem") == 0o644
    covered = fleet.trust("east", "west", arguments=("-vvvv", "--diff"), **secret)
    assert covered.ok, covered.output
    keys = {path: path.read_text() for path in fleet.store.rglob("*-key.pem")}
    assert len(keys) == 3
    assert all(text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----") for text in keys.values())
    assert {mode(path) for path in keys} == {0o600}
    assert {mode(path) for path in (fleet.store, *fleet.store.iterdir()) if path.is_dir()} == {0o700}
    assert cacerts(fleet, "east") == before, "the same key, which istiod gets open"
    assert cacerts(fleet, "west")["ca-key.pem"].startswith(b"-----BEGIN PRIVATE KEY-----")
    assert fleet.trust("east", "west", **secret).changed == {"east": 0, "west": 0}

    for wrong, reason in (
        ({}, "the key is encrypted"),
        ({"trust_passphrase": "guessed"}, "the passphrase does not open the key"),
        ({"trust_passphrase": "guessed", "trust_renew_days": 9999}, "the passphrase does not open the key"),
    ):
        refused = fleet.trust("east", "west", "north", **wrong)
        assert not refused.ok
        assert reason in refused.output
        assert "passphrase" in refused.output
        assert {path: path.read_text() for path in fleet.store.rglob("*-key.pem")} == keys
        assert not (fleet.store / "north").exists()
    # Its earlier name.
    renewed = fleet.trust("east", trust_root_passphrase="only-the-vault-knows", trust_renew_days=1825)
    assert renewed.ok, renewed.output
    assert "ENCRYPTED" in (fleet.store / "east" / "ca-key.pem").read_text()
    assert (fleet.store / "east" / "ca-key.pem").read_text() not in keys.values()
    assert "only-the-vault-knows" not in "".join(fleet.outputs)


def test_one_key_for_two_clusters_is_refused(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "east")
    shutil.copytree(fleet.store / "east", fleet.store / "west")
    for clusters in (("east", "west"), ("west",)):
        refused = fleet.trust(*clusters)
        assert not refused.ok
        assert "west: it has the same certificate authority (the same key) as east" in refused.output
    files_of = given_files(fleet.store / "east")
    (fleet.store / "west").rename(fleet.folder / "away")
    both = {name: {"trust_source": "files", "trust_files": files_of} for name in ("east", "west")}
    refused = fleet.trust("east", "west", **both)
    assert not refused.ok
    limited = fleet.trust("east", "west", arguments=("--limit", "west"), **both)
    for run in (refused, limited):
        assert "west: it has the same certificate authority (the same key) as east" in run.output
    assert cacerts(fleet, "west") == {}


def test_an_expired_intermediate_of_the_store_is_made_anew(fleet: Fleet) -> None:
    assert fleet.trust("east", trust_intermediate_days=0).ok is False
    assert fleet.trust("east").ok
    assert fleet.report("east")["intermediate"]["days_left"] == 1824


def given_files(folder: Path) -> dict[str, str]:
    return {
        "ca_cert": str(folder / "ca-cert.pem"),
        "ca_key": str(folder / "ca-key.pem"),
        "root_cert": str(folder / "root-cert.pem"),
        "cert_chain": str(folder / "cert-chain.pem"),
    }


def test_files_that_go_would_not_read_are_written_so_that_it_does(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "north")
    folder = fleet.folder / "given"
    (fleet.store / "north").rename(folder)
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "ca-cert.pem").write_bytes(b"\xef\xbb\xbf" + good["ca-cert.pem"])
    (folder / "ca-key.pem").write_bytes(EC_PARAMETERS + good["ca-key.pem"])
    (folder / "root-cert.pem").write_bytes(b"".join(b"  " + line for line in good["root-cert.pem"].splitlines(True)))
    (folder / "cert-chain.pem").write_bytes(good["ca-cert.pem"].rstrip() + good["root-cert.pem"])
    files = {"trust_source": "files", "trust_files": given_files(folder)}
    assert fleet.trust("east", **files).ok
    assert cacerts(fleet, "east") == good
    assert fleet.trust("east", **files).changed == {"east": 0}

    # What a hand made of it on the cluster is called what it is, and put right.
    glued = {"data": {"cert-chain.pem": base64.b64encode((folder / "cert-chain.pem").read_bytes()).decode()}}
    fleet.client("east").patch(SECRET, "cacerts", fleet.namespace("east"), glued, field_manager="a hand")
    checked = fleet.trust("east", arguments=("--check",), **files)
    assert "istiod cannot read what cacerts holds" in checked.output
    assert "cert-chain.pem: istiod finds 0 of its 2 certificates" in " ".join(checked.output.split())
    assert checked.changed == {"east": 1}
    assert fleet.trust("east", **files).ok
    assert cacerts(fleet, "east") == good

    (folder / "cert-chain.pem").write_bytes(good["ca-cert.pem"] + good["root-cert.pem"][:-20])
    refused = fleet.trust("east", **files)
    assert not refused.ok
    assert f"cert-chain.pem ({folder}/cert-chain.pem) is not a PEM certificate: line 1" in " ".join(
        refused.output.split()
    )
    assert cacerts(fleet, "east") == good


def test_given_files_are_checked_before_anything_is_written(fleet: Fleet, made: Fleet) -> None:
    fleet.take(made, "north", "west")
    folder = fleet.folder / "given"
    (fleet.store / "north").rename(folder)
    files_of = given_files(folder)
    vaulted = folder / "ca-key.vault"
    vault = VaultLib([("default", VaultSecret(b"open-sesame"))])
    vaulted.write_bytes(vault.encrypt((folder / "ca-key.pem").read_bytes()))
    (fleet.folder / "password").write_text("open-sesame")
    for broken, reason in (
        ({"ca_key": str(fleet.store / "west" / "ca-key.pem")}, "is not the key of"),
        ({"root_cert": str(folder / "gone.pem")}, "root-cert.pem missing or empty"),
        ({"ca_key": str(vaulted)}, f"{vaulted} is encrypted by ansible-vault, and cannot be decrypted"),
    ):
        refused = fleet.trust("east", trust_source="files", east={"trust_files": {**files_of, **broken}})
        assert not refused.ok
        assert reason in refused.output
        assert cacerts(fleet, "east") == {}
    given = fleet.trust(
        "east",
        arguments=("--vault-password-file", "password"),
        trust_source="files",
        east={"trust_files": {**files_of, "ca_key": str(vaulted)}},
    )
    assert given.ok, given.output
    assert "chmod" not in given.output, "others may read what they cannot decrypt"
    written = cacerts(fleet, "east")
    assert {key: written[key] for key in ("ca-cert.pem", "ca-key.pem")} == {
        key: (folder / key).read_bytes() for key in ("ca-cert.pem", "ca-key.pem")
    }

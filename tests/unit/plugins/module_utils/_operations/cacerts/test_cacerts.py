# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.authority import ClusterAuthority
from ansible_collections.onemesh.istio.plugins.module_utils._istio.trust import (
    Bundle,
    check_bundle,
    compute_fingerprints,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.cacerts.plan import (
    CacertsStep,
    Store,
    find_shared_keys,
    plan_generation,
    plan_present,
    with_root_as_it_stands,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.cacerts.run import make_manifest, read_store
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._istio.certificate_authorities import (
    NOW,
    Authority,
    authority,
    bundle,
    key,
    key_pem,
)

ROOT = authority("root")
EAST = authority("east", ROOT, days=365)
GIVEN = bundle(ROOT, EAST)
RENEWED = bundle(ROOT, authority("east", ROOT, days=365, private=key("p384")))
OTHER = authority("other root")
EMPTY = Bundle(b"", b"", b"", b"")


def live(
    made: Bundle | None = None, *, ours: bool = True, kind: str = "Opaque", istiod: bool = False, **more: bytes
) -> ClusterAuthority:
    """A cluster with this bundle as cacerts; ``signed`` is the self-signed CA, ``given_out`` the ConfigMap's root."""
    secret = make_manifest("istio-system", made) if made else None
    if secret is not None:
        secret["type"] = kind
        if not ours:
            secret["metadata"]["labels"] = {}
    return ClusterAuthority(
        "east",
        "istio-system",
        secret=secret,
        self_signed={"data": {"ca-cert.pem": base64.b64encode(more["signed"]).decode()}} if "signed" in more else None,
        distributed={"data": {"root-cert.pem": more["given_out"].decode()}} if "given_out" in more else None,
        istiods=("istiod-0",) if istiod else (),
    )


def plan(found: ClusterAuthority, given: Bundle = GIVEN, **allowed: bool) -> CacertsStep:
    return plan_present(found, given, check_bundle(given, NOW, cluster="east"), **allowed)


def refusals(step: CacertsStep) -> set[str]:
    return {finding.check for finding in step.findings if finding.severity == "error"}


ALLOWED: dict[str, tuple[ClusterAuthority, dict[str, bool], str, bool]] = {
    "nothing there": (live(), {}, "create", False),
    "the same": (live(GIVEN), {}, "keep", False),
    "the same, made by something else": (live(GIVEN, ours=False), {}, "keep", False),
    "the same and in use": (live(GIVEN, istiod=True, given_out=ROOT.pem), {}, "keep", False),
    "another intermediate of the root": (live(RENEWED), {}, "update", False),
    "another intermediate, and istiod takes it over": (
        live(RENEWED, istiod=True, given_out=ROOT.pem),
        {},
        "update",
        False,
    ),
    "another intermediate that we may adopt": (live(RENEWED, ours=False), {"adopt": True}, "update", False),
    "what an earlier installation left": (live(given_out=OTHER.pem), {}, "create", False),
    "istiod started without one": (live(istiod=True), {}, "create", True),
    "another root that may be replaced": (
        live(bundle(OTHER, authority("x", OTHER)), istiod=True, given_out=OTHER.pem),
        {"replace_root": True},
        "update",
        True,
    ),
    "its own root that may be replaced": (
        live(signed=OTHER.pem, istiod=True, given_out=OTHER.pem),
        {"replace_root": True},
        "create",
        True,
    ),
    "written, but istiod still goes by its old root": (
        live(GIVEN, istiod=True, given_out=OTHER.pem),
        {"replace_root": True},
        "keep",
        True,
    ),
}


@pytest.mark.parametrize(("found", "allowed", "action", "restart"), ALLOWED.values(), ids=list(ALLOWED))
def test_what_happens_on_a_cluster(
    found: ClusterAuthority, allowed: dict[str, bool], action: str, restart: bool
) -> None:
    step = plan(found, **allowed)
    assert refusals(step) == set()
    assert (step.action, step.restart) == (action, restart)


BAG = b"Bag Attributes\n"
GLUED = replace(GIVEN, cert_chain=EAST.pem.rstrip() + ROOT.pem)


def test_what_says_the_same_in_other_words_stays_as_it_is() -> None:
    other_words = replace(GIVEN, ca_cert=BAG + GIVEN.ca_cert, root_cert=ROOT.pem.replace(b"\n", b"\r\n"))
    assert plan(live(other_words, ours=False)).action == "keep"


def test_a_new_intermediate_is_taken_over_only_under_the_same_bytes_of_the_root() -> None:
    old_root = BAG + ROOT.pem
    cluster = live(replace(RENEWED, root_cert=old_root), istiod=True, given_out=old_root)
    assert plan(cluster).restart, "istiod compares bytes"
    kept = with_root_as_it_stands(cluster, GIVEN)
    assert kept == replace(GIVEN, root_cert=old_root)
    assert plan(cluster, kept).restart is False


@pytest.mark.parametrize(
    "root", [b" " + ROOT.pem, ROOT.pem + key_pem(key("p384")), OTHER.pem], ids=["hidden", "key", "other"]
)
def test_a_root_that_is_not_the_same_to_istiod_does_not_stay(root: bytes) -> None:
    assert with_root_as_it_stands(live(replace(GIVEN, root_cert=root)), GIVEN) == GIVEN


@pytest.mark.parametrize(
    ("ours", "allowed", "action", "severity"),
    [(True, {}, "update", "warning"), (False, {}, "refuse", "error"), (False, {"adopt": True}, "update", "warning")],
)
def test_what_istiod_cannot_read_is_called_unusable_and_written_anew(
    ours: bool, allowed: dict[str, bool], action: str, severity: str
) -> None:
    step = plan(live(GLUED, ours=ours), **allowed)
    assert step.action == action
    (finding,) = step.findings
    assert (finding.check, finding.severity) == ("trust-unusable", severity)
    assert "cert-chain.pem: istiod finds 0 of its 2 certificates" in finding.message


def test_one_certificate_authority_for_two_clusters_is_told_of_each() -> None:
    locked = replace(GIVEN, ca_key=key_pem(EAST.private, passphrase=b"x"))
    bundles = {"east": GIVEN, "west": locked, "north": RENEWED, "east.bak": RENEWED}
    found = find_shared_keys(bundles, ["east", "north"])
    assert [(finding.cluster, finding.check) for finding in found] == [("east", "trust-shared-key")]
    assert "as west;" in found[0].message
    assert (
        find_shared_keys({"east": GIVEN, "north": RENEWED, "new": EMPTY, "newer": EMPTY}, ["east", "north", "new"])
        == []
    )


REFUSED = {
    "another root in cacerts": (live(bundle(OTHER, authority("x", OTHER))), "trust-another-root"),
    "a root that istiod signed itself": (live(signed=OTHER.pem), "trust-another-root"),
    "a root that istiod hands out": (live(istiod=True, given_out=OTHER.pem), "trust-another-root"),
    "written, but istiod goes by another": (live(GIVEN, istiod=True, given_out=OTHER.pem), "trust-another-root"),
    "two roots where one is given": (live(replace(GIVEN, root_cert=ROOT.pem + OTHER.pem)), "trust-another-root"),
    "somebody else's intermediate": (live(RENEWED, ours=False), "trust-not-ours"),
    "cert-manager's form": (live(GIVEN, kind="kubernetes.io/tls"), "trust-other-form"),
}


@pytest.mark.parametrize(("found", "check"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(found: ClusterAuthority, check: str) -> None:
    step = plan(found)
    assert step.action == "refuse"
    assert refusals(step) == {check}


def test_a_refused_root_names_both_fingerprints_and_what_to_do() -> None:
    (finding,) = plan(live(signed=OTHER.pem)).findings
    assert compute_fingerprints(ROOT.pem)[0] in finding.message
    assert compute_fingerprints(OTHER.pem)[0] in finding.message
    assert "istio-ca-secret" in finding.message
    assert "replace_root" in finding.remedy
    assert finding.cluster == "east"


def test_a_bundle_that_cannot_work_is_refused_before_anything_else() -> None:
    broken = replace(GIVEN, ca_key=key_pem(key("p384")))
    assert refusals(plan(live(), broken)) == {"trust-key-mismatch"}


def test_the_secret_has_exactly_its_four_keys_and_is_ours() -> None:
    secret = make_manifest("mesh", GIVEN)
    assert secret["type"] == "Opaque"
    assert set(secret["data"]) == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"}
    assert secret["metadata"]["namespace"] == "mesh"
    assert secret["metadata"]["labels"]["onemesh.istio/component"] == "trust"
    assert ClusterAuthority("east", "mesh", secret=secret).bundle == GIVEN


def store(root: Authority | None = ROOT, *, root_key: bool = True, **bundles: Bundle) -> Store:
    return Store("/store", root.pem if root else b"", root_key, bundles)


def generation(
    found: Store,
    *,
    clusters: Mapping[str, Bundle] | None = None,
    lives: Mapping[str, ClusterAuthority] | None = None,
    later: int = 0,
    **options: Any,
) -> tuple[bool, tuple[str, ...], tuple[str, ...], set[str]]:
    """What has to be made, ``later`` days from now: root, intermediates, those renewed, and the refusals."""
    now = NOW + timedelta(days=later)
    reports = {name: check_bundle(given, now, cluster=name) for name, given in (clusters or {"east": EMPTY}).items()}
    planned = plan_generation(found, lives or {}, reports, now=now, min_days=30, **options)
    return planned.root, planned.intermediates, planned.renew, {finding.check for finding in planned.findings}


def test_a_first_run_makes_the_root_and_every_intermediate() -> None:
    both = {"east": EMPTY, "west": EMPTY}
    assert generation(store(None, root_key=False), clusters=both) == (True, ("east", "west"), (), set())


def test_a_root_key_that_an_interrupted_run_left_is_used() -> None:
    assert generation(store(None, root_key=True)) == (True, ("east",), (), set())


def test_a_complete_store_needs_nothing_not_even_the_root_key() -> None:
    assert generation(store(root_key=False, east=GIVEN), clusters={"east": GIVEN}) == (False, (), (), set())


def test_a_cluster_that_joins_gets_an_intermediate_of_the_same_root() -> None:
    joining = {"east": GIVEN, "west": EMPTY}
    assert generation(store(east=GIVEN), clusters=joining) == (False, ("west",), (), set())


@pytest.mark.parametrize(("later", "renew"), [(300, ()), (335, ("east",)), (360, ("east",))])
def test_an_intermediate_is_renewed_before_its_end(later: int, renew: tuple[str, ...]) -> None:
    found = generation(store(east=GIVEN), clusters={"east": GIVEN}, later=later)
    assert found == (False, renew, renew, set())


HALF = replace(GIVEN, ca_cert=b"", cert_chain=b"")
AGAIN = {
    "half made": HALF,
    "a key that was made anew": replace(GIVEN, ca_key=key_pem(key("p384"))),
    "of another root": bundle(OTHER, authority("x", OTHER)),
}


@pytest.mark.parametrize("broken", AGAIN.values(), ids=list(AGAIN))
def test_an_intermediate_that_does_not_fit_is_made_again(broken: Bundle) -> None:
    assert generation(store(east=broken), clusters={"east": broken}) == (False, ("east",), (), set())


GOES_BY_OTHER = {"east": live(bundle(OTHER, authority("x", OTHER)))}
GOES_BY_ROOT = {"east": live(GIVEN)}
NEVER: dict[str, tuple[Store, dict[str, Any], str]] = {
    "a new root beside one in use": (store(None, root_key=False), {"lives": GOES_BY_ROOT}, "trust-root-lost"),
    "a new root beside intermediates": (store(None, east=GIVEN), {}, "trust-root-lost"),
    "an intermediate of another root than the one in use": (store(), {"lives": GOES_BY_OTHER}, "trust-another-root"),
    "an intermediate without the root key": (store(root_key=False), {}, "trust-root-key-missing"),
    "an intermediate of an expired root": (store(), {"later": 4000}, "trust-root-expired"),
    "anything beside a damaged root": (replace(store(), root_cert=b"x"), {}, "trust-root-unreadable"),
}


@pytest.mark.parametrize(("found", "options", "check"), NEVER.values(), ids=list(NEVER))
def test_what_is_never_made(found: Store, options: dict[str, Any], check: str) -> None:
    assert check in generation(found, **options)[3]


EXPIRED = bundle(ROOT, authority("x", ROOT, days=10, start=NOW - timedelta(days=20)))


@pytest.mark.parametrize("given", [EXPIRED, replace(GIVEN, ca_key=b"damaged")], ids=["expired", "a damaged key"])
def test_what_is_of_no_more_use_is_made_anew_from_its_key_on(given: Bundle) -> None:
    assert generation(store(east=given), clusters={"east": given}) == (False, ("east",), ("east",), set())


def test_nothing_is_made_over_a_key_that_the_passphrase_does_not_open(tmp_path: Path) -> None:
    given = replace(GIVEN, ca_key=key_pem(EAST.private, passphrase=b"sesame"))
    for name, content in {
        "root/root-cert.pem": ROOT.pem,
        "root/root-key.pem": key_pem(ROOT.private, passphrase=b"sesame"),
        "east/ca-cert.pem": given.ca_cert,
        "east/ca-key.pem": given.ca_key,
        "west/ca-key.pem": GIVEN.ca_key,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for passphrase in ("", "wrong"):
        found = read_store(tmp_path, passphrase)
        assert set(found.locked) == {"root", "east"}
        assert generation(found, clusters={"east": given}, passphrase=passphrase)[1] == ()
        assert "trust-passphrase" in generation(found, clusters={"west": EMPTY}, passphrase=passphrase)[3]
    opened = read_store(tmp_path, "sesame")
    assert opened.locked == {}
    assert opened.unprotected == (str(tmp_path / "west" / "ca-key.pem"),)
    assert generation(opened, clusters={"west": EMPTY}, passphrase="sesame")[1:] == (("west",), (), set())


def test_a_root_key_of_another_root_signs_nothing() -> None:
    found = replace(store(), root_key="0" * 64)
    assert generation(found)[3] == {"trust-root-key-mismatch"}


def test_a_new_root_is_made_where_the_old_one_may_be_replaced() -> None:
    found = generation(store(None, root_key=False), lives=GOES_BY_ROOT, replace_root=True)
    assert found == (True, ("east",), (), set())


def test_a_store_is_read_from_its_directory(tmp_path: Path) -> None:
    assert read_store(tmp_path / "missing") == Store(str(tmp_path / "missing"), b"", False, {})
    for name, content in {
        "root/root-cert.pem": ROOT.pem,
        "root/root-key.pem": b"never read",
        "east/ca-cert.pem": GIVEN.ca_cert,
        "east/ca-key.pem": GIVEN.ca_key,
        "east/root-cert.pem": GIVEN.root_cert,
        "east/cert-chain.pem": GIVEN.cert_chain,
        "west/ca-cert.pem": b"half",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("no cluster")
    found = read_store(tmp_path)
    assert (found.root_cert, found.has_root_key) == (ROOT.pem, True)
    assert found.bundles == {"east": GIVEN, "west": Bundle(b"half", b"", b"", b"")}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall become of the certificate authority of each cluster, and of the store that they come from. Pure.

A mesh has one root. It is never replaced in silence, so whatever shows another root on a cluster, or a store that has
lost its own, is a refusal with both fingerprints.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from ..._findings import Finding, FindingKind
from ..._istio import names
from ..._istio.authority import OPAQUE, ClusterAuthority
from ..._istio.trust import (
    Bundle,
    BundleReport,
    CertificateFacts,
    find_unreadable,
    list_public_keys,
    read_certificate_facts,
    repair,
)
from ..._ownership import is_ours
from ..finding_kinds import (
    TRUST_ANOTHER_ROOT,
    TRUST_NOT_OURS,
    TRUST_OTHER_FORM,
    TRUST_PASSPHRASE,
    TRUST_ROOT_EXPIRED,
    TRUST_ROOT_KEY_MISMATCH,
    TRUST_ROOT_KEY_MISSING,
    TRUST_ROOT_LOST,
    TRUST_ROOT_UNREADABLE,
    TRUST_SHARED_KEY,
    TRUST_UNUSABLE,
)

ROOT_DIRECTORY = "root"
ROOT_KEY_FILE = "root-key.pem"


@dataclass(frozen=True)
class CacertsStep:
    """What happens on one cluster. ``restart``: istiod goes on with what it had until it is restarted."""

    cluster: str
    action: Literal["create", "update", "keep", "refuse"]
    restart: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def changes(self) -> bool:
        return self.action in ("create", "update")


def plan_present(
    live: ClusterAuthority, bundle: Bundle, report: BundleReport, *, replace_root: bool = False, adopt: bool = False
) -> CacertsStep:
    """``report`` is what check_bundle found in ``bundle``; its errors refuse the step."""
    findings = [*report.findings]
    wanted = frozenset(report.root_fingerprints)
    if not replace_root:
        findings += find_root_conflicts(live, wanted)
    damages = find_unreadable(live.bundle) if live.bundle is not None and not live.foreign_form else ()
    same = live.bundle is not None and repair(live.bundle) == repair(bundle)
    ours = live.secret is not None and (is_ours(live.secret) or adopt or replace_root)
    if live.foreign_form:
        findings.append(_report_other_form(live))
    elif damages:
        findings.append(_report_damaged(live, damages, ours))
    elif live.secret is not None and not same and not ours:
        findings.append(_report_not_ours(live))
    if any(finding.severity == "error" for finding in findings):
        return CacertsStep(live.cluster, "refuse", findings=tuple(findings))
    given_out = str(((live.distributed or {}).get("data") or {}).get(names.ROOT_CERT_KEY, ""))
    # istiod takes over a new intermediate while it runs, but only if it started with one, and never another root: it
    # compares the bytes of root-cert.pem with those that it has (pilot/pkg/bootstrap/istio_ca.go, handleEvent).
    takes_over = live.secret is not None and (not given_out.strip() or given_out.encode() == bundle.root_cert)
    restart = bool(live.istiods) and not takes_over
    action: Literal["create", "update", "keep"] = (
        "create" if live.secret is None else "keep" if same and not damages else "update"
    )
    return CacertsStep(live.cluster, action, restart, tuple(findings))


def with_root_as_it_stands(live: ClusterAuthority, bundle: Bundle) -> Bundle:
    """``bundle``, with the bytes of the root that the cluster has where they say the same.

    To istiod the same root in other bytes is another root, which it takes over only when it is restarted.
    """
    if live.bundle is None or live.foreign_form:
        return bundle
    stands = replace(bundle, root_cert=live.bundle.root_cert)
    return stands if not find_unreadable(stands) and repair(stands) == repair(bundle) else bundle


def find_shared_keys(bundles: Mapping[str, Bundle], clusters: Collection[str], passphrase: str = "") -> list[Finding]:
    """A finding for each of ``clusters`` whose certificate authority has the same key as that of another cluster."""
    keys = {name: list_public_keys(bundle, passphrase) for name, bundle in bundles.items()}
    findings = []
    for name in clusters:
        # A directory such as east.bak is no cluster's.
        others = [one for one in keys if one != name and names.is_dns_label(one) and keys[one] & keys.get(name, set())]
        if others:
            findings.append(
                Finding(
                    name,
                    TRUST_SHARED_KEY,
                    f"it has the same certificate authority (the same key) as {' and '.join(sorted(others))}; whoever "
                    "gets hold of one of them could sign for all",
                    "give each cluster an intermediate with a key of its own; in a store, move the directory of one "
                    "of them away, and the next run makes another",
                )
            )
    return findings


def find_root_conflicts(live: ClusterAuthority, wanted: frozenset[str]) -> list[Finding]:
    """A finding for each object by which the cluster goes by other roots than ``wanted``."""
    return [
        Finding(
            live.cluster,
            TRUST_ANOTHER_ROOT,
            f"the cluster goes by root {_prints(found)} ({where}), the given root is {_prints(wanted)}; workloads that "
            "hold certificates of the one would refuse those of the other",
            "give the intermediate of the root that is in use; or, if this root shall be replaced and the mesh may be "
            "interrupted, set replace_root, then restart istiod and all workloads",
            "error",
            where.partition(",")[0],
        )
        for where, found in live.find_roots().items()
        if found != wanted
    ]


def _report_other_form(live: ClusterAuthority) -> Finding:
    kind = (live.secret or {}).get("type")
    return Finding(
        live.cluster,
        TRUST_OTHER_FORM,
        f"cacerts has type {kind}, as cert-manager makes it, expected {OPAQUE}; the type of a Secret cannot be changed",
        "leave the certificate authority to what made it and do not run this role, or delete that Secret first",
        "error",
        f"Secret {live.namespace}/{names.CA_SECRET}",
    )


def _report_not_ours(live: ClusterAuthority) -> Finding:
    return Finding(
        live.cluster,
        TRUST_NOT_OURS,
        "cacerts holds another intermediate and was made by something else",
        "set adopt to take it over, or delete it first",
        "error",
        f"Secret {live.namespace}/{names.CA_SECRET}",
    )


def _report_damaged(live: ClusterAuthority, damages: tuple[str, ...], ours: bool) -> Finding:
    return Finding(
        live.cluster,
        TRUST_UNUSABLE,
        f"istiod cannot read what cacerts holds, and does not start with it: {'; '.join(damages)}",
        "it is written anew by this collection, with state present"
        if ours
        else "set adopt to have it written anew, or correct it yourself",
        "warning" if ours else "error",
        f"Secret {live.namespace}/{names.CA_SECRET}",
    )


def _prints(found: frozenset[str]) -> str:
    return " and ".join(f"sha256:{fingerprint}" for fingerprint in sorted(found)) or "(none)"


@dataclass(frozen=True)
class Store:
    """The directory of certificate authorities on the controller, as read. Missing files are empty."""

    directory: str
    root_cert: bytes
    has_root_key: bool
    bundles: Mapping[str, Bundle]
    """Of every cluster that has a directory, also of those that the task does not address."""
    root_key: str = ""
    """sha256 of the public key that belongs to the root's key; empty where that is not there or cannot be opened."""
    locked: Mapping[str, str] = field(default_factory=dict)
    """Directory (``root`` or a cluster) -> why its encrypted key cannot be opened."""
    unprotected: tuple[str, ...] = ()
    """Paths of the keys that are not encrypted."""


@dataclass(frozen=True)
class Generation:
    """What has to be made in a store. ``renew``: those of ``intermediates`` that replace one that is there.

    ``root_days_left`` is None where the root has to be made too.
    """

    root: bool
    intermediates: tuple[str, ...]
    renew: tuple[str, ...]
    root_days_left: int | None
    encrypt: tuple[str, ...]
    """Paths of keys that lie open, though there is a passphrase."""
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def plan_generation(
    store: Store,
    lives: Mapping[str, ClusterAuthority],
    reports: Mapping[str, BundleReport],
    *,
    now: datetime,
    min_days: int,
    replace_root: bool = False,
    passphrase: str = "",
) -> Generation:
    """What has to be made so that each of ``lives`` has an intermediate of the store's root for ``min_days`` days.

    Refuses where making it would bring another root into a mesh that has one.
    """
    findings: list[Finding] = []
    roots = _read_roots(store, findings)
    if not roots and not findings and not replace_root:
        findings += _find_lost_root(store, lives)
    elif roots and not replace_root:
        for live in lives.values():
            findings += find_root_conflicts(live, frozenset(root.fingerprint for root in roots))
    needed, renew = [], []
    for cluster, report in reports.items():
        if cluster in store.locked:
            continue  # whose report says so, and nothing is made over it
        good = report.usable and report.roots == roots
        ends = report.ca is not None and report.ca.days_left(now) < min_days
        if ends or _has_damaged_key(store, cluster, report):
            renew.append(cluster)
        if not good or ends:
            needed.append(cluster)
    if needed and roots:
        findings += _find_unusable_root(store, roots[0], needed, now)
    if ROOT_DIRECTORY in store.locked and (needed or passphrase):
        findings.append(_report_locked_root(store))
    days_left = roots[0].days_left(now) if roots else None
    encrypt = store.unprotected if passphrase else ()
    return Generation(not roots, tuple(needed), tuple(renew), days_left, encrypt, tuple(findings))


def _has_damaged_key(store: Store, cluster: str, report: BundleReport) -> bool:
    has_key = cluster in store.bundles and bool(store.bundles[cluster].ca_key.strip())
    return has_key and any(finding.check == "trust-key-unreadable" for finding in report.findings)


def _report_locked_root(store: Store) -> Finding:
    return _report_of_store(
        store,
        TRUST_PASSPHRASE,
        f"root/{ROOT_KEY_FILE}: {store.locked[ROOT_DIRECTORY]}",
        "give the passphrase with which the store was made",
    )


def _read_roots(store: Store, findings: list[Finding]) -> tuple[CertificateFacts, ...]:
    """The first of them issues; others are there while one root takes over from another."""
    if not store.root_cert.strip():
        return ()
    try:
        return read_certificate_facts(store.root_cert)
    except ValueError as error:
        message = f"root/{names.ROOT_CERT_KEY} is damaged: {error}"
        findings.append(_report_of_store(store, TRUST_ROOT_UNREADABLE, message, "put it back as it was"))
        return ()


def _find_lost_root(store: Store, lives: Mapping[str, ClusterAuthority]) -> list[Finding]:
    """A new root may only be made where there was none."""
    remedy = (
        f"put {names.ROOT_CERT_KEY} and root-key.pem of the mesh back into {store.directory}/root (or name the right "
        "directory); without the root key give intermediates as files (bundles); or, to begin anew "
        "with another root, set replace_root"
    )
    issued = sorted(cluster for cluster, bundle in store.bundles.items() if bundle.ca_cert.strip())
    if issued:
        return [
            _report_of_store(
                store,
                TRUST_ROOT_LOST,
                f"it has no root/{names.ROOT_CERT_KEY}, but intermediates for {', '.join(issued)}",
                remedy,
            )
        ]
    return [
        Finding(
            live.cluster,
            TRUST_ROOT_LOST,
            f"the cluster goes by root {_prints(found)} ({where}), but {store.directory} holds no root",
            remedy,
            "error",
            where.partition(",")[0],
        )
        for live in lives.values()
        for where, found in live.find_roots().items()
    ]


def _find_unusable_root(store: Store, root: CertificateFacts, needed: list[str], now: datetime) -> list[Finding]:
    if not store.has_root_key:
        return [
            _report_of_store(
                store,
                TRUST_ROOT_KEY_MISSING,
                f"{', '.join(needed)} need an intermediate, but root/root-key.pem is not there",
                "put the root key back for this run, or give intermediates as files (bundles)",
            )
        ]
    if store.root_key and store.root_key not in list_public_keys(Bundle(store.root_cert, b"", b"", b"")):
        return [
            _report_of_store(
                store,
                TRUST_ROOT_KEY_MISMATCH,
                f"root/{ROOT_KEY_FILE} is not the key of root/{names.ROOT_CERT_KEY} ({root.subject})",
                "put the key back with which this root was made",
            )
        ]
    if root.not_after <= now:
        return [
            _report_of_store(
                store,
                TRUST_ROOT_EXPIRED,
                f"the root ({root.subject}) has expired on {root.not_after:%Y-%m-%d}, so nothing under it verifies",
                "a new root is needed: move the directory away and set replace_root",
            )
        ]
    return []


def _report_of_store(store: Store, kind: FindingKind, message: str, remedy: str) -> Finding:
    return Finding("", kind, message, remedy, "error", f"directory {store.directory}")

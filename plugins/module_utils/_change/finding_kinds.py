# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_change``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

CHANGED_SINCE = FindingKind(
    "changed-since",
    "Fields that were to be put back have been changed by somebody else, and stay.",
    "See whether that is what is wanted.",
)
DRIFT = FindingKind(
    "drift",
    "What stands on the cluster differs from what was declared or set; it is put right.",
    "Keep whoever writes it from doing so, or declare what they want.",
)
DRY_RUN_NOT_POSSIBLE = FindingKind(
    "dry-run-not-possible",
    "A webhook cannot be asked beforehand.",
    "Nothing: should it refuse the write itself, all clusters are put back.",
)
GONE_MEANWHILE = FindingKind(
    "gone-meanwhile",
    "An object that was to be put back is not there any more; it is not made again.",
    "Nothing, where that was meant; otherwise apply it again.",
)
HUB_NOT_REACHABLE = FindingKind(
    "hub-not-reachable",
    "The hub, which keeps the record of the change, does not answer.",
    "Wait for it, or correct its credentials.",
)
LOCK_HELD = FindingKind(
    "lock-held",
    "Another run works on the same set.",
    "Wait for it to end, or set lock_timeout.",
)
LOCK_LOST = FindingKind(
    "lock-lost",
    "Another run took the lock over, because this one did not renew it in time.",
    "See that run; this one wrote nothing more.",
)
NAMESPACE_KEPT = FindingKind(
    "namespace-kept",
    "The account may not delete a namespace that was made for a set; it stays without our labels.",
    "Delete it once nothing in it is needed.",
)
NAMESPACE_NOT_EMPTY = FindingKind(
    "namespace-not-empty",
    "A namespace that was made for a set is not empty; it stays without our labels.",
    "Delete it once nothing in it is needed.",
)
NOBODY_LEFT = FindingKind(
    "nobody-left",
    "The option exclude names every cluster.",
    "Leave one in.",
)
OTHER_HUB = FindingKind(
    "other-hub",
    "The record is kept by another hub than that of this run.",
    "Run again with that hub; if it is gone for good, name it in write_off.",
)
OWED = FindingKind(
    "owed",
    "Something has yet to be done on a cluster that did not answer; it is recorded.",
    "Run again when the cluster answers; name it in write_off if it is gone for good.",
)
RECORD_CHANGED = FindingKind(
    "record-changed",
    "Another run changed the record meanwhile.",
    "Run again.",
)
RECORD_NOT_WRITTEN = FindingKind(
    "record-not-written",
    "The record could not be written.",
    "Run again when the hub answers.",
)
RECORD_UNREADABLE = FindingKind(
    "record-unreadable",
    "The record of a set cannot be read.",
    "Use the version of the collection that wrote it, or restore the Secret from a backup.",
)
RECORDS_NOT_REACHED = FindingKind(
    "records-not-reached",
    "The account may not read or write records.",
    "Grant it these rights, or run once with an account that administers the hub.",
)
REMOVAL_WAITS = FindingKind(
    "removal-waits",
    "An object stays for now, because routes on another cluster may still lead there.",
    "Run again when the other clusters answer.",
)
SET_NAME_INVALID = FindingKind(
    "set-name-invalid",
    "The name of a set has characters that it may not have.",
    "Use at most 40 lower-case letters, digits and hyphens.",
)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every run of a set does with its record and its obligations, whether it makes or removes."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .._findings import Finding, MeshError
from .._identity import ExpectedUid
from .._kube.errors import Conflict, KubeError
from .._times import rfc3339
from .finding_kinds import OWED, RECORD_CHANGED, RECORD_NOT_WRITTEN
from .lease import SetLease
from .ledger import Record
from .report import ChangeReport, ClusterReport, Touched
from .settle import Payment, Settled, Settlement
from .setup import Setup


def now() -> str:
    """This moment, RFC 3339 in UTC."""
    return rfc3339(time.time())


def make_settlement(setup: Setup, lease: SetLease) -> Settlement:
    """Who pays the obligations of a set, as long as the lease is this run's."""
    return Settlement(
        setup.fleet,
        setup.component,
        setup.name,
        lease.check,
        timeout=setup.request_timeout,
        workers=setup.workers,
    )


def write_off(setup: Setup, record: Record) -> bool:
    """Forget the clusters that are gone for good, as the user said. Whether the record changed."""
    forgotten = [record.write_off(name) for name in setup.write_off]
    return any(forgotten)


def recognize(setup: Setup, record: Record) -> None:
    """Raises MeshError where a cluster is not the one that the record knows by its name."""
    if setup.fleet.guard is None:
        return
    where = f"the record of set {setup.name} on {setup.hub}"
    expected = {
        name: ExpectedUid(
            part.uid, where, f"run once with write_off: [{name}], which forgets what the old one held and was owed"
        )
        for name, part in record.clusters.items()
        if part.uid and name in setup.fleet
    }
    findings = setup.fleet.guard.expect(expected)
    if findings:
        raise MeshError("The change was not begun; nothing was written anywhere.", findings)


def save(setup: Setup, record: Record) -> None:
    """Store the record. Raises MeshError where another run has written it since, and where the hub does not answer."""
    for name, part in record.clusters.items():
        known = setup.fleet.guard.identity(name) if setup.fleet.guard is not None else None
        if known is not None and not part.uid:
            part.uid = known.uid
    try:
        setup.records.save(record)
    except Conflict as error:
        finding = Finding(
            setup.hub,
            RECORD_CHANGED,
            f"another run changed the record of set {setup.name} meanwhile: {error.message}",
            "run again",
        )
        raise MeshError("The change was stopped.", [finding]) from error
    except KubeError as error:
        finding = Finding(
            setup.hub,
            RECORD_NOT_WRITTEN,
            f"the record of set {setup.name} could not be written: {error.message}",
            "run again when the hub answers: the record as it stands there tells what was begun",
        )
        raise MeshError("The change was stopped.", [finding]) from error


def note(report: ChangeReport, record: Record, settled: Settled) -> None:
    """Write what was paid into the report and the record."""
    for name, payments in settled.paid.items():
        record.settle(name, (payment.owed for payment in payments))
        part = report.clusters.setdefault(name, ClusterReport())
        part.touched += [
            Touched(payment.owed.id, payment.word, payment.before, payment.after)
            for payment in payments
            if payment.word != "absent"
        ]
        part.findings += report_payments(payments)


def report_failures(settled: Settled) -> list[Finding]:
    """A finding for everything that could not be paid."""
    return [
        Finding(name, OWED, error.message, error.remedy or "run again when the cluster answers")
        for name, found in settled.errors.items()
        for error in found
    ]


def report_payments(payments: Iterable[Payment]) -> list[Finding]:
    """What people have to know of payments."""
    return [payment.finding for payment in payments if payment.finding is not None]

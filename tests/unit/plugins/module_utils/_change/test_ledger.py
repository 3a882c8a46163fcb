# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record: what is written is read again, what it says is owed, and how it fits into Secrets."""

from __future__ import annotations

import base64
import gzip
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import (
    FORMAT,
    PART_BYTES,
    ClusterRecord,
    LedgerEntry,
    Owed,
    Pending,
    Record,
    UnreadableRecord,
    bytes_of,
    confirm,
    decode,
    encode,
    keep_content,
    make_ending,
    plan_teardown,
    secret_data,
    split,
)
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId

SINCE = "2026-11-21T12:00:00Z"
API = "networking.istio.io/v1"
ROUTE = ObjectId("networking.istio.io", "VirtualService", "shop", "reviews")
RULE = ObjectId("networking.istio.io", "DestinationRule", "shop", "reviews")
NAMESPACE = ObjectId("", "Namespace", "", "shop")


def live(weight: int, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop", "uid": "u1", **metadata},
        "spec": {"weight": weight},
    }


CREATED = LedgerEntry(ROUTE, API, "created", uid="u1", hash="h1")
ADOPTED = LedgerEntry(RULE, API, "adopted", uid="u2", hash="h2", original=live(1), written=live(2))
EDITED = LedgerEntry(NAMESPACE, "v1", "edited", uid="u3", original=live(3), written=live(4))
APPLY = Owed(ROUTE, API, "apply", "the cluster was away", SINCE, desired={"manifest": live(5), "source": "inline"})
DELETE = Owed(RULE, API, "delete", "is not declared any more", SINCE, uid="u2", ends=True)
RESTORE = Owed(NAMESPACE, "v1", "restore", "undone", SINCE, uid="u3", desired=live(3), base=live(4))
GIVE_BACK = replace(RESTORE, ends=True)


def by_id(*items: Any) -> dict[ObjectId, Any]:
    return {each.id: each for each in items}


def part(*items: LedgerEntry | Owed) -> ClusterRecord:
    """A cluster's part, each item where it belongs."""
    made = ClusterRecord({each.id: each for each in items if isinstance(each, LedgerEntry)})
    made.owe(each for each in items if isinstance(each, Owed))
    return made


def record(pending: Pending | None = None, **clusters: ClusterRecord) -> Record:
    return Record("replicate", "reviews", dict(clusters), pending)


PENDING = Pending("c0ffee", SINCE, "me@here pid 1 (unknown.1)", {"west": by_id(RESTORE), "gone": by_id(DELETE)})
RECORDS = {
    "nothing": record(),
    "held": record(east=part(CREATED, ADOPTED, EDITED)),
    "owed": record(west=part(APPLY, DELETE, RESTORE)),
    "missed what has yet to go": record(west=part(APPLY, replace(DELETE, id=ROUTE))),
    "both": record(east=part(CREATED, DELETE), west=part()),
    "under way": record(PENDING, east=part(CREATED)),
    "before its first answer": record(east=part(replace(CREATED, uid=None, hash=""))),
}


@pytest.mark.parametrize("case", RECORDS, ids=str)
def test_what_is_written_is_read_again(case: str) -> None:
    assert decode(encode(RECORDS[case])) == RECORDS[case]


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_the_written_form_is_split_into_secrets_and_put_together_again(size: int) -> None:
    data = random.Random(size).randbytes(size)
    pieces = split(data)
    assert len(pieces) == max(1, -(-size // PART_BYTES))
    secrets = [{"data": secret_data(piece)} for piece in pieces]
    # An API server refuses more than 1 MiB of data in a Secret.
    assert all(len(base64.b64decode(secret["data"]["record"])) <= 1024 * 1024 for secret in secrets)
    assert b"".join(map(bytes_of, secrets)) == data


def test_equal_contents_are_written_once() -> None:
    big = {"data": random.Random(1).randbytes(1000).hex()}
    clusters = {f"c{number}": part(replace(ADOPTED, original=big, written=big)) for number in range(200)}
    document = json.loads(gzip.decompress(encode(record(**clusters))))
    assert len(document["contents"]) == 1
    assert len(encode(record(**clusters))) < 20_000


def document(**changes: Any) -> bytes:
    text = json.loads(gzip.decompress(encode(RECORDS["both"])))
    return gzip.compress(json.dumps({**text, **changes}).encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"no gzip", "cannot be read"),
        (gzip.compress(b"[]"), "cannot be read"),
        (gzip.compress(b"{}"), "cannot be read"),
        (encode(RECORDS["both"])[:-9], "cannot be read"),
        (encode(RECORDS["both"])[:10] + b"\xff" * 40, "cannot be read"),
        (document(format=FORMAT + 1), f"its format is {FORMAT + 1}, this version of the collection reads {FORMAT}"),
        (document(clusters=None), "cannot be read"),
        (document(contents=None, clusters={"a": {"objects": [{"original": "0"}], "owed": []}}), "cannot be read"),
    ],
    ids=["empty", "no gzip", "a list", "no fields", "cut off", "damaged", "newer", "no clusters", "no contents"],
)
def test_what_is_no_record_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableRecord, match=words):
        decode(data)


@pytest.mark.parametrize("secret", [{}, {"data": None}, {"data": {}}, {"data": {"record": "%"}}])
def test_a_secret_without_a_record_is_refused(secret: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord, match="no data key record"):
        bytes_of(secret)


def test_the_written_form_has_no_object_that_is_shown_by_chance() -> None:
    assert "weight" not in repr(RECORDS["held"])
    assert "weight" not in repr(RECORDS["under way"])


# What is owed


@pytest.mark.parametrize(
    ("found", "empty"),
    [
        (RECORDS["nothing"], True),
        (record(east=part()), True),
        (record(east=part(APPLY)), False),
        (RECORDS["held"], False),
        (RECORDS["owed"], False),
        (record(PENDING), False),
    ],
)
def test_a_record_that_holds_and_owes_nothing_is_not_kept(found: Record, empty: bool) -> None:
    assert found.empty is empty


def test_what_undoes_a_change_that_was_cut_off_is_owed_too_and_counts_more() -> None:
    found = record(Pending("x", SINCE, "me", {"west": by_id(RESTORE)}), west=part(GIVE_BACK, APPLY))
    assert found.list_obligations("west") == by_id(RESTORE)
    assert found.list_owed() == {"west": [APPLY, RESTORE]}
    for _again in range(2):
        found.fold()
        assert found.pending is None
        assert found.clusters["west"] == part(RESTORE, APPLY)
    assert found.list_obligations("nobody") == {}


def test_what_is_paid_is_owed_no_more_and_what_ends_is_held_no_more() -> None:
    found = record(west=part(ADOPTED, EDITED, DELETE, RESTORE))
    found.settle("west", [DELETE, RESTORE])
    assert found.clusters["west"] == part(EDITED)


@pytest.mark.parametrize(
    ("name", "forgotten", "left"),
    [("gone", True, ["west"]), ("west", True, ["gone"]), ("south", False, ["gone", "west"])],
)
def test_a_cluster_is_forgotten_by_name(name: str, forgotten: bool, left: list[str]) -> None:
    found = decode(encode(record(PENDING, west=part(CREATED))))
    assert found.write_off(name) is forgotten
    assert sorted(found.list_owed()) == left


TEARDOWN: dict[str, tuple[ClusterRecord, dict[ObjectId, tuple[str, bool]]]] = {
    "what is ours goes": (part(CREATED), {ROUTE: ("delete", True)}),
    "what was somebody's is given back": (
        part(ADOPTED, EDITED),
        {RULE: ("restore", True), NAMESPACE: ("restore", True)},
    ),
    "what was missed is missed for good": (part(APPLY), {}),
    "what is not held is not undone": (part(RESTORE), {}),
    "what had to go already goes": (part(DELETE), {RULE: ("delete", True)}),
    "what was to be as before and is held goes": (
        part(CREATED, replace(RESTORE, id=ROUTE)),
        {ROUTE: ("delete", True)},
    ),
    "what was being given back is given back": (part(GIVE_BACK), {NAMESPACE: ("restore", True)}),
}


@pytest.mark.parametrize("case", TEARDOWN, ids=str)
def test_a_teardown_leaves_nothing_of_the_set(case: str) -> None:
    found, expected = TEARDOWN[case]
    assert {key: (each.verb, each.ends) for key, each in plan_teardown(found, SINCE).items()} == expected


def test_what_is_given_back_is_what_stood_there_over_what_we_made_of_it() -> None:
    owed = make_ending(ADOPTED, "why", SINCE)
    assert (owed.desired, owed.base, owed.uid) == (ADOPTED.original, ADOPTED.written, "u2")
    assert make_ending(CREATED, "why", SINCE).uid == "u1"


def test_the_answer_to_a_write_says_the_identity_and_what_is_to_be_given_back_later() -> None:
    answered = live(9, uid="u9", resourceVersion="7", generation=2)
    assert confirm(replace(CREATED, uid=None), answered) == replace(CREATED, uid="u9")
    written = confirm(ADOPTED, answered).written
    assert written == live(9, uid="u9")


def test_what_a_record_keeps_has_no_status_and_no_version() -> None:
    found = {**live(1, resourceVersion="7", generation=2, managedFields=[{"manager": "helm"}]), "status": {"x": 1}}
    assert keep_content(found) == live(1, managedFields=[{"manager": "helm"}])
    assert keep_content(None) is None

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights are asked for before a change: those that its dry runs do not show."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.actions import Action
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._change.prepare import _list_reviews
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import NAMESPACE, VIRTUAL_SERVICE

LIVE: dict[str, Any] = {"metadata": {"uid": "1"}}


def action(**fields: Any) -> Action:
    known: dict[str, Any] = {"kind": VIRTUAL_SERVICE, "verb": "apply", "reason": "", "hold": "created", **fields}
    namespace = "shop" if known["kind"].namespaced else ""
    return Action(ObjectId.of_kind(known["kind"], "reviews", namespace), **known)


CASES: dict[str, tuple[Action, set[str], list[str]]] = {
    "what is made may have to go again": (action(), set(), ["delete"]),
    "what is changed may have to be put back": (action(before=LIVE), set(), ["update"]),
    "an edit is put back, and its fields are given back": (action(verb="edit", before=LIVE), set(), ["patch"]),
    "a removal that nothing tries": (action(verb="end"), set(), ["delete"]),
    "a removal that nothing tries, of somebody's object": (
        action(verb="end", hold="adopted", before=LIVE),
        set(),
        ["update", "patch"],
    ),
    "in a namespace that is not there yet nothing is tried": (action(), {"shop"}, ["patch", "create", "delete"]),
    "a namespace is tried itself, and may stay behind": (action(kind=NAMESPACE), {"reviews"}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_a_dry_run_does_not_show_is_asked(case: str) -> None:
    wanted, namespaces, verbs = CASES[case]
    assert [need.verb for need in _list_reviews([wanted], namespaces)] == verbs


def test_one_review_for_all_namespaces_and_objects_of_a_type() -> None:
    (need,) = _list_reviews([action(), action()], set())
    assert need.namespace is None

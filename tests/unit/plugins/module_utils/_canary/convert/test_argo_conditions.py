# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which conditions of Argo are bounds, and which are told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.argo_conditions import take_bounds
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.manifest_reader import (
    ManifestNotes,
    ManifestPart,
)

CONDITIONS: list[tuple[str | None, str | None, dict[str, Any], list[str]]] = [
    ("result[0] >= 0.95", None, {"min": 0.95}, []),
    ("result <= 5", None, {"max": 5.0}, []),
    ("asFloat(result[0]) >= 1e-3", None, {"min": 0.001}, []),
    ("0.95 <= result[0]", None, {"min": 0.95}, []),
    ("result[0] > 1", None, {"min": 1.0}, ["the bound itself"]),
    ("result[0] >= 1 && result[0] <= 2", None, {"min": 1.0, "max": 2.0}, []),
    ("(result[0] >= 1) and (result[0] <= 2)", None, {"min": 1.0, "max": 2.0}, []),
    ("(result[0] >= 1 && result[0] >= 3)", None, {"min": 3.0}, []),
    ("len(result) == 0 || result[0] >= 1", None, {"min": 1.0}, ["no data"]),
    ("!isNaN(result[0]) && result[0] <= 1", None, {"max": 1.0}, ["no data"]),
    (None, "result[0] > 5", {"max": 5.0}, []),
    (None, "result[0] >= 5", {"max": 5.0}, ["the bound itself"]),
    (None, "result[0] > 5 || result[0] < 1", {"min": 1.0, "max": 5.0}, []),
    ("result[0] >= 1", "result[0] < 0.5", {"min": 1.0}, ["nothing in between"]),
    (None, None, {"dry_run": True}, ["does not decide"]),
    ("result[0] >= 1 || result[0] <= -1", None, {}, ["no comparison"]),
    (None, "result[0] > 5 && result[0] < 9", {}, ["no comparison"]),
    ("result.ok == true", None, {}, ["no comparison"]),
    ("result[0] >= ${variables.least}", None, {}, ["no comparison"]),
    ("all(result, {# > 1})", None, {}, ["no comparison"]),
    ("()", None, {}, ["no comparison"]),
    (") || (", None, {}, ["no comparison"]),
    ("len(result) == 0", None, {}, ["no comparison"]),
]


@pytest.mark.parametrize(("success", "failure", "bounds", "told"), CONDITIONS)
def test_what_a_condition_comes_to(
    success: str | None, failure: str | None, bounds: dict[str, Any], told: list[str]
) -> None:
    notes = ManifestNotes()
    assert take_bounds(ManifestPart("metric", {}, notes), success, failure) == bounds
    why = [each.why for each in notes.list_differences("")]
    assert len(why) == len(told)
    assert all(words in text for words, text in zip(told, why, strict=True))

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons are typed, and every one has a text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary import reasons
from ansible_collections.onemesh.istio.plugins.module_utils._canary.reasons import TEXTS, Reason, describe, describe_all

CANARY = Path(reasons.__file__).resolve().parent


def strings_in(node: ast.expr) -> list[str]:
    """The string, or both of a choice."""
    if isinstance(node, ast.IfExp):
        return [*strings_in(node.body), *strings_in(node.orelse)]
    assert isinstance(node, ast.Constant), f"line {node.lineno}: which reason it is has to stand where it is made"
    return [str(node.value)]


def made() -> Iterator[tuple[str, str]]:
    """The reasons that the sources make, also by ``replace`` of another one's ``what``."""
    for path in CANARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                kind, what = node.args[:2]
                yield from ((strings_in(kind)[0], each) for each in strings_in(what))
    yield "rollback", "begins-in-wave"


def test_every_reason_that_is_made_has_a_text_and_every_text_is_used() -> None:
    assert set(made()) == set(TEXTS)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason("gate", "closed", "half"), "gate half is closed"),
        (Reason("webhook", "no-answer", "pre-rollout"), "the pre-rollout webhook has not answered yet"),
        (Reason("time", "step", "step 1/3", (59.6,)), "step 1/3 lasts 60 s more"),
        (Reason("cluster", "away", "east", ("no {answer}",)), "east is away: no {answer}"),
        (
            Reason("cluster", "not-ready", "east", ("canary", "a pod crashes")),
            "east: the canary side is not ready: a pod crashes",
        ),
        (Reason("rollback", "begins-in-wave", "east, west", ("errors",)), "rolling back on east, west: errors"),
    ],
)
def test_the_text_is_made_from_what_the_reason_is_about(reason: Reason, text: str) -> None:
    assert describe(reason) == text


def test_what_is_said_twice_stands_once() -> None:
    twice = Reason("gate", "closed", "half")
    assert describe_all([twice, Reason("rollback", "done"), twice]) == ("gate half is closed", "rolled back")

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of Prometheus's API that are one value, none, or an error; the forms are those that Prometheus gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.prometheus import Reading, read_answer


def success(kind: str, result: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def row(value: str) -> dict[str, Any]:
    return {"metric": {}, "value": [1763990000.5, value]}


@pytest.mark.parametrize(
    ("status", "body", "value", "error"),
    [
        (200, success("vector", [row("99.5")]), 99.5, ""),
        (200, success("vector", [row("+Inf")]), float("inf"), ""),
        (200, success("vector", [row("NaN")]), None, ""),
        (200, success("vector", []), None, ""),
        (200, success("scalar", [1763990000.5, "7"]), 7.0, ""),
        (200, success("scalar", [1763990000.5, "NaN"]), None, ""),
        (200, success("vector", [row("1"), row("2"), row("3")]), None, "gives 3 series, one is wanted"),
        (200, success("matrix", []), None, "gives a matrix"),
        (200, success("string", [1763990000.5, "x"]), None, "gives a string"),
        (200, success("vector", [{"metric": {}}]), None, "no answer of Prometheus's API"),
        (200, b"<html>Sign in</html>", None, "no answer of Prometheus's API: <html>Sign in"),
        (200, b"[]", None, "no answer of Prometheus's API"),
        (302, b"", None, "HTTP 302"),
        (502, b"Bad\nGateway", None, "HTTP 502: Bad Gateway"),
        (
            400,
            b'{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\": unexpected end"}',
            None,
            'bad_data: invalid parameter "query": unexpected end',
        ),
    ],
)
def test_what_an_answer_says(status: int, body: bytes, value: float | None, error: str) -> None:
    reading = read_answer(status, body)
    assert reading.value == value
    assert error in reading.error
    assert bool(reading.error) == bool(error)


def test_a_long_page_is_cut() -> None:
    assert len(read_answer(500, b"x" * 5000).error) < 400
    assert read_answer(200, success("vector", [])) == Reading()

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Truths and numbers as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._values import number, truth, whole_number


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", " t "])
def test_what_says_yes(value: Any) -> None:
    assert truth(value, "link_writer") is True


@pytest.mark.parametrize("value", [False, 0, 0.0, "0", "false", "False", "FALSE", "no", "No", "off", "n", "f", " off "])
def test_what_says_no(value: Any) -> None:
    assert truth(value, "link_writer") is False


@pytest.mark.parametrize("value", ["", "maybe", "2", 2, -1, None, [], {}, "falsch", "none"])
def test_what_is_no_truth_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"link_writer is .*true or false was expected"):
        truth(value, "link_writer")


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ("3", 3), (" 3 ", 3), (3.0, 3), ("3.0", 3), ("-1", -1)])
def test_whole_numbers(value: Any, expected: int) -> None:
    assert whole_number(value, "canary_poll") == expected


@pytest.mark.parametrize("value", ["3.5", 3.5, "three", "", None, True, "1e400", "nan", "inf", [3]])
def test_what_is_no_whole_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"canary_poll is .*number was expected"):
        whole_number(value, "canary_poll")


@pytest.mark.parametrize(("value", "expected"), [("0.5", 0.5), (2, 2.0), ("1e3", 1000.0)])
def test_numbers(value: Any, expected: float) -> None:
    assert number(value, "cluster_request_timeout") == expected

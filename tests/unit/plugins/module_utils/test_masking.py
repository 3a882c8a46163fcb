# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts of others."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._masking import mask


@pytest.mark.parametrize(
    ("text", "secrets", "masked"),
    [
        ("token abc is bad", ["abc"], "token ******** is bad"),
        ("abc and abc", ["abc"], "******** and ********"),
        ("abc-def", ["abc", "abc-def"], "********"),
        ("abc-def", ["abc-def", "abc"], "********"),
        ("a sentence", ["a", "en", ""], "a sentence"),
        ("nothing", [], "nothing"),
    ],
)
def test_secrets_are_masked_the_longest_first(text: str, secrets: list[str], masked: str) -> None:
    assert mask(text, secrets) == masked


def test_another_mask() -> None:
    assert mask("token abc", {"abc"}, by="(not shown)") == "token (not shown)"

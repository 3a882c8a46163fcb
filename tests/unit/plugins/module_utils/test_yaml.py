# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as it is read for every purpose."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._yaml import NotYaml, load, load_all


class Tagged(str):
    """Text of a class of its own, as ansible-core 2.19 hands it over."""


@pytest.mark.parametrize("text", ["a: 1", b"a: 1", Tagged("a: 1"), '{"a": 1}'])
def test_text_of_any_class_is_read(text: str | bytes) -> None:
    assert load(text) == {"a": 1}


def test_documents_and_empty_ones() -> None:
    assert load_all("---\na: 1\n---\n---\nb: 2\n") == [{"a": 1}, None, {"b": 2}]
    assert load("") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http:\n- name: a\nhosts: [x]\nhttp:\n- name: b\n", 4),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4),
        ('{"a": 1,\n"a": 2}', 2),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(NotYaml, match=f"line {line}: the key .* stands twice"):
        load(text)


def test_where_the_real_reader_lets_the_last_one_win_so_may_this_one() -> None:
    assert load("a: 1\na: 2", unique_keys=False) == {"a": 2}


def test_merge_keys_are_no_repetition() -> None:
    assert load("x: &x {a: 1}\ny: {<<: *x, a: 2}")["y"] == {"a": 2}


def test_a_date_is_text_as_it_is_to_kubernetes() -> None:
    assert load("on: 2024-01-01") == {True: "2024-01-01"}


@pytest.mark.parametrize("text", ["a: [", "a: 'SECRET", "\tSECRET: b"])
def test_no_message_quotes_the_text(text: str) -> None:
    with pytest.raises(NotYaml) as refused:
        load(text)
    assert "SECRET" not in str(refused.value)


def test_a_second_document_is_refused_where_one_is_expected() -> None:
    with pytest.raises(NotYaml, match="2 documents"):
        load("a: 1\n---\nb: 2")

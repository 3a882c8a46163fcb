# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revision of a release, of what each cluster tells."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.revisions import note_revisions
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.state import ReleaseState

BOTH = ["east", "west"]
FIRST = note_revisions(ReleaseState(), BOTH, {"east": "a", "west": "a"})


@pytest.mark.parametrize(
    ("clusters", "found", "is_new"),
    [
        (BOTH, {"east": "a", "west": "a"}, False),
        (BOTH, {"east": "a"}, False),
        (BOTH, {}, False),
        (["east"], {"east": "a"}, False),
        ([*BOTH, "north"], {"east": "a", "west": "a", "north": "a"}, False),
        (BOTH, {"east": "a", "west": "b"}, True),
        (BOTH, {"west": "b"}, True),
    ],
)
def test_it_is_new_where_it_is_new_on_any_cluster(clusters: list[str], found: dict[str, str], is_new: bool) -> None:
    assert (note_revisions(FIRST, clusters, found).latest != FIRST.latest) == is_new


def test_what_was_there_before_is_known_again() -> None:
    second = note_revisions(FIRST, BOTH, {"east": "b", "west": "b"})
    assert note_revisions(second, BOTH, {"east": "a", "west": "a"}).latest == FIRST.latest


def test_the_users_word_counts() -> None:
    assert note_revisions(FIRST, BOTH, {"east": "b"}, "2.4.1").latest == "2.4.1"

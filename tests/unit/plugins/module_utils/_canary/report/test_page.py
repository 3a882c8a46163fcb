# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: well-formed, self-contained, escaped, and small; its looks are for eyes, in a browser."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import Analysis, MetricResult
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import chart
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.page import import_error, render_page
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import (
    SUCCESS_RATE,
    Limit,
    TickRecord,
    Waiting,
)
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import large_run, tick

EVIL = "<script>alert('x')</script>&\"'"


class Reader(HTMLParser):
    """Complains of elements that are not closed in order, and keeps what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


RUNS: dict[str, list[TickRecord]] = {
    "nothing": [],
    "one tick": [tick(rates={"eu1": 99.9})],
    "no metrics": [tick(0), tick(1)],
    "no clusters": [tick(0, {}), tick(1, {})],
    "no values": [tick(0, rates={"eu1": None}), tick(1, rates={"eu1": None})],
    "a cluster that joins": [tick(0, {"eu1": 5}), tick(1, {"eu1": 5, "us1": 5}, rates={"us1": 99.0})],
    "a cluster away": [tick(0), tick(1, away={"us1": "x"}, owed={"us1": "weight 0", "gone": "weight 0"})],
    "days": [tick(0), tick(20000)],
    "back in time": [tick(1), tick(0)],
    "many": large_run(12, 300),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_every_run_makes_a_whole_page_that_needs_nothing_else(run: list[TickRecord]) -> None:
    html = render_page(run)
    reader = read(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    assert not {name for name, _value in reader.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "url(" not in html
    assert not re.search(r"[ ,LMHV-](nan|inf)\b", html)
    assert len(html) < 2_000_000


def test_texts_of_others_are_escaped_everywhere() -> None:
    metric = MetricResult(EVIL, EVIL, "fail", 1.0, None, EVIL)
    run = [
        tick(
            number,
            {EVIL: number},
            name=EVIL,
            namespace=EVIL,
            revision=EVIL,
            away={f"{EVIL}2": EVIL},
            reasons=(EVIL,),
            decision=EVIL,
            gates={EVIL: "closed"},
            errors=(EVIL,),
            waiting=Waiting(EVIL, None, (EVIL,)),
            owed={EVIL: EVIL},
            analysis=Analysis("fail", (EVIL,), (), (metric,)),
            limits={EVIL: Limit(0, 2, EVIL)},
        )
        for number in range(2)
    ]
    html = render_page(run)
    assert "<script" not in html
    reader = read(html)
    assert "script" not in reader.tags
    # Escaped once: a person reads what was written.
    assert "".join(reader.texts).count(EVIL) > 20


def test_commands_stand_on_lines_of_their_own() -> None:
    html = render_page([tick(0, waiting=Waiting("gate half", None, ("kubectl annotate <cart>", "kubectl apply")))])
    assert "<pre>kubectl annotate &lt;cart&gt;\nkubectl apply</pre>" in html


def test_where_jinja_is_missing_it_is_said_before_a_page_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_error() == ""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "jinja2" in import_error()


@pytest.mark.parametrize(
    "expected",
    [
        "Waits for gate half",
        "kubectl annotate cart",
        "us1 was changed: weights are 5",
        "Gate half is closed",
        "weight 0",
    ],
)
def test_a_person_finds_what_to_do(expected: str) -> None:
    waiting = Waiting("gate half", None, ("kubectl annotate cart",))
    run = [tick(0), tick(1, drift={"us1": 5}, gates={"half": "closed"}, waiting=waiting, owed={"us1": "weight 0"})]
    assert expected in "".join(read(render_page(run)).texts)


def test_drawings_have_a_title_and_a_description() -> None:
    html = render_page([tick(0, rates={"eu1": 99.9}), tick(1, rates={"eu1": 98.0})])
    labelled = re.findall(r'<svg viewBox="[^"]*" role="img" aria-labelledby="(\S+) (\S+)">', html)
    assert len(labelled) == 2
    assert all(f'<title id="{title}">' in html and f'<desc id="{desc}">' in html for title, desc in labelled)


@pytest.mark.parametrize(
    ("metric", "limit", "shown"),
    [
        (SUCCESS_RATE, Limit(99, None, "%"), Limit(None, 1, "%")),
        (SUCCESS_RATE, Limit(90, 99.5), Limit(0.5, 10, "%")),
        ("request-duration", Limit(None, 500, "ms"), Limit(None, 500, "ms")),
    ],
)
def test_success_is_shown_as_errors(metric: str, limit: Limit, shown: Limit) -> None:
    assert chart.format_limit(metric, limit) == shown


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            [tick(0, {"eu1": 0}), tick(1, {"eu1": 100})],
            {"intended": "M98 {low}H854V{high}", "dots": "M98 {low}h0M854 {high}h0"},
        ),
        ([tick(0, {"eu1": 0}), tick(1, {"eu1": 0}, drift={"eu1": 100})], {"cross": "M851 {above}l6 6m0-6l-6 6"}),
        (
            [tick(0, {"eu1": 0}), tick(1, {"eu1": 0}, away={"eu1": "x"})],
            {"ring": "M851 {low}a3 3 0 1 0 6 0a3 3 0 1 0-6 0"},
        ),
    ],
)
def test_intended_is_a_line_and_observed_are_points(run: list[TickRecord], expected: dict[str, Any]) -> None:
    drawing = chart.weights(run, [], "w")
    places = {"high": 38, "low": 188, "above": 35}
    for look, points in expected.items():
        found = re.search(rf'<path class="{look}" d="([^"]*)"', drawing)
        assert found is not None
        assert found[1] == points.format(**places)

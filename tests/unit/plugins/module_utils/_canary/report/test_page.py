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
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import chart, weights_chart
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.drawing import NARROW, WIDE
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
    labelled = re.findall(r'<svg class="\w+" viewBox="[^"]*" role="img" aria-labelledby="(\S+) (\S+)">', html)
    # The weights and the errors, each for a screen and for a phone.
    assert len(set(labelled)) == 4
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
            {"intended": "M98 {low}H838V{high}", "dots": "M98 {low}h0M838 {high}h0"},
        ),
        ([tick(0, {"eu1": 0}), tick(1, {"eu1": 0}, drift={"eu1": 100})], {"cross": "M835 {above}l6 6m0-6l-6 6"}),
        (
            [tick(0, {"eu1": 0}), tick(1, {"eu1": 0}, away={"eu1": "x"})],
            {"ring": "M832 {low}a6 6 0 1 0 12 0a6 6 0 1 0-12 0"},
        ),
    ],
)
def test_intended_is_a_line_and_observed_are_points(run: list[TickRecord], expected: dict[str, Any]) -> None:
    drawing = weights_chart.draw_weights(run, [], "w", WIDE)
    places = {"high": 42, "low": 232, "above": 39}
    for look, points in expected.items():
        found = re.search(rf'<path class="{look}" d="([^"]*)"', drawing)
        assert found is not None
        assert found[1] == points.format(**places)


@pytest.mark.parametrize(
    ("run", "groups"),
    [
        ([], []),
        ([tick(0), tick(1)], [("eu1", "us1")]),
        ([tick(0, {"eu1": 5, "us1": 0, "ap1": 5})], [("eu1", "ap1"), ("us1",)]),
        ([tick(0), tick(1, drift={"us1": 5})], [("eu1",), ("us1",)]),
        ([tick(0), tick(1, away={"us1": "x"})], [("eu1",), ("us1",)]),
        ([tick(0, {"eu1": 5}), tick(1, {"eu1": 5, "us1": 5})], [("eu1",), ("us1",)]),
    ],
)
def test_clusters_that_had_the_same_are_one_curve(run: list[TickRecord], groups: list[tuple[str, ...]]) -> None:
    assert [group.names for group in weights_chart.group_by_weights(run)] == groups


@pytest.mark.parametrize(
    ("total", "labels"), [(100, ["0 %", "25 %", "50 %", "75 %", "100 %"]), (8, ["0", "2", "4", "6", "8"])]
)
def test_all_clusters_are_on_one_scale_that_says_its_unit(total: int, labels: list[str]) -> None:
    drawing = weights_chart.draw_weights([tick(0, {"eu1": 1}, total=total)], [], "w", WIDE)
    assert re.findall(r'text-anchor="end">([^<]*)</text>', drawing) == labels


def test_letters_are_as_large_on_a_phone() -> None:
    html = render_page([tick(0), tick(1)])
    assert [f'viewBox="0 0 {layout.width:g} ' in html for layout in (WIDE, NARROW)] == [True, True]


def test_the_page_tells_what_was_written_where_and_how_far_it_is_proven() -> None:
    done = ("eu1: configured VirtualService shop/cart", "us1: configured VirtualService shop/cart")
    reader = read(render_page([tick(0, actions=done, proof="acknowledged"), tick(1, actions=done)]))
    texts = [text for text in reader.texts if text.strip()]
    place = texts.index("VirtualService shop/cart")
    assert texts[place : place + 3] == ["VirtualService shop/cart", "configured", "eu1, us1"]
    assert "acknowledged" in texts


def test_a_rate_of_errors_stands_beside_the_number_of_requests() -> None:
    reader = read(render_page([tick(0, rates={"eu1": 99.5}, requests={"eu1": 1200})]))
    assert "0.5 % of 1 200 requests" in reader.texts


def test_what_was_put_right_is_an_event() -> None:
    reason = "us1: VirtualService shop/cart is not as intended (last written by kubectl at 12:00); put right"
    assert reason in read(render_page([tick(0), tick(1, reasons=(reason,))])).texts

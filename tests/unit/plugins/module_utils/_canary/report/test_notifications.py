# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a notification is sent, what it says, and how a chat takes it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import notifications
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.notifications import Standing

HELD = Standing("progressing", "gate half")


def made(before: Standing | None, after: Standing, reasons: tuple[str, ...] = ()) -> dict[str, Any] | None:
    return notifications.make_notification(
        before,
        after,
        now=1795608000.0,
        name="cart",
        namespace="shop",
        revision="5f3c",
        step=3,
        of=5,
        weights={"eu1": 25, "us1": 25},
        reasons=reasons,
    )


@pytest.mark.parametrize("standing", [Standing("progressing"), HELD, Standing("failed")])
def test_no_notification_where_nothing_changed(standing: Standing) -> None:
    assert made(standing, standing) is None


@pytest.mark.parametrize(
    ("before", "after", "severity", "message"),
    [
        (None, Standing("initialized"), "info", "is set up: all traffic goes to the stable side"),
        (Standing("waiting"), Standing("progressing"), "info", "is on its way"),
        (Standing("progressing"), HELD, "warn", "is on its way, and is held: gate half"),
        (HELD, Standing("progressing", "us1 is away"), "warn", "is on its way, and is held: us1 is away"),
        (HELD, Standing("progressing"), "info", "goes on: it is on its way"),
        (HELD, Standing("waiting_promotion"), "warn", "waits for approval before it is promoted"),
        (HELD, Standing("failed"), "error", "failed: all traffic is back on the stable side"),
        (Standing("finalising"), Standing("succeeded"), "info", "succeeded"),
    ],
)
def test_a_notification_for_each_change(before: Standing | None, after: Standing, severity: str, message: str) -> None:
    found = made(before, after)
    assert found is not None
    assert (found["severity"], found["message"]) == (severity, f"Canary shop/cart {message}")
    assert (found["phase"], found["phase_before"]) == (after.phase, before.phase if before else "")


def test_a_chat_gets_colour_fields_and_no_markup_of_others() -> None:
    message = made(HELD, Standing("failed"), ("us1 errors 3 % > 1 % <!channel>",))
    assert message is not None
    assert notifications.format_for_slack(message) == {
        "text": "Canary shop/cart failed: all traffic is back on the stable side",
        "attachments": [
            {
                "color": "#D55E00",
                "fallback": "Canary shop/cart failed: all traffic is back on the stable side",
                "text": "• us1 errors 3 % &gt; 1 % &lt;!channel&gt;",
                "fields": [
                    {"title": "Phase", "value": "failed", "short": True},
                    {"title": "Step", "value": "3 of 5", "short": True},
                    {"title": "Revision", "value": "5f3c", "short": True},
                    {"title": "Canary weights", "value": "eu1 25, us1 25", "short": True},
                ],
                "ts": 1795608000,
            }
        ],
    }

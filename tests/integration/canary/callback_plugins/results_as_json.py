# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output is one JSON document at the end, as with ansible.posix.json."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results_as_json
type: stdout
short_description: Results as one JSON document
description: Prints the results of all tasks on all hosts as one JSON document.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "results_as_json"

    def __init__(self) -> None:
        super().__init__()
        self._results: list[dict[str, Any]] = []

    def _keep(self, result: Any, **_how: Any) -> None:
        self._results.append({"host": result._host.name, "task": result._task.name, "result": result._result})

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = v2_runner_on_skipped = _keep

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._display.display(json.dumps(self._results, default=str))

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's status says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pod_is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is ready and is not being deleted."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def pod_lives(pod: Mapping[str, Any]) -> bool:
    """Whether a pod runs and is to stay, be it ready or not."""
    phase = (pod.get("status") or {}).get("phase")
    return phase == "Running" and not pod["metadata"].get("deletionTimestamp")

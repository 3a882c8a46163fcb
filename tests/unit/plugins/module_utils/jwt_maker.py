# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in the form of what they stand for."""

from __future__ import annotations

import base64
import json
from typing import Any


def token(**claims: Any) -> str:
    """A JSON web token that nobody signed."""
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(as_json(part)).decode().rstrip("=") for part in parts), "signature"])


def as_json(value: Any) -> bytes:
    """Any JSON text is YAML too."""
    return json.dumps(value).encode()

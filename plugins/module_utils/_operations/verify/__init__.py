# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``verify`` in parts: facts are gathered (gather, probe), then judged (judge, checks) and drawn (report)."""

from __future__ import annotations

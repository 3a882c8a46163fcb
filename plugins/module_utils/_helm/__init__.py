# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm's releases: what Helm keeps of one, what a manifest says is to be there, and what stands there instead.

All is pure but ``live.py``, which reads an API server, and ``program.py``, which runs helm. Nothing here is of Istio
but the fields that istiod itself writes (drift.py).

This is private to the collection and may change at any time.
"""

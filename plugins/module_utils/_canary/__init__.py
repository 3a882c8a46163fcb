# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary over many clusters: plan, state machine, routes, workloads, analysis and gates.

This is private to the collection and may change at any time.
"""

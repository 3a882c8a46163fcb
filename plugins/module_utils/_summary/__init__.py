# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did, as one value, as lines for a job's log, and as the hunks of its diff. Pure.

This is private to the collection and may change at any time.
"""

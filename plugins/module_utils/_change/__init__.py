# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change on many clusters: prepare on all, record, commit on all, prove, put back.

Pure: objects, merge, ledger, policy, steps. At the edges: records, lease, access, prepare, commit, settle. ``change``
puts them together.
"""

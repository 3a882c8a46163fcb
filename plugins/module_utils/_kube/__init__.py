# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One API server: credentials, requests, server-side apply, watches, port-forward.

Private to the collection: do not import it from elsewhere. Nothing here imports Ansible.
"""

from __future__ import annotations

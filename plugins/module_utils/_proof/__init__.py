# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a change is known to have arrived: written, accepted, acknowledged, serving.

``levels`` has the words, ``prove`` the two functions that a change calls. The rest is one pure part a level
(``conditions``, ``pushes``, ``acknowledgements``, ``routes``, ``split``) and the edges that ask (``gather``).

This is private to the collection and may change at any time.
"""

from __future__ import annotations

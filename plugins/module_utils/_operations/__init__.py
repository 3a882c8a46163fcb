# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task can ask for. Each is a file, or a folder with ``run.py`` (gather, execute) and ``plan.py`` (pure).

Operations do not know each other; what several need is in a lower room.
"""

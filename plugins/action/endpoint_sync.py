# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action onemesh.istio.endpoint_sync: the module's work on the controller."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._operations import endpoint_sync
from ansible_collections.onemesh.istio.plugins.plugin_utils.action import OperationAction


class ActionModule(OperationAction):
    OPERATION = endpoint_sync

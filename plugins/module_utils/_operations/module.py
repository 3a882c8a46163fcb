# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operation as an ordinary module: where it is delegated to another host, or run asynchronously."""

from __future__ import annotations

from types import ModuleType

from ansible.module_utils.basic import AnsibleModule

from .._cluster import hidden_values
from .operation import Context, face_of, run_operation

_FLEETS = ("clusters", "peers")


def run_module(operation: ModuleType) -> None:
    """The whole of a module: its options are those of ``operation``, which is run with them."""
    module = AnsibleModule(**face_of(operation), supports_check_mode=True)
    module.no_log_values = hidden_values(module.no_log_values, module.params)
    result = run_operation(operation, module.params, Context(check_mode=module.check_mode, diff=module._diff))
    # What Ansible shows of the options with -vvv; clusters hold credentials in all forms.
    result["invocation"] = {"module_args": {name: module.params[name] for name in module.params if name not in _FLEETS}}
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says where the store of certificate authorities lies."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from ansible import constants
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.plugin_utils.trust_store import RunSurroundings, place


def trust_store(
    directory: str | None, sources: Iterable[str], mesh_files: Iterable[str | None] = (), is_job: bool = False
) -> str:
    """See trust_store.yml."""
    run = RunSurroundings(
        sources=[str(source) for source in sources],
        mesh_files=[str(file) for file in mesh_files if file],
        working_directory=os.environ.get("PWD") or os.getcwd(),
        is_skipped=_is_skipped,
        is_job=is_job,
    )
    try:
        return place(str(directory or ""), run)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def _is_skipped(name: str) -> bool:
    """As ansible.inventory.manager goes over an inventory directory."""
    patterns = [r"^\.", "^host_vars$", "^group_vars$", "^vars_plugins$", *constants.INVENTORY_IGNORE_PATTERNS]
    patterns += [f"{re.escape(extension)}$" for extension in constants.INVENTORY_IGNORE_EXTS]
    return any(re.search(pattern, name) for pattern in patterns)


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"trust_store": trust_store}

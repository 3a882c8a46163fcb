# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with tasks that the role canary runs between the steps of a release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates.webhooks import HookType
from ansible_collections.onemesh.istio.plugins.module_utils._yaml import NotYaml, load

# Those of webhooks.
MOMENTS: tuple[str, ...] = get_args(HookType)


def canary_hooks(hooks: Any, folder: str) -> dict[str, list[str]]:
    """See canary_hooks.yml."""
    try:
        given = (load(hooks) if isinstance(hooks, str) else hooks) or {}
    except NotYaml as error:
        raise AnsibleFilterError(f"canary_hooks is no YAML: {error}") from error
    if not isinstance(given, Mapping):
        raise AnsibleFilterError(f"canary_hooks: a mapping from a moment to files was expected, found {given!r}")
    problems: list[str] = []
    found: dict[str, list[str]] = {}
    for moment, files in given.items():
        if moment not in MOMENTS:
            problems.append(f"{moment!r} is no moment of a release; they are {', '.join(MOMENTS)}")
        named = [files] if isinstance(files, str) else files or []
        if not isinstance(named, list) or not all(isinstance(file, str) and file for file in named):
            problems.append(f"{moment}: a list of files was expected, found {files!r}")
            continue
        paths = [Path(folder, file) for file in named]
        problems += [f"{moment}: {path} is not there" for path in paths if not path.is_file()]
        found[moment] = [str(path) for path in paths]
    if problems:
        raise AnsibleFilterError("canary_hooks: " + "; ".join(problems))
    return found


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"canary_hooks": canary_hooks}

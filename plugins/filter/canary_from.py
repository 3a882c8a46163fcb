# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter onemesh.istio.canary_from; the work is in module_utils/_canary/convert.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils import _yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.convert import convert


def canary_from(manifest: Mapping[str, Any] | str, related: Iterable[Mapping[str, Any]] | str = ()) -> dict[str, Any]:
    """See canary_from.yml."""
    try:
        read = _yaml.load(manifest) if isinstance(manifest, str) else manifest
        others = [each for each in _yaml.load_all(related) if each] if isinstance(related, str) else related
        if not isinstance(read, Mapping):
            raise AnsibleFilterError(
                f"onemesh.istio.canary_from takes a manifest, not {type(read).__name__}: "
                "lookup('file', 'canary.yml') | onemesh.istio.canary_from"
            )
        return convert(read, others)
    except ValueError as error:
        raise AnsibleFilterError(f"onemesh.istio.canary_from: {error}") from error


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"canary_from": canary_from}

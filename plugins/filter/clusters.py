# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over inventory hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import clusters_of_hosts


def clusters(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See clusters.yml."""
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise AnsibleFilterError(
            f"onemesh.istio.clusters takes a list of inventory hosts, not {type(hosts).__name__}: "
            "ansible_play_hosts_all | onemesh.istio.clusters(hostvars)"
        )
    try:
        return clusters_of_hosts(hosts, hostvars)
    except ValueError as error:
        raise AnsibleFilterError(f"onemesh.istio.clusters: {error}") from error


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"clusters": clusters}

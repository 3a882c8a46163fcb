# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where inventory hosts get Istio's charts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import clusters_of_hosts
from ansible_collections.onemesh.istio.plugins.module_utils._helm.source import options_of_host


def chart_sources(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See chart_sources.yml."""
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise AnsibleFilterError(
            f"onemesh.istio.chart_sources takes a list of inventory hosts, not {type(hosts).__name__}: "
            "ansible_play_hosts_all | onemesh.istio.chart_sources(hostvars)"
        )
    named = list(hosts)
    clusters = clusters_of_hosts(named, hostvars)
    return [
        {"cluster": cluster["name"], **options_of_host(hostvars[host])}
        for cluster, host in zip(clusters, named, strict=True)
    ]


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"chart_sources": chart_sources}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What inventory hosts say of their east-west gateways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import clusters_of_hosts
from ansible_collections.onemesh.istio.plugins.module_utils._istio.wanted_gateway import variables_of_host


def gateways(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """See gateways.yml."""
    if isinstance(hosts, str) or not isinstance(hosts, Iterable):
        raise AnsibleFilterError(
            f"onemesh.istio.gateways takes a list of inventory hosts, not {type(hosts).__name__}: "
            "ansible_play_hosts_all | onemesh.istio.gateways(hostvars)"
        )
    named = list(hosts)
    clusters = clusters_of_hosts(named, hostvars)
    return {cluster["name"]: variables_of_host(hostvars[host]) for cluster, host in zip(clusters, named, strict=True)}


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gateways": gateways}

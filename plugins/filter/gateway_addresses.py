# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of an east-west gateway, read strictly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._istio.wanted_gateway import Refused, read_addresses


def gateway_addresses(addresses: Any) -> dict[str, list[str]]:
    """See gateway_addresses.yml."""
    try:
        found = read_addresses(addresses)
    except Refused as refused:
        raise AnsibleFilterError(f"{refused}: {refused.remedy}") from None
    return {"ips": list(found.ips), "hostnames": list(found.hostnames)}


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gateway_addresses": gateway_addresses}

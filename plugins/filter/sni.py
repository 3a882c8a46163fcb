# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the names by which gateways tell services apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._istio import sni
from ansible_collections.onemesh.istio.plugins.module_utils._values import whole_number


def sni_encode(destination: Mapping[str, Any]) -> str:
    """See sni_encode.yml."""
    try:
        return sni.encode_sni(
            sni.SniDestination(
                direction=destination.get("direction", "outbound"),
                port=whole_number(destination["port"], "port"),
                subset=destination.get("subset", ""),
                host=destination["host"],
            )
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnsibleFilterError(
            f"onemesh.istio.sni_encode takes a mapping with host and port, and optionally subset and direction: {error}"
        ) from error


def sni_decode(name: str) -> dict[str, Any]:
    """See sni_decode.yml."""
    try:
        return dict(sni.decode_sni(name)._asdict())
    except (AttributeError, ValueError) as error:
        raise AnsibleFilterError(f"onemesh.istio.sni_decode takes a server name of Istio: {error}") from error


class FilterModule:
    """SNI filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sni_encode": sni_encode, "sni_decode": sni_decode}

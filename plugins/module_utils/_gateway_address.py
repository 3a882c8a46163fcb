# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the address at which an east-west gateway is reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ._istio.gateways import Resolution, resolve
from ._kube.client import Client
from ._kube.errors import KubeError, WaitTimeout
from ._kube.kinds import NODE, SERVICE
from ._kube.watch import Event

Progress = Callable[[str], None]
"""Shows a person what is waited for."""


def wait_for_address(
    client: Client, namespace: str, name: str, timeout: float | None, progress: Progress, *, port: int | None = None
) -> Resolution:
    """The address of one gateway. With ``timeout`` None it is what is known now, which may be nothing.

    ``port`` is that of its Service; by default the one for traffic of other networks. Raises KubeError where there is
    none.
    """
    began = time.monotonic()
    shown = ""

    def resolution(service: Mapping[str, Any] | None) -> Resolution:
        nodes = client.list(NODE) if service and service["spec"].get("type") == "NodePort" else ()
        return resolve(service, nodes, port)

    def on_event(event: Event) -> None:
        nonlocal shown
        found = resolution(event.object)
        if not found and found.reason != shown:
            shown = found.reason
            waited = time.monotonic() - began
            progress(f"{client.cluster}: gateway {namespace}/{name}: {found.reason} (for {waited:.0f} s)")

    def settled(service: Mapping[str, Any]) -> bool:
        found = resolution(service)
        return bool(found) or not found.pending

    if timeout is None:
        return resolution(client.find(SERVICE, name, namespace))
    try:
        last: Mapping[str, Any] | None = client.wait_for(
            SERVICE, name, namespace, settled, timeout=timeout, on_event=on_event
        )
    except WaitTimeout as late:
        last = late.last
    found = resolution(last)
    if not found:
        waited = time.monotonic() - began
        raise KubeError(
            client.cluster,
            f"gateway {namespace}/{name} has no address after {waited:.0f} s: {found.reason}",
            reason="no-gateway-address",
            remedy=found.remedy,
        )
    return found

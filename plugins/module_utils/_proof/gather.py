# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks istiods and proxies, by port-forward. Writes nothing, keeps nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .._istio import debug, names
from .._istiod.pods import Istiod
from .._kube.client import Client
from .._kube.errors import KubeError
from .._kube.kinds import POD
from .._kube.pods import pod_lives
from . import store
from .levels import Changed

T = TypeVar("T")

_NOTHING = debug.PushCounters(pushes=0, updates=0, preparation=0.0)


@dataclass(frozen=True)
class Look:
    """What one istiod said, in the order in which it was asked. ``error``: it could not be asked."""

    istiod: Istiod
    at: float = 0.0
    counters: debug.PushCounters = _NOTHING
    missing: tuple[str, ...] = ()
    proxies: tuple[debug.ProxySync, ...] = ()
    error: str = ""


def look(client: Client, asked: Istiod, changes: Sequence[Changed]) -> Look:
    """Counters, then whether the store shows the changes, then the proxies: pushes.py relies on the order."""

    def ask(path: str, parse: Callable[[bytes], T]) -> T:
        return parse(client.pod_http_get(asked.namespace, asked.pod, names.MONITORING_PORT, path))

    try:
        counters = ask(debug.METRICS, debug.parse_push_counters)
        missing = store.find_missing(changes, ask(debug.CONFIGZ, debug.parse_configz)) if changes else []
        proxies = ask(debug.SYNCZ, debug.parse_syncz)
    except KubeError as error:
        return Look(asked, error=error.message)
    except debug.UnexpectedAnswer as error:
        return Look(asked, error=str(error))
    return Look(asked, time.monotonic(), counters, tuple(missing), proxies)


def read_push(client: Client, asked: Istiod, proxy: str) -> int:
    """Up to which push istiod has gone for a proxy; 0 where it does not say."""
    try:
        body = client.pod_http_get(
            asked.namespace, asked.pod, names.MONITORING_PORT, debug.make_config_dump_path(proxy)
        )
        return debug.parse_dumped_push(body)
    except (KubeError, debug.UnexpectedAnswer):
        return 0


def runs(client: Client, proxy: str) -> bool:
    """Whether the pod of a proxy (``pod.namespace``) is there and is to stay. Raises KubeError."""
    pod, _separator, namespace = proxy.rpartition(".")
    found = client.find(POD, pod, namespace)
    return found is not None and pod_lives(found)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are made once for a run of Ansible, whichever of its processes asks first.

A lookup in a variable of a play is evaluated for each host, task, condition and loop item, each time in a process that
is forked for the task and forgets it. What they share is the run's temporary folder, which Ansible
makes for its user only and removes at its end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ansible import constants
from ansible_collections.onemesh.istio.plugins.module_utils._files import write_whole


def of_run(name: str, key: Mapping[str, Any], make: Callable[[], Any], *, refresh: bool = False) -> Any:
    """What ``make`` gave for ``key`` in this run, or gives now; it is JSON, and holds no secret.

    Those who ask at the same time wait for the first. What ``make`` raises is not kept. ``refresh`` makes it anew, for
    all who ask later.
    """
    path = _path(name, key)
    with _locked(f"{path}.lock"):
        if not refresh:
            with suppress(FileNotFoundError), open(path, encoding="utf-8") as stream:
                return json.load(stream)
        value = make()
        write_whole(path, json.dumps(value))
        return value


def _path(name: str, key: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    folder: str = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined]  # set when Ansible reads its configuration
    return os.path.join(folder, f"onemesh-{name}-{digest[:32]}.json")


def nth(name: str, key: Mapping[str, Any]) -> int:
    """How often ``key`` was counted in this run before: 0 at first. One process at a time counts a key."""
    count = 0
    while _is_there(name, key, count):
        count += 1
    of_run(name, {**key, "count": count}, lambda: True)
    return count


def _is_there(name: str, key: Mapping[str, Any], count: int) -> bool:
    return os.path.exists(_path(name, {**key, "count": count}))


@contextmanager
def _locked(path: str) -> Iterator[None]:
    with open(path, "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

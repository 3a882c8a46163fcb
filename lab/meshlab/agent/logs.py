"""Containers' logs in the form that kwok (and so `kubectl logs`) reads.

Containers write plain files, so that they need no one to run on; a thread copies whole lines with a time and stream.
"""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from .pod import PodWorker

_SECONDS = 0.5
_CHUNK = 1 << 20


def lines(text: bytes, when: datetime) -> bytes:
    """Whole lines in the format of the container runtime interface."""
    stamp = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
    return b"".join(b"%s stdout F %s\n" % (stamp, line) for line in text.splitlines())


class LogCopier:
    """One thread for all containers of the cluster."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[str, PodWorker] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def add(self, worker: PodWorker) -> None:
        with self._lock:
            self._workers[worker.uid] = worker

    def remove(self, worker: PodWorker) -> None:
        with self._lock:
            self._workers.pop(worker.uid, None)

    def _run(self) -> None:
        while True:
            time.sleep(_SECONDS)
            with self._lock:
                workers = list(self._workers.values())
            for worker in workers:
                for name, shown in worker.shown_logs().items():
                    with contextlib.suppress(OSError, ValueError):
                        copy(worker.log(name), shown)


def copy(plain: Path, shown: Path) -> bool:
    """Append what is new. How far it came stands beside the copy, for the next agent. False when nothing was new."""
    mark = shown.with_suffix(".offset")
    offset = int(mark.read_text()) if mark.exists() else 0
    if not plain.exists() or plain.stat().st_size <= offset:
        return False
    with plain.open("rb") as source:
        source.seek(offset)
        text = source.read(_CHUNK)
    whole = text[: text.rfind(b"\n") + 1] or (text if len(text) == _CHUNK else b"")
    if not whole:
        return False
    with shown.open("ab") as output:
        output.write(lines(whole, datetime.now(timezone.utc)))
    mark.write_text(str(offset + len(whole)))
    return True

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server that is far away."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from support.control_plane import ControlPlane
from support.faults import Wire


class Delayed(Wire):
    """Relays TCP; every piece that goes to the API server, and every piece back, is held for ``seconds``."""

    def __init__(self, plane: ControlPlane, seconds: float) -> None:
        super().__init__(plane)
        self._seconds = seconds

    def _relay(self, one: socket.socket, other: socket.socket) -> None:
        back = threading.Thread(target=self._copy, args=(other, one), daemon=True)
        back.start()
        self._copy(one, other)
        back.join()

    def _copy(self, source: Any, sink: Any) -> None:
        try:
            while data := source.recv(65536):
                time.sleep(self._seconds)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in a container through the API server, over a WebSocket (subprotocol ``v4.channel.k8s.io``).

Each message begins with a channel byte: 1 is standard output, 2 standard error, 3 the Status that ends the command
(k8s.io/kubelet/pkg/cri/streaming/remotecommand). Standard input is not opened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from .client import Client
from .errors import KubeError, Unreachable
from .websockets import open_websocket

if TYPE_CHECKING:
    import websocket

_OUTPUT, _ERROR_OUTPUT, _STATUS = 1, 2, 3


class ExecResult(NamedTuple):
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    exit_code: int


def exec_in_pod(
    client: Client, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
) -> ExecResult:
    """Run ``command`` in a container and wait for its end, at most ``timeout`` seconds.

    Raises KubeError where it could not be started or did not end in time; an exit code is a result, not an error.
    """
    place = f"container {container} of Pod {namespace}/{pod}"
    ends = time.monotonic() + timeout
    query = urlencode(
        [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    )
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec?{query}"
    connection = open_websocket(client.cluster, client.session, path, action=f"exec in {place}", timeout=timeout)
    try:
        channels = _read(client.cluster, connection, place, ends)
    finally:
        connection.shutdown()
    return ExecResult(
        channels[_OUTPUT].decode("utf-8", "replace"),
        channels[_ERROR_OUTPUT].decode("utf-8", "replace"),
        _exit_code(client.cluster, place, bytes(channels[_STATUS])),
    )


def _read(cluster: str, connection: websocket.WebSocket, place: str, ends: float) -> dict[int, bytearray]:
    import websocket

    channels = {number: bytearray() for number in (_OUTPUT, _ERROR_OUTPUT, _STATUS)}
    while True:
        try:
            connection.settimeout(max(0.001, ends - time.monotonic()))
            code, message = connection.recv_data()
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            return channels
        except (websocket.WebSocketException, OSError) as error:
            late = isinstance(error, (TimeoutError, websocket.WebSocketTimeoutException))
            found = "did not end within the time limit" if late else "the connection broke"
            raise Unreachable(
                cluster, f"exec in {place}: {found}", remedy="see whether the pod runs, or allow more time"
            ) from None
        if code == websocket.ABNF.OPCODE_CLOSE:
            return channels
        if message and message[0] in channels:
            channels[message[0]] += message[1:]


def _exit_code(cluster: str, place: str, status: bytes) -> int:
    """The exit code that the last message says. Raises KubeError where the command did not run. Pure."""
    try:
        answer = json.loads(status)
    except ValueError:
        raise Unreachable(
            cluster, f"exec in {place}: the connection ended before the command", remedy="see whether the pod runs"
        ) from None
    if answer.get("status") == "Success":
        return 0
    for cause in (answer.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    text = " ".join(str(answer.get("message") or answer).split())[:300]
    raise KubeError(
        cluster, f"exec in {place}: {text}", remedy="see whether the container runs and its image has the command"
    )

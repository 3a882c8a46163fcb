# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WebSockets to the API server's streaming subresources (subprotocol ``v4.channel.k8s.io``)."""

from __future__ import annotations

import http.client
import traceback
from typing import TYPE_CHECKING

from . import retry
from .credentials import without_user_information
from .errors import Unreachable, error_of_response
from .libraries import make_missing_library_error
from .transport import Session

if TYPE_CHECKING:
    import websocket

_SUBPROTOCOL = "v4.channel.k8s.io"


def open_websocket(cluster: str, session: Session, path: str, *, action: str, timeout: float) -> websocket.WebSocket:
    """An open WebSocket at ``path`` (with its query), with the session's credentials, TLS and proxy.

    ``timeout`` seconds limit the opening, and each read and write after it. ``action`` names it in errors ("exec in
    container x of Pod y/z"). Raises KubeError.
    """
    try:
        import websocket
    except ImportError:
        raise make_missing_library_error(cluster, "websocket-client", action, traceback.format_exc()) from None
    credentials = session.credentials
    try:
        return websocket.create_connection(
            credentials.server.replace("http", "ws", 1) + path,
            # Our own socket: the library would take proxies and certificates from the environment.
            socket=session.open_socket(timeout),
            timeout=timeout,
            subprotocols=[_SUBPROTOCOL],
            header=[f"{name}: {value}" for name, value in session.headers],
            suppress_origin=True,
            redirect_limit=0,
        )
    except websocket.WebSocketBadStatusException as error:
        body = error.resp_body or b""
        raise error_of_response(
            cluster,
            action,
            error.status_code,
            body if isinstance(body, bytes) else str(body).encode(),
            credentials=credentials.origin,
            beyond=credentials.beyond,
            secrets=credentials.secrets,
        ) from None
    except (websocket.WebSocketException, OSError, http.client.HTTPException) as error:
        failure = retry.explain(
            error,
            server=without_user_information(credentials.server),
            proxy=without_user_information(session.proxy) if session.proxy else "",
            seconds=timeout,
        )
        raise Unreachable(cluster, f"{action}: {failure.message}", remedy=failure.remedy) from None

"""Writing status to the API server, apart from what observes it: a slow server holds up no pod."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from .api import Api, ApiError

JSON = dict[str, Any]
_LOG = logging.getLogger("meshlab.agent")
_RETRY = 0.5


class Reporter:
    """Writes the newest status of each object; what is superseded before it was written is dropped."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._wanted: dict[str, JSON] = {}
        self._condition = threading.Condition()

    def start(self) -> None:
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def pod(self, pod: JSON, status: JSON) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        # With the UID the status never lands on another pod that has the name now.
        self.put(path, {"metadata": {"uid": metadata["uid"]}, "status": status})

    def put(self, path: str, body: JSON) -> None:
        with self._condition:
            self._wanted[path] = body
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: bool(self._wanted))
                wanted, self._wanted = self._wanted, {}
            for path, body in wanted.items():
                self._write(path, body)

    def _write(self, path: str, body: JSON) -> None:
        try:
            self._api.merge(path, body)
        except ApiError as error:
            if error.status in (404, 409, 422):
                return
            _LOG.warning("%s: %s", path, error)
            with self._condition:
                self._wanted.setdefault(path, body)
            time.sleep(_RETRY)

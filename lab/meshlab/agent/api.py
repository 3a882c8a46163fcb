"""One API server, spoken to in plain JSON.

The agent handles objects whole, so it decodes them to dicts; the kubernetes client's models would cost 350 ms of start,
40 MB and most of the time of every watch event. The kubeconfig is the lab's own and plain.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import urllib3
import yaml

JSON = dict[str, Any]
_WATCH_SECONDS = 300
_LOG = logging.getLogger("meshlab.agent")


class ApiError(Exception):
    """The API server refused (status, reason as it says) or could not be reached (status 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason


class Api:
    """Requests and watches on one API server, safe for threads."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        context = _named(document["contexts"], document["current-context"])["context"]
        cluster = _named(document["clusters"], context["cluster"])["cluster"]
        user = _named(document["users"], context["user"]).get("user") or {}
        self._server = cluster["server"].rstrip("/")
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=12,
            ssl_context=_ssl_context(cluster, user, kubeconfig.parent),
            retries=False,
            timeout=urllib3.Timeout(connect=3.0, read=10.0),
        )

    def request(
        self,
        method: str,
        path: str,
        body: JSON | None = None,
        *,
        content_type: str = "application/json",
    ) -> JSON:
        """Raises ApiError. The result is {} for an empty answer."""
        try:
            answer = self._pool.request(
                method,
                self._server + path,
                body=None if body is None else json.dumps(body).encode(),
                headers={**self._headers, "Content-Type": content_type},
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"{self._server}: {error}") from None
        document = _decoded(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, document.get("reason", ""), document.get("message", ""))
        return document

    def merge(self, path: str, body: JSON) -> JSON:
        return self.request("PATCH", path, body, content_type="application/merge-patch+json")

    def watch(self, path: str, resource_version: str) -> Iterator[JSON]:
        """Events since that version until the server ends the watch. Raises ApiError; 410 asks for a new list."""
        url = (
            f"{self._server}{path}{'&' if '?' in path else '?'}watch=1&allowWatchBookmarks=true"
            f"&resourceVersion={resource_version}&timeoutSeconds={_WATCH_SECONDS}"
        )
        try:
            answer = self._pool.request(
                "GET",
                url,
                headers=self._headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=3.0, read=_WATCH_SECONDS + 15.0),
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"{self._server}: {error}") from None
        try:
            if answer.status >= 400:
                document = _decoded(answer.data)
                raise ApiError(answer.status, document.get("reason", ""), document.get("message", ""))
            pending = b""
            for chunk in answer.stream(None):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiError(status.get("code", 500), status.get("reason", ""), status.get("message", ""))
                    yield event
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"{self._server}: {error}") from None
        finally:
            answer.close()


def key_of(item: JSON) -> tuple[str, str]:
    """(namespace, name) of an object."""
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Store:
    """All objects of one kind, kept current by list and watch in a thread of its own.

    on_change(object, deleted) is called in that thread after the store holds the change. A relist reports what
    vanished meanwhile as deleted.
    """

    def __init__(self, api: Api, path: str, on_change: Callable[[JSON, bool], None]) -> None:
        self._api = api
        self._path = path
        self._on_change = on_change
        self._lock = threading.Lock()
        self._items: dict[tuple[str, str], JSON] = {}
        self.synced = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch {self._path}", daemon=True).start()

    def get(self, namespace: str, name: str) -> JSON | None:
        with self._lock:
            return self._items.get((namespace, name))

    def all(self) -> list[JSON]:
        with self._lock:
            return list(self._items.values())

    def _run(self) -> None:
        version = ""
        while True:
            try:
                if not version:
                    version = self._list()
                    self.synced.set()
                for event in self._api.watch(self._path, version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._apply(event["object"], event["type"] == "DELETED")
            except ApiError as error:
                if error.status:
                    version = ""
                time.sleep(0.5)
            except (ValueError, KeyError):
                # A line cut off when the server died.
                version = ""
                time.sleep(0.5)

    def _list(self) -> str:
        document = self._api.request("GET", self._path)
        items = {key_of(item): item for item in document["items"]}
        with self._lock:
            before = self._items
            gone = [item for key, item in before.items() if key not in items]
            changed = [
                item
                for key, item in items.items()
                if key not in before
                or before[key]["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]
            ]
            self._items = items
        for item in gone:
            self._tell(item, True)
        for item in changed:
            self._tell(item, False)
        version: str = document["metadata"]["resourceVersion"]
        return version

    def _apply(self, item: JSON, deleted: bool) -> None:
        with self._lock:
            if deleted:
                self._items.pop(key_of(item), None)
            else:
                self._items[key_of(item)] = item
        self._tell(item, deleted)

    def _tell(self, item: JSON, deleted: bool) -> None:
        """A mistake about one object must not end the watch of all others."""
        try:
            self._on_change(item, deleted)
        except Exception:
            _LOG.exception("%s %s", self._path, "/".join(key_of(item)))


def _decoded(data: bytes) -> JSON:
    try:
        document = json.loads(data) if data else {}
    except ValueError:
        return {"message": data[:200].decode(errors="replace")}
    return document if isinstance(document, dict) else {}


def _named(entries: list[JSON], name: str) -> JSON:
    return next(entry for entry in entries if entry["name"] == name)


def _bytes(section: JSON, field: str, folder: Path) -> bytes | None:
    if f"{field}-data" in section:
        return base64.b64decode(section[f"{field}-data"])
    return (folder / section[field]).read_bytes() if field in section else None


def _ssl_context(cluster: JSON, user: JSON, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority = _bytes(cluster, "certificate-authority", folder)
    if authority is not None:
        context.load_verify_locations(cadata=authority.decode())
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate", folder), _bytes(user, "client-key", folder)
    if certificate is not None and key is not None:
        # ssl reads files only; a memory file leaves no key behind, however the agent ends.
        descriptor = os.memfd_create("client")
        with os.fdopen(descriptor, "wb") as memory:
            memory.write(certificate + b"\n" + key)
            memory.flush()
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context

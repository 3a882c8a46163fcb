# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of one API server.

Objects are plain dictionaries as the API server gives them. Every method raises KubeError (see errors.py) with the
cluster's name, and none takes longer than its ``timeout``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from . import kinds
from .credentials import Credentials
from .errors import Gone, Invalid, KubeError, NotFound
from .kinds import Kind
from .transport import Session, Transport

if TYPE_CHECKING:
    from .port_forward import ForwardedSocket
    from .watch import Event

Objects = list[dict[str, Any]]
"""Objects as the API server gives them."""

_PAGE = 500
_DISCOVERY = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
)
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class _Unknown:
    """The caller does not know the live object; None would say that there is none."""


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Applied:
    """What an apply did, or would do in a dry run.

    ``object`` is the object after it, ``before`` as it was (None where it was created). ``changed`` is about content:
    becoming a second owner of equal values changes managed fields only, and counts as unchanged.
    """

    object: dict[str, Any] = field(repr=False)
    changed: bool
    created: bool
    before: dict[str, Any] | None = field(default=None, repr=False)


class Client:
    """One API server. Safe to use from several threads; nothing is sent before the first method is called.

    ``timeout`` is the limit in seconds of each request, its retries included. ``connections`` are kept open for reuse.
    """

    def __init__(self, cluster: str, credentials: Credentials, *, timeout: float = 10.0, connections: int = 16) -> None:
        self.cluster = cluster
        self._transport = Transport(cluster, credentials, timeout=timeout, connections=connections)
        self._lock = threading.Lock()
        self._served: tuple[Kind, ...] | None = None

    def __repr__(self) -> str:
        return f"Client({self.cluster!r}, {self.credentials.server!r})"

    @property
    def credentials(self) -> Credentials:
        """Those in use; others after an exec plugin or a token file had to be asked again."""
        return self.session.credentials

    @property
    def session(self) -> Session:
        """What a connection of its own kind needs (port-forward, exec): credentials, headers, TLS context, proxy."""
        return self._transport.session

    def close(self) -> None:
        """Close the connections kept for reuse. The client stays usable."""
        self._transport.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout: float | None = None,
        action: str = "",
    ) -> Any:
        """Any request; the answer is the parsed JSON, or text where it is none (``/readyz``, ``/metrics``)."""
        answer = self._transport.request(
            method,
            path,
            action=action or f"{method} {path}",
            query=query,
            body=body,
            content_type=content_type,
            accept="application/json, */*",
            timeout=timeout,
            secrets=_list_secret_values(body),
        )
        try:
            return json.loads(answer.body)
        except ValueError:
            return answer.body.decode("utf-8", "replace")

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any]:
        """The object. Raises NotFound."""
        return self._request_object("GET", "get", kind, name, namespace)

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None where it, its namespace or its type is not there."""
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def list(
        self, kind: Kind, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> Objects:
        """The objects of a namespace, or of the whole cluster, each with its ``apiVersion`` and ``kind``.

        Raises NotFound where the type is not served.
        """
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        return self.list_collection(kind, namespace, selectors)[0]

    def list_metadata(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "") -> Objects:
        """As ``list``, each object with its metadata only: the bodies of definitions and releases are megabytes."""
        return self._read_pages(kind, namespace, {"labelSelector": label_selector, "limit": _PAGE}, accept=_METADATA)[0]

    def list_collection(self, kind: Kind, namespace: str | None, selectors: Mapping[str, str]) -> tuple[Objects, str]:
        """The objects and the resource version from which a watch goes on. Read in pages of 500."""
        try:
            return self._read_pages(kind, namespace, {**selectors, "limit": _PAGE})
        except Gone:
            # Compacted between two pages: one large answer instead.
            return self._read_pages(kind, namespace, selectors)

    def create(self, manifest: Mapping[str, Any], *, field_manager: str = "", dry_run: bool = False) -> dict[str, Any]:
        """The new object. Raises Conflict (``reason`` AlreadyExists) where there is one of this name.

        For reviews (TokenReview, SelfSubjectAccessReview) the answer holds their ``status``.
        """
        kind, name, namespace = self._identify(manifest)
        query = {"fieldValidation": "Strict", "fieldManager": field_manager, "dryRun": "All" if dry_run else ""}
        return self._request_json(
            "POST",
            kinds.make_path(kind, namespace),
            action=f"create {kind.describe(name, namespace)}",
            query=query,
            body=manifest,
            idempotent=kind.group in ("authentication.k8s.io", "authorization.k8s.io"),
        )

    def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        live: Mapping[str, Any] | _Unknown | None = UNKNOWN,
        planned_namespaces: Collection[str] = (),
        strict: bool = True,
    ) -> Applied:
        """Server-side apply with strict field validation: one request, and a GET before it where ``live`` is not given.

        ``strict`` false is for manifests whose own tool lets the API server drop fields that it does not know.

        ``live`` is the object as the caller has just read it (None: it is not there). ``force`` takes fields over that
        another manager holds; without it Conflict is raised, whose ``causes`` name manager and field. In a dry run an
        object in one of ``planned_namespaces`` (made by the same plan, so not there yet) counts as created.
        """
        kind, name, namespace = self._identify(manifest)
        before = self.find(kind, name, namespace) if isinstance(live, _Unknown) else live
        query = {
            "fieldManager": field_manager,
            "fieldValidation": "Strict" if strict else "Ignore",
            "force": "true" if force else "",
            "dryRun": "All" if dry_run else "",
        }
        try:
            answer = self._transport.request(
                "PATCH",
                kinds.make_path(kind, namespace, name),
                action=f"apply {kind.describe(name, namespace)}",
                query=query,
                body=manifest,
                content_type="application/apply-patch+yaml",
                secrets=_list_secret_values(manifest),
            )
        except NotFound as error:
            if dry_run and error.details.get("kind") == "namespaces" and namespace in planned_namespaces:
                return Applied(dict(manifest), changed=True, created=True)
            raise
        after: dict[str, Any] = json.loads(answer.body)
        created = answer.status == 201
        return Applied(
            after,
            changed=created or _differs(before, after),
            created=created,
            before=None if created else _copy(before),
        )

    def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        body: Any,
        *,
        patch_type: Literal["merge", "strategic", "json"] = "merge",
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """The object after the patch. Custom resources know no ``strategic`` patch."""
        return self._request_json(
            "PATCH",
            kinds.make_path(kind, namespace, name, subresource),
            action=f"patch {kind.describe(name, namespace)}",
            query={"fieldManager": field_manager, "dryRun": "All" if dry_run else ""},
            body=body,
            content_type=_PATCH_TYPES[patch_type],
            secrets=_list_secret_values(body, kind.kind),
            idempotent=patch_type != "json",
        )

    def replace(self, manifest: Mapping[str, Any], *, field_manager: str, dry_run: bool = False) -> dict[str, Any]:
        """The object after ``manifest`` has taken its place, strictly validated.

        The ``resourceVersion`` in it is a precondition: Conflict is raised where somebody else has written since.
        """
        kind, name, namespace = self._identify(manifest)
        return self._request_json(
            "PUT",
            kinds.make_path(kind, namespace, name),
            action=f"replace {kind.describe(name, namespace)}",
            query={
                "fieldManager": field_manager,
                "fieldValidation": "Strict",
                "dryRun": "All" if dry_run else "",
            },
            body=manifest,
        )

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        dry_run: bool = False,
    ) -> bool:
        """Whether there was something to delete; it may stay for a while where finalizers hold it (``wait_gone``).

        With ``uid`` an object that has taken the name since is left alone, and Conflict is raised; with
        ``resource_version`` one that was written since.
        """
        options: dict[str, Any] = {"propagationPolicy": propagation}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if uid is not None or resource_version is not None:
            options["preconditions"] = {name: value for name, value in preconditions.items() if value is not None}
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            self._request_object("DELETE", "delete", kind, name, namespace, body=options)
        except NotFound:
            return False
        return True

    def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        timeout: float,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
    ) -> Iterator[Event]:
        """Changes as they happen, for ``timeout`` seconds; first, as ADDED, what is there already.

        With ``resource_version`` only what came after it. A closed connection is opened again where it ended; where the
        server no longer has that (410) the list is read again and the difference comes as events. The first list raises
        its error; outages after it are waited out.
        """
        from . import watch

        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        return watch.watch(self, kind, namespace, selectors, timeout, resource_version)

    def wait_for(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        predicate: Callable[[dict[str, Any]], bool],
        timeout: float,
        on_event: Callable[[Event], None] | None = None,
    ) -> dict[str, Any]:
        """The object once ``predicate`` holds for it; while it does not exist, ``predicate`` is not asked.

        ``on_event`` sees each event before ``predicate`` does. Raises WaitTimeout after ``timeout`` seconds, with the
        object as last seen in ``last``. Nothing is polled.
        """
        from . import watch

        return watch.wait_for(self, kind, name, namespace, predicate, timeout, on_event)

    def wait_gone(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        timeout: float,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Return once the object is not there. Raises WaitTimeout, which names the finalizers that hold it."""
        from . import watch

        watch.wait_gone(self, kind, name, namespace, timeout, on_event)

    def stream(
        self, path: str, *, action: str, query: Mapping[str, Any], ends: float, silence: float
    ) -> Iterator[bytes]:
        """The lines of a streamed answer (watches, logs). See ``Transport.stream``."""
        return self._transport.stream(path, action=action, query=query, ends=ends, silence=silence)

    def version(self) -> dict[str, str]:
        """``{"major": "1", "minor": "36", "gitVersion": "v1.36.3", ...}``: the cheapest proof of being reachable."""
        return self._request_json("GET", "/version", action="read the API server's version")

    def can_i(
        self, verb: str, kind: Kind, namespace: str | None = None, *, name: str = "", subresource: str = ""
    ) -> bool:
        """Whether the API server allows ``verb`` on the type (without ``namespace``: in all of them)."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
        if kind.namespaced and namespace:
            attributes["namespace"] = namespace
        attributes.update({key: value for key, value in (("name", name), ("subresource", subresource)) if value})
        review = self.create(
            {
                "apiVersion": kinds.SELF_SUBJECT_ACCESS_REVIEW.api_version,
                "kind": kinds.SELF_SUBJECT_ACCESS_REVIEW.kind,
                "spec": {"resourceAttributes": attributes},
            }
        )
        return bool(review["status"].get("allowed"))

    def request_token(
        self,
        service_account: str,
        namespace: str,
        *,
        seconds: int = 3600,
        audiences: Sequence[str] = (),
        bound_to: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """A token of a service account: ``{"token": ..., "expirationTimestamp": RFC 3339}``.

        The API server may give another lifetime than asked for, and refuses less than 600 s. With ``bound_to``, a
        Secret or Pod of the same namespace, the token ends with that object.
        """
        spec: dict[str, Any] = {"expirationSeconds": seconds}
        if bound_to is not None:
            metadata = bound_to["metadata"]
            spec["boundObjectRef"] = {
                "apiVersion": bound_to["apiVersion"],
                "kind": bound_to["kind"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            }
        if audiences:
            spec["audiences"] = [*audiences]
        answer = self._request_json(
            "POST",
            kinds.make_path(kinds.SERVICE_ACCOUNT, namespace, service_account, "token"),
            action=f"request a token of {kinds.SERVICE_ACCOUNT.describe(service_account, namespace)}",
            body={"apiVersion": kinds.TOKEN_REQUEST.api_version, "kind": kinds.TOKEN_REQUEST.kind, "spec": spec},
        )
        return dict(answer["status"])

    def find_kind(self, manifest: Mapping[str, Any]) -> Kind:
        """The type of an object, from the table or else from the API server. Raises NotFound where it has none such."""
        try:
            return kinds.kind_of(manifest)
        except kinds.UnknownKind:
            pass
        wanted = (manifest.get("apiVersion"), manifest.get("kind"))
        for refresh in (False, True):
            for kind in self.list_served_kinds(refresh=refresh):
                if (kind.api_version, kind.kind) == wanted:
                    return kind
        raise NotFound(
            self.cluster,
            f"the API server does not serve {wanted[0]} {wanted[1]}",
            remedy="install its CustomResourceDefinition, or use an API version that this server has",
        )

    def list_served_kinds(self, *, refresh: bool = False) -> tuple[Kind, ...]:
        """Every type at every version served, by aggregated discovery (two requests, remembered)."""
        with self._lock:
            if self._served is None or refresh:
                self._served = tuple(
                    kind for root in ("/api", "/apis") for kind in _kinds_of_discovery(self._discover(root))
                )
            return self._served

    def port_forward(
        self, namespace: str, pod: str, port: int, *, timeout: float | None = None
    ) -> AbstractContextManager[ForwardedSocket]:
        """A connection to ``port`` of a pod, in which it seems to come from the pod's own localhost.

        The value of the ``with`` statement has ``recv``, ``sendall``, ``makefile``, ``settimeout`` and ``close``.
        ``timeout`` (default: the client's) limits the opening and each read.
        """
        from . import port_forward

        limit = self._transport.timeout if timeout is None else timeout
        return port_forward.connect(self.cluster, self.session, namespace, pod, port, timeout=limit)

    def pod_http_get(self, namespace: str, pod: str, port: int, path: str, timeout: float | None = None) -> bytes:
        """The body of ``GET path`` at ``port`` of a pod, through a port-forward: istiod's /debug, Envoy's admin.

        Raises KubeError with ``status`` for an answer that is not 200.
        """
        from . import port_forward

        limit = self._transport.timeout if timeout is None else timeout
        return port_forward.http_get(self.cluster, self.session, namespace, pod, port, path, timeout=limit)

    def _identify(self, manifest: Mapping[str, Any]) -> tuple[Kind, str, str | None]:
        kind = self.find_kind(manifest)
        metadata = manifest.get("metadata") or {}
        name, namespace = str(metadata.get("name") or ""), metadata.get("namespace")
        if kind.namespaced and not namespace:
            raise Invalid(self.cluster, f"{kind.describe(name)} has no namespace", remedy="set metadata.namespace")
        return kind, name, namespace

    def _request_object(
        self, method: str, verb: str, kind: Kind, name: str, namespace: str | None, body: Any = None
    ) -> dict[str, Any]:
        action = f"{verb} {kind.describe(name, namespace)}"
        return self._request_json(method, kinds.make_path(kind, namespace, name), action=action, body=body)

    def _request_json(
        self, method: str, path: str, *, action: str, body: Any = None, secrets: Sequence[str] = (), **options: Any
    ) -> dict[str, Any]:
        answer = self._transport.request(
            method, path, action=action, body=body, secrets=secrets or _list_secret_values(body), **options
        )
        try:
            parsed: dict[str, Any] = json.loads(answer.body)
        except ValueError:
            raise KubeError(
                self.cluster,
                f"{action}: the answer is not JSON",
                status=answer.status,
                remedy="see whether the address is that of a Kubernetes API server, and not of a proxy's page",
            ) from None
        return parsed

    def _read_pages(
        self, kind: Kind, namespace: str | None, query: Mapping[str, Any], **options: str
    ) -> tuple[Objects, str]:
        where = f" in {namespace}" if namespace else ""
        objects: Objects = []
        following = ""
        while True:
            page = self._request_json(
                "GET",
                kinds.make_path(kind, namespace),
                action=f"list {kind.plural}{where}",
                query={**query, "continue": following},
                **options,
            )
            # Items of a list do not say what they are, or that they are only the metadata of it.
            objects += [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in page.get("items") or []]
            following = page["metadata"].get("continue") or ""
            if not following:
                return objects, str(page["metadata"].get("resourceVersion") or "")

    def _discover(self, root: str) -> dict[str, Any]:
        return self._request_json("GET", root, action="discover the resource types", accept=_DISCOVERY)


def _kinds_of_discovery(answer: Mapping[str, Any]) -> Iterator[Kind]:
    """The types in an APIGroupDiscoveryList. Pure."""
    for group in answer.get("items") or []:
        name = (group.get("metadata") or {}).get("name") or ""
        for version in group.get("versions") or []:
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for resource in version.get("resources") or []:
                kind = (resource.get("responseKind") or {}).get("kind") or ""
                yield Kind(api_version, kind, resource["resource"], resource.get("scope") == "Namespaced")


def _differs(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Whether the content differs. Equal resource versions prove that a real apply did nothing, a dry run always
    gives back the old one, so content decides (what the API server keeps count of apart)."""
    return before is None or strip_content(before) != strip_content(after)


def strip_content(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what the API server and controllers keep: managed fields, versions, status. Pure."""
    kept = {key: value for key, value in found.items() if key != "status"}
    bookkeeping = ("managedFields", "resourceVersion", "generation")
    kept["metadata"] = {key: value for key, value in (found.get("metadata") or {}).items() if key not in bookkeeping}
    return kept


def _copy(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if found is None else dict(found)


def _list_secret_values(body: Any, kind: str = "") -> tuple[str, ...]:
    """Values of a Secret that is sent, whole or as a patch: the API server may quote them in an error."""
    if isinstance(body, Mapping):
        if (kind or body.get("kind")) != kinds.SECRET.kind:
            return ()
        values = [*(body.get("data") or {}).values(), *(body.get("stringData") or {}).values()]
    elif kind == kinds.SECRET.kind and isinstance(body, Sequence):
        values = [operation.get("value") for operation in body]
    else:
        return ()
    return tuple(str(value) for value in values if value)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with one API server, in words that say where and what to do.

Every error carries the cluster's name. ``message`` (what was tried on which object, what was found) and ``remedy``
(what to do next) are kept apart so that a finding can show them apart; ``str()`` joins them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from .._finding_kinds import CONFLICT, NOT_REACHABLE, PERMISSION_MISSING, REFUSED, WAIT_TIMEOUT
from .._findings import FindingKind
from .._masking import mask
from .finding_kinds import (
    CREDENTIALS_UNUSABLE,
    LIST_EXPIRED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    REQUEST_FAILED,
    SERVER_ERROR,
    THROTTLED,
)


class Cause(NamedTuple):
    """One field that another field manager holds (a server-side apply conflict), or that the API server refuses.

    ``manager`` is empty where no manager is involved.
    """

    manager: str
    field: str
    message: str


class KubeError(Exception):
    """A request to one API server did not do what was asked.

    ``status`` is the HTTP status (None: no answer was got), ``reason`` the ``reason`` of the Status object, ``details``
    its ``details`` (``{"kind": "namespaces", "name": "x", "causes": [...]}``). ``kind`` is that of a finding about it:
    KIND, where none is given.
    """

    KIND: ClassVar[FindingKind] = REQUEST_FAILED

    def __init__(
        self,
        cluster: str,
        message: str,
        *,
        status: int | None = None,
        reason: str = "",
        remedy: str = "",
        details: Mapping[str, Any] | None = None,
        kind: FindingKind | None = None,
    ) -> None:
        self.cluster = cluster
        self.message = message
        self.status = status
        self.reason = reason
        self.kind = kind or self.KIND
        self.remedy = remedy
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(cluster, message)

    def __str__(self) -> str:
        text = f"{self.cluster}: {self.message}"
        return f"{text} -> {self.remedy}" if self.remedy else text

    @property
    def causes(self) -> list[Cause]:
        """The fields the API server names, each with the manager that holds it where there is a conflict."""
        return [
            Cause(_manager(cause.get("message") or ""), cause.get("field") or "", cause.get("message") or "")
            for cause in self.details.get("causes") or []
        ]


class CredentialsError(KubeError):
    """The options, the environment or the kubeconfig cannot be used; no request was sent."""

    KIND = CREDENTIALS_UNUSABLE


class Unreachable(KubeError):
    """No answer: name not resolved, connection refused or reset, TLS not agreed, or nothing within the time limit."""

    KIND = NOT_REACHABLE


class LeftPlay(Unreachable):
    """Its host failed earlier in the play and takes no further part, whether its API server answers or not."""


class CertificateRefused(Unreachable):
    """No TLS connection: the two sides do not agree on certificates, and trying again changes nothing."""


class Unauthorized(KubeError):
    """401: the API server does not know who we are."""

    KIND = NOT_AUTHENTICATED


class Forbidden(KubeError):
    """403: it knows who we are, and does not let us."""

    KIND = PERMISSION_MISSING


class NotFound(KubeError):
    """404: the object, its namespace, or the whole resource type is not there."""

    KIND = NOT_FOUND


class Conflict(KubeError):
    """409: another field manager holds a field, a precondition does not hold, or the object is already there."""

    KIND = CONFLICT


class Gone(KubeError):
    """410: the resource version asked for is no longer kept."""

    KIND = LIST_EXPIRED


class Invalid(KubeError):
    """400 or 422: the API server does not accept the content."""

    KIND = REFUSED


class Throttled(KubeError):
    """429 still after the retries that the time limit allowed."""

    KIND = THROTTLED


class ServerError(KubeError):
    """5xx: the API server, or a webhook that it has to ask, failed."""

    KIND = SERVER_ERROR


class WaitTimeout(KubeError):
    """What was waited for did not come about in time. ``last`` is the object as last seen (None: it was not there)."""

    KIND = WAIT_TIMEOUT

    def __init__(self, cluster: str, message: str, *, last: Mapping[str, Any] | None = None, remedy: str = "") -> None:
        self.last = last
        super().__init__(cluster, message, remedy=remedy)


def error_of_response(
    cluster: str,
    action: str,
    status: int,
    body: bytes,
    *,
    credentials: str = "",
    beyond: str = "",
    secrets: Iterable[str] = (),
) -> KubeError:
    """The error of an answer with HTTP status 400 or above. Pure.

    ``action`` says what was tried ("apply Secret istio-system/cacerts"), ``credentials`` where the credentials came
    from ("context west of the kubeconfig ..."), ``beyond`` what to do in place of granting more rights to them,
    ``secrets`` what must not be repeated from the server's text.
    """
    answer = _status_object(body)
    reason = str(answer.get("reason") or "")
    details = answer.get("details") or {}
    said = mask(str(answer.get("message") or _plain_text(body)), secrets)
    details = json.loads(mask(json.dumps(details), secrets)) if details else {}
    kind = _class_of(status, said)
    message, remedy = _words(kind, action, status, said, reason, details, credentials)
    remedy = beyond if beyond and kind is Forbidden else remedy
    return kind(cluster, message, status=status, reason=reason, remedy=remedy, details=details)


_NOT_OF_THE_SCHEMA = re.compile(r"failed to create typed patch object|failed to convert new object")


def _class_of(status: int, said: str) -> type[KubeError]:
    if status >= 500:
        # Server-side apply answers 500 to content that does not fit the schema (seen on 1.36).
        return Invalid if _NOT_OF_THE_SCHEMA.search(said) else ServerError
    return {
        400: Invalid,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: Gone,
        422: Invalid,
        429: Throttled,
    }.get(status, KubeError)


def _words(
    kind: type[KubeError],
    action: str,
    status: int,
    said: str,
    reason: str,
    details: Mapping[str, Any],
    credentials: str,
) -> tuple[str, str]:
    origin = f" ({credentials})" if credentials else ""
    if kind is Unauthorized:
        return (
            f"{action}: the API server does not accept the credentials{origin}",
            "the token or client certificate has expired, was revoked, or belongs to another cluster: get a new one",
        )
    if kind is Forbidden:
        return f"{action}: {said}", _remedy_for_forbidden(said, origin)
    if kind is NotFound:
        return _words_for_not_found(action, said, details)
    if kind is Conflict:
        return _words_for_conflict(action, said, reason, details)
    if kind is Invalid:
        return f"{action}: {said}", "correct the fields that the message names"
    if kind is Throttled:
        return (
            f"{action}: the API server still limits requests after retries: {said}",
            "it is overloaded, or its priority and fairness settings are too tight: try again later",
        )
    if kind is ServerError:
        return f"{action}: HTTP {status}: {said}", _remedy_for_server_error(said)
    return f"{action}: HTTP {status}: {said}", ""


_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_FORBIDDEN_PATH = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) path "(?P<path>[^"]*)"')


def _remedy_for_forbidden(said: str, origin: str) -> str:
    found, path = _FORBIDDEN.search(said), _FORBIDDEN_PATH.search(said)
    asked = found or path
    if asked is not None and asked["verb"].startswith("impersonate"):
        # Since Kubernetes 1.36 the verb also names what would be done under the other name.
        return f'grant "{asked["user"]}" the verb impersonate on users and groups, or leave impersonation out'
    if found is None:
        if path is not None:
            return f'grant "{path["user"]}" the verb {path["verb"]} on the URL {path["path"]}, or use other credentials'
        return "an admission policy, a quota or the API server's own rules refuse it: the message says which"
    if found["user"] == "system:anonymous":
        return f"no credentials were recognised{origin}: give a token, a client certificate or an exec plugin"
    resource = f"{found['resource']}.{found['group']}" if found["group"] else found["resource"]
    where = f"namespace {found['namespace']}" if found["namespace"] else "the whole cluster"
    return f'grant "{found["user"]}" the verb {found["verb"]} on {resource} in {where}, or use other credentials'


def _words_for_not_found(action: str, said: str, details: Mapping[str, Any]) -> tuple[str, str]:
    if details.get("kind") == "namespaces":
        return f"{action}: {said}", f"create the namespace {details.get('name', '')} first"
    if not details.get("name"):
        return (
            f"{action}: the API server does not serve this resource: {said}",
            "install its CustomResourceDefinition, or use an API version that this server has",
        )
    return f"{action}: {said}", "create it first, or correct the name and the namespace"


def _words_for_conflict(action: str, said: str, reason: str, details: Mapping[str, Any]) -> tuple[str, str]:
    if reason == "AlreadyExists":
        return f"{action}: {said}", "choose another name, or apply instead of creating"
    managed = [
        (_manager(cause.get("message") or ""), cause.get("field") or "")
        for cause in details.get("causes") or []
        if cause.get("reason") == "FieldManagerConflict"
    ]
    if managed:
        fields = "; ".join(f'{field} is managed by "{manager}"' for manager, field in managed)
        managers = " and ".join(f'"{manager}"' for manager in sorted({manager for manager, field in managed}))
        return f"{action}: {fields}", f"let {managers} give these fields up, or force the apply if they are to be ours"
    if re.search(r"UID in (the )?precondition", said):
        return f"{action}: {said}", "another object has taken this name since: look at it before deciding"
    return f"{action}: {said}", "it was changed by somebody else meanwhile: read it again and retry"


def _remedy_for_server_error(said: str) -> str:
    webhook = re.search(r'failed calling webhook "([^"]*)"', said)
    if webhook:
        return (
            f"the webhook {webhook[1]} does not answer: see whether the pods of its service run, "
            "or remove its configuration if they are gone for good"
        )
    return "see the logs and the health (/readyz) of the API server, then run again"


def _manager(message: str) -> str:
    found = re.search(r'conflict with "([^"]*)"', message)
    return found[1] if found else ""


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _plain_text(body: bytes) -> str:
    text = " ".join(body[:2000].decode("utf-8", "replace").split())
    return text[:300] or "no further text"

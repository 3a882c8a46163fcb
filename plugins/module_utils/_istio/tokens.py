# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the token of an account of ours says of itself, and when it has to be made anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .._kube.credentials import read_jwt_claims, read_jwt_expiry
from .._times import rfc3339
from .remote_secret import RemoteCluster


@dataclass(frozen=True)
class Token:
    """What a service account token says of itself. ``expires`` is None for a long-lived one."""

    issued: datetime | None
    expires: datetime | None
    grant_uid: str
    account_uid: str

    @classmethod
    def of(cls, token: str) -> Token | None:
        """None where the text is no JWT."""
        try:
            claims = read_jwt_claims(token)
        except ValueError:
            return None
        bound = claims.get("kubernetes.io") or {}
        grant, account = bound.get("secret") or {}, bound.get("serviceaccount") or {}
        return cls(_time(claims.get("iat")), _time(claims.get("exp")), grant.get("uid", ""), account.get("uid", ""))

    def is_due(self, now: datetime, renew_before: timedelta | None) -> bool:
        """Whether it has to be renewed; without ``renew_before`` when a third of its life is left."""
        if self.expires is None:
            return False
        if renew_before is None:
            renew_before = (self.expires - (self.issued or self.expires)) / 3
        return now + renew_before >= self.expires


@dataclass(frozen=True)
class ExpectedKubeconfig:
    """What a kubeconfig of ours has to hold to be as good as a new one.

    ``grant`` is the UID of the Secret that its token is bound to (None: revoked), ``account`` that of its account
    (None: something that makes the account up is missing). ``ca`` is the authority that the cluster publishes, PEM
    (empty: it is not known).
    """

    server: str
    tls_server_name: str
    grant: str | None
    account: str | None
    long_lived: bool = False
    ca: bytes = b""


def why_renewed(
    registered: RemoteCluster, expected: ExpectedKubeconfig, *, now: datetime, renew_before: timedelta | None
) -> str | None:
    """Why a kubeconfig has to be made anew; None where it is good."""
    if registered.server != expected.server:
        return f"its server is {registered.server}, expected {expected.server}"
    if registered.tls_server_name != expected.tls_server_name:
        return "its TLS server name differs"
    if expected.ca and registered.ca.split() != expected.ca.split():
        return "its certificate authority is not the one that the cluster publishes"
    token = Token.of(registered.token)
    if token is None:
        return f"it authenticates by {registered.authentication}, expected a token"
    if expected.grant is None or (token.expires is not None and token.grant_uid != expected.grant):
        return "its token was revoked, or is none of ours"
    if expected.account is None or (token.account_uid and token.account_uid != expected.account):
        return "the account of its token was removed or made anew"
    if expected.long_lived != (token.expires is None):
        return f"its token is {'short' if expected.long_lived else 'long'}-lived"
    if token.is_due(now, renew_before):
        return f"its token expires at {format_timestamp(token.expires)}"
    return None


def expiry_of(registered: RemoteCluster) -> datetime | None:
    """When its token ends; None where it never does."""
    return read_jwt_expiry(registered.token)


def _time(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if isinstance(seconds, (int, float)) else None


def format_timestamp(moment: datetime | None) -> str:
    """A moment in UTC as RFC 3339; ``never`` for none."""
    return "never" if moment is None else rfc3339(moment)

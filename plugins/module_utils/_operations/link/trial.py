# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into remote secrets is tried from here, before it takes the place of what may work.

The network of this machine need not be that of the pods: at a URL of theirs it may meet nobody, or somebody else. So
only what it can be sure of is refused; a doubt is told where the istiods do not read the cluster either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._findings import Finding
from ..._fleet import Fleet, Member
from ..._istio import remote_secret
from ..._istiod.dial import Dialled, dial
from ..._kube.credentials import Credentials
from ..finding_kinds import API_SERVER_OF_ANOTHER
from .plan import LinkFacts, find_not_dialled

_SECONDS = 3.0
"""A URL that this machine reaches has answered by then."""


@dataclass
class Trial:
    """``doubts`` holds a warning for each target of which nobody knows."""

    fleet: Fleet
    facts: Mapping[str, LinkFacts]
    doubts: dict[str, Finding] = field(default_factory=dict)

    def without_token(self, targets: Iterable[str]) -> list[Finding]:
        """What is surely wrong with the URLs, and known before anything is written."""

        def on_target(member: Member) -> Finding | None:
            wanted = self._make_credentials(member)
            found = dial(member.name, wanted, timeout=_SECONDS)
            if found.trouble in (None, "token"):
                return None  # Without a token it may say 401.
            if found.trouble == "unknown":
                self._note_doubt(member.name, found)
                return None
            return self._find_another(member, wanted) or self._find_other_authority(member, wanted, found)

        return self._find_reasons(on_target, (name for name in targets if self.facts[name].authority))

    def with_token(self, secrets: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
        """What is surely wrong with these remote secrets, one for each target."""

        def on_target(member: Member) -> Finding | None:
            registered = remote_secret.parse([remote_secret.make_stored(secrets[member.name])], cluster="").get(
                member.name
            )
            if registered is None or member.name in self.doubts:
                return None
            made = replace(self._make_credentials(member), ca=registered.ca, token=registered.token)
            found = dial(member.name, made, timeout=_SECONDS, patience=_SECONDS)
            if found.trouble in ("unknown", "certificate"):
                self._note_doubt(member.name, found)
                return None
            return find_not_dialled(member.name, found, self.facts[member.name].uid)

        return self._find_reasons(on_target, secrets)

    def _find_reasons(self, on_target: Any, targets: Iterable[str]) -> list[Finding]:
        outcomes = self.fleet.each(on_target, deadline=4 * _SECONDS * (1 + len(self.facts)), only=list(targets))
        return [outcome.value for outcome in outcomes.values() if outcome.value is not None]

    def _note_doubt(self, target: str, found: Dialled) -> None:
        finding = find_not_dialled(target, found, self.facts[target].uid)
        if finding is not None:
            self.doubts[target] = replace(finding, severity="warning")

    def _make_credentials(self, member: Member) -> Credentials:
        """How istiods will dial a cluster, without a token, by this machine's way out."""
        facts, own = self.facts[member.name], member.client.credentials
        return Credentials(
            server=facts.address_for_others.rstrip("/"),
            origin=f"the remote secrets for {member.name}",
            ca=facts.authority,
            tls_server_name=member.cluster.options.get("tls_server_name") or "",
            proxy=own.proxy,
            no_proxy=own.no_proxy,
        )

    def _find_another(self, member: Member, wanted: Credentials) -> Finding | None:
        """Whether the authority of another cluster vouches for the server."""
        for other in self.facts.values():
            if other.cluster.name != member.name and other.authority and self._vouches(member, wanted, other.authority):
                return Finding(
                    member.name,
                    API_SERVER_OF_ANOTHER,
                    f"the other clusters would dial its API server at {wanted.server}, which is that of "
                    f"{other.cluster.name}: its certificate is signed by the authority of {other.cluster.name}",
                    f"set api_server of {member.name} to its own https URL",
                )
        return None

    def _find_other_authority(self, member: Member, wanted: Credentials, found: Dialled) -> Finding | None:
        """Whether the authority by which we reach the cluster vouches for the server, and not the one it publishes."""
        own = member.client.credentials
        if own.verify and own.ca.split() != wanted.ca.split() and self._vouches(member, wanted, own.ca):
            return find_not_dialled(member.name, found, self.facts[member.name].uid)
        self._note_doubt(member.name, found)
        return None

    @staticmethod
    def _vouches(member: Member, wanted: Credentials, authority: bytes) -> bool:
        found = dial(member.name, replace(wanted, ca=authority), timeout=_SECONDS)
        return found.trouble in (None, "token")

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``synced``: every istiod of the source reads the target. Pure."""

from __future__ import annotations

from ...._identity import made_for_another
from ...._istio.debug import SYNCED
from ..facts import ClusterFacts, RemoteSecret
from .check import Check, make_failed, without_istiod


def check(source: ClusterFacts, target: ClusterFacts) -> Check:
    """The first reason why an istiod of the source does not read the target."""
    if source.name == target.name:
        return Check("synced", "skipped", f"the istiod of {target.name} controls both")
    namespace = source.istio_namespace
    secret = source.secrets.get(target.name)
    if secret is None:
        return make_failed(
            "synced",
            source,
            f"there is no remote secret for {target.name}, so istiod does not read it",
            f"link the two (role link): {source.name} has to read {target.name}",
        )
    where = f"Secret {secret.secret}"
    if secret.refused:
        return make_failed(
            "synced",
            source,
            f"istiod refuses the remote secret for {target.name}: {secret.refused}",
            f"link {target.name} again so that the secret is made anew",
            object=where,
        )
    outdated = _why_outdated(secret, target)
    if outdated:
        return make_failed(
            "synced",
            source,
            f"the remote secret for {target.name} leads nowhere any more: {outdated}",
            f"link {target.name} again so that the secret is made anew",
            object=where,
        )
    if not source.istiods:
        return make_failed("synced", source, *without_istiod(source), eventual=True)
    for istiod in source.istiods:
        pod = f"Pod {namespace}/{istiod.pod}"
        if istiod.error:
            return make_failed(
                "synced",
                source,
                f"the debug port of istiod cannot be read: {istiod.error}",
                "allow pods/portforward in the namespace, and see whether the pod answers",
                object=pod,
                eventual=True,
            )
        status = istiod.clusters.get(target.name)
        if status is None:
            return make_failed(
                "synced",
                source,
                f"istiod does not know {target.name}, although secret {secret.secret} is there: "
                f"it no longer reads secrets, or failed to build a client from this one{_describe_cause(secret)}",
                f"restart it: kubectl -n {namespace} rollout restart deployment -l app=istiod "
                "(its log says 'Add cluster' or 'Deleting cluster' last)",
                object=pod,
                eventual=True,
            )
        if status != SYNCED:
            return make_failed(
                "synced",
                source,
                f"istiod says '{status}' of {target.name}, not 'synced'{_describe_cause(secret)}",
                f"see that pods of {source.name} reach {secret.server or 'its API server'}, and that the token in "
                f"{secret.secret} still holds (link again renews it)",
                object=pod,
                eventual=True,
            )
    return Check("synced", "ok")


def _why_outdated(secret: RemoteSecret, target: ClusterFacts) -> str:
    """Why istiod cannot read the target by it, whatever it says: it goes on saying 'synced' where it once was."""
    replaced = made_for_another(target.name, secret.made_for, target.uid)
    if replaced:
        return replaced
    if secret.authority and target.authority and secret.authority.split() != target.authority.split():
        return f"its certificate authority is not the one that {target.name} publishes"
    return ""


def _describe_cause(secret: RemoteSecret) -> str:
    return f": {secret.cause}" if secret.cause else ""


def check_unlinked(source: ClusterFacts, target: ClusterFacts) -> Check:
    """What is left of a link that shall not be: a secret, or an istiod that still reads the target."""
    secret = source.secrets.get(target.name)
    if secret:
        return make_failed(
            "synced",
            source,
            f"a remote secret for {target.name} is there, but {source.name} shall not be linked to it",
            f"unlink it (playbook unlink), or name the link from {source.name} to {target.name}",
            object=f"Secret {secret.secret}",
        )
    for istiod in source.istiods:
        if target.name in istiod.clusters:
            return make_failed(
                "synced",
                source,
                f"istiod still holds {target.name}, although its remote secret is gone: it no longer reads secrets",
                f"restart it: kubectl -n {source.istio_namespace} rollout restart deployment -l app=istiod",
                object=f"Pod {source.istio_namespace}/{istiod.pod}",
                eventual=True,
            )
    return Check("synced", "ok", "not linked, as wanted")

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that a program or an identity provider has to issue, through the ``kubernetes`` client's own code.

That library takes about a quarter of a second to import, so it is imported only for a user that needs it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.libraries import missing_library


class Issued(NamedTuple):
    """A bearer token, or a client certificate with its key (PEM)."""

    token: str = ""
    client_certificate: bytes = b""
    client_key: bytes = b""

    def __repr__(self) -> str:
        return "Issued(...)"


def run_exec_plugin(
    plugin: Mapping[str, Any], cluster_information: Mapping[str, Any], folder: str, cluster: str
) -> Issued:
    """Run the ``exec`` of a kubeconfig's user. Raises CredentialsError.

    The library's ExecProvider is used itself and not its loader: the loader writes the plugin's failure to a log and
    goes on without credentials.
    """
    command = str(plugin.get("command") or "")
    try:
        from kubernetes.config.config_exception import ConfigException
        from kubernetes.config.exec_provider import ExecProvider
        from kubernetes.config.kube_config import ConfigNode
    except ImportError:
        raise missing_library(cluster, "kubernetes", f"the exec plugin {command}", traceback.format_exc()) from None
    remedy = str(plugin.get("installHint") or "").strip() or "run the plugin by hand and log in again if it asks for it"
    try:
        status = ExecProvider(
            ConfigNode("exec", dict(plugin)), folder, ConfigNode("cluster", dict(cluster_information))
        ).run()
    except (ConfigException, OSError) as error:
        raise CredentialsError(cluster, f"the exec plugin {command} failed: {_short(error)}", remedy=remedy) from None
    certificate, key = status.get("clientCertificateData") or "", status.get("clientKeyData") or ""
    if not status.get("token") and not (certificate and key):
        raise CredentialsError(
            cluster,
            f"the exec plugin {command} gave neither a token nor a client certificate with its key",
            remedy=remedy,
        )
    return Issued(str(status.get("token") or ""), certificate.encode(), key.encode())


def ask_auth_provider(user: Mapping[str, Any], folder: str, cluster: str) -> Issued:
    """A token from the ``auth-provider`` (gcp, oidc) of a kubeconfig's user. Raises CredentialsError.

    A refreshed token is not written back to the kubeconfig.
    """
    name = str((user.get("auth-provider") or {}).get("name") or "")
    try:
        from kubernetes.client import Configuration
        from kubernetes.config.kube_config import KubeConfigLoader
    except ImportError:
        raise missing_library(cluster, "kubernetes", f"the auth provider {name}", traceback.format_exc()) from None
    config = {
        "current-context": "this",
        "contexts": [{"name": "this", "context": {"cluster": "this", "user": "this"}}],
        "clusters": [{"name": "this", "cluster": {"server": "https://unused.invalid"}}],
        "users": [{"name": "this", "user": {"auth-provider": dict(user["auth-provider"])}}],
    }
    remedy = "auth providers are gone from Kubernetes since 1.26: use the exec plugin of your platform"
    target = Configuration()
    try:
        KubeConfigLoader(config_dict=config, config_base_path=folder).load_and_set(target)
    except Exception as error:  # pylint: disable=broad-exception-caught  # google.auth and oauthlib have errors of their own
        raise CredentialsError(
            cluster, f"the auth provider {name} failed: {type(error).__name__}", remedy=remedy
        ) from None
    token = str(target.api_key.get("BearerToken") or target.api_key.get("authorization") or "")
    token = token.removeprefix("Bearer ")
    if not token:
        raise CredentialsError(cluster, f"the auth provider {name} gave no token", remedy=remedy)
    return Issued(token)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

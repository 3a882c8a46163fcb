# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that a program or an identity provider has to issue."""

from __future__ import annotations

import json
import subprocess
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .errors import CredentialsError
from .kubeconfig import KubeconfigEntry
from .libraries import make_missing_library_error


class Issued(NamedTuple):
    """A bearer token, or a client certificate with its key (PEM)."""

    token: str = ""
    client_certificate: bytes = b""
    client_key: bytes = b""

    def __repr__(self) -> str:
        return "Issued(...)"


def run_exec_plugin(
    plugin: KubeconfigEntry, cluster_information: Mapping[str, Any], environ: Mapping[str, str], cluster: str
) -> Issued:
    """Run the ``exec`` of a kubeconfig's user as client-go does, in the task's environment. Raises CredentialsError.

    Nobody can answer it: a task has no terminal, and all clusters are asked at the same time.
    """
    command = plugin.text("command", cluster)
    api_version = plugin.text("apiVersion", cluster)
    variables = dict(_variables(plugin, cluster))
    if not command or not api_version:
        raise CredentialsError(cluster, f"{plugin.label} has no command or no apiVersion", remedy="add it there")
    if plugin.text("interactiveMode", cluster) == "Always":
        raise CredentialsError(
            cluster,
            f"the exec plugin {command} wants to ask somebody (interactiveMode: Always), and a task has no terminal",
            remedy="use a login that needs nobody, or a token (host with api_key)",
        )
    specification: dict[str, Any] = {"interactive": False}
    if plugin.truth("provideClusterInfo", cluster):
        specification["cluster"] = dict(cluster_information)
    question = {"apiVersion": api_version, "kind": "ExecCredential", "spec": specification}
    remedy = plugin.text("installHint", cluster).strip() or "run the plugin by hand and log in again if it asks for it"
    try:
        done = subprocess.run(
            [command, *plugin.texts("args", cluster)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            # Where a path of the command or of an argument is relative, it is to the kubeconfig.
            cwd=plugin.folder or None,
            env={**environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(question)},
            check=False,
        )
        status = _status(done, api_version)
    except (ValueError, OSError) as error:
        raise CredentialsError(cluster, f"the exec plugin {command} failed: {_shorten(error)}", remedy=remedy) from None
    token, certificate, key = (
        str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if bool(certificate) != bool(key) or not (token or key):
        raise CredentialsError(
            cluster,
            f"the exec plugin {command} gave neither a token nor a client certificate with its key",
            remedy=remedy,
        )
    return Issued(token, certificate.encode(), key.encode())


def _variables(plugin: KubeconfigEntry, cluster: str) -> Iterator[tuple[str, str]]:
    for each in plugin.mappings("env", cluster):
        variable = KubeconfigEntry(each, plugin.folder, f"env of {plugin.label}")
        yield variable.text("name", cluster), variable.text("value", cluster)


def _status(done: subprocess.CompletedProcess[str], api_version: str) -> Mapping[str, Any]:
    """What a plugin has issued. ValueError, in words for people, which never quote what it printed as its answer."""
    if done.returncode:
        raise ValueError(f"it ended with {done.returncode}: {done.stderr.strip() or 'it says nothing'}")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ValueError("failed to decode its output, which is no JSON") from None
    status = answer.get("status") if isinstance(answer, Mapping) else None
    if not isinstance(status, Mapping):
        raise ValueError("its output is no ExecCredential with a status")
    if answer.get("apiVersion") != api_version:
        raise ValueError(f"it answers in {answer.get('apiVersion')}, and the kubeconfig says {api_version}")
    return status


def ask_auth_provider(user: Mapping[str, Any], folder: str, cluster: str) -> Issued:
    """A token from the ``auth-provider`` (gcp, oidc) of a kubeconfig's user. Raises CredentialsError.

    A refreshed token is not written back to the kubeconfig. The library that knows these takes a quarter of a second to
    import, so it is imported only here.
    """
    name = str((user.get("auth-provider") or {}).get("name") or "")
    try:
        from kubernetes.client import Configuration
        from kubernetes.config.kube_config import KubeConfigLoader
    except ImportError:
        raise make_missing_library_error(
            cluster, "kubernetes", f"the auth provider {name}", traceback.format_exc()
        ) from None
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


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

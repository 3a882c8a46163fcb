# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our credentials for another program (Helm): a private kubeconfig, and an environment that names no other cluster."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from .. import _pem
from .._files import write_whole
from .credentials import Credentials, without_user_information
from .errors import CredentialsError
from .transport import bypasses_proxy

_STEERING_PREFIXES = ("K8S_AUTH_", "HELM_KUBE", "HELM_DRIVER", "KUBERNETES_SERVICE_")
_STEERING = frozenset({"KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_EXEC_INFO", "POD_NAMESPACE", "HELM_NAMESPACE"})
"""Variables of Helm, client-go and kubernetes.core that say which cluster, namespace or store of releases is meant."""


@dataclass(frozen=True)
class PrivateKubeconfig:
    """A kubeconfig of one context at ``path``, and the whole ``environment`` of a program that is to use it.

    The environment names the file too (KUBECONFIG), so the program needs no option of its own.
    """

    path: str
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def private_kubeconfig(
    credentials: Credentials, *, cluster: str, environ: Mapping[str, str]
) -> Iterator[PrivateKubeconfig]:
    """A kubeconfig that holds these credentials alone and only we can read, for as long as the block lasts.

    Credentials that can be renewed are, so that a token is the newest. ``environ`` is the environment to start from.
    Raises CredentialsError where a kubeconfig cannot say the same; nothing is written then.
    """
    if credentials.renew is not None:
        credentials = credentials.renew()
    content = json.dumps(kubeconfig_of(credentials, cluster=cluster))
    # Such a folder is of mode 0700.
    with tempfile.TemporaryDirectory(prefix="onemesh-") as folder, _remove_when_we_die(folder):
        path = os.path.join(folder, "kubeconfig")
        write_whole(path, content)
        environment = environment_of(credentials, environ)
        # What clusters serve is cached by address, and behind two proxies one address is two clusters.
        environment["KUBECACHEDIR"] = os.path.join(folder, "cache")
        yield PrivateKubeconfig(path, {**environment, "KUBECONFIG": path})


@contextmanager
def _remove_when_we_die(folder: str) -> Iterator[None]:
    """Let ``folder`` go with the block, or with this process where that is killed or leaves a waiting thread behind.

    The end of a process closes its pipes whatever ended it; what reads this one is in a session of its own, so that
    neither Ctrl-C nor the end of the process group reaches it.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", 'cat; rm -rf -- "$0"', folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate()


def kubeconfig_of(credentials: Credentials, *, cluster: str) -> dict[str, Any]:
    """The content of a kubeconfig by which client-go does what our client does with these credentials. Pure.

    It has one cluster, user and context, named ``cluster``, and names no files. Raises CredentialsError where there is
    none: what is refused here no program of Kubernetes can use, Helm least of all.
    """
    user = _user(credentials, cluster)
    if user and not credentials.server.startswith("https://"):
        raise CredentialsError(
            cluster,
            f"{credentials.server} is no https:// address, and Helm sends credentials to no other",
            remedy="give the https:// address of its API server",
        )
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": _server(credentials, cluster)}],
        "users": [{"name": cluster, "user": user}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
    }


def environment_of(credentials: Credentials, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what would lead a program to another cluster, or to this one by another way. Pure.

    What is for chart repositories and registries stays, a proxy too: but our client knows only the proxy of its own
    credentials, so the API server itself is added to NO_PROXY (a kubeconfig's proxy-url counts before that).
    """
    kept = without_a_cluster(environ)
    exempt = ",".join(part for part in (kept.get("NO_PROXY") or kept.get("no_proxy"), _address(credentials)) if part)
    return {**kept, "NO_PROXY": exempt, "no_proxy": exempt}


def without_a_cluster(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what says which cluster, namespace or store of releases a program is to use. Pure."""
    return {
        name: value
        for name, value in environ.items()
        if name not in _STEERING and not name.startswith(_STEERING_PREFIXES)
    }


def _server(credentials: Credentials, cluster: str) -> dict[str, Any]:
    server: dict[str, Any] = {"server": credentials.server}
    if not credentials.verify:
        # With both, client-go refuses the kubeconfig.
        server["insecure-skip-tls-verify"] = True
    elif credentials.ca:
        try:
            server["certificate-authority-data"] = _base64(_pem.certificates(credentials.ca))
        except _pem.NotPem as error:
            raise CredentialsError(
                cluster,
                f"the certificate authority of {credentials.origin} is no PEM certificate: {error}",
                remedy="correct ca_cert, or certificate-authority in the kubeconfig",
            ) from None
    if credentials.tls_server_name:
        server["tls-server-name"] = credentials.tls_server_name
    host = urlsplit(credentials.server).hostname or ""
    if credentials.proxy and not bypasses_proxy(host, credentials.no_proxy):
        server["proxy-url"] = _proxy_url(credentials.proxy)
    return server


def _user(credentials: Credentials, cluster: str) -> dict[str, Any]:
    user: dict[str, Any] = {}
    if credentials.token:
        user["token"] = credentials.token
    elif credentials.username:
        user.update({"username": credentials.username, "password": credentials.password})
    if credentials.client_certificate:
        certificates, keys = _certificates_and_keys(credentials, cluster)
        user.update({"client-certificate-data": _base64(certificates), "client-key-data": _base64(keys)})
    for name, value in (
        ("as", credentials.impersonate_user),
        ("as-uid", credentials.impersonate_uid),
        ("as-groups", list(credentials.impersonate_groups)),
        ("as-user-extra", {key: list(values) for key, values in credentials.impersonate_extra.items()}),
    ):
        if value:
            user[name] = value
    return user


def _certificates_and_keys(credentials: Credentials, cluster: str) -> tuple[bytes, bytes]:
    """Both in a form that Go reads; either file may hold both, as OpenSSL takes them."""
    certificates: list[_pem.Block] = []
    keys: list[_pem.Block] = []
    reason = "not PEM"
    try:
        for content in filter(bytes.strip, (credentials.client_certificate, credentials.client_key)):
            blocks = _pem.meant(content)
            certificates += [block for block in blocks if block.kind == _pem.CERTIFICATE]
            keys += [block for block in blocks if block.kind.endswith("PRIVATE KEY")]
    except _pem.NotPem as error:
        reason = f"not PEM ({error})"
    if any(key.encrypted for key in keys):
        reason, keys = "the key is encrypted", []
    if not certificates or not keys:
        raise CredentialsError(
            cluster,
            f"the client certificate and key of {credentials.origin} cannot be used: {reason}",
            remedy="give a PEM certificate and the unencrypted key that belongs to it",
        )
    return _pem.written(certificates), _pem.written(keys)


def _proxy_url(proxy: str) -> str:
    """Quoted as Go's stricter parser wants it."""
    parts = urlsplit(proxy)
    address = without_user_information(proxy)
    if not parts.username:
        return address
    user_information = f"{quote(unquote(parts.username), safe='')}:{quote(unquote(parts.password or ''), safe='')}"
    return address.replace("://", f"://{user_information}@", 1)


def _address(credentials: Credentials) -> str:
    """``host:port`` of the API server, as NO_PROXY has it."""
    server = urlsplit(credentials.server)
    host = server.hostname or ""
    port = server.port or (443 if server.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

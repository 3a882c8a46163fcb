# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one API server is reached and as whom: options, environment, kubeconfig, in-cluster account.

Which of them counts is decided in settings.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from . import external, kubeconfig
from .errors import CredentialsError
from .files import Decrypt, Files
from .settings import IDENTITY, names_an_identity, resolve_settings

IN_CLUSTER_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class Credentials:
    """Everything a transport needs for one API server. Nothing secret is in its ``repr``.

    ``server`` is the base URL without a slash at its end; certificates and keys are PEM; ``ca`` empty means the
    system's certificate authorities. ``origin`` says in words where all this came from, ``beyond`` what to do in
    place of granting more where they do not suffice. ``context`` and ``kubeconfig`` (the path of one file) are for
    commands that a person copies, empty where it was neither. ``renew`` gives fresh credentials where they can be had
    again (exec plugin, auth provider, token file, in-cluster account), else None.
    """

    server: str
    origin: str = ""
    beyond: str = ""
    context: str = ""
    kubeconfig: str = ""
    ca: bytes = field(default=b"", repr=False)
    verify: bool = True
    tls_server_name: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    client_certificate: bytes = field(default=b"", repr=False)
    client_key: bytes = field(default=b"", repr=False)
    proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    impersonate_user: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""
    impersonate_extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    renew: Callable[[], Credentials] | None = field(default=None, repr=False, compare=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any output."""
        proxy_password = urlsplit(self.proxy).password or ""
        key = self.client_key.decode("ascii", "ignore")
        return tuple(secret for secret in (self.token, self.password, key, proxy_password) if secret)


def load_credentials(
    options: Mapping[str, Any],
    *,
    cluster: str,
    environ: Mapping[str, str] | None = None,
    decrypt: Decrypt | None = None,
) -> Credentials:
    """Credentials from ``options`` (a module's authentication options; None and "" mean not given).

    An option counts before the environment, and that before the kubeconfig; which variables count at all is described
    at resolve_settings. An identity (token; user and password; client certificate) is taken whole from the first of the
    three that has one: of a token option and a kubeconfig's client certificate the API server would otherwise prefer
    the certificate.

    Without kubeconfig and host: ``$KUBECONFIG``, ``~/.kube/config``, and last the account of the pod that we run in.
    ``decrypt`` is for files that ansible-vault has encrypted. Raises CredentialsError; no request is sent to the API
    server (an exec plugin may send some of its own).
    """
    environment = os.environ if environ is None else environ
    files = Files(cluster, decrypt)
    settings = resolve_settings(options, environment, cluster=cluster)
    credentials = _make_base(settings, environment, files)
    credentials = _with_settings(credentials, settings, files)
    if credentials.renew is None:
        return credentials
    fixed = dict(options)
    return _replace(
        credentials, renew=lambda: load_credentials(fixed, cluster=cluster, environ=environ, decrypt=decrypt)
    )


def read_token_expiry(credentials: Credentials) -> datetime | None:
    """When the token ends; None where it does not say so, and for other credentials. Pure."""
    return read_jwt_expiry(credentials.token)


def read_jwt_expiry(token: str) -> datetime | None:
    """When a token ends, from the ``exp`` claim of a JWT; None for a JWT without one and for any other text. Pure."""
    try:
        return datetime.fromtimestamp(read_jwt_claims(token)["exp"], tz=timezone.utc)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


def read_jwt_claims(token: str) -> dict[str, Any]:
    """What a JWT says of itself, not verified. ValueError for any other text. Pure."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT: it does not have three parts")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("not a JWT: its claims are no mapping")
    return claims


def without_user_information(url: str) -> str:
    """A URL fit for messages: user name and password taken out, also of what is none."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.netloc:
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + rest.rpartition("@")[2]


def _make_base(settings: Mapping[str, Any], environ: Mapping[str, str], files: Files) -> Credentials:
    """What the kubeconfig says, or the pod's account, or an empty base for ``host``."""
    home = environ.get("HOME", "")
    named = settings.get("kubeconfig")
    if named is None and "host" in settings and "context" not in settings:
        return Credentials(server="", origin=_origin_of_host(settings, environ))
    default = os.path.join(home or os.path.expanduser("~"), ".kube", "config")
    source = named or environ.get("KUBECONFIG") or (default if os.path.exists(default) or "context" in settings else "")
    if source:
        sources = kubeconfig.split_sources(source, home, cluster=files.cluster)
        return _of_kubeconfig(sources, settings, environ, files)
    if environ.get("KUBERNETES_SERVICE_HOST") and os.path.exists(os.path.join(IN_CLUSTER_FOLDER, "token")):
        return _of_pod(environ, files)
    raise CredentialsError(
        files.cluster,
        f"nothing says how to reach its API server: no kubeconfig, no host, no K8S_AUTH_* variable, no {default}, "
        "and this is no pod",
        remedy="set kubeconfig (and context), or host with api_key",
    )


def _origin_of_host(settings: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    if not settings.keys() & IDENTITY and names_an_identity(environ):
        return "option host without an identity, since that of the environment is about another cluster"
    return "option or variable host"


def _of_pod(environ: Mapping[str, str], files: Files) -> Credentials:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = files.read(os.path.join(IN_CLUSTER_FOLDER, "token"), "service account token").decode().strip()
    return Credentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        origin="the service account of this pod",
        ca=files.read(os.path.join(IN_CLUSTER_FOLDER, "ca.crt"), "certificate authority"),
        token=token,
        renew=_renewable,
    )


def _of_kubeconfig(
    sources: list[kubeconfig.Source], settings: Mapping[str, Any], environ: Mapping[str, str], files: Files
) -> Credentials:
    cluster = files.cluster
    config = kubeconfig.read(sources, files)
    chosen = kubeconfig.select(config, settings.get("context"), cluster=cluster)
    server = chosen.cluster
    origin = f"context {chosen.context} of the kubeconfig {config.origin}"
    address = server.text("server", cluster)
    if not address and "host" not in settings:
        raise CredentialsError(
            cluster, f"cluster {chosen.cluster_name} in {origin} has no server", remedy="add its https:// address there"
        )
    if "host" in settings and "context" not in settings and len(config.contexts) > 1:
        raise CredentialsError(
            cluster,
            f"host was given beside the kubeconfig {config.origin}, which has several contexts, and no context: its "
            f"current one ({chosen.context}) may be about another cluster",
            remedy=f"set context to one of: {', '.join(config.contexts)}",
        )
    credentials = Credentials(
        server=address,
        origin=origin,
        context=chosen.context,
        kubeconfig=kubeconfig.path_of(sources),
        ca=_read_material(server, "certificate-authority", origin, files),
        verify=not server.truth("insecure-skip-tls-verify", cluster),
        tls_server_name=server.text("tls-server-name", cluster),
        proxy=server.text("proxy-url", cluster),
    )
    if chosen.user is None:
        return credentials
    user = chosen.user
    extra = kubeconfig.KubeconfigEntry(user.mapping("as-user-extra", cluster), label=f"as-user-extra of {user.label}")
    credentials = _replace(
        credentials,
        impersonate_user=user.text("as", cluster),
        impersonate_groups=user.texts("as-groups", cluster),
        impersonate_uid=user.text("as-uid", cluster),
        impersonate_extra={str(name): extra.texts(name, cluster) for name in extra.value},
    )
    if settings.keys() & IDENTITY:
        return credentials
    return _with_user(credentials, user, chosen, origin, environ, files)


def _with_user(
    credentials: Credentials,
    user: kubeconfig.KubeconfigEntry,
    chosen: kubeconfig.SelectedContext,
    origin: str,
    environ: Mapping[str, str],
    files: Files,
) -> Credentials:
    """The identity of a kubeconfig's user; what is written there counts before a plugin, as in client-go."""
    cluster = files.cluster
    certificate = _read_material(user, "client-certificate", origin, files)
    key = _read_material(user, "client-key", origin, files)
    if bool(certificate) != bool(key):
        raise CredentialsError(
            cluster,
            f"user {chosen.user_name} in {origin} has only one of client-certificate and client-key",
            remedy="give both",
        )
    credentials = _replace(credentials, client_certificate=certificate, client_key=key)
    token_file, token = user.text("tokenFile", cluster), user.text("token", cluster).strip()
    username, password = user.text("username", cluster), user.text("password", cluster)
    plugin, provider = user.mapping("exec", cluster), user.mapping("auth-provider", cluster)
    if token_file:
        content = files.read(os.path.join(user.folder, token_file), f"tokenFile of {origin}")
        return _replace(credentials, token=content.decode("utf-8", "replace").strip(), renew=_renewable)
    if token:
        return _replace(credentials, token=token)
    if username:
        return _replace(credentials, username=username, password=password)
    if certificate:
        return credentials
    if plugin:
        program = kubeconfig.KubeconfigEntry(plugin, user.folder, f"exec of {user.label}")
        information = _cluster_information(credentials, chosen, cluster)
        issued = external.run_exec_plugin(program, information, environ, cluster)
    elif provider:
        issued = external.ask_auth_provider(user.value, user.folder, cluster)
    else:
        return credentials
    return _replace(
        credentials,
        token=issued.token,
        client_certificate=issued.client_certificate,
        client_key=issued.client_key,
        renew=_renewable,
    )


def _cluster_information(credentials: Credentials, chosen: kubeconfig.SelectedContext, cluster: str) -> dict[str, Any]:
    """What an exec plugin is told with ``provideClusterInfo``, as kubectl tells it: read, the authority as data."""
    information: dict[str, Any] = {
        "server": credentials.server,
        "tls-server-name": credentials.tls_server_name,
        "insecure-skip-tls-verify": not credentials.verify,
        "certificate-authority-data": base64.b64encode(credentials.ca).decode("ascii"),
        "proxy-url": credentials.proxy,
        "disable-compression": chosen.cluster.truth("disable-compression", cluster),
    }
    for each in chosen.cluster.mappings("extensions", cluster):
        if each.get("name") == "client.authentication.k8s.io/exec":
            information["config"] = each.get("extension")
    return {name: value for name, value in information.items() if value}


def _with_settings(credentials: Credentials, settings: Mapping[str, Any], files: Files) -> Credentials:
    cluster = files.cluster
    changes: dict[str, Any] = {"server": _server_url(str(settings.get("host") or credentials.server), cluster)}
    for setting, name in (
        ("api_key", "token"),
        ("username", "username"),
        ("password", "password"),
        ("proxy", "proxy"),
        ("no_proxy", "no_proxy"),
        ("tls_server_name", "tls_server_name"),
        ("impersonate_user", "impersonate_user"),
    ):
        if setting in settings:
            changes[name] = str(settings[setting]).strip()
    if "impersonate_groups" in settings:
        changes["impersonate_groups"] = tuple(settings["impersonate_groups"])
    if "validate_certs" in settings:
        changes["verify"] = settings["validate_certs"]
    for setting, name in (("ca_cert", "ca"), ("client_cert", "client_certificate"), ("client_key", "client_key")):
        if setting in settings:
            changes[name] = files.read(os.path.expanduser(str(settings[setting])), f"option {setting}")
    credentials = _replace(credentials, **changes)
    _refuse_what_cannot_work(credentials, settings, cluster)
    return credentials


def _refuse_what_cannot_work(credentials: Credentials, settings: Mapping[str, Any], cluster: str) -> None:
    for setting, partner in (("client_key", "client_cert"), ("password", "username")):
        if setting in settings and partner not in settings:
            raise CredentialsError(cluster, f"{setting} was given without {partner}", remedy=f"give {partner} too")
    has_key = "client_key" in settings or b"PRIVATE KEY" in credentials.client_certificate
    if "client_cert" in settings and not has_key:
        raise CredentialsError(cluster, "client_cert was given without client_key", remedy="give client_key too")
    if any(character in credentials.token for character in "\r\n"):
        raise CredentialsError(cluster, "the token has a line break in it", remedy="give it as one line")
    if credentials.proxy and not _is_http(credentials.proxy):
        raise CredentialsError(
            cluster,
            f"the proxy {without_user_information(credentials.proxy)} is no http:// or https:// address",
            remedy="give the address of an HTTP proxy that allows CONNECT",
        )
    if (credentials.impersonate_groups or credentials.impersonate_uid) and not credentials.impersonate_user:
        raise CredentialsError(
            cluster, "groups or a UID are to be impersonated, but no user", remedy="set impersonate_user too"
        )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _server_url(host: str, cluster: str) -> str:
    url = host.strip().rstrip("/")
    if "://" not in url:
        url = f"https://{url}"
    if not _is_http(url):
        raise CredentialsError(
            cluster,
            f"{without_user_information(url)} is no address of an API server",
            remedy="give it as https://HOST:PORT",
        )
    return url


def _read_material(entry: kubeconfig.KubeconfigEntry, name: str, origin: str, files: Files) -> bytes:
    """PEM from ``<name>-data``, or else from the file ``<name>``; empty where there is neither."""
    data, path = entry.text(f"{name}-data", files.cluster), entry.text(name, files.cluster)
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise CredentialsError(
                files.cluster, f"{name}-data in {origin} is not base64", remedy="correct or replace it"
            ) from None
    return files.read(os.path.join(entry.folder, os.path.expanduser(path)), f"{name} of {origin}") if path else b""


def _replace(credentials: Credentials, **changes: Any) -> Credentials:
    return Credentials(**{**credentials.__dict__, **changes})


def _renewable() -> Credentials:
    """Marks what can be had again; load_credentials puts the function that does it in this place."""
    raise AssertionError("replaced by load_credentials")

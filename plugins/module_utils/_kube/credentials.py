# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one API server is reached and as whom: options, environment, kubeconfig, in-cluster account.

Option names and ``K8S_AUTH_*`` variables are those of kubernetes.core (its doc fragment ``k8s_auth_options``).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.onemesh.istio.plugins.module_utils._kube import external, kubeconfig
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError

IN_CLUSTER_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"

_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "kubeconfig": ("KUBECONFIG",),
    "context": ("CONTEXT",),
    "host": ("HOST",),
    "api_key": ("API_KEY",),
    "username": ("USERNAME",),
    "password": ("PASSWORD",),
    "validate_certs": ("VERIFY_SSL", "VALIDATE_CERTS"),
    "ca_cert": ("SSL_CA_CERT", "CA_CERT"),
    "client_cert": ("CERT_FILE", "CLIENT_CERT"),
    "client_key": ("KEY_FILE", "CLIENT_KEY"),
    "proxy": ("PROXY",),
    "no_proxy": ("NO_PROXY",),
    "tls_server_name": ("TLS_SERVER_NAME",),
    "impersonate_user": ("IMPERSONATE_USER",),
    "impersonate_groups": ("IMPERSONATE_GROUPS",),
}
_IDENTITY = frozenset({"api_key", "username", "password", "client_cert", "client_key"})
_SERVER = frozenset({"host", "ca_cert", "tls_server_name"})
_PLACE = frozenset({"kubeconfig", "context"})


@dataclass(frozen=True)
class Credentials:
    """Everything a transport needs for one API server. Nothing secret is in its ``repr``.

    ``server`` is the base URL without a slash at its end; certificates and keys are PEM; ``ca`` empty means the
    system's certificate authorities. ``origin`` says in words where all this came from. ``renew`` gives fresh
    credentials where they can be had again (exec plugin, auth provider, token file, in-cluster account), else None.
    """

    server: str
    origin: str = ""
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
        """What must not appear in any output (I8)."""
        proxy_password = urlsplit(self.proxy).password or ""
        key = self.client_key.decode("ascii", "ignore")
        return tuple(secret for secret in (self.token, self.password, key, proxy_password) if secret)


def load_credentials(
    options: Mapping[str, Any], *, cluster: str, environ: Mapping[str, str] | None = None
) -> Credentials:
    """Credentials from ``options`` (a module's authentication options; None and "" mean not given).

    An option counts before the environment, and that before the kubeconfig. An identity (token; user and password;
    client certificate) is taken whole from the first of the three that has one: of a token option and a kubeconfig's
    client certificate the API server would otherwise prefer the certificate.

    Options that say which cluster is meant (``kubeconfig``, ``context``, ``host``) switch off the variables that say
    so too: in a fleet one K8S_AUTH_HOST would turn all clusters into one, and one K8S_AUTH_API_KEY would show one
    cluster's token to every other. With ``host`` alone the identity may still come from the environment.

    Without kubeconfig and host: ``$KUBECONFIG``, ``~/.kube/config``, and last the account of the pod that we run in.
    Raises CredentialsError; no request is sent to the API server (an exec plugin may send some of its own).
    """
    environment = os.environ if environ is None else environ
    settings = resolve_settings(options, environment)
    credentials = _base(settings, environment, cluster)
    credentials = _with_settings(credentials, settings, cluster)
    if credentials.renew is None:
        return credentials
    fixed = dict(options)
    return _replaced(credentials, renew=lambda: load_credentials(fixed, cluster=cluster, environ=environment))


def resolve_settings(options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """One value for each option from the options and the environment, by the rules of load_credentials. Pure."""
    given = {name: options[name] for name in _VARIABLES if options.get(name) not in (None, "", [])}
    variables: dict[str, Any] = {}
    for name, suffixes in _VARIABLES.items():
        value = next((environ[key] for key in (f"K8S_AUTH_{suffix}" for suffix in suffixes) if environ.get(key)), None)
        if value is not None:
            variables[name] = value
    closed: frozenset[str] = frozenset()
    if given.keys() & _PLACE:
        closed = _IDENTITY | _SERVER
    elif "host" in given:
        closed = _PLACE
    if given.keys() & _IDENTITY:
        closed = closed | _IDENTITY
    return {**{name: value for name, value in variables.items() if name not in closed}, **given}


def token_expiry(credentials: Credentials) -> datetime | None:
    """When the token ends; None where it does not say so, and for other credentials. Pure."""
    return jwt_expiry(credentials.token)


def jwt_expiry(token: str) -> datetime | None:
    """When a token ends, from the ``exp`` claim of a JWT; None for a JWT without one and for any other text. Pure."""
    try:
        return datetime.fromtimestamp(jwt_claims(token)["exp"], tz=timezone.utc)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


def jwt_claims(token: str) -> dict[str, Any]:
    """What a JWT says of itself, not verified. ValueError for any other text. Pure."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT: it does not have three parts")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("not a JWT: its claims are no mapping")
    return claims


def without_user_information(url: str) -> str:
    """A URL fit for messages: user name and password taken out."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _base(settings: Mapping[str, Any], environ: Mapping[str, str], cluster: str) -> Credentials:
    """What the kubeconfig says, or the pod's account, or an empty base for ``host``."""
    home = environ.get("HOME", "")
    if "kubeconfig" in settings:
        return _of_kubeconfig(kubeconfig.split_sources(settings["kubeconfig"], home), settings, cluster)
    if "host" in settings and "context" not in settings:
        return Credentials(server="", origin="option or variable host")
    if environ.get("KUBECONFIG"):
        return _of_kubeconfig(kubeconfig.split_sources(environ["KUBECONFIG"], home), settings, cluster)
    default = os.path.join(home or os.path.expanduser("~"), ".kube", "config")
    if os.path.exists(default) or "context" in settings:
        return _of_kubeconfig([default], settings, cluster)
    if environ.get("KUBERNETES_SERVICE_HOST") and os.path.exists(os.path.join(IN_CLUSTER_FOLDER, "token")):
        return _of_pod(environ, cluster)
    raise CredentialsError(
        cluster,
        f"nothing says how to reach its API server: no kubeconfig, no host, no K8S_AUTH_* variable, no {default}, "
        "and this is no pod",
        remedy="set kubeconfig (and context), or host with api_key",
    )


def _of_pod(environ: Mapping[str, str], cluster: str) -> Credentials:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = _read(os.path.join(IN_CLUSTER_FOLDER, "token"), "service account token", cluster).decode().strip()
    return Credentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        origin="the service account of this pod",
        ca=_read(os.path.join(IN_CLUSTER_FOLDER, "ca.crt"), "certificate authority", cluster),
        token=token,
        renew=_renewable,
    )


def _of_kubeconfig(sources: list[kubeconfig.Source], settings: Mapping[str, Any], cluster: str) -> Credentials:
    config = kubeconfig.read(sources, cluster=cluster)
    chosen = kubeconfig.select(config, settings.get("context"), cluster=cluster)
    server = chosen.cluster.value
    origin = f"context {chosen.context} of the kubeconfig {config.origin}"
    if not server.get("server") and "host" not in settings:
        raise CredentialsError(
            cluster, f"cluster {chosen.cluster_name} in {origin} has no server", remedy="add its https:// address there"
        )
    credentials = Credentials(
        server=str(server.get("server") or ""),
        origin=origin,
        ca=_material(chosen.cluster, "certificate-authority", origin, cluster),
        verify=not server.get("insecure-skip-tls-verify"),
        tls_server_name=str(server.get("tls-server-name") or ""),
        proxy=str(server.get("proxy-url") or ""),
    )
    if chosen.user is None:
        return credentials
    user = chosen.user.value
    credentials = _replaced(
        credentials,
        impersonate_user=str(user.get("as") or ""),
        impersonate_groups=tuple(user.get("as-groups") or ()),
        impersonate_uid=str(user.get("as-uid") or ""),
        impersonate_extra={name: tuple(values) for name, values in (user.get("as-user-extra") or {}).items()},
    )
    if settings.keys() & _IDENTITY:
        return credentials
    return _with_user(credentials, chosen, origin, cluster)


def _with_user(credentials: Credentials, chosen: kubeconfig.Selection, origin: str, cluster: str) -> Credentials:
    """The identity of a kubeconfig's user; what is written there counts before a plugin, as in client-go."""
    if chosen.user is None:
        raise CredentialsError(cluster, f"{origin} names no user", remedy="give its context a user")
    user, folder = chosen.user
    certificate = _material(chosen.user, "client-certificate", origin, cluster)
    key = _material(chosen.user, "client-key", origin, cluster)
    if bool(certificate) != bool(key):
        raise CredentialsError(
            cluster,
            f"user {chosen.user_name} in {origin} has only one of client-certificate and client-key",
            remedy="give both",
        )
    credentials = _replaced(credentials, client_certificate=certificate, client_key=key)
    if user.get("tokenFile"):
        path = os.path.join(folder, user["tokenFile"])
        token = _read(path, f"tokenFile of {origin}", cluster).decode("utf-8", "replace").strip()
        return _replaced(credentials, token=token, renew=_renewable)
    if user.get("token"):
        return _replaced(credentials, token=str(user["token"]).strip())
    if user.get("username"):
        return _replaced(credentials, username=str(user["username"]), password=str(user.get("password") or ""))
    if certificate:
        return credentials
    if user.get("exec"):
        issued = external.run_exec_plugin(user["exec"], _cluster_information(credentials, chosen), folder, cluster)
    elif user.get("auth-provider"):
        issued = external.ask_auth_provider(user, folder, cluster)
    else:
        return credentials
    return _replaced(
        credentials,
        token=issued.token,
        client_certificate=issued.client_certificate,
        client_key=issued.client_key,
        renew=_renewable,
    )


def _cluster_information(credentials: Credentials, chosen: kubeconfig.Selection) -> dict[str, Any]:
    """What an exec plugin is told with ``provideClusterInfo``: the authority as data, as kubectl gives it."""
    information = {name: value for name, value in chosen.cluster.value.items() if name != "certificate-authority"}
    if credentials.ca:
        information["certificate-authority-data"] = base64.b64encode(credentials.ca).decode("ascii")
    return information


def _with_settings(credentials: Credentials, settings: Mapping[str, Any], cluster: str) -> Credentials:
    changes: dict[str, Any] = {"server": _server_url(settings.get("host") or credentials.server, cluster)}
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
        groups = settings["impersonate_groups"]
        changes["impersonate_groups"] = tuple(groups.split(",") if isinstance(groups, str) else groups)
    if "validate_certs" in settings:
        changes["verify"] = _boolean(settings["validate_certs"])
    for setting, name in (("ca_cert", "ca"), ("client_cert", "client_certificate"), ("client_key", "client_key")):
        if setting in settings:
            changes[name] = _read(os.path.expanduser(str(settings[setting])), f"option {setting}", cluster)
    credentials = _replaced(credentials, **changes)
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
    scheme = urlsplit(credentials.proxy).scheme
    if credentials.proxy and scheme not in ("http", "https"):
        raise CredentialsError(
            cluster,
            f"the proxy {without_user_information(credentials.proxy)} is no http:// or https:// address",
            remedy="give the address of an HTTP proxy that allows CONNECT",
        )
    if (credentials.impersonate_groups or credentials.impersonate_uid) and not credentials.impersonate_user:
        raise CredentialsError(
            cluster, "groups or a UID are to be impersonated, but no user", remedy="set impersonate_user too"
        )


def _server_url(host: str, cluster: str) -> str:
    url = host.strip().rstrip("/")
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise CredentialsError(
            cluster,
            f"{without_user_information(url)} is no address of an API server",
            remedy="give it as https://HOST:PORT",
        )
    return url


def _material(entry: kubeconfig.Entry, name: str, origin: str, cluster: str) -> bytes:
    """PEM from ``<name>-data``, or else from the file ``<name>``; empty where there is neither."""
    data = entry.value.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode("".join(str(data).split()), validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise CredentialsError(
                cluster, f"{name}-data in {origin} is not base64", remedy="correct or replace it"
            ) from None
    path = entry.value.get(name)
    return _read(os.path.join(entry.folder, os.path.expanduser(path)), f"{name} of {origin}", cluster) if path else b""


def _read(path: str, what: str, cluster: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise CredentialsError(
            cluster, f"cannot read {path} ({what}): {error.strerror}", remedy="correct the path or the file's mode"
        ) from None


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in ("0", "false", "no", "off", "n", "f")
    return bool(value)


def _replaced(credentials: Credentials, **changes: Any) -> Credentials:
    return Credentials(**{**credentials.__dict__, **changes})


def _renewable() -> Credentials:
    """Marks what can be had again; load_credentials puts the function that does it in this place."""
    raise AssertionError("replaced by load_credentials")

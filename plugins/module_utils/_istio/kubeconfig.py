# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kubeconfigs istiod accepts from a remote secret, with its own reasons.

The order of checks and their words are those of pkg/kube/util.go (NewUntrustedRestConfig, sanitizeKubeConfig) and of
k8s.io/client-go tools/clientcmd (Load, Validate, ConfirmUsable) and transport (TLSConfigFor). No reason holds a
credential. Files that a kubeconfig names are istiod's, so what depends on their content is not judged here.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from .. import _pem, _yaml
from .names import is_dns_label
from .trust import has_certificate

_NO_CONFIGURATION = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
)
_CLUSTER_TEXTS = ("server", "tls-server-name", "certificate-authority", "proxy-url")
_USER_TEXTS = ("client-certificate", "client-key", "token", "tokenFile", "as", "as-uid", "username", "password")
_CONTEXT_TEXTS = ("cluster", "user", "namespace")
_INTERACTIVE_BY_DEFAULT = ("client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1")
_OTHER_TYPES: Mapping[str, type] = {
    "exec": dict,
    "auth-provider": dict,
    "insecure-skip-tls-verify": bool,
    "disable-compression": bool,
}
_PROXY_SCHEMES = ("http://", "https://", "socks5://")
_BASE64 = ("certificate-authority-data", "client-certificate-data", "client-key-data")


class RefusedKubeconfig(ValueError):
    """istiod would not build a client from this kubeconfig; the text is what it logs."""


@dataclass(frozen=True)
class UsedContext:
    """What istiod uses of an accepted kubeconfig: its current context."""

    context: str
    contexts: tuple[str, ...]
    cluster: str
    server: str
    tls_server_name: str
    insecure: bool
    ca_file: str
    """A path in istiod's own file system."""
    authentication: str
    token: str = field(default="", repr=False)
    """The bearer token; empty where ``authentication`` is another or the token is in a file."""
    ca: bytes = b""
    """The authority that the API server's certificate is checked against, PEM; empty where it is in a file or none."""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The content of the whole kubeconfig, for those who hand it on."""


def check_kubeconfig(kubeconfig: bytes, insecure_options: frozenset[str] = frozenset()) -> str | None:
    """Why istiod would refuse this kubeconfig, or None."""
    try:
        find_used_context(kubeconfig, insecure_options)
    except RefusedKubeconfig as refused:
        return str(refused)
    return None


def find_used_context(kubeconfig: bytes, insecure_options: frozenset[str] = frozenset()) -> UsedContext:
    """The part of the kubeconfig that istiod uses; RefusedKubeconfig if it would not take it."""
    if not kubeconfig:
        raise RefusedKubeconfig("kubeconfig is empty")
    try:
        config = _load(kubeconfig)
    except _Unloadable as problem:
        raise RefusedKubeconfig(f"kubeconfig cannot be loaded: {problem}") from None
    if config.empty:
        raise RefusedKubeconfig(f"kubeconfig is not valid: {_NO_CONFIGURATION}")
    problems = list(_validate(config))
    if problems:
        # As k8s.io/apimachinery's Aggregate prints them: one plain, several in brackets.
        text = problems[0] if len(problems) == 1 else "[" + ", ".join(dict.fromkeys(problems)) + "]"
        raise RefusedKubeconfig(f"kubeconfig is not valid: invalid configuration: {text}")
    for user in config.users.values():
        for option, description in _unsafe_options(user):
            if option not in insecure_options:
                raise RefusedKubeconfig(f"kubeconfig is not allowed: {description} is not allowed")
    if not config.current_context:
        raise RefusedKubeconfig(_NO_CONFIGURATION)
    context = config.contexts[config.current_context]
    cluster, user = config.clusters[context["cluster"]], config.users[context["user"]]
    _check_transport(cluster, user)
    return UsedContext(
        context=config.current_context,
        contexts=tuple(config.contexts),
        cluster=context["cluster"],
        server=cluster["server"],
        tls_server_name=cluster.get("tls-server-name") or "",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        ca_file=cluster.get("certificate-authority") or "",
        authentication=_authentication(user),
        token=user.get("token") or "",
        ca=_decode(cluster.get("certificate-authority-data") or "", "certificate-authority-data"),
        document=config.document,
    )


class _Unloadable(Exception):
    pass


@dataclass(frozen=True)
class _Config:
    current_context: str
    clusters: Mapping[str, Mapping[str, Any]]
    contexts: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]

    @property
    def empty(self) -> bool:
        return not (self.current_context or self.clusters or self.contexts or self.users)


def _read_document(kubeconfig: bytes) -> Any:
    """As sigs.k8s.io/yaml reads it: the first document, and the last of two equal keys."""
    try:
        documents = _yaml.load_all(kubeconfig, unique_keys=False)
    except _yaml.NotYaml as error:
        raise _Unloadable(f"yaml: {error}") from None
    return documents[0] if documents else None


def _load(kubeconfig: bytes) -> _Config:
    document = _read_document(kubeconfig)
    if document is None:
        return _Config("", {}, {}, {}, {})
    if not isinstance(document, dict):
        raise _Unloadable(f"expected a mapping with kind Config, found {type(document).__name__}")
    if document.get("kind", "Config") != "Config" or document.get("apiVersion", "v1") not in ("v1", "__internal"):
        raise _Unloadable(
            f"no kind {document.get('kind')!r} is registered for version {document.get('apiVersion')!r}, expected "
            "kind Config of version v1"
        )
    return _Config(
        current_context=_text(document, "current-context", "kubeconfig"),
        clusters=_index_by_name(document, "clusters", "cluster", _CLUSTER_TEXTS),
        contexts=_index_by_name(document, "contexts", "context", _CONTEXT_TEXTS),
        users=_index_by_name(document, "users", "user", _USER_TEXTS),
        document=document,
    )


def _index_by_name(
    document: Mapping[str, Any], plural: str, single: str, texts: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for element in _check_type(document.get(plural), list, plural):
        entry = _check_type(element, dict, plural)
        name = _text(entry, "name", plural)
        if name in entries:
            raise _Unloadable(f"duplicate name {name!r} in list of {plural}")
        body: dict[str, Any] = _check_type(entry.get(single), dict, f"{single} of {name!r}")
        for key in texts:
            _text(body, key, f"{single} {name!r}")
        for key in _BASE64:
            if body.get(key) is not None:
                _decode(_text(body, key, f"{single} {name!r}"), f"{key} of {single} {name!r}")
        for key, kind in _OTHER_TYPES.items():
            _check_type(body.get(key), kind, f"{key} of {single} {name!r}")
        entries[name] = body
    return entries


def _check_type(value: Any, kind: type, where: str) -> Any:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise _Unloadable(f"{where}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def _text(mapping: Mapping[str, Any], key: str, where: str) -> str:
    """A number where Kubernetes wants text (a cluster called 1e3 without quotes) is refused by its JSON decoder."""
    return str(_check_type(mapping.get(key), str, f"{key} of {where}"))


def _decode(text: str, where: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split("\n")), validate=True)
    except (binascii.Error, ValueError):
        raise _Unloadable(f"illegal base64 data in {where}") from None


def _validate(config: _Config) -> Iterator[str]:
    if config.current_context and config.current_context not in config.contexts:
        yield f"context was not found for specified context: {config.current_context}"
    for name, context in config.contexts.items():
        if not context.get("user"):
            yield f'user was not specified for context "{name}"'
        elif context["user"] not in config.users:
            yield f'user "{context["user"]}" was not found for context "{name}"'
        if not context.get("cluster"):
            yield f'cluster was not specified for context "{name}"'
        elif context["cluster"] not in config.clusters:
            yield f'cluster "{context["cluster"]}" was not found for context "{name}"'
        if context.get("namespace") and not is_dns_label(context["namespace"]):
            yield (
                f'namespace "{context["namespace"]}" for context "{name}" does not conform to the kubernetes '
                "DNS_LABEL rules"
            )
    for name, user in config.users.items():
        yield from _validate_user(name, user)
    for name, cluster in config.clusters.items():
        if not any(cluster.values()):
            yield "cluster has no server defined"
            continue
        if not cluster.get("server"):
            yield f'no server found for cluster "{name}"'
        proxy = cluster.get("proxy-url") or ""
        if proxy and not proxy.startswith(_PROXY_SCHEMES):
            yield (
                f'invalid \'proxy-url\' "{proxy}" for cluster "{name}": unsupported scheme '
                f'"{proxy.partition("://")[0]}", must be http, https, or socks5'
            )
        if cluster.get("certificate-authority") and cluster.get("certificate-authority-data"):
            yield (
                f"certificate-authority-data and certificate-authority are both specified for {name}. "
                "certificate-authority-data will override."
            )


def _validate_user(name: str, user: Mapping[str, Any]) -> Iterator[str]:
    certificate = user.get("client-certificate") or user.get("client-certificate-data")
    if certificate:
        if user.get("client-certificate") and user.get("client-certificate-data"):
            yield (f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override.")
        if user.get("client-key") and user.get("client-key-data"):
            yield f"client-key-data and client-key are both specified for {name}; client-key-data will override"
        if not (user.get("client-key") or user.get("client-key-data")):
            yield (
                f"client-key-data or client-key must be specified for {name} to use the clientCert "
                "authentication method."
            )
    if user.get("exec"):
        command = user["exec"]
        if user.get("auth-provider"):
            yield f"authProvider cannot be provided in combination with an exec plugin for {name}"
        for key, label in (("command", "command"), ("apiVersion", "apiVersion")):
            if not command.get(key):
                yield f"{label} must be specified for {name} to use exec authentication plugin"
        if not command.get("interactiveMode") and command.get("apiVersion") not in _INTERACTIVE_BY_DEFAULT:
            yield f"interactiveMode must be specified for {name} to use exec authentication plugin"
    if user.get("token") and (user.get("username") or user.get("password")):
        yield f"more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
    if (user.get("as-uid") or user.get("as-groups") or user.get("as-user-extra")) and not user.get("as"):
        yield f"requesting uid, groups or user-extra for {name} without impersonating a user"


def _provider(user: Mapping[str, Any]) -> str:
    return str((user.get("auth-provider") or {}).get("name") or "")


def _unsafe_options(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Options that need istiod's permission, as PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS calls them."""
    if user.get("auth-provider") and _provider(user) != "oidc":
        yield _provider(user), f"auth provider {_provider(user)}"
    for option, key in (
        ("clientKey", "client-key"),
        ("clientCertificate", "client-certificate"),
        ("tokenFile", "tokenFile"),
        ("exec", "exec"),
    ):
        if user.get(key):
            yield option, option


def _check_transport(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    """k8s.io/client-go builds its transport from these; a failure there ends the client."""
    has_ca = bool(cluster.get("certificate-authority") or cluster.get("certificate-authority-data"))
    if has_ca and cluster.get("insecure-skip-tls-verify"):
        _fail("specifying a root certificates file with the insecure flag is not allowed")
    if cluster.get("certificate-authority-data"):
        data = _decode(cluster["certificate-authority-data"], "certificate-authority-data")
        if not _pem.read(data):
            _fail("unable to load root certificates: unable to parse bytes as PEM block")
        if not has_certificate(data):
            _fail("unable to load root certificates: no valid certificate authority data seen")
    if user.get("client-certificate-data") and user.get("client-key-data"):
        _check_pair(
            _decode(user["client-certificate-data"], "client-certificate-data"),
            _decode(user["client-key-data"], "client-key-data"),
        )
    provider = user.get("auth-provider") or {}
    config = provider.get("config")
    for key in ("idp-issuer-url", "client-id") if provider.get("name") == "oidc" else ():
        if not isinstance(config, dict) or not config.get(key):
            _fail(f"Must provide {key}")
    if not _is_server(cluster["server"]):
        _fail(f'host must be a URL or a host:port pair: "{cluster["server"]}"')


def _check_pair(certificate: bytes, key: bytes) -> None:
    """As crypto/tls X509KeyPair looks for the two, but for what is in them."""
    kinds = [block.kind for block in _pem.read(certificate)]
    if not kinds:
        _fail("tls: failed to find any PEM data in certificate input")
    if _pem.CERTIFICATE not in kinds:
        _fail(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may "
            "have been switched"
            if len(kinds) == 1 and kinds[0].endswith("PRIVATE KEY")
            else 'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
            f"following types: [{' '.join(kinds)}]"
        )
    kinds = [block.kind for block in _pem.read(key)]
    if not kinds:
        _fail("tls: failed to find any PEM data in key input")
    if not any(f" {kind}".endswith(" PRIVATE KEY") for kind in kinds):
        _fail(
            "tls: found a certificate rather than a key in the PEM for the private key"
            if kinds == [_pem.CERTIFICATE]
            else 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM '
            f"blocks of the following types: [{' '.join(kinds)}]"
        )


def _fail(reason: str) -> NoReturn:
    raise RefusedKubeconfig(f"failed to create kube clients: {reason}")


def _is_server(server: str) -> bool:
    has_scheme = "://" in server
    try:
        url = urlsplit(server if has_scheme else f"//{server}")
    except ValueError:  # a broken IPv6 address
        return False
    return bool(url.hostname) and not set(url.netloc) & set(' \t"<>\\^`{|}') and (has_scheme or url.path in ("", "/"))


def _authentication(user: Mapping[str, Any]) -> str:
    for method, keys in (
        ("token", ("token", "tokenFile")),
        ("client certificate", ("client-certificate-data", "client-certificate")),
        ("basic", ("username", "password")),
        ("exec", ("exec",)),
    ):
        if any(user.get(key) for key in keys):
            return method
    return _provider(user) or "none"

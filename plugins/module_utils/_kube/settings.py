# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options against environment: which of them say how a cluster is reached. Pure.

Option names and ``K8S_AUTH_*`` variables are those of kubernetes.core (its doc fragment ``k8s_auth_options``). There
the environment fills in every option that a task leaves out. In a fleet that mixes clusters: AWX's credential for the
hub would give its address, its token or its disabled verification to all others. So here the environment is one
description of one cluster, and is taken whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._values import truth
from .errors import CredentialsError

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
IDENTITY = frozenset({"api_key", "username", "password", "client_cert", "client_key"})
_OF_A_SERVER = frozenset({"ca_cert", "tls_server_name"})
_PLACES = frozenset({"kubeconfig", "context", "host"})
"""Options that say which cluster is meant."""


def resolve_settings(options: Mapping[str, Any], environ: Mapping[str, str], *, cluster: str) -> dict[str, Any]:
    """One value for each option that says something, from options and environment.

    - An option counts before its variable. Empty text is as not given.
    - Where no option says which cluster is meant (``kubeconfig``, ``context``, ``host``), the environment does, and all
      of it counts.
    - Where one does, nothing of an environment counts that speaks of another cluster, that is names one by a
      ``K8S_AUTH_`` variable. ``context`` alone is looked for in K8S_AUTH_KUBECONFIG, and a ``host`` that K8S_AUTH_HOST
      names too is no other cluster.
    - Of an environment that names none, proxy, verification and impersonation count for all clusters, and identity,
      authority and server name for those of which only ``host`` is said.
    - An identity is taken whole: an option switches off all variables of an identity.

    Raises CredentialsError for an identity, an authority or a server name beside which no option says of which cluster:
    it would be shown to, or hold for, whatever the environment or the default kubeconfig happens to name. Also for a
    truth that is none.
    """
    given = {name: value for name in _VARIABLES if (value := _drop_empty(options.get(name))) is not None}
    if not given.keys() & _PLACES and (bound := [name for name in given if name in IDENTITY | _OF_A_SERVER]):
        raise CredentialsError(
            cluster,
            f"of {' and '.join(bound)} nothing says for which cluster: no option kubeconfig, context or host beside it",
            remedy="set host beside it, or kubeconfig and context",
        )
    names = {
        name: next((key for key in (f"K8S_AUTH_{suffix}" for suffix in suffixes) if environ.get(key, "").strip()), "")
        for name, suffixes in _VARIABLES.items()
    }
    variables = {name: environ[key].strip() for name, key in names.items() if key}
    taken = {name: variables[name] for name in variables if name in _select_counting(given, variables)}
    settings = {**taken, **given}
    if "validate_certs" in settings:
        where = "validate_certs" if "validate_certs" in given else names["validate_certs"]
        try:
            settings["validate_certs"] = truth(settings["validate_certs"], where)
        except ValueError as error:
            raise CredentialsError(cluster, str(error), remedy=f"set {where} to true or false") from None
    if "impersonate_groups" in settings:
        settings["impersonate_groups"] = _groups(settings["impersonate_groups"])
    return settings


def names_an_identity(environ: Mapping[str, str]) -> bool:
    """Whether the environment holds an identity, for this cluster or another one. Pure."""
    return any(environ.get(f"K8S_AUTH_{suffix}") for name in IDENTITY for suffix in _VARIABLES[name])


def _select_counting(given: Mapping[str, Any], variables: Mapping[str, str]) -> frozenset[str]:
    """The options whose variables count."""
    identity = IDENTITY if not given.keys() & IDENTITY else frozenset()
    place = given.keys() & _PLACES
    every = frozenset(_VARIABLES) - IDENTITY
    if not place:
        return every | identity
    if place == {"host"} and _address(given["host"]) == _address(variables.get("host", "")):
        return (every - {"kubeconfig", "context"}) | identity
    source = frozenset({"kubeconfig"}) if place == {"context"} else frozenset()
    if variables.keys() & (_PLACES - source):
        return source
    general = every - _PLACES
    return general | identity if place == {"host"} else source | (general - _OF_A_SERVER)


def _drop_empty(value: Any) -> Any:
    """None for what counts as not given."""
    if isinstance(value, str):
        return value if value.strip() else None
    return None if value is None or (isinstance(value, (Mapping, list, tuple)) and not value) else value


def _groups(value: Any) -> list[str]:
    elements = value.split(",") if isinstance(value, str) else value
    return [text for element in elements if (text := str(element).strip())]


def _address(host: str) -> str:
    return str(host).strip().rstrip("/").removeprefix("https://").removesuffix(":443").lower()

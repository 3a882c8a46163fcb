# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster and a fleet are. Pure: no request is sent from here.

A fleet has one shape everywhere: the ``clusters`` option of every mesh-wide module is
a list of the mappings that :func:`clusters_of_hosts` makes from inventory host variables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _yaml
from ._finding_kinds import CLUSTER_NAME_NOT_UNIQUE
from ._findings import Finding, MeshError
from ._values import truth

AUTH_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "raw", "no_log": True},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "tls_server_name": {"type": "str"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}
"""How to reach one API server: kubernetes.core's option names, and ``tls_server_name``."""

IDENTITY_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "network": {"type": "str"},
    "region": {"type": "str"},
    "api_server": {"type": "str"},
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "control_plane": {"type": "str", "default": "self"},
}

SELF = "self"
"""The control plane of a cluster that has an istiod of its own."""

CREDENTIAL_OPTIONS = ("api_key", "username", "password")
"""Options that are credentials themselves and not a path to them."""

REMOTE_SECRET_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "istio-system"},
    "key": {"type": "str", "no_log": False},
    "hub": {"type": "str"},
    **{name: option for name, option in AUTH_ARGUMENT_SPEC.items() if name not in CREDENTIAL_OPTIONS},
}
"""A Secret of the hub that holds a cluster's kubeconfig, and how the hub is reached.

Why a reference: a token in a host variable would be printed by ``ansible-inventory``, kept by fact and inventory caches
and stored in AWX's database. So variables carry where the token is, and the lane that needs it reads it from
there. The hub's own credentials are not part of it for the same reason: they come from its kubeconfig or from the
K8S_AUTH_* variables of the task. The hub is always reached by these options and never by a reference of its own, so
resolving one ends after one step, also where the secret leads back to the hub.
"""

CLUSTER_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **IDENTITY_ARGUMENT_SPEC,
    **AUTH_ARGUMENT_SPEC,
    "remote_secret": {"type": "dict", "no_log": False, "options": REMOTE_SECRET_ARGUMENT_SPEC},
    "away": {"type": "str"},
}
"""One cluster: who it is in the mesh, and how to reach it; with ``away`` it is not asked at all."""

CLUSTER_MUTUALLY_EXCLUSIVE: list[tuple[str, str]] = [
    ("remote_secret", "kubeconfig"),
    ("remote_secret", "context"),
    ("remote_secret", "api_key"),
    ("remote_secret", "username"),
    ("remote_secret", "client_cert"),
]
"""The secret says who we are there; what else it says (server, authority, proxy) other options may correct."""

FLEET_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "clusters": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": CLUSTER_ARGUMENT_SPEC,
        "mutually_exclusive": CLUSTER_MUTUALLY_EXCLUSIVE,
    },
    "request_timeout": {"type": "float", "default": 10.0},
}
"""What every module takes."""

MESH_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "mesh": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": CLUSTER_ARGUMENT_SPEC,
        "mutually_exclusive": CLUSTER_MUTUALLY_EXCLUSIVE,
    },
}
"""What a module takes besides, whose work needs clusters that it is not to change: the hub, or those to link with."""


@dataclass(frozen=True)
class SecretReference:
    """Where the kubeconfig of a cluster is: one key of a Secret on the hub.

    ``hub`` is the hub's name for messages; ``options`` how this process reaches it.
    """

    name: str
    key: str
    namespace: str = "istio-system"
    hub: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any], cluster: str) -> SecretReference:
        """From the option ``remote_secret`` of ``cluster``, whose name is the key where none is given."""
        return cls(
            name=parameters["name"],
            key=parameters.get("key") or cluster,
            namespace=parameters.get("namespace") or "istio-system",
            hub=parameters.get("hub") or "",
            options=_authentication(parameters),
        )

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name}, key {self.key}, of {f'hub {self.hub}' if self.hub else 'the hub'}"


@dataclass(frozen=True)
class Cluster:
    """One API server with its place in the mesh.

    ``name`` is the Istio cluster ID; ``api_server`` the URL by which the *other* clusters reach its API server, where
    that differs from ours; ``options`` how this process reaches it (kept out of ``repr``: it may hold a token), with
    ``remote_secret`` only what differs from the kubeconfig in that secret. ``away`` says why it is not to be asked.
    ``control_plane`` is the name of the cluster whose istiod controls this one, or ``self``.
    """

    name: str
    network: str
    region: str = ""
    api_server: str = ""
    istio_namespace: str = "istio-system"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    remote_secret: SecretReference | None = None
    away: str = ""
    control_plane: str = SELF

    @property
    def is_remote(self) -> bool:
        """Whether the istiod of another cluster controls it."""
        return self.control_plane not in (SELF, self.name)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Cluster:
        """A cluster from one element of the ``clusters`` option."""
        reference = parameters.get("remote_secret")
        return cls(
            name=parameters["name"],
            network=parameters.get("network") or parameters["name"],
            region=parameters.get("region") or "",
            api_server=parameters.get("api_server") or "",
            istio_namespace=parameters.get("istio_namespace") or "istio-system",
            options=_authentication(parameters),
            remote_secret=SecretReference.from_parameters(reference, parameters["name"]) if reference else None,
            away=parameters.get("away") or "",
            control_plane=parameters.get("control_plane") or SELF,
        )


def _authentication(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in AUTH_ARGUMENT_SPEC if parameters.get(name) is not None}


def fleet_of_parameters(elements: Iterable[Mapping[str, Any]]) -> dict[str, Cluster]:
    """The ordered mapping from cluster ID; refuses two clusters with one name and an empty fleet."""
    fleet: dict[str, Cluster] = {}
    findings: list[Finding] = []
    for element in elements:
        cluster = Cluster.from_parameters(element)
        if cluster.name in fleet:
            findings.append(
                Finding(
                    cluster.name,
                    CLUSTER_NAME_NOT_UNIQUE,
                    "two inventory hosts have this cluster name, and an Istio cluster ID must be unique in a mesh",
                    "give each cluster a name of its own (in an inventory it is the host's, where it says no other)",
                )
            )
        fleet[cluster.name] = cluster
    if not fleet:
        raise MeshError("No cluster was given: the inventory has no hosts, or the clusters option is empty.")
    if findings:
        raise MeshError("The fleet is not usable.", findings)
    return fleet


def clusters_of_hosts(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ``clusters`` option from inventory hosts and their ``cluster_*`` variables.

    Defaults are those of role ``cluster``: the name is the inventory host's, the network ``cluster_shared_network`` or
    the name. Hosts of another mesh or none are the caller's to leave out. ValueError for a truth that is
    none.
    """
    return [_cluster_of_host(host, hostvars) for host in hosts]


def _cluster_of_host(host: str, hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    variables = hostvars[host]

    def variable(name: str) -> Any:
        value = variables.get(f"cluster_{name}")
        empty = not value.strip() if isinstance(value, str) else value in ({}, [])
        return None if empty else value

    name = variable("name") or host
    element: dict[str, Any] = {"name": name, "network": variable("network") or variable("shared_network") or name}
    for option in CLUSTER_ARGUMENT_SPEC:
        value = variable(option)
        if option not in (*element, "away") and value is not None:
            element[option] = truth(value, f"cluster_{option} of host {host}") if option == "validate_certs" else value
    controller = element.pop("control_plane", SELF)
    if controller in hostvars:
        # By the name of its host, or of its cluster.
        controller = hostvars[controller].get("cluster_name") or controller
    if controller not in (SELF, name):
        element["control_plane"] = controller
    return element


WAYS_TO_A_CLUSTER = ("kubeconfig", "context", "host", "remote_secret")
"""Variables ``cluster_*`` one of which every cluster of several has: without them two hosts would be one cluster."""


def says_how_it_is_reached(variables: Mapping[str, Any]) -> bool:
    """Whether a host's variables name a cluster, and do not leave it to the environment which one it is. Pure.

    Of the hosts that the inventory remote_secrets finds, and calls usable, only the hub leaves it to the environment,
    from which the inventory was made.
    """
    named = any(variables.get(f"cluster_{way}") not in (None, "", {}) for way in WAYS_TO_A_CLUSTER)
    return named or variables.get("cluster_usable") is True


def hidden_values(no_log: Collection[str], parameters: Mapping[str, Any]) -> set[str]:
    """What callers keep out of every output: all that Ansible hides but kubeconfigs, and of these the secrets.

    Ansible hides every text inside a kubeconfig, down to the ``v1`` of ``apiVersion`` and the names of clusters.
    """
    kubeconfigs = list(_kubeconfigs(parameters))
    contents = [_contents(each) for each in kubeconfigs]
    return (
        (set(no_log) - _texts(kubeconfigs))
        | secret_values(contents)
        | secret_values([parameters.get("clusters"), parameters.get("mesh")])
    )


def secret_values(parameters: Any) -> set[str]:
    """Tokens, passwords and keys in authentication options and in the content of kubeconfigs."""
    secrets: set[str] = set()
    if isinstance(parameters, Mapping):
        variable = str(parameters.get("name") or "")
        for name, value in parameters.items():
            secret = name in _SECRET_FIELDS or (name == "value" and any(word in variable.upper() for word in _WORDS))
            if secret and isinstance(value, str) and value:
                secrets.add(value)
            else:
                secrets |= secret_values(value)
    elif isinstance(parameters, (list, tuple)):
        for value in parameters:
            secrets |= secret_values(value)
    return secrets


def _kubeconfigs(parameters: Any) -> Iterator[Any]:
    if isinstance(parameters, Mapping):
        for name, value in parameters.items():
            if name == "kubeconfig":
                yield value
            else:
                yield from _kubeconfigs(value)
    elif isinstance(parameters, (list, tuple)):
        for value in parameters:
            yield from _kubeconfigs(value)


def _contents(kubeconfig: Any) -> Any:
    """The content of a kubeconfig, of which text is read; text that cannot be read is a secret as a whole."""
    if isinstance(kubeconfig, (list, tuple)):
        return [_contents(each) for each in kubeconfig]
    if not isinstance(kubeconfig, str) or _is_path(kubeconfig):
        return kubeconfig
    try:
        return _yaml.load(kubeconfig)
    except _yaml.NotYaml:
        return {"token": kubeconfig}


def _texts(value: Any) -> set[str]:
    """Every text in a kubeconfig's mappings, and paths; not the whole of one that is given as text."""
    if isinstance(value, str):
        return {value} if _is_path(value) else set()
    elements = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return {text for element in elements for text in _texts(element)}


def _is_path(text: str) -> bool:
    return not any(sign in text for sign in ("\n", "{", ": "))


_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""In the names of an exec plugin's variables."""
_SECRET_FIELDS = frozenset(
    {
        "api_key",
        "password",
        "token",
        "client-key-data",
        "id-token",
        "access-token",
        "refresh-token",
        "client-secret",
    }
)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mesh is, whatever a run is limited to, and whose turn it is to work on all of it. Pure.

A limit, a batch of ``serial`` and a failure say on whom a run acts. They say nothing of the mesh: its hub, its links
and its records are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible.errors import AnsibleError
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import (
    WAYS_TO_A_CLUSTER,
    clusters_of_hosts,
    says_how_it_is_reached,
)

HostVars = Mapping[str, Mapping[str, Any]]
Moment = Literal["first", "batch", "last"]
"""With which batch of ``serial`` work on all clusters is done: before anything else, with each, or after all."""

AWAY = "its host failed earlier in this play, and has left it"


@dataclass(frozen=True)
class Mesh:
    """``clusters`` has the name of each inventory host's cluster, in the order of the inventory."""

    clusters: Mapping[str, str]
    hub: str = ""
    """The name of the hub's cluster; empty where nothing says it."""

    def cluster(self, name: str) -> str:
        """The name of a cluster that is given by its own name or by its host's."""
        return name if name in self.clusters.values() else self.clusters.get(name, name)


def hosts_of_mesh(matched: Sequence[str], hostvars: HostVars, mesh_id: str = "") -> list[str]:
    """Of the hosts that a pattern names those that are clusters of the mesh.

    A host among others is one where its variables say how its cluster is reached, it is of no other mesh
    (``cluster_mesh_id``), and its remote secret is usable. A host that is alone is one whatever it says.
    """
    if len(matched) == 1:
        return list(matched)
    return [host for host in matched if _is_cluster(hostvars[host], mesh_id)]


def _is_cluster(variables: Mapping[str, Any], mesh_id: str) -> bool:
    other = variables.get("cluster_mesh_id") or mesh_id
    usable = variables.get("cluster_usable")
    return says_how_it_is_reached(variables) and other == (mesh_id or other) and usable is not False


def mesh_of(hosts: Iterable[str], hostvars: HostVars, hub: str = "") -> Mesh:
    """The mesh of these hosts. ``hub`` is the variable ``mesh_hub``: a host or a cluster; by default the first."""
    clusters = {host: cluster_name(host, hostvars) for host in hosts}
    return Mesh(clusters, Mesh(clusters).cluster(hub) if hub else next(iter(clusters.values()), ""))


def cluster_name(host: str, hostvars: HostVars) -> str:
    return str(hostvars[host].get("cluster_name") or host)


def silent(hosts: Iterable[str], hostvars: HostVars) -> list[str]:
    """The hosts that do not say how a cluster is reached: the environment says it for them."""
    return [host for host in hosts if not says_how_it_is_reached(hostvars[host])]


def refuse_what_is_no_cluster(silent: Sequence[str], matched: Sequence[str]) -> None:
    """Raises AnsibleError that names silent hosts where the pattern has others too.

    The environment says the same for all of them: several hosts would be one cluster, or a web server one.
    """
    if silent and len(matched) > 1:
        raise AnsibleError(
            f"{', '.join(silent)}: no variable says how a cluster is reached there "
            f"({', '.join(f'cluster_{way}' for way in WAYS_TO_A_CLUSTER)}), and the inventory has other hosts. If "
            f"{'they are no clusters' if len(silent) > 1 else 'it is no cluster'}, name the group of the clusters in "
            "the variable mesh_hosts (-e mesh_hosts=GROUP). If the environment is about it, let its host say so: "
            "cluster_host: \"{{ lookup('env', 'K8S_AUTH_HOST') }}\", and cluster_api_key alike."
        )


def complete(
    options: Mapping[str, Any], mesh: Mesh, hostvars: HostVars, *, hub: bool, left: Iterable[str]
) -> dict[str, Any]:
    """The options of a task with the rest of the mesh beside its clusters, and with the hub where one is wanted.

    ``left`` are hosts that have left the play: their clusters are not to be asked. Options about clusters that are not
    of this mesh stay as they are.
    """
    given = options.get("clusters")
    if not isinstance(given, list) or not all(isinstance(each, Mapping) and each.get("name") for each in given):
        return dict(options)
    names = [str(each["name"]) for each in given]
    completed = dict(options)
    if hub and completed.get("hub"):
        completed["hub"] = mesh.cluster(str(completed["hub"]))
    if not set(names) <= set(mesh.clusters.values()):
        return completed
    gone = {mesh.clusters[host] for host in left if host in mesh.clusters}
    completed["clusters"] = _with_away(given, gone)
    if len(mesh.clusters) > len(names) and not completed.get("mesh"):
        completed["mesh"] = _with_away(clusters_of_hosts(mesh.clusters, hostvars), gone)
    if hub and not completed.get("hub") and mesh.hub:
        completed["hub"] = mesh.hub
    return completed


def _with_away(elements: Iterable[Mapping[str, Any]], gone: set[str]) -> list[dict[str, Any]]:
    return [{**each, "away": AWAY} if each["name"] in gone else dict(each) for each in elements]


@dataclass(frozen=True)
class Batches:
    """Where a play is: all its hosts in the order of the play, those of the present batch, and those that failed."""

    hosts: Sequence[str]
    batch: Sequence[str]
    failed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hosts: Sequence[str], alive: Iterable[str], batch: Sequence[str], order: str = "") -> Batches:
        """``order`` is that of the play: inventory, sorted, reverse_inventory or reverse_sorted."""
        ordered = sorted(hosts) if order.endswith("sorted") else list(hosts)
        if order.startswith("reverse"):
            ordered.reverse()
        return cls(ordered, batch, frozenset(hosts) - set(alive))

    @property
    def before(self) -> list[str]:
        """Hosts of earlier batches."""
        first = min((self.hosts.index(host) for host in self.batch), default=0)
        return [host for host in self.hosts[:first] if host not in self.batch]

    @property
    def after(self) -> list[str]:
        """Hosts of batches that are still to come."""
        last = max((self.hosts.index(host) for host in self.batch), default=len(self.hosts))
        return [host for host in self.hosts[last + 1 :] if host not in self.failed]

    def not_now(self, moment: Moment, operation: str) -> str:
        """Why work on all clusters is not done with this batch; empty where it is."""
        if moment == "last" and self.after:
            to_come = ", ".join(self.after)
            return (
                f"{operation} works on all clusters at once: it is done with the last batch ({to_come} still to come)"
            )
        if moment == "first" and [host for host in self.before if host not in self.failed]:
            return f"{operation} looks at all clusters at once: it was done with the first batch"
        return ""

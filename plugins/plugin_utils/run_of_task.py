# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task of an operation can know of the run that it is part of: limit, batches, strategy and who has failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.onemesh.istio.plugins.plugin_utils import mesh as meshes
from ansible_collections.onemesh.istio.plugins.plugin_utils.mesh import Batches, HostVars, Moment
from ansible_collections.onemesh.istio.plugins.plugin_utils.run_cache import nth, of_run


class RunOfTask:
    """One task of one host."""

    def __init__(self, task: Task, variables: Mapping[str, Any], templar: Templar, loader: DataLoader) -> None:
        self._task = task
        self._variables = variables
        self._templar = templar
        self._loader = loader
        self._play = _play_of(task)
        self.host = str(variables.get("inventory_hostname") or "")
        # Without an inventory it is empty, and knows localhost nevertheless.
        self._hostvars: HostVars = variables.get("hostvars", {})

    @property
    def _hosts(self) -> list[str]:
        """All hosts of the play, as a limit leaves them."""
        return list(self._variables.get("ansible_play_hosts_all") or ())

    @property
    def _alive(self) -> list[str]:
        return list(self._variables.get("ansible_play_hosts") or ())

    @property
    def _overtakes(self) -> bool:
        """Whether hosts go through the play each for itself, so that run_once is not known."""
        strategy = str(getattr(self._play, "strategy", "") or "linear")
        return strategy.endswith(("free", "host_pinned"))

    @property
    def is_about_its_host(self) -> bool:
        """Whether the task's host is a cluster that it works on, and the task was not sent anywhere else."""
        names = _names(self._task.args.get("clusters"))
        return (
            not self._task.delegate_to
            and self.host in self._hosts
            and meshes.cluster_name(self.host, self._hostvars) in names
        )

    def not_now(self, moment: Moment, operation: str) -> str:
        """Why work on all clusters is not done with this batch of hosts; empty where it is.

        Raises AnsibleActionFail where hosts may overtake each other between what is done for each and for all of them.
        """
        if moment == "batch" and self._overtakes and len(self._hosts) > 1:
            raise AnsibleActionFail(
                f"{operation} needs what is made for each cluster before it, and with strategies free and host_pinned "
                "hosts overtake each other: use strategy: linear in this play."
            )
        order = str(getattr(self._play, "order", "") or "inventory")
        batch = list(self._variables.get("ansible_play_batch") or self._hosts)
        if order == "shuffle" and len(batch) < len(self._alive):
            raise AnsibleActionFail(
                f"{operation} cannot tell which batch is the last one with order: shuffle; take another order."
            )
        return Batches.of(self._hosts, self._alive, [host for host in batch if host in self._hosts], order).not_now(
            moment, operation
        )

    def completed(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The options with the mesh, the hub, and who has left the play. Raises AnsibleError for a host that is no
        cluster."""
        options = dict(self._task.args)
        names = _names(options.get("clusters"))
        asked = [host for host in self._hosts if "mesh" in spec or host == self.host]
        own = [host for host in asked if meshes.cluster_name(host, self._hostvars) in names]
        silent = meshes.silent(own, self._hostvars)
        matched = self._matched() if silent or "mesh" in spec else []
        if self._variable("mesh_hosts"):
            # Whoever names the clusters means all of them, also those beside a limit.
            silent = meshes.silent(dict.fromkeys([*own, *matched]), self._hostvars)
        meshes.refuse_what_is_no_cluster(silent, matched)
        if "mesh" not in spec:
            return options
        if not own:
            return self._with_hub(options, spec)
        hosts = meshes.hosts_of_mesh(matched, self._hostvars, str(self._variable("cluster_mesh_id") or ""))
        mesh = meshes.mesh_of(dict.fromkeys([*hosts, *own]), self._hostvars, self._mesh_hub)
        left = set(self._hosts) - set(self._alive)
        return meshes.complete(options, mesh, self._hostvars, hub="hub" in spec, left=left)

    def _with_hub(self, options: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
        """Clusters that are no hosts of the play: only what is said of the hub counts."""
        if "hub" in spec and "mesh" in spec and not options.get("hub") and self._mesh_hub:
            options["hub"] = self._mesh_hub
        return options

    def once(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the work gives, done by the first host that comes; the others wait for it and get the same result.

        Ansible does that itself with run_once and hosts that keep step. A host that is at the task once more, in a loop
        or by an include, means the next time.
        """
        if len(self._alive) < 2 or (self._task.run_once and not self._overtakes):
            return work()
        task = {"task": self._task.get_path(), "options": self._task.args, "check": self._task.check_mode}
        count = nth("turn", {**task, "host": self.host})
        result: dict[str, Any] = of_run("once", {**task, "count": count}, lambda: {**work(), "done_by": self.host})
        done_by = result.pop("done_by")
        return result if done_by == self.host else {**result, "changed": False}

    def _matched(self) -> list[str]:
        """The hosts of the play's pattern, or of ``mesh_hosts``, without regard to the limit."""
        pattern = self._variable("mesh_hosts") or list(getattr(self._play, "hosts", None) or ["all"])
        return inventory_hosts(pattern, self._variables, self._loader, self._templar)

    @property
    def _mesh_hub(self) -> str:
        return str(self._variable("mesh_hub") or "")

    def _variable(self, name: str) -> Any:
        return self._templar.template(self._variables.get(name))


def inventory_hosts(
    pattern: str | Sequence[str], variables: Mapping[str, Any], loader: DataLoader | None, templar: Templar | None
) -> list[str]:
    """The hosts of the whole inventory that a pattern names, in the order of the inventory. Raises AnsibleError."""
    lookup = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=loader, templar=templar)
    if lookup is None:
        raise AnsibleError("the lookup ansible.builtin.inventory_hostnames is not there")
    terms = [pattern] if isinstance(pattern, str) else list(pattern)
    return [str(host) for host in lookup.run(terms, variables=variables)]


def _play_of(task: Task) -> Any:
    """The play; None where the task is part of none."""
    parent = getattr(task, "_parent", None)
    while parent is not None and not hasattr(parent, "_play"):
        parent = getattr(parent, "_parent", None)
    return getattr(parent, "_play", None)


def _names(clusters: Any) -> set[str]:
    if not isinstance(clusters, list):
        return set()
    return {str(each.get("name")) for each in clusters if isinstance(each, Mapping)}

"""Keeps the cluster's Services served: translation rules, load balancer addresses, names."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from meshlab import netns
from meshlab.layout import ClusterLayout

from . import services
from .api import Store
from .reporter import Reporter

_LOG = logging.getLogger("meshlab.agent")
# Changes come in groups; the first of a group waits so long for the others.
_GATHER = 0.05


class ServiceProxy:
    """One thread that rebuilds everything from the stores after each change."""

    def __init__(
        self,
        layout: ClusterLayout,
        all_services: Store,
        slices: Store,
        reporter: Reporter,
        names_changed: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._services = all_services
        self._slices = slices
        self._reporter = reporter
        self._names_changed = names_changed
        self._changed = threading.Event()
        self._rules = ""
        self._names: list[tuple[str, str, str]] = []

    def start(self) -> None:
        threading.Thread(target=self._run, name="services", daemon=True).start()

    def changed(self) -> None:
        self._changed.set()

    def hosts(self, namespace: str, own: tuple[str, str]) -> str:
        return services.hosts(self._names, namespace, own)

    def _run(self) -> None:
        while True:
            self._changed.wait()
            time.sleep(_GATHER)
            self._changed.clear()
            try:
                self._rebuild()
            except RuntimeError as error:
                _LOG.error("services: %s", error)
                time.sleep(1)
                self._changed.set()

    def _rebuild(self) -> None:
        present, slices = self._services.all(), self._slices.all()
        addresses = services.load_balancer_addresses(present, self._layout.load_balancer_cidr)
        nodes = (self._layout.wan_address, self._layout.node_external_address)
        served = services.backends(present, slices, addresses, nodes)
        ranges = (self._layout.service_cidr, self._layout.load_balancer_cidr, self._layout.external_cidr)
        rules = services.rules(served, ranges)
        if rules != self._rules:
            netns.run(["iptables-restore", "-w", "--noflush"], stdin=rules)
            self._rules = rules
        for service in present:
            namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
            ingress = services.load_balancer_status(service, addresses.get((namespace, name)))
            if ingress is not None:
                path = f"/api/v1/namespaces/{namespace}/services/{name}/status"
                self._reporter.put(path, {"status": {"loadBalancer": {"ingress": ingress}}})
        names = services.service_names(present, slices)
        if names != self._names:
            self._names = names
            self._names_changed()

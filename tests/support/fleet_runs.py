# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of real API servers that know Istio's kinds, and runs of an operation on it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import ANNOTATION_RECORDS_OF

from support import control_plane
from support.control_plane import ControlPlane

RECORDS = "onemesh-system"
ISTIO = "istio-system"
PATIENCE = 60.0
"""Seconds for an answer of an API server that is there: a busy machine is no failure."""

Object = dict[str, Any]


@dataclass
class Planes:
    """API servers by the name of their cluster."""

    planes: dict[str, ControlPlane]
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, plane in self.planes.items():
            credentials = load_credentials(plane.admin_options(), cluster=name, environ={})
            self.clients[name] = Client(name, credentials, timeout=PATIENCE)

    def clusters(self, *names: str, **options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The clusters option; ``options`` replace those of the administrator for a cluster."""
        chosen = names or tuple(self.planes)
        return [{"name": name, **(options.get(name) or self.planes[name].admin_options())} for name in chosen]


@contextmanager
def started(folder: Path, *names: str) -> Iterator[Planes]:
    """The API servers, each with Istio's CRDs, its namespace, and that of the records."""
    binaries = control_plane.binaries_folder()
    if binaries is None:
        raise RuntimeError("set MESHLAB_BIN to a folder with etcd and kube-apiserver, or run `meshlab build`")
    processes = control_plane.Processes()

    def launch(name: str) -> tuple[str, ControlPlane]:
        place = folder / name
        place.mkdir()
        return name, control_plane.launch(place, binaries, processes)

    def control(planes: Planes, name: str) -> None:
        # Of the controllers only the one that empties namespaces, without which none of them ever goes.
        kubeconfig = folder / name / "controllers.kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(yaml.safe_dump(planes.planes[name].admin_kubeconfig()))
        processes.start(
            [
                str(binaries / "kube-controller-manager"),
                f"--kubeconfig={kubeconfig}",
                "--controllers=namespace-controller",
                "--leader-elect=false",
                "--secure-port=0",
            ],
            folder / name / "controllers.log",
        )

    try:
        # Programs end with the thread that starts them, so that is not done in a pool.
        planes = Planes(dict(map(launch, names)))
        for plane in planes.planes.values():
            plane.await_ready()
        manifests = istio_definitions(binaries)
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda client: _install(client, manifests), planes.clients.values()))
        for name in names:
            control(planes, name)
        yield planes
    finally:
        processes.stop()


def istio_definitions(binaries: Path) -> list[Object]:
    """Istio's CRDs, as its chart has them."""
    return _documents(binaries.parent / "charts" / "base" / "files" / "crd-all.gen.yaml")


def gateway_api_definitions() -> list[Object]:
    """The CRDs of the Gateway API that istiod is built with, as the lab has put them beside the charts."""
    binaries = control_plane.binaries_folder()
    assert binaries is not None
    files = sorted((binaries.parent / "charts" / "gateway-api").glob("gateway.networking.k8s.io_*.yaml"))
    found = [document for path in files for document in _documents(path)]
    assert found, "run `meshlab build`, which puts the CRDs of the Gateway API beside the charts"
    return [document for document in found if document["kind"] == "CustomResourceDefinition"]


def _documents(path: Path) -> list[Object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(path.read_text(), Loader=loader) if document]


def _install(client: Client, manifests: list[Object]) -> None:
    define(client, manifests)
    for name, marks in ((ISTIO, {}), (RECORDS, {ANNOTATION_RECORDS_OF: ISTIO})):
        # That of the records is not ours, so that no test waits until it is gone.
        metadata = {"name": name, "annotations": marks}
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, field_manager="test")


def define(client: Client, manifests: list[Object]) -> None:
    """Apply CRDs, and wait until what they define is served."""
    from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CUSTOM_RESOURCE_DEFINITION

    for manifest in manifests:
        client.apply(manifest, field_manager="test")
    for manifest in manifests:
        client.wait_for(CUSTOM_RESOURCE_DEFINITION, manifest["metadata"]["name"], None, _established, timeout=60)


@contextmanager
def gateway_api(clients: Collection[Client]) -> Iterator[None]:
    """The clusters have the Gateway API, and nothing of it afterwards."""
    from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CUSTOM_RESOURCE_DEFINITION

    definitions = gateway_api_definitions()
    try:
        for client in clients:
            define(client, definitions)
        yield
    finally:
        for client in clients:
            for each in definitions:
                client.delete(CUSTOM_RESOURCE_DEFINITION, each["metadata"]["name"])


def _established(live: Object) -> bool:
    conditions = (live.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


@dataclass
class Ran:
    """The result of a task, and what it showed meanwhile."""

    result: dict[str, Any]
    lines: list[str]

    def succeeded(self) -> dict[str, Any]:
        assert not self.result.get("failed"), self.result["msg"]
        return self.result

    def failed(self) -> str:
        assert self.result.get("failed"), self.result
        return str(self.result["msg"])


def run(
    operation: ModuleType,
    parameters: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = True,
    environ: Mapping[str, str] | None = None,
) -> Ran:
    """Run an operation as its action does: options are validated, errors become a failed result."""
    validated = ArgumentSpecValidator(
        operation.ARGUMENT_SPEC, required_if=getattr(operation, "REQUIRED_IF", None)
    ).validate({"request_timeout": PATIENCE, **parameters})
    assert not validated.error_messages, validated.error_messages
    lines: list[str] = []
    context = Context(
        check_mode=check, diff=diff, environ={"PATH": os.environ["PATH"], **(environ or {})}, progress=lines.append
    )
    return Ran(run_operation(operation, validated.validated_parameters, context), lines)

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our remote secret beside what the real istioctl prints for the same account and API server."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio import names
from ansible_collections.onemesh.istio.plugins.module_utils._istio.kubeconfig import check_kubeconfig
from ansible_collections.onemesh.istio.plugins.module_utils._istio.remote_secret import build, make_stored, parse
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from support import control_plane

pytestmark = pytest.mark.lab

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZWFkZXIifQ.c2lnbmF0dXJl"
NAMESPACE = "istio-system"


@pytest.fixture(scope="module")
def kubeconfig(plane: control_plane.ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("istioctl") / "kubeconfig"
    cluster = {"server": plane.url, "certificate-authority": str(plane.ca)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "plane", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": control_plane.ADMIN_TOKEN}}],
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "admin"}}],
        "current-context": "plane",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def reader(client: Client, plane: control_plane.ControlPlane) -> None:
    """The reader's account with a token Secret as the controller manager would fill it: istioctl reads both."""
    account = {"name": names.READER_SERVICE_ACCOUNT, "namespace": NAMESPACE}
    secret = {
        "name": names.READER_TOKEN_SECRET,
        "namespace": NAMESPACE,
        "annotations": {names.SERVICE_ACCOUNT_NAME_ANNOTATION: names.READER_SERVICE_ACCOUNT},
    }
    data = {"token": base64.b64encode(TOKEN.encode()), "ca.crt": base64.b64encode(plane.ca.read_bytes())}
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": names.SERVICE_ACCOUNT_TOKEN_TYPE,
            "metadata": secret,
            "data": {key: value.decode() for key, value in data.items()},
        },
    ):
        client.apply(manifest, field_manager="test")


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("name", "server", "tls_server_name"),
    [
        ("east", "https://172.31.0.1:6443", None),
        ("east-1", "https://lb.example", "kubernetes.default.svc"),
        # Names that YAML takes for something else than text.
        ("1e3", "https://172.31.0.1:6443", None),
        ("0x1f", "https://172.31.0.1:6443", None),
        ("42", "https://172.31.0.1:6443", None),
        ("on", "https://172.31.0.1:6443", "10.0.0.1"),
        ("2026-01-02", "https://[2001:db8::1]:6443", None),
    ],
)
def test_it_is_the_secret_that_istioctl_prints(
    plane: control_plane.ControlPlane,
    kubeconfig: Path,
    client: Client,
    name: str,
    server: str,
    tls_server_name: str | None,
) -> None:
    binaries = control_plane.binaries_folder()
    assert binaries is not None
    command = [str(binaries / "istioctl"), "create-remote-secret", "--kubeconfig", str(kubeconfig)]
    command += ["--name", name, "--server", server]
    command += ["--tls-server-name", tls_server_name] if tls_server_name else []
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    ours = build(name, server, plane.ca.read_bytes(), TOKEN, tls_server_name=tls_server_name)
    assert ours == next(yaml.safe_load_all(printed))
    assert check_kubeconfig(ours["stringData"][name].encode()) is None

    # What the API server makes of it is what we say that it stores.
    client.apply(make_stored(ours), field_manager="test")
    live = client.get(SECRET, names.remote_secret_name(name), NAMESPACE)
    assert (live["type"], live["data"]) == ("Opaque", make_stored(ours)["data"])
    (registered,) = parse([live], cluster="other").clusters
    assert (registered.cluster_id, registered.server, registered.tls_server_name) == (
        name,
        server,
        tls_server_name or "",
    )

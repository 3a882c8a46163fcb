# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real istiod beside an API server, with the files of ``cacerts`` as a kubelet shows them."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from support import control_plane
from support.ports import free_port

DEADLINE = 60.0


@dataclass
class Istiod:
    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def show(self, files: Mapping[str, bytes]) -> None:
        """Change all files at once, by one rename of a link."""
        cacerts = self.folder / "cacerts"
        cacerts.mkdir(exist_ok=True)
        version = cacerts / f"..{len(list(cacerts.glob('..[0-9]*')))}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
            if not (cacerts / name).is_symlink():
                (cacerts / name).symlink_to(f"..data/{name}")
        (cacerts / "..tmp").symlink_to(version.name)
        (cacerts / "..tmp").rename(cacerts / "..data")

    def wait(self, what: str, seen: Callable[[], bool]) -> None:
        ends = time.monotonic() + DEADLINE
        while not seen():
            assert self.process is not None
            assert self.process.poll() is None, self.log[-3000:]
            assert time.monotonic() < ends, f"istiod never {what}: {self.log[-3000:]}"
            time.sleep(0.1)

    def signs_with(self, pem: bytes) -> bool:
        """Whether the certificate that istiod shows, which it makes anew with each change, is signed by this one."""
        try:
            shown = ssl.get_server_certificate(("127.0.0.1", self.port), timeout=5)
            x509.load_pem_x509_certificate(shown.encode()).verify_directly_issued_by(
                x509.load_pem_x509_certificate(pem)
            )
        except (OSError, InvalidSignature):
            return False
        return True


@contextmanager
def istiod(folder: Path, plane: control_plane.ControlPlane, files: Mapping[str, bytes]) -> Iterator[Istiod]:
    binaries = control_plane.binaries_folder()
    assert binaries is not None
    folder.mkdir()
    made = Istiod(folder)
    made.show(files)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": plane.url, "certificate-authority": str(plane.ca)}}],
                "users": [{"name": "u", "user": {"token": control_plane.ADMIN_TOKEN}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    options = {name: free_port() for name in ("httpAddr", "grpcAddr", "secureGRPCAddr", "monitoringAddr")}
    made.port = options["secureGRPCAddr"]
    command = [str(binaries / "pilot-discovery"), "discovery", "--kubeconfig", str(kubeconfig), "--httpsAddr="]
    command += ["--ctrlz_port=0", *(f"--{name}=127.0.0.1:{port}" for name, port in options.items())]
    environment = {
        **os.environ,
        "ROOT_CA_DIR": str(folder / "cacerts"),
        "POD_NAMESPACE": "istio-system",
        "POD_NAME": "istiod-0",
        "CLUSTER_ID": "east",
    }
    with (folder / "log").open("wb") as log:
        made.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield made
        finally:
            made.process.kill()
            made.process.wait()

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real etcd and kube-apiserver on loopback, with certificates and tokens made for the test."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.ports import free_port

SERVER_NAME = "kubernetes.mesh.test"
"""The only DNS name in the server's certificate; its only address is 127.0.0.1."""
ADMIN_TOKEN = "admin-token-4d1f0c9b7a"
STRANGER_TOKEN = "stranger-token-91be2c"


class Authority:
    """A certificate authority that exists for one test run; ``above`` has signed it, by default it itself."""

    def __init__(self, folder: Path, name: str, above: Authority | None = None) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        signer = above or self
        certificate = signer._builder(self._name, self._key.public_key()).add_extension(constraints, critical=True)
        self.path = folder / f"{name}.crt"
        self.path.write_bytes(_pem(certificate.sign(signer._key, hashes.SHA256())))

    def issue(self, name: str, *, groups: tuple[str, ...] = (), server: bool = False) -> tuple[Path, Path]:
        """Paths of a certificate and its key; user name and groups as Kubernetes reads them."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(subject, key.public_key()).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if server:
            names = [x509.DNSName(SERVER_NAME), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        slug = name.replace(":", "-")
        certificate_path, key_path = self._folder / f"{slug}.crt", self._folder / f"{slug}.key"
        certificate_path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        write_key(key_path, key)
        return certificate_path, key_path

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """An unencrypted PEM key that only its owner can read."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@dataclass
class ControlPlane:
    """One API server with what is needed to talk to it in every way."""

    url: str
    folder: Path
    authority: Authority
    admin_certificate: Path
    admin_key: Path
    process: subprocess.Popen[bytes]
    etcd_url: str
    command: list[str]
    processes: Processes

    def kill(self) -> None:
        """End the API server at once; etcd stays, with all that it holds."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """The API server that was killed, on the same port and etcd; from the thread that started the first one."""
        log = self.folder / "kube-apiserver-again.log"
        self.process = self.processes.start(self.command, log)
        self.await_ready(log)

    def await_ready(self, log: Path | None = None) -> None:
        """Until it answers /readyz; raises RuntimeError with the end of its log where it does not."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        # It takes 4 s of CPU time, which on a busy machine may be more than a minute.
        ends = time.monotonic() + 180
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                with urllib.request.urlopen(request, context=trust, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        said = (log or self.folder / "kube-apiserver.log").read_text(errors="replace")
        raise RuntimeError(f"kube-apiserver did not become ready:\n{said[-3000:]}")

    def fill_quota(self) -> None:
        """Let etcd take no more, as it does when its space quota is used up: reads and deletions still pass."""
        self._alarm("ACTIVATE")

    def empty_quota(self) -> None:
        """As after the quota was raised."""
        self._alarm("DEACTIVATE")

    def _alarm(self, action: str) -> None:
        member = self._ask_etcd("cluster/member/list", {})["header"]["member_id"]
        self._ask_etcd("maintenance/alarm", {"action": action, "memberID": member, "alarm": "NOSPACE"})

    def forget_history(self) -> None:
        """Compact etcd, so that no older resource version can be watched from; for Leases this counts at once."""
        key = {"key": base64.b64encode(b"/").decode()}
        revision = self._ask_etcd("kv/range", key)["header"]["revision"]
        self._ask_etcd("kv/compaction", {"revision": revision, "physical": True})

    def _ask_etcd(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.etcd_url}/v3/{method}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    @property
    def ca(self) -> Path:
        return self.authority.path

    def admin_options(self) -> dict[str, str]:
        """Options of a module for the administrator's token."""
        return {"host": self.url, "api_key": ADMIN_TOKEN, "ca_cert": str(self.ca)}

    def admin_kubeconfig(self) -> dict[str, Any]:
        """The content of a kubeconfig for the administrator's token."""
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plane", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": ADMIN_TOKEN}}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "admin"}}],
            "current-context": "plane",
        }


class Processes:
    """Processes of the run; each ends with it, also where it is killed."""

    def __init__(self) -> None:
        self._running: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        stream = log.open("wb")
        # Memory for time: a start of the API server takes a fifth less of a core.
        environ = {**os.environ, "GOGC": "300"}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environ, preexec_fn=_end_with_parent)
        self._running.append((process, stream))
        return process

    def stop(self) -> None:
        for process, stream in reversed(self._running):
            # Nothing of them is kept, and an API server that is asked to end waits for its watches.
            process.kill()
            process.wait()
            stream.close()
        self._running.clear()


def _end_with_parent() -> None:
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def start(folder: Path, binaries: Path, processes: Processes) -> ControlPlane:
    """A control plane that answers /readyz; raises RuntimeError with the end of its log where it does not."""
    plane = launch(folder, binaries, processes)
    plane.await_ready()
    return plane


def launch(folder: Path, binaries: Path, processes: Processes) -> ControlPlane:
    """A control plane that does not answer yet, so that others can start at the same time."""
    authority = Authority(folder, "authority")
    server_certificate, server_key = authority.issue("kube-apiserver", server=True)
    admin_certificate, admin_key = authority.issue("admin", groups=("system:masters",))
    account_key = folder / "service-account.key"
    write_key(account_key, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{ADMIN_TOKEN},token-admin,1,"system:masters"\n{STRANGER_TOKEN},stranger,2\n')
    tokens.chmod(0o600)
    etcd_port, etcd_peer_port, port = free_port(), free_port(), free_port()
    etcd_url, peer_url = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{etcd_peer_port}"
    processes.start(
        [
            str(binaries / "etcd"),
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
        ],
        folder / "etcd.log",
    )
    command = [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers={etcd_url}",
        # Watches of Leases are served from etcd itself, whose history the tests can take away.
        "--watch-cache-sizes=leases.coordination.k8s.io#0",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        "--service-cluster-ip-range=10.200.0.0/16",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        f"--token-auth-file={tokens}",
        f"--client-ca-file={authority.path}",
        f"--tls-cert-file={server_certificate}",
        f"--tls-private-key-file={server_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={account_key}",
        f"--service-account-key-file={account_key}",
    ]
    process = processes.start(command, folder / "kube-apiserver.log")
    url = f"https://127.0.0.1:{port}"
    return ControlPlane(url, folder, authority, admin_certificate, admin_key, process, etcd_url, command, processes)


@contextmanager
def running(folder: Path) -> Iterator[ControlPlane]:
    """A control plane with its state in ``folder``, for as long as the block lasts."""
    binaries = binaries_folder()
    if binaries is None:
        raise RuntimeError("set MESHLAB_BIN to a folder with etcd and kube-apiserver, or run `meshlab build`")
    processes = Processes()
    try:
        yield start(folder, binaries, processes)
    finally:
        processes.stop()


def binaries_folder() -> Path | None:
    """Where etcd and kube-apiserver are: MESHLAB_BIN, else the newest folder that `meshlab build` filled."""
    if os.environ.get("MESHLAB_BIN"):
        return Path(os.environ["MESHLAB_BIN"])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshlab"
    built = sorted(cache.glob("*/bin/kube-apiserver"), key=lambda path: path.stat().st_mtime)
    return built[-1].parent if built else None

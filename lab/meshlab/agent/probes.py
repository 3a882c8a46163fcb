"""Probes, as a kubelet runs them from the node: here from the cluster's network namespace."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]
Inside = Callable[[Sequence[str]], list[str]]
# A container that is not ready (yet) is asked this often, so that nobody waits for a long period.
_EAGER = 0.3


@dataclass
class ProbeState:
    """When a probe is due and what its last answers mean. Pure; times are monotonic seconds."""

    spec: JSON
    kind: str  # startup, readiness, liveness
    due: float
    passed: bool = False
    successes: int = 0
    failures: int = 0
    running: bool = field(default=False, compare=False)

    @classmethod
    def begin(cls, spec: JSON, kind: str, now: float) -> ProbeState:
        return cls(spec, kind, now + float(spec.get("initialDelaySeconds") or 0), passed=kind == "liveness")

    @property
    def period(self) -> float:
        return float(self.spec.get("periodSeconds") or 10)

    @property
    def interval(self) -> float:
        """Seconds to the next probe."""
        return self.period if self.passed else min(self.period, _EAGER)

    @property
    def exhausted(self) -> bool:
        """Failing as long as is allowed. Eager probes of a start take no time from it."""
        allowed = int(self.spec.get("failureThreshold") or 3)
        if self.kind == "startup":
            allowed = round(allowed * self.period / min(self.period, _EAGER))
        return self.failures >= allowed

    def answered(self, success: bool, now: float) -> None:
        if success:
            self.successes, self.failures = self.successes + 1, 0
            if self.successes >= int(self.spec.get("successThreshold") or 1):
                self.passed = True
        else:
            self.successes, self.failures = 0, self.failures + 1
            if self.exhausted:
                self.passed = False
        self.due = now + self.interval


def run(spec: JSON, address: str, ports: Sequence[JSON], inside: Inside) -> bool:
    """One probe of a pod at `address`; `ports` are the container's, for named ones. Any error is a failure."""
    timeout = float(spec.get("timeoutSeconds") or 1)
    try:
        if "httpGet" in spec:
            return _http_get(spec["httpGet"], address, ports, timeout)
        if "exec" in spec:
            return _succeeds(inside(spec["exec"].get("command") or []), timeout)
        chosen = spec.get("tcpSocket") or spec["grpc"]
        with socket.create_connection((chosen.get("host") or address, port_number(chosen["port"], ports)), timeout):
            return True
    except (OSError, http.client.HTTPException, KeyError, ValueError, subprocess.TimeoutExpired):
        return False


def port_number(port: int | str, ports: Sequence[JSON]) -> int:
    """A port by number, or by name among the container's. Raises ValueError for an unknown name."""
    if isinstance(port, int):
        return port
    for each in ports:
        if each.get("name") == port:
            return int(each["containerPort"])
    return int(port)


def _http_get(spec: JSON, address: str, ports: Sequence[JSON], timeout: float) -> bool:
    host, port = spec.get("host") or address, port_number(spec["port"], ports)
    connection: http.client.HTTPConnection
    if spec.get("scheme") == "HTTPS":
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    headers = {"User-Agent": "kube-probe/meshlab", "Connection": "close"}
    headers.update({each["name"]: each["value"] for each in spec.get("httpHeaders") or []})
    try:
        connection.request("GET", spec.get("path") or "/", headers=headers)
        return 200 <= connection.getresponse().status < 400
    finally:
        connection.close()


def _succeeds(command: Sequence[str], timeout: float) -> bool:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout
    )
    return done.returncode == 0

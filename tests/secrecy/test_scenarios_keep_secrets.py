# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook, run once on the lab with all that Ansible can be made to say, leaves no key and no token behind.

Each scenario has a folder of its own for output, log, fact cache, home and temporary files; all of it is scanned, with
the argument list of every process that started meanwhile and every file that others could have read meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import scan

pytestmark = pytest.mark.lab
LAB = os.environ.get("MESHLAB_NAME", "test")
TIMEOUT = 600
FORGED_TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJub2JvZHkgYXQgYWxsIn0." + "forged" * 12
# What a release gives to whom it asks. None of it is real, and nobody listens there.
GIVEN_BY_A_RELEASE = {
    "token of the webhook": "webhook-token-" + "w0" * 16,
    "token of Prometheus": "prometheus-token-" + "p0" * 16,
    "header of Prometheus": "prometheus-header-" + "h0" * 16,
    "path of the notice": "notice-path-" + "n0" * 16,
}


@dataclass(frozen=True)
class Scenario:
    """`variables` are given in a file; `succeeds` says how the playbook has to end."""

    playbook: str
    title: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    succeeds: bool = True

    @property
    def name(self) -> str:
        return f"{self.playbook}-{self.title}" if self.title else self.playbook


# A set may hold Secrets: here the mesh's root key, which is the last thing that anybody may see.
SECRET_SET: dict[str, Any] = {
    "replicate_set": "secrets",
    "replicate_dataplane": "none",
    "replicate_definition": [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "kept-secret", "namespace": "default"},
            "data": {"key": "{{ lookup('ansible.builtin.file', trust_directory ~ '/root/root-key.pem') | b64encode }}"},
        }
    ],
}
SPLIT: dict[str, Any] = {
    "traffic_split_namespace": "default",
    "traffic_split_host": "kubernetes",
    "traffic_split_by": "cluster",
    "traffic_split_weights": {"east": 100, "west": 0},
}
RELEASE: dict[str, Any] = {
    "canary_name": "kubernetes",
    "canary_namespace": "default",
    "canary_routes": [{"name": "kubernetes-split"}],
    "canary_stable": "east",
    "canary_canary": "west",
    "canary_plan": {"step_weights": [50, 100], "interval": 0.1},
    "canary_wait": False,
    "canary_proof": "written",
    "canary_webhooks": [
        {
            "name": "checks",
            "url": "http://127.0.0.1:9/check",
            "headers": {"Authorization": f"Bearer {GIVEN_BY_A_RELEASE['token of the webhook']}"},
        }
    ],
    "canary_notices": [{"url": f"http://127.0.0.1:9/{GIVEN_BY_A_RELEASE['path of the notice']}"}],
    "canary_analysis": {
        "metrics": [{"builtin": "request-success-rate", "min": 99}],
        "prometheus": {
            "url": "http://127.0.0.1:9",
            "token": GIVEN_BY_A_RELEASE["token of Prometheus"],
            "headers": {"X-Scope": GIVEN_BY_A_RELEASE["header of Prometheus"]},
        },
    },
    "canary_journal": "{{ lookup('ansible.builtin.env', 'TMPDIR') }}/journal.jsonl",
    "canary_page": "{{ lookup('ansible.builtin.env', 'TMPDIR') }}/page.html",
}

# In the order of a mesh's life: each starts where the one before ended.
SCENARIOS = (
    Scenario("preflight"),
    Scenario("site", "check", arguments=("--check",)),
    Scenario("site", "first"),
    Scenario("site", "again"),
    Scenario("verify"),
    Scenario("preflight", "refused-token", {"cluster_api_key": FORGED_TOKEN, "cluster_kubeconfig": ""}, succeeds=False),
    Scenario("replicate", "check", SECRET_SET, arguments=("--check",)),
    Scenario("replicate", variables=SECRET_SET),
    Scenario("replicate", "absent", {**SECRET_SET, "replicate_state": "absent"}),
    Scenario("traffic_split", variables=SPLIT),
    Scenario("canary", "check", RELEASE, arguments=("--check",)),
    Scenario("canary", "begins", RELEASE),
    Scenario("canary", "asks", RELEASE),
    Scenario("canary", "waits", {**RELEASE, "canary_wait": True, "canary_wait_timeout": 2}, succeeds=False),
    Scenario("canary", "back", {**RELEASE, "canary_state": "rolled_back"}),
    Scenario("canary", "absent", {**RELEASE, "canary_state": "absent"}),
    Scenario("traffic_split", "restored", {**SPLIT, "traffic_split_state": "restored"}),
    Scenario("link", "writer", {"link_writer": True}),
    Scenario("unlink"),
    Scenario("link", "long-lived", {"link_token": "long_lived"}),
    Scenario("unlink", "again"),
    Scenario("wipe", variables={"wipe_confirmed": True}),
)


@dataclass(frozen=True)
class LabUnderTest:
    inventory: Path
    kubeconfigs: dict[str, Path]
    kubectl: str
    trust: Path
    known: list[scan.Secret] = field(repr=False)

    def learn(self) -> None:
        """Know what is secret now; what was secret before stays known."""
        for cluster, kubeconfig in self.kubeconfigs.items():
            self.known.extend(scan.secrets_of_cluster(cluster, kubeconfig, self.kubectl))
        self.known.extend(scan.secrets_of_files([self.trust] if self.trust.exists() else []))


def meshlab(*arguments: str) -> str:
    return subprocess.run(["meshlab", *arguments], check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabUnderTest:
    folder = tmp_path_factory.mktemp("mesh")
    inventory = folder / "inventory.yml"
    inventory.write_text(meshlab("inventory", "--name", LAB))
    hosts = yaml.safe_load(inventory.read_text())["all"]["hosts"]
    kubeconfigs = {host: Path(variables["cluster_kubeconfig"]) for host, variables in hosts.items()}
    programs = meshlab("build").partition("programs: ")[2].partition("\n")[0]
    known = list(scan.secrets_of_files(kubeconfigs.values()))
    assert known, "a lab without credentials proves nothing"
    return LabUnderTest(inventory, kubeconfigs, f"{programs}/kubectl", folder / "trust", known)


class Watcher:
    """Collects the argument lists of new processes, and files that others may read, while a scenario runs."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._old = self._processes()
        self.arguments: dict[str, bytes] = {}
        self.readable: dict[str, bytes] = {}
        self._end = threading.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    @staticmethod
    def _processes() -> set[str]:
        return {name for name in os.listdir("/proc") if name.isdigit()}

    def _run(self) -> None:
        while not self._end.wait(0.05):
            for process in self._processes() - self._old:
                with contextlib.suppress(OSError):
                    self.arguments[process] = Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ")
            self._look_at_files()

    def _look_at_files(self) -> None:
        for folder, folders, files in os.walk(self._temporary):
            with contextlib.suppress(OSError):
                folders[:] = [name for name in folders if os.stat(os.path.join(folder, name)).st_mode & 0o011]
                for name in files:
                    path = os.path.join(folder, name)
                    if os.stat(path).st_mode & 0o044:
                        self.readable[path] = Path(path).read_bytes()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_leaves_no_secret(scenario: Scenario, lab: LabUnderTest, tmp_path: Path) -> None:
    temporary, home = tmp_path / "tmp", tmp_path / "home"
    temporary.mkdir()
    home.mkdir()
    variables = tmp_path / "variables.yml"
    variables.write_text(
        yaml.safe_dump(
            {"trust_directory": str(lab.trust), "eastwest_gateway_exposed_hosts": ["*.local"], **scenario.variables}
        )
    )
    variables.chmod(0o600)
    environment = {
        **os.environ,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_LOCAL_TEMP": str(temporary),
        "ANSIBLE_REMOTE_TEMP": str(temporary),
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
    }
    command = ["ansible-playbook", "-vvvv", "--diff", "-i", str(lab.inventory), "-e", f"@{variables}"]
    watcher = Watcher(temporary)
    with watcher.watching():
        done = subprocess.run(
            [*command, *scenario.arguments, f"onemesh.istio.{scenario.playbook}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=TIMEOUT,
        )
    (tmp_path / "output").write_bytes(done.stdout + done.stderr)
    lab.learn()
    variables.unlink()

    given = [scan.Secret(name, (value.encode(),)) for name, value in GIVEN_BY_A_RELEASE.items()]
    scanner = scan.Scanner([*lab.known, *scan.secrets_in(FORGED_TOKEN.encode(), "the forged token"), *given])
    hits = scanner.hits_below([tmp_path])
    for process, arguments in watcher.arguments.items():
        hits += scanner.hits(f"arguments of process {process} ({arguments.split(b' ')[0].decode()})", arguments)
    for path, content in watcher.readable.items():
        hits += scanner.hits(f"{path} (for everybody to read)", content)
    assert [str(hit) for hit in hits] == []
    assert watcher.arguments, "the watcher saw no process and proves nothing"
    tail = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
    assert (done.returncode == 0) == scenario.succeeds, tail


def test_what_may_hold_secrets_is_its_owners_only(lab: LabUnderTest) -> None:
    assert lab.trust.is_dir(), "the site playbook makes the certificate authority's folder"
    assert list(scan.secrets_of_files([lab.trust])), "the certificate authority has its keys there"
    assert scan.open_to_others([lab.trust, *lab.kubeconfigs.values()]) == []


def test_every_playbook_has_a_scenario() -> None:
    playbooks = {path.stem for path in (Path(__file__).parents[2] / "playbooks").glob("*.yml")}
    assert {scenario.playbook for scenario in SCENARIOS} == playbooks

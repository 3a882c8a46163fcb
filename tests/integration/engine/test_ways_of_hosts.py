# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory hosts that say in every way how they are reached, under AWX's credential for another cluster.

https://github.com/ansible-collections/kubernetes.core/issues/435 and /issues/544 (several paths), /issues/492 (the
content), https://github.com/ansible-collections/community.kubernetes/pull/229 (a vaulted file), /issues/277 and
https://github.com/ansible-collections/kubernetes.core/issues/1098 (an environment that leads to the wrong cluster).
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP
from support.control_plane import ADMIN_TOKEN, STRANGER_TOKEN, ControlPlane, binaries_folder

PLAY = """
- name: Read all clusters
  hosts: all
  gather_facts: false
  environment:
    PROFILE: "{{ playbook_dir }}/profile"
  tasks:
    - name: Read them
      onemesh.istio.cluster_info:
        clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
      register: mesh
      run_once: true
    - name: Hand it over
      ansible.builtin.debug:
        msg: "FOUND({{ mesh.clusters | to_json | b64encode }})"
      run_once: true
    - name: Install by Helm
      onemesh.istio.helm_release:
        clusters: "{{ [[inventory_hostname] | onemesh.istio.clusters(hostvars) | first | combine({'name': 'plane'})] }}"
        releases:
          - name: "{{ inventory_hostname | replace('_', '-') }}"
            chart: probe
        charts: "{{ playbook_dir }}"
        namespace: default
        binary_path: "{{ helm }}"
      when: inventory_hostname != 'environment'
    - name: A module cannot decrypt
      onemesh.istio.cluster_info:
        clusters: "{{ ['vaulted_file'] | onemesh.istio.clusters(hostvars) }}"
        require_all: true
      async: 60
      poll: 1
      run_once: true
      ignore_errors: true
"""
PASSWORD = "vault-password"


def vaulted(text: str) -> str:
    return str(VaultLib([("default", VaultSecret(PASSWORD.encode()))]).encrypt(text).decode())


def content(plane: ControlPlane, **cluster: Any) -> dict[str, Any]:
    config = plane.admin_kubeconfig()
    config["clusters"][0]["cluster"].update(cluster)
    return config


def ways(plane: ControlPlane, folder: Path) -> dict[str, dict[str, Any]]:
    """From the name of a host to its variables."""
    text = yaml.safe_dump(content(plane))
    (folder / "own").write_text(text)
    (folder / "vaulted").write_text(vaulted(text))
    other = json.loads(json.dumps(content(plane, server="https://127.0.0.1:1")).replace('"plane"', '"other"'))
    (folder / "other").write_text(yaml.safe_dump(other))
    unverified = content(plane, **{"insecure-skip-tls-verify": "False"})
    # As `aws eks get-token` with AWS_PROFILE: who it is says the environment of the play.
    api = "client.authentication.k8s.io/v1"
    issued = {"apiVersion": api, "kind": "ExecCredential", "status": {"token": ADMIN_TOKEN}}
    (folder / "profile").write_text(json.dumps(issued))
    by_program = content(plane)
    plugin = {"apiVersion": api, "command": "sh", "args": ["-c", 'cat "$PROFILE"'], "env": None}
    by_program["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "IfAvailable"}}
    in_files = {"cluster_client_cert": str(plane.admin_certificate), "cluster_client_key": str(plane.admin_key)}
    return {
        "environment": {},
        "path": {"cluster_kubeconfig": str(folder / "own")},
        "two_paths": {"cluster_kubeconfig": f"{folder}/other:{folder}/own", "cluster_context": "plane"},
        "list_of_paths": {"cluster_kubeconfig": [f"{folder}/absent", f"{folder}/own"]},
        "block_of_text": {"cluster_kubeconfig": text},
        "text_of_a_file": {"cluster_kubeconfig": "{{ lookup('ansible.builtin.file', '" + str(folder / "own") + "') }}"},
        "mapping": {"cluster_kubeconfig": content(plane)},
        "mapping_with_text_for_a_truth": {"cluster_kubeconfig": unverified},
        "program_in_the_environment_of_the_play": {"cluster_kubeconfig": by_program},
        "vaulted_variable": {"cluster_kubeconfig": "VAULTED"},
        "vaulted_file": {"cluster_kubeconfig": str(folder / "vaulted")},
        "context_beside_an_authority": {
            "cluster_kubeconfig": content(plane, **{"certificate-authority": None}),
            "cluster_context": "plane",
            "cluster_ca_cert": str(plane.ca),
        },
        "token_without_verification": {
            "cluster_host": plane.url,
            "cluster_api_key": ADMIN_TOKEN,
            "cluster_validate_certs": "false",
            "cluster_kubeconfig": "",
        },
        "client_certificate": {"cluster_host": plane.url, "cluster_ca_cert": str(plane.ca), **in_files},
    }


def played(plane: ControlPlane, folder: Path, hosts: Mapping[str, Mapping[str, Any]]) -> str:
    binaries = binaries_folder()
    assert binaries is not None
    helm = binaries / "helm"
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "helm": str(helm)}
    inventory = yaml.safe_dump({"all": {"hosts": dict(hosts), "vars": local}})
    secret = textwrap.indent(vaulted(yaml.safe_dump(content(plane))), " " * 12)
    (folder / "hosts.yml").write_text(inventory.replace(" VAULTED", f" !vault |\n{secret}"))
    (folder / "play.yml").write_text(PLAY)
    (folder / "probe" / "templates").mkdir(parents=True)
    (folder / "probe" / "Chart.yaml").write_text("{apiVersion: v2, name: probe, version: 1.0.0}")
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}"}}
    (folder / "probe" / "templates" / "probe.yaml").write_text(yaml.safe_dump(config_map))
    (folder / "password").write_text(PASSWORD)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    of_awx = {
        "K8S_AUTH_HOST": plane.url,
        "K8S_AUTH_API_KEY": STRANGER_TOKEN,
        "K8S_AUTH_SSL_CA_CERT": str(plane.ca),
        "K8S_AUTH_VERIFY_SSL": "True",
    }
    done = subprocess.run(
        ["ansible-playbook", "-vvv", "-i", "hosts.yml", "--vault-password-file", "password", "play.yml"],
        cwd=folder,
        env={**inherited, "ANSIBLE_NOCOLOR": "1", **of_awx},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def test_every_host_is_reached_by_its_own_variables(plane: ControlPlane, admin: Client, tmp_path: Path) -> None:
    """By the modules, and by Helm: the stranger of the environment may install nothing."""
    hosts = ways(plane, tmp_path)
    said = played(plane, tmp_path, hosts)
    found = re.search(r"FOUND\((\S+)\)", said)
    assert found, said[-4000:]
    clusters = json.loads(base64.b64decode(found[1]))
    assert {name: cluster.get("reason") for name, cluster in clusters.items() if not cluster["reachable"]} == {}
    assert {cluster["server"] for cluster in clusters.values()} == {plane.url}
    # Only who names no cluster is the stranger of the environment; the administrator may read all.
    assert [name for name in hosts if clusters[name]["not_read"]] == ["environment"]
    installed = {each["metadata"]["name"].replace("-", "_") for each in admin.list(CONFIG_MAP, "default")}
    assert set(hosts) - installed == {"environment"}
    assert "is encrypted by ansible-vault, and a module cannot decrypt it -> run the task on the controller" in said
    for secret in (ADMIN_TOKEN, STRANGER_TOKEN, PASSWORD):
        assert secret not in said

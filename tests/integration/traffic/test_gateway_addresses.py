# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every form of a gateway's address carries requests from the other network, as the role sets it up.

A client in east has west's address as its only way there, so an answer of west is one that came by it.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from answers import answers
from meshlab import layout
from support.mesh import LAB, Mesh, eventually
from support.programs import TIMEOUT

pytestmark = pytest.mark.lab
WEST = layout.Lab(LAB, layout.home()).cluster("west", 2)
BALANCER = "meshlab/load-balancer"
OUTSIDE = f"172.31.{WEST.index}.200"


def name_of(address: str) -> str:
    return address.replace(".", "-") + ".lb.meshlab"


@dataclass(frozen=True)
class Form:
    """What the role is told, and where west is then: an address ("": the load balancer's) and a port (0: a node's)."""

    variables: dict[str, Any]
    address: str = ""
    port: int = 15443
    annotations: dict[str, str] = field(default_factory=dict)


# Each begins from the one before, as on a cluster that lives long.
FORMS = {
    "a load balancer with a host name": Form({}, annotations={BALANCER: "hostname"}),
    "node ports at the external addresses of selected nodes": Form(
        {
            "eastwest_gateway_service_type": "NodePort",
            "eastwest_gateway_node_selector": {"kubernetes.io/hostname": WEST.node},
        },
        WEST.node_external_address,
        0,
    ),
    "node ports at an address that somebody gives": Form(
        {"eastwest_gateway_service_type": "NodePort", "eastwest_gateway_addresses": [WEST.wan_address]},
        WEST.wan_address,
        0,
    ),
    "external IPs": Form(
        {"eastwest_gateway_service_type": "ClusterIP", "eastwest_gateway_addresses": ["172.30.2.7"]}, "172.30.2.7"
    ),
    "a load balancer that somebody else runs, by its host name": Form(
        {"eastwest_gateway_addresses": name_of(OUTSIDE)}, OUTSIDE, annotations={BALANCER: "outside"}
    ),
    "another port": Form({"eastwest_gateway_port": "8443"}, port=8443),
    "a load balancer with an IP address": Form({}),
}


def install(mesh: Mesh, form: Form) -> subprocess.CompletedProcess[str]:
    """The role alone, on west, with the values of the lab's inventory and the form's annotations."""
    play = mesh.lab.inventory.parent / "gateway.yml"
    play.write_text(json.dumps([{"hosts": "west", "gather_facts": False, "roles": ["onemesh.istio.eastwest_gateway"]}]))
    values = {**mesh.lab.variables["eastwest_gateway_values"], "service": {"annotations": form.annotations}}
    command = mesh.playbook_command(str(play), eastwest_gateway_values=values, **form.variables)
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def ways_to_west(mesh: Mesh) -> set[str]:
    """Addresses by which east's client would send a request to west."""
    listed = mesh.east.istioctl(
        "proxy-config", "endpoint", "deploy/echo.app", "--cluster", "outbound|80||echo.app.svc.cluster.local"
    )
    return set(re.findall(r"^(172\.[\d.]+:\d+)\s", listed, re.MULTILINE))


def service(mesh: Mesh) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        mesh.west.kubectl("get", "service", "istio-eastwestgateway", "--namespace=istio-system", "--output=json")
    )
    return found


def expected(live: dict[str, Any], form: Form) -> str:
    """Where the Service, and not the collection, says that it is."""
    (tls,) = [port for port in live["spec"]["ports"] if port["name"] == "tls"]
    (entry,) = live["status"]["loadBalancer"].get("ingress") or [{}]
    balancer = entry.get("ip") or entry.get("hostname", "").partition(".")[0].replace("-", ".")
    return f"{form.address or balancer}:{form.port or tls['nodePort']}"


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_the_other_network_is_reached(mesh: Mesh, form: Form) -> None:
    done = install(mesh, form)
    assert done.returncode == 0, done.stdout
    live = service(mesh)
    address = expected(live, form)
    eventually(lambda: ways_to_west(mesh) == {address}, lambda: (address, ways_to_west(mesh), live["status"]))
    eventually(lambda: answers(mesh, "east")["west"] > 0, lambda: answers(mesh, "east"))
    if form.address == OUTSIDE:
        assert " changed=0 " in install(mesh, form).stdout


def test_a_name_does_not_take_the_place_of_a_load_balancers_address(mesh: Mesh) -> None:
    before = service(mesh)
    done = install(mesh, Form({"eastwest_gateway_addresses": [name_of(OUTSIDE)]}))
    assert done.returncode == 2
    assert f"has address {expected(before, Form({})).partition(':')[0]} of a load balancer already" in done.stdout
    assert service(mesh)["status"] == before["status"]

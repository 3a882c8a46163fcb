# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.doc_fragments.hub import ModuleDocFragment
from ansible_collections.onemesh.istio.plugins.inventory.remote_secrets import InventoryModule, host_variables, hub_of
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import CREDENTIAL_OPTIONS, clusters_of_hosts
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import DiscoveredCluster
from ansible_collections.onemesh.istio.plugins.plugin_utils.search import WAYS

REFERENCE = {"namespace": "istio-system", "name": "s", "key": "west", "hub": "east"}
WEST = DiscoveredCluster(
    "west", usable=True, cluster={"name": "west", "api_server": "https://west", "remote_secret": REFERENCE}
)


def test_host_variables_become_the_clusters_option_again() -> None:
    """The inventory plugin, the filter and the modules mean the same by a cluster."""
    variables = host_variables(WEST.as_dict())
    assert clusters_of_hosts(["west"], {"west": variables}) == [{**WEST.cluster, "network": "west"}]
    assert variables["ansible_connection"] == "local"
    assert (variables["cluster_usable"], variables["cluster_is_hub"]) == (True, False)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("mesh.remote_secrets.yml", True),
        ("remote_secrets.yaml", True),
        ("hosts.yml", False),
        ("remote_secrets.json", False),
    ],
)
def test_the_file_says_by_its_name_that_it_is_ours(name: str, ours: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text("plugin: onemesh.istio.remote_secrets\n")
    assert InventoryModule().verify_file(str(tmp_path / name)) is ours


def test_the_documented_options_are_all_ways_to_a_hub() -> None:
    options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(WAYS) <= set(options)
    assert not set(CREDENTIAL_OPTIONS) & set(options)


def test_the_hub_is_the_cluster_whose_secrets_were_read_whatever_comes_first_by_name() -> None:
    hub = DiscoveredCluster("zulu", usable=True, hub=True, cluster={"name": "zulu"})
    assert hub_of([WEST.as_dict(), hub.as_dict()]) == "east"
    assert hub_of([hub.as_dict(), WEST.as_dict()]) == "zulu"
    assert hub_of([WEST.as_dict()]) == "east"
    assert hub_of([DiscoveredCluster("west", usable=True, cluster={"name": "west"}).as_dict()]) == ""

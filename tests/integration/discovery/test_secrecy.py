# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No token of a remote secret, and none of the hub's, is printed, cached, or left in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import discovery_runs as runs
from support import scan
from support.control_plane import ADMIN_TOKEN
from support.discovery_runs import Hub

QUERY = "query('onemesh.istio.remote_clusters', local_cluster='east')"
TASKS = [
    {"debug": {"msg": "{{ " + QUERY + " }}"}},
    {"set_fact": {"found": "{{ " + QUERY + " }}", "cacheable": True}},
    {
        "onemesh.istio.cluster_info": {"clusters": "{{ found | map(attribute='cluster') }}"},
        "register": "info",
    },
    {"debug": {"var": "info"}},
    {"onemesh.istio.cluster_info": {"clusters": "{{ found | map(attribute='cluster') }}"}, "async": 60, "poll": 1},
]


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    """As in AWX; whatever Ansible can write is written below ``folder``."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    return {
        "K8S_AUTH_HOST": hub.plane.url,
        "K8S_AUTH_API_KEY": ADMIN_TOKEN,
        "K8S_AUTH_SSL_CA_CERT": str(hub.plane.ca),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "ANSIBLE_HOME": str(folder / "home" / ".ansible"),
        "ANSIBLE_ASYNC_DIR": str(folder / "tmp" / "async"),
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
    }


@pytest.fixture
def scanner(hub: Hub) -> scan.Scanner:
    known = [scan.Secret("the peer's token", (hub.token.split(".")[2].encode(),))]
    return scan.Scanner([*known, scan.Secret("the hub's token", (ADMIN_TOKEN.encode(),))])


def test_the_scanner_would_see_both_tokens(scanner: scan.Scanner, hub: Hub) -> None:
    assert {hit.what for hit in scanner.hits("text", f"{hub.token} {ADMIN_TOKEN}".encode())} >= {
        "the peer's token",
        "the hub's token",
    }


def test_an_inventory_and_its_cache_hold_no_token(hub: Hub, scanner: scan.Scanner, tmp_path: Path) -> None:
    environ = environment(hub, tmp_path)
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    path = runs.write_inventory(tmp_path, read_networks=True, **options)
    for arguments in (["--list"], ["--graph", "--vars"], ["--host", "plain"]):
        said = runs.run("ansible-inventory", "-vvvv", "-i", str(path), *arguments, environ=environ)
        assert "plain" in said or "cluster_remote_secret" in said
        (tmp_path / f"output{arguments[0]}").write_text(said)
    assert list((tmp_path / "cache").iterdir()), "the cache was not used and proves nothing"
    assert [str(hit) for hit in scanner.hits_below([tmp_path])] == []


def test_a_lookup_and_what_is_done_with_it_show_no_token(hub: Hub, scanner: scan.Scanner, tmp_path: Path) -> None:
    environ = environment(hub, tmp_path)
    said = runs.play(tmp_path, TASKS, "-vvvv", "--diff", environ=environ, check=False)
    (tmp_path / "play.yml").unlink()
    (tmp_path / "output").write_text(said)
    assert '"reachable": true' in said
    assert "failed=0" in said
    assert list((tmp_path / "facts").iterdir()), "no fact was cached and proves nothing"
    assert [str(hit) for hit in scanner.hits_below([tmp_path])] == []

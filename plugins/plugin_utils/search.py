# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of a plugin (doc fragment ``hub``) to a search for clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.plugins import AnsiblePlugin
from ansible.utils.display import Display
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import AUTH_ARGUMENT_SPEC, CREDENTIAL_OPTIONS
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import Search
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.plugins.module_utils._values import number, truth

WAYS = tuple(name for name in AUTH_ARGUMENT_SPEC if name not in CREDENTIAL_OPTIONS)
"""Options that say how the hub is reached and hold no credentials themselves."""


def refuse_wrong_words(plugin: AnsiblePlugin, given: Mapping[str, Any]) -> None:
    """Ansible takes any word that it does not know for false in an option of a plugin: certificates would not be
    verified. ValueError, naming the option, for what is neither true nor false or no number.

    ``given`` are options by their names, and the variables that they may come from.
    """
    for name, option in plugin.option_definitions.items():
        read = {"bool": truth, "float": number}.get(option.get("type"))
        variables = [variable["name"] for variable in option.get("vars") or ()]
        for word in (name, *option.get("aliases", ()), *variables):
            if read is not None and given.get(word) is not None:
                read(given[word], word)


def search_of(plugin: AnsiblePlugin, *, also: Iterable[str] = (), credentials: bool = False) -> Search:
    """The search that ``plugin`` was given. ``also`` are authentication options that it has beside WAYS."""
    hub: dict[str, Any] = {name: plugin.get_option(name) for name in (*WAYS, *also)}
    return Search(
        hub={name: value for name, value in hub.items() if value not in (None, "", [])},
        namespace=plugin.get_option("secret_namespace"),
        label=plugin.get_option("secret_label"),
        local_cluster=plugin.get_option("local_cluster") or "",
        include_hub=plugin.get_option("include_hub"),
        credentials=credentials,
        networks=plugin.get_option("read_networks"),
        timeout=plugin.get_option("request_timeout"),
    )


def warn(findings: Iterable[Finding]) -> None:
    """Say what was found of no cluster in particular, such as a secret without any key."""
    for finding in findings:
        Display().warning(str(finding))

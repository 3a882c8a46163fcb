# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the plugins that look for clusters are read as strictly as those of modules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from ansible.plugins import AnsiblePlugin
from ansible_collections.onemesh.istio.plugins.doc_fragments.hub import ModuleDocFragment
from ansible_collections.onemesh.istio.plugins.plugin_utils.search import refuse_wrong_words

OPTIONS: dict[str, dict[str, Any]] = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
PLUGIN = cast(AnsiblePlugin, SimpleNamespace(option_definitions=OPTIONS))
NAMES = [
    (word, option["type"])
    for name, option in OPTIONS.items()
    if option["type"] in ("bool", "float")
    for word in (name, *option.get("aliases", ()), *(variable["name"] for variable in option["vars"]))
]


def test_the_options_have_truths_and_numbers() -> None:
    assert {"validate_certs", "verify_ssl", "remote_clusters_validate_certs", "request_timeout"} <= {
        name for name, _type in NAMES
    }


@pytest.mark.parametrize(("name", "type_"), NAMES)
def test_a_wrong_word_is_refused_by_name(name: str, type_: str) -> None:
    for word in ("ture", "{{ verify }}") if type_ == "bool" else ("soon", "nan"):
        with pytest.raises(ValueError, match=f"^{name} is "):
            refuse_wrong_words(PLUGIN, {name: word})


@pytest.mark.parametrize(("name", "type_"), NAMES)
def test_every_right_word_is_taken(name: str, type_: str) -> None:
    words: tuple[Any, ...] = (True, "no", "Off", "1", None) if type_ == "bool" else (3, "2.5", None)
    for word in words:
        refuse_wrong_words(PLUGIN, {name: word, "context": "anything"})

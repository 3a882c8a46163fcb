# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.doc_fragments.canary_plan import ModuleDocFragment
from ansible_collections.onemesh.istio.plugins.filter.canary_from import canary_from
from ansible_collections.onemesh.istio.plugins.filter.canary_weights import canary_weights
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import PLAN_ARGUMENT_SPEC
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import RELEASE_ARGUMENT_SPEC


def test_a_plan_becomes_a_list_of_mappings() -> None:
    steps = canary_weights({"step_weight": "20", "max_weight": 50}, overshoot="yes")
    assert [(step["canary"], step["phase"]) for step in steps] == [
        (0, "progressing"),
        (20, "progressing"),
        (40, "progressing"),
        (60, "progressing"),
        (60, "promoting"),
        (0, "finalising"),
        (0, "succeeded"),
    ]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (["step_weight"], "takes the mapping of a plan, not list"),
        ({"step": 5}, "unsupported options: step. Supported parameters include"),
        ({"step_weight": "some"}, "'step_weight' is of type"),
        ({"steps": [{"weight": 5, "pause": 1}]}, "mutually exclusive"),
        ({"step_weight": 0}, "step_weight is 0: in Flagger the weight then never moves"),
    ],
)
def test_a_plan_that_is_wrong_says_what_is_wrong(plan: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        canary_weights(plan)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("Canary", "takes a manifest, not str"),
        ({"kind": "Pod"}, "found Pod"),
        ("kind: Pod", "found Pod"),
        ("kind: Canary\nspec:\n  a: 1\n  a: 2\n", "line 4: the key 'a' stands twice"),
    ],
)
def test_a_manifest_that_is_none_says_so(manifest: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        canary_from(manifest)


def shape(options: dict[str, Any], key: str) -> dict[str, Any]:
    """Names, types, choices and defaults; ``key`` is what suboptions are under."""
    return {
        name: {
            **{word: option[word] for word in ("type", "elements", "choices", "default") if word in option},
            **({"options": shape(option[key], key)} if key in option else {}),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("alone", [True, False])
def test_the_documentation_has_the_options_that_there_are(alone: bool) -> None:
    if alone:
        documented, options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"], PLAN_ARGUMENT_SPEC
    else:
        documented = yaml.safe_load(ModuleDocFragment.PLAN)["options"]["plan"]["suboptions"]
        options = RELEASE_ARGUMENT_SPEC["plan"]["options"]
    assert shape(documented, "suboptions") == shape(options, "options")

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides and the filter's page show as the result of a manifest is its result, and the module takes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.convert import convert
from ansible_collections.onemesh.istio.tests.support.canary.releases import release_of

ROOT = Path(__file__).resolve().parents[6]
GUIDES = ("canary_from_flagger.md", "canary_from_argo_rollouts.md")


def blocks_of(guide: str) -> list[Any]:
    """The YAML of a guide."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_task_of_a_guide_is_what_its_manifest_comes_to(guide: str) -> None:
    manifest, (task,), *_others = blocks_of(guide)
    shown = {name: value for name, value in task["onemesh.istio.canary"].items() if name != "clusters"}
    made = convert(manifest)["options"]
    assert release_of(shown, "east", "west") == release_of(made, "east", "west")


def test_the_sample_of_the_filter_is_what_its_example_comes_to() -> None:
    page = yaml.safe_load((ROOT / "plugins/filter/canary_from.yml").read_text(encoding="utf-8"))
    manifest = yaml.safe_load(page["EXAMPLES"])[0]["vars"]["canary"]
    sample = page["RETURN"]["_value"]["sample"]
    made = convert(manifest)
    assert made["options"] == sample["options"]
    by_field = sorted(made["differences"], key=lambda each: each["field"])
    assert by_field == sorted(sample["differences"], key=lambda each: each["field"])

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from meshlab import control_plane
from meshlab.images import PROGRAMS, program

IMAGES = [
    ("docker.io/istio/pilot:1.31.0", "pilot-discovery"),
    ("docker.io/istio/proxyv2:1.31.0-distroless", "pilot-agent"),
    ("registry.example:5000/proxyv2@sha256:0123", "pilot-agent"),
    ("gcr.io/istio-testing/app:latest", "echo-server"),
    ("app", "echo-server"),
    ("busybox", None),
    ("docker.io/example/myapp:1", None),
    ("docker.io/app/other:1", None),
    ("docker.io/istio/install-cni:1", None),
]


@pytest.mark.parametrize(("image", "expected"), IMAGES)
def test_an_image_is_known_by_its_last_path_component(image: str, expected: str | None) -> None:
    assert program(image) == expected


@pytest.mark.parametrize(("image", "expected"), IMAGES)
def test_kwok_leaves_exactly_the_known_images_alone(image: str, expected: str | None) -> None:
    """The stages' jq test() is a search by a regular expression that Python reads alike."""
    stages = list(yaml.safe_load_all((Path(control_plane.__file__).parent / "stages/pod.yaml").read_text()))
    keys = {each["key"] for stage in stages for each in stage["spec"]["selector"]["matchExpressions"]}
    patterns = [match.group(1) for key in keys if (match := re.search(r'select\(test\("(.*)"\)\)', key))]
    assert len(patterns) == 1, "every pod stage has the same rule"
    assert all(any("image" in each["key"] for each in s["spec"]["selector"]["matchExpressions"]) for s in stages)
    assert bool(re.search(patterns[0], image)) == (expected is not None)


def test_the_rule_names_every_image_of_the_table() -> None:
    assert {program(image) for image, _ in IMAGES} - {None} == set(PROGRAMS.values())

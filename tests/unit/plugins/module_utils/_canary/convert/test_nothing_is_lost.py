# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands at whatever place of a manifest is in the options or in the differences, or is refused by its place.

The samples have the shapes of all that Flagger's and Argo's public guides show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.convert import convert
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.manifest_reader import ManifestInvalid
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import read_release
from ansible_collections.onemesh.istio.plugins.module_utils._change.policy import Policy
from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import face_of
from ansible_collections.onemesh.istio.tests.support.canary.manifests import (
    Keys,
    path_of,
    places_of,
    value_at,
    with_value,
)

FOLDER = Path(__file__).parent / "samples"

WRONG = (None, "text", 7, [], {}, True)
UNKNOWN = "unheardOf"

OF_THE_USER = ("labels", "annotations", "metadata", "templateVariables", "set", "add", "sourceLabels")
"""Mappings whose names are the user's own. They are handed over."""

AS_A_WHOLE = (
    "activeMetadata",
    "additionalSubsetNames",
    "analysisRunMetadata",
    "antiAffinity",
    "authentication",
    "autoscalerRef",
    "canaryMetadata",
    "example.org/router",
    "experiment",
    "headers",
    "httpRouteSelector",
    "ingressRef",
    "job",
    "managedRoutes",
    "measurementRetention",
    "mirror",
    "plugin",
    "postPromotionAnalysis",
    "prePromotionAnalysis",
    "previewMetadata",
    "replicaProgressThreshold",
    "retries",
    "rollbackWindow",
    "secretRef",
    "selector",
    "setMirrorRoute",
    "stableMetadata",
    "tcpRoutes",
    "template",
    "tlsRoutes",
    "unmanagedMetadata",
    "valueFrom",
)
"""What has no counterpart, and is told whatever is in it."""

SAYS_NOTHING = (
    # Of an object that is referred to it is known.
    r".*\.(apiVersion|kind)",
    # What is made has no such name, or another one.
    r"spec\.analysis\.alerts\[\d\]\.name",
    r".*\.(setHeaderRoute|destinationRule)\.name",
    # It is what counts where nothing is said.
    r"spec\.provider",
    r".*\.provider\.type",
    # It is known to Kubernetes alone.
    r".*last-applied-configuration",
    # What a Secret has counts more.
    r"\[2\]\.spec\.(type|address)",
    # It was how long history is kept, which is told as one thing.
    r"spec\.analysis\.(un)?successfulRunHistoryLimit",
)


class Sample(NamedTuple):
    """A manifest, and the objects that it refers to."""

    manifest: dict[str, Any]
    related: list[Any]

    def convert(self) -> dict[str, Any]:
        return convert(self.manifest, self.related)

    def try_to_convert(self) -> tuple[dict[str, Any], list[str]]:
        """What it comes to, and why it is refused."""
        try:
            return self.convert(), []
        except ManifestInvalid as error:
            return {"options": {}, "differences": []}, [finding.message for finding in error.findings]

    def places(self) -> Iterator[tuple[str, Keys]]:
        """By the name of its part each place: another kind of manifest is another matter, and so is how an object is
        found that the manifest refers to."""
        for place in places_of(self.manifest):
            if place.keys not in (("apiVersion",), ("kind",)):
                yield "manifest", place.keys
        for place in places_of(self.related):
            if place.keys[1:2] != ("metadata",):
                yield "related", place.keys

    def mappings(self) -> Iterator[tuple[str, Keys]]:
        yield "manifest", ()
        for part, keys in self.places():
            if isinstance(self.value_at(part, keys), Mapping):
                yield part, keys

    def value_at(self, part: str, keys: Keys) -> Any:
        return value_at(getattr(self, part), keys)

    def but(self, part: str, keys: Keys, value: Any) -> Sample:
        return self._replace(**{part: with_value(getattr(self, part), keys, value)})


def read(path: Path) -> Sample:
    manifest, *related = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return Sample(manifest, related)


SAMPLES = {str(path.relative_to(FOLDER).with_suffix("")): read(path) for path in sorted(FOLDER.rglob("*.yml"))}

each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


@each_sample
def test_the_module_takes_what_a_manifest_comes_to(sample: Sample) -> None:
    """With two clusters, and nothing else."""
    clusters = [{"name": name, "kubeconfig": f"/{name}"} for name in ("east", "west")]
    face = face_of(canary)
    validator = ArgumentSpecValidator(face.pop("argument_spec"), **face)
    validated = validator.validate({**sample.convert()["options"], "clusters": clusters})
    assert validated.error_messages == []
    assert read_release(validated.validated_parameters, ["east", "west"], Policy())


@each_sample
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_anything_at_any_place_is_read_or_refused_by_its_place(sample: Sample, value: Any) -> None:
    for part, keys in sample.places():
        result, refused = sample.but(part, keys, value).try_to_convert()
        # A metric of a template is told by its name, and not by its number.
        place = path_of(keys) if part == "manifest" else path_of(keys[-1:])
        assert not refused or any(place in message for message in refused), (part, keys, refused)
        assert set(result) == {"options", "differences"}
        assert all(all(each.values()) for each in result["differences"]), (part, keys)


@each_sample
def test_an_unknown_key_in_any_mapping_is_told(sample: Sample) -> None:
    for part, keys in sample.mappings():
        result, refused = sample.but(part, (*keys, UNKNOWN), "surprise").try_to_convert()
        fields = [each["field"] for each in result["differences"]]
        texts = [*refused, *(each["field"] + each["why"] for each in result["differences"])]
        told = any(UNKNOWN in text for text in texts)
        handed_over = keys[-1:] and keys[-1] in OF_THE_USER and UNKNOWN in str(result["options"])
        whole = [str(key) for key in keys if key in AS_A_WHOLE]
        told_as_a_whole = whole and any(whole[0] in field or ".steps[" in field for field in fields)
        assert told or handed_over or told_as_a_whole, (part, path_of(keys), fields)


@each_sample
def test_every_field_says_something(sample: Sample) -> None:
    """Without it the result is another one."""
    whole = sample.convert()
    silent = []
    for part, keys in sample.places():
        known = any(re.fullmatch(pattern, path_of(keys)) for pattern in SAYS_NOTHING)
        if known or isinstance(sample.value_at(part, keys), (Mapping, list)) or set(keys) & set(AS_A_WHOLE):
            continue
        if sample.but(part, keys, None).try_to_convert() == (whole, []):
            silent.append((part, path_of(keys)))
    assert silent == []

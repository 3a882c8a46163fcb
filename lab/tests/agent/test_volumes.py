from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from meshlab.agent import volumes
from meshlab.agent.environment import MissingObject
from meshlab.agent.volumes import VolumeFile


class Objects:
    """Sources with fixed objects, and tokens that count up."""

    def __init__(self) -> None:
        self.tokens = 0

    def config_map(self, name: str) -> dict[str, Any] | None:
        return {"data": {"root-cert.pem": "ROOT", "b": "B"}, "binaryData": {"bin": "AAE="}} if name == "ca" else None

    def secret(self, name: str) -> dict[str, Any] | None:
        return {"data": {"ca-key.pem": base64.b64encode(b"KEY").decode()}} if name == "cacerts" else None

    def field(self, path: str) -> str:
        return f"<{path}>"

    def token(self, audience: str, seconds: int, current: bytes | None) -> bytes:
        if current is not None:
            return current
        self.tokens += 1
        return f"{audience}-{seconds}-{self.tokens}".encode()


ITEM = {"key": "root-cert.pem", "path": "certs/root.pem", "mode": 0o400}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param(
            {"configMap": {"name": "ca", "items": [ITEM]}},
            {"certs/root.pem": VolumeFile(b"ROOT", 0o400)},
            id="a key at a path",
        ),
        pytest.param(
            {"configMap": {"name": "ca"}},
            {
                "root-cert.pem": VolumeFile(b"ROOT", 0o640),
                "b": VolumeFile(b"B", 0o640),
                "bin": VolumeFile(b"\0\1", 0o640),
            },
            id="all keys, never readable by others",
        ),
        pytest.param({"configMap": {"name": "absent", "optional": True}}, {}, id="optional"),
        pytest.param(
            {"secret": {"secretName": "cacerts", "defaultMode": 0o644}},
            {"ca-key.pem": VolumeFile(b"KEY", 0o640)},
            id="secret",
        ),
        pytest.param(
            {"secret": {"secretName": "cacerts", "optional": True, "items": [{"key": "absent", "path": "x"}]}},
            {},
            id="optional key",
        ),
        pytest.param(
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"labels": VolumeFile(b"<metadata.labels>", 0o640)},
            id="downward",
        ),
        pytest.param(
            {
                "projected": {
                    "defaultMode": 0o444,
                    "sources": [
                        {"serviceAccountToken": {"audience": "istio-ca", "expirationSeconds": 43200, "path": "t"}},
                        {"configMap": {"name": "ca", "items": [{"key": "b", "path": "b"}]}},
                        {"secret": {"name": "cacerts"}},
                        {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                    ],
                }
            },
            {
                "t": VolumeFile(b"istio-ca-43200-1", 0o440),
                "b": VolumeFile(b"B", 0o440),
                "ca-key.pem": VolumeFile(b"KEY", 0o440),
                "ns": VolumeFile(b"<metadata.namespace>", 0o440),
            },
            id="projected",
        ),
    ],
)
def test_files_of_a_volume(volume: dict[str, Any], expected: dict[str, VolumeFile]) -> None:
    assert volumes.project(volume, Objects(), lambda _path: None) == expected


@pytest.mark.parametrize(
    "volume",
    [
        {"configMap": {"name": "absent"}},
        {"secret": {"secretName": "absent"}},
        {"configMap": {"name": "ca", "items": [{"key": "absent", "path": "x"}]}},
        {"projected": {"sources": [{"configMap": {"name": "absent"}}]}},
    ],
)
def test_what_must_be_there_is_waited_for(volume: dict[str, Any]) -> None:
    with pytest.raises(MissingObject, match="absent"):
        volumes.project(volume, Objects(), lambda _path: None)


def test_references_name_everything_a_volume_shows() -> None:
    found = volumes.references(
        [
            {"name": "a", "secret": {"secretName": "cacerts"}},
            {"name": "b", "emptyDir": {}},
            {"name": "c", "projected": {"sources": [{"configMap": {"name": "ca"}}, {"secret": {"name": "s"}}]}},
        ]
    )
    assert found == {("secret", "cacerts"), ("configMap", "ca"), ("secret", "s")}


def token(begin: int, end: int) -> bytes:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": begin, "exp": end}).encode()).rstrip(b"=")
    return b"e30." + claims + b".c2ln"


@pytest.mark.parametrize(
    ("given", "now", "young"),
    [
        (token(0, 1000), 799, True),
        (token(0, 1000), 801, False),
        (token(0, 1000), 2000, False),
        (b"no token", 0, False),
        (b"a.b.c", 0, False),
        (b"", 0, False),
    ],
)
def test_a_token_is_renewed_before_it_ends(given: bytes, now: float, young: bool) -> None:
    assert volumes.token_is_young(given, now) is young


GROUP = os.getgid()
ROOT = pytest.mark.skipif(os.getuid() != 0, reason="the files are given to root: run as root")


@ROOT
def test_all_files_change_at_once_by_one_link(tmp_path: Path) -> None:
    first = {"a": VolumeFile(b"1", 0o640), "deep/b": VolumeFile(b"1", 0o400), "gone": VolumeFile(b"1", 0o640)}
    assert volumes.write(tmp_path, first, GROUP)
    link = (tmp_path / "..data").readlink()
    assert not volumes.write(tmp_path, first, GROUP)
    assert (tmp_path / "..data").readlink() == link

    assert volumes.write(tmp_path, {"a": VolumeFile(b"2", 0o640), "deep/b": VolumeFile(b"2", 0o400)}, GROUP)

    assert (tmp_path / "..data").readlink() != link
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("..")) == ["a", "deep"]
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "deep/b").read_bytes()) == (b"2", b"2")
    assert volumes.read(tmp_path, "deep/b") == b"2"
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("..") and path.is_dir()]) == 2


@ROOT
def test_others_read_nothing(tmp_path: Path) -> None:
    volumes.write(tmp_path, {"deep/key": VolumeFile(b"KEY", 0o640)}, GROUP)
    held = (tmp_path / "..data").resolve()
    assert [path.stat().st_mode & 0o007 for path in [held, *held.rglob("*")]] == [0, 0, 0]

"""Volumes: what files they hold (pure), and writing them as a kubelet does.

Content changes by one rename of the ..data link, so that a program which watches it (istiod its cacerts) sees
all files change at once.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .environment import MissingObject

JSON = dict[str, Any]
_DEFAULT_MODE = 0o644
# Others than root and the pod's users never read a file of a volume.
_NOBODY_ELSE = 0o770


class VolumeFile(NamedTuple):
    content: bytes
    mode: int


class Sources(Protocol):
    """Where the content of volumes comes from."""

    def config_map(self, name: str) -> JSON | None: ...
    def secret(self, name: str) -> JSON | None: ...
    def field(self, path: str) -> str: ...
    def token(self, audience: str, seconds: int, current: bytes | None) -> bytes:
        """A service account token; `current` if that is still young enough."""


def is_projected(volume: JSON) -> bool:
    """Whether the agent writes the volume's files; all other volumes are empty directories."""
    return any(kind in volume for kind in ("configMap", "secret", "projected", "downwardAPI"))


def references(volumes: list[JSON]) -> set[tuple[str, str]]:
    """("configMap" or "secret", name) of everything the volumes show."""
    found: set[tuple[str, str]] = set()
    for volume in volumes:
        for source in [volume, *(volume.get("projected", {}).get("sources") or [])]:
            if "configMap" in source:
                found.add(("configMap", source["configMap"]["name"]))
            if "secret" in source:
                found.add(("secret", source["secret"].get("secretName") or source["secret"]["name"]))
    return found


def project(volume: JSON, sources: Sources, current: Callable[[str], bytes | None]) -> dict[str, VolumeFile]:
    """Files of the volume by relative path. `current` gives what stands at a path now (for tokens).

    Raises MissingObject while something that is not optional is not there.
    """
    if "projected" in volume:
        parts, mode = volume["projected"].get("sources") or [], volume["projected"].get("defaultMode")
    else:
        parts, mode = [volume], None
    files: dict[str, VolumeFile] = {}
    for part in parts:
        files.update(_part(part, _DEFAULT_MODE if mode is None else mode, sources, current))
    return files


def _part(part: JSON, mode: int, sources: Sources, current: Callable[[str], bytes | None]) -> dict[str, VolumeFile]:
    if "configMap" in part:
        chosen = part["configMap"]
        found = sources.config_map(chosen["name"])
        content = {key: value.encode() for key, value in ((found or {}).get("data") or {}).items()}
        binary = (found or {}).get("binaryData") or {}
        content.update({key: base64.b64decode(value) for key, value in binary.items()})
        return _chosen("configMap", chosen["name"], chosen, mode, content if found else None)
    if "secret" in part:
        chosen = part["secret"]
        name = chosen.get("secretName") or chosen["name"]
        found = sources.secret(name)
        content = {key: base64.b64decode(value) for key, value in ((found or {}).get("data") or {}).items()}
        return _chosen("secret", name, chosen, mode, content if found else None)
    if "downwardAPI" in part:
        chosen = part["downwardAPI"]
        mode = chosen.get("defaultMode", mode)
        return {
            item["path"]: VolumeFile(
                sources.field(item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode) & _NOBODY_ELSE
            )
            for item in chosen.get("items") or []
            if "fieldRef" in item
        }
    if "serviceAccountToken" in part:
        chosen = part["serviceAccountToken"]
        path = chosen["path"]
        token = sources.token(chosen.get("audience", ""), chosen.get("expirationSeconds", 3600), current(path))
        return {path: VolumeFile(token, mode & _NOBODY_ELSE)}
    return {}


def _chosen(
    kind: str, name: str, chosen: JSON, mode: int, content: Mapping[str, bytes] | None
) -> dict[str, VolumeFile]:
    optional = bool(chosen.get("optional"))
    if content is None:
        if optional:
            return {}
        raise MissingObject(f"{kind} {name} not found")
    mode = chosen.get("defaultMode", mode)
    if not chosen.get("items"):
        return {key: VolumeFile(value, mode & _NOBODY_ELSE) for key, value in content.items()}
    files = {}
    for item in chosen["items"]:
        if item["key"] in content:
            files[item["path"]] = VolumeFile(content[item["key"]], item.get("mode", mode) & _NOBODY_ELSE)
        elif not optional:
            raise MissingObject(f"{kind} {name} has no key {item['key']}")
    return files


def token_is_young(token: bytes, now: float, *, part: float = 0.8) -> bool:
    """Whether less than `part` of a token's life is over. False for what is no token."""
    try:
        payload = token.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        begin, end = float(claims["iat"]), float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return False
    return now < begin + part * (end - begin)


def read(directory: Path, path: str) -> bytes | None:
    try:
        return (directory / "..data" / path).read_bytes()
    except OSError:
        return None


def write(directory: Path, files: Mapping[str, VolumeFile], group: int) -> bool:
    """Make the directory show exactly these files, owned by root and readable by the group. False if it did."""
    link = directory / "..data"
    if link.is_symlink() and _current(link.resolve()) == dict(files):
        return False
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"..{time.time_ns()}"
    _directory(fresh, group)
    for path, file in files.items():
        target = fresh / path
        for parent in reversed(target.relative_to(fresh).parents):
            _directory(fresh / parent, group)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            output.write(file.content)
        os.chown(target, 0, group)
        target.chmod(file.mode)
    before = link.resolve() if link.is_symlink() else None
    partial = directory / "..data_tmp"
    partial.unlink(missing_ok=True)
    partial.symlink_to(fresh.name)
    partial.replace(link)
    wanted = {path.partition("/")[0] for path in files}
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    for name in wanted:
        shown = directory / name
        if not shown.is_symlink():
            shown.symlink_to(f"..data/{name}")
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)
    return True


def _directory(path: Path, group: int) -> None:
    if not path.is_dir():
        path.mkdir()
        path.chmod(0o750)
        os.chown(path, 0, group)


def _current(folder: Path) -> dict[str, VolumeFile]:
    return {
        str(path.relative_to(folder)): VolumeFile(path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in folder.rglob("*")
        if path.is_file()
    }

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for keys and tokens where none may be: output, logs, caches, temporary files, argument lists.

Known secrets are collected from where they belong (Secrets of the clusters, the trust directory, kubeconfigs), and
looked for as they are and in base64, once and twice encoded, at every alignment. Whatever looks like a private key or
a JSON web token is a hit too, known or not. A report names file, offset and the secret's origin, never its value.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import bisect
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# A shorter value would be found by chance.
SHORTEST = 16
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\+[nr])*((?:[A-Za-z0-9+/=]|\s|\\+[nr])+?)-----END", re.DOTALL
)
# A key that was cut off before its end is still one.
_KEY_BEGINS = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\+[nr])*[A-Za-z0-9+/]{40}")
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.([A-Za-z0-9_-]{20,})")
_RUN = re.compile(rb"[A-Za-z0-9+/_=.-]{%d,}" % SHORTEST)
# How keys and Kubernetes' tokens begin; in base64 it gives away those that nobody knows any more (a replaced token).
_BEGINNINGS = {b"PRIVATE KEY-----": "a private key", b"eyJhbGciOiJSUzI1NiIsImtpZCI6": "a token"}
_SECRET_DATA_KEY = re.compile(r"(^|[._-])(token|password|key|key\.pem)$")


@dataclass(frozen=True)
class Secret:
    """`origin` says where it belongs; `values` are the parts of it that no public text shares."""

    origin: str
    values: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, order=True)
class Hit:
    """`what` is the secret's origin, or what the place looks like."""

    place: str
    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.place}: offset {self.offset}: {self.what}"


# What is secret in a text


def parts_of_private_key(body: bytes) -> tuple[bytes, ...]:
    """Up to four pieces of a PEM body that hold private numbers only.

    An RSA key starts with its public modulus, which its certificate repeats; a short key (elliptic curve) ends with its
    public point.
    """
    text = re.sub(rb"\s|\\+[nr]", b"", body)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    chosen = lines[: 2 if len(lines) > 1 else 1] if len(lines) < 6 else lines[len(lines) // 2 :][:4]
    return tuple(line for line in chosen if len(line) >= SHORTEST)


def secrets_in(text: bytes, origin: str) -> Iterator[Secret]:
    """Private keys, tokens, and the credentials of a kubeconfig."""
    for found in _PRIVATE_KEY.finditer(text):
        yield Secret(f"private key of {origin}", parts_of_private_key(found[1]))
    for found in _TOKEN.finditer(text):
        yield Secret(f"token of {origin}", (found[1],))
    if b"users:" in text or b'"users"' in text:
        yield from _secrets_in_kubeconfig(text, origin)


def _secrets_in_kubeconfig(text: bytes, origin: str) -> Iterator[Secret]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    users = content.get("users") if isinstance(content, dict) else None
    for entry in users or ():
        user = entry.get("user") or {}
        key = user.get("client-key-data")
        if key:
            yield from secrets_in(base64.b64decode(key), f"{origin}, user {entry.get('name')}")
        for name in ("token", "password"):
            if len(str(user.get(name) or "")) >= SHORTEST:
                yield Secret(f"{name} of {origin}, user {entry.get('name')}", (str(user[name]).encode(),))


def secrets_of_objects(cluster: str, objects: Iterable[Mapping[str, Any]]) -> Iterator[Secret]:
    """What is secret in Kubernetes Secrets. Certificates and Helm's release records are not."""
    for each in objects:
        metadata = each["metadata"]
        if str(each.get("type", "")).startswith("helm.sh/"):
            continue
        for key, encoded in (each.get("data") or {}).items():
            origin = f"Secret {metadata['namespace']}/{metadata['name']}, {key}, of cluster {cluster}"
            try:
                value = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                continue
            found = list(secrets_in(value, origin))
            yield from found
            if not found and len(value) >= SHORTEST and _SECRET_DATA_KEY.search(key):
                yield Secret(origin, (value.strip(),))


def secrets_of_files(paths: Iterable[Path]) -> Iterator[Secret]:
    """What is secret in the files at and below the paths."""
    for path in files_below(paths):
        yield from secrets_in(path.read_bytes(), str(path))


def secrets_of_cluster(cluster: str, kubeconfig: Path, kubectl: str = "kubectl") -> list[Secret]:
    """Every secret that the cluster's API server hands out. Raises CalledProcessError."""
    command = [kubectl, "--kubeconfig", str(kubeconfig), "get", "secrets", "--all-namespaces", "--output", "json"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return list(secrets_of_objects(cluster, json.loads(done.stdout)["items"]))


# Where it must not be


def forms(value: bytes) -> set[bytes]:
    """The value, and what remains of it in base64 of a longer text that holds it, once and twice encoded."""
    found, last = {value}, {value}
    for _round in range(2):
        last = {form for each in last for form in _base64_forms(each) if len(form) >= SHORTEST}
        found |= last
    return found


def _base64_forms(value: bytes) -> Iterator[bytes]:
    for shift, foreign in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
        # The last character holds bits of what follows, unless the value ends a group of three bytes.
        yield encoded[foreign : len(encoded) - (1 if (shift + len(value)) % 3 else 0)]


class Scanner:
    """Searches texts for the given secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._origins: dict[bytes, str] = {}
        for secret in secrets:
            for value in secret.values:
                for form in forms(value):
                    self._origins.setdefault(form, secret.origin)
        for beginning, what in _BEGINNINGS.items():
            for form in forms(beginning) - {beginning}:
                self._origins.setdefault(form, f"looks like {what} in base64")
        # Only values with other characters need a search through all of the text.
        self._plain = {form: origin for form, origin in self._origins.items() if not _RUN.fullmatch(form)}

    def hits(self, place: str, text: bytes) -> list[Hit]:
        """The first place of each secret in the text."""
        found = [Hit(place, match.start(), "looks like a private key") for match in _KEY_BEGINS.finditer(text)]
        found += [Hit(place, match.start(), "looks like a token") for match in _TOKEN.finditer(text)]
        # Text without long words cannot hold a key: what is left of a log is small enough to search for each form.
        runs: dict[bytes, int] = {}
        for match in _RUN.finditer(text):
            runs.setdefault(match[0], match.start())
        words = list(runs)
        joined = b"\n".join(words)
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word) + 1
        for form, origin in self._origins.items():
            if form in self._plain:
                at = text.find(form)
                if at >= 0:
                    found.append(Hit(place, at, origin))
                continue
            at = joined.find(form)
            if at >= 0:
                index = bisect.bisect_right(starts, at) - 1
                found.append(Hit(place, runs[words[index]] + at - starts[index], origin))
        first: dict[str, Hit] = {}
        for hit in sorted(found):
            first.setdefault(hit.what, hit)
        return list(first.values())

    def hits_below(self, paths: Iterable[Path]) -> list[Hit]:
        return [hit for path in files_below(paths) for hit in self.hits(str(path), path.read_bytes())]


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Regular files at and below the paths, each once; links are not followed."""
    seen = set()
    for path in paths:
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file() and not each.is_symlink() and each not in seen:
                seen.add(each)
                yield each


def open_to_others(paths: Iterable[Path]) -> list[Hit]:
    """Files with secrets, where they may be, that anyone but their owner can reach."""
    found = []
    for path in paths:
        for each in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
            mode = each.stat().st_mode & 0o777
            # A folder that only its owner may enter protects what is in it, but each file has to be safe by itself.
            holds_secret = each.is_dir() or any(secrets_in(each.read_bytes(), ""))
            if mode & 0o077 and holds_secret:
                found.append(Hit(str(each), 0, f"holds secrets and has mode {mode:04o}, expected no rights for others"))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", action="append", default=[], metavar="CLUSTER=FILE")
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--private", action="append", default=[], type=Path, metavar="PATH",
                        help="file or folder that may hold secrets, for its owner only")  # fmt: skip
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="where no secret may be")
    given = parser.parse_args(arguments)
    secrets = list(secrets_of_files(given.private))
    for pair in given.kubeconfig:
        cluster, file = pair.split("=", 1)
        secrets += [*secrets_of_cluster(cluster, Path(file), given.kubectl), *secrets_of_files([Path(file)])]
    hits = Scanner(secrets).hits_below(given.paths) + open_to_others(given.private)
    for hit in hits:
        print(hit)
    print(f"secrecy: {len(list(files_below(given.paths)))} files, {len(secrets)} secrets, {len(hits)} hits")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())

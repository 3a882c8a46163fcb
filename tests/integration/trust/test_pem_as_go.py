# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our reader of PEM beside Go's own: on files as people have them, and on hundreds that are a little worse."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils import _pem
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils.pem_files import AB, FILES, A, B, K, P, pem

pytestmark = pytest.mark.lab

PROGRAM = """
package main

import ("encoding/json"; "encoding/pem"; "os")

type block struct { Kind string; Der []byte; Headers int }

func main() {
	var inputs [][]byte
	if err := json.NewDecoder(os.Stdin).Decode(&inputs); err != nil { panic(err) }
	answers := [][]block{}
	for _, input := range inputs {
		blocks := []block{}
		for b, rest := pem.Decode(input); b != nil; b, rest = pem.Decode(rest) {
			blocks = append(blocks, block{b.Type, b.Bytes, len(b.Headers)})
		}
		answers = append(answers, blocks)
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
"""
PIECES = [b"\n", b"\r\n", b"\r", b" ", b"\t", b"-", b"-----", b":", b"name: value\n", b"=", b"x", b"#", b"\xef\xbb\xbf"]
PIECES += [b"-----BEGIN ", b"-----BEGIN CERTIFICATE-----\n", b"\n-----END ", b"-----END CERTIFICATE-----\n"]
Blocks = list[tuple[str, bytes, int]]


def damaged(count: int) -> Iterable[bytes]:
    """Files that differ in some bytes from good ones, the same in every run."""
    chance = random.Random(1)
    good = [pem(A), AB, pem(K) + AB, pem(P) + pem(K), AB.replace(b"\n", b"\r\n"), pem(A) + b"text\n" + pem(B)]
    for _ in range(count):
        content = chance.choice(good)
        for _ in range(chance.choice([1, 1, 2, 3])):
            # Near the lines of dashes more often than elsewhere.
            places = [place for place, byte in enumerate(content) if byte in b"\n-"] or [0]
            place = chance.choice([chance.randrange(len(content) + 1), chance.choice(places)])
            taken = chance.choice([0, 0, 1, chance.randrange(12)])
            put = chance.choice(PIECES) if taken == 0 else b""
            content = content[:place] + put + content[place + taken :]
        yield content


def by_go(folder: Path, contents: list[bytes]) -> list[Blocks]:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("there is no Go on this machine")
    program = folder / "main.go"
    program.write_text(PROGRAM)
    given = json.dumps([base64.b64encode(content).decode() for content in contents])
    done = subprocess.run(
        [go, "run", str(program)], input=given, capture_output=True, text=True, check=True, cwd=folder
    )
    return [
        [(block["Kind"], base64.b64decode(block["Der"]), block["Headers"]) for block in blocks]
        for blocks in json.loads(done.stdout)
    ]


def test_we_read_what_go_reads_and_write_what_it_reads_too(tmp_path: Path) -> None:
    contents = [content for content, _read, _meant in FILES.values()] + list(damaged(2000))
    put_right: dict[int, tuple[_pem.Block, ...]] = {}
    for index, content in enumerate(contents):
        try:
            put_right[index] = _pem.meant(content)
        except _pem.NotPem:
            continue
    answers = by_go(tmp_path, contents + [_pem.written(blocks) for blocks in put_right.values()])

    for content, answer in zip(contents, answers, strict=False):
        ours = [(block.kind, block.der, len(block.headers)) for block in _pem.read(content)]
        assert ours == answer, content
    written = answers[len(contents) :]
    for (index, blocks), answer in zip(put_right.items(), written, strict=True):
        assert [(block.kind, block.der, 0) for block in blocks] == answer, contents[index]
        # What Go finds in a file is never lost by putting it right.
        assert {der for _kind, der, _headers in answers[index]} <= {block.der for block in blocks}, contents[index]
    assert len(put_right) > 200

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Go reads of files as people have them; tests/integration/trust compares the same files with Go itself."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils import _pem
from ansible_collections.onemesh.istio.plugins.module_utils._pem import Block, NotPem
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils.pem_files import AB, FILES, A, B, K, P, pem


@pytest.mark.parametrize(("content", "read", "_meant"), FILES.values(), ids=list(FILES))
def test_what_go_reads(content: bytes, read: tuple[Block, ...], _meant: tuple[Block, ...] | str) -> None:
    assert [(block.kind, block.der) for block in _pem.read(content)] == [(block.kind, block.der) for block in read]


@pytest.mark.parametrize(("content", "_read", "meant"), FILES.values(), ids=list(FILES))
def test_what_was_meant_is_written_so_that_go_reads_it_or_refused(
    content: bytes, _read: tuple[Block, ...], meant: tuple[Block, ...] | str
) -> None:
    if isinstance(meant, str):
        with pytest.raises(NotPem) as refused:
            _pem.meant(content)
        assert str(refused.value) == meant
        return
    found = _pem.meant(content)
    assert [(block.kind, block.der) for block in found] == [(block.kind, block.der) for block in meant]
    assert [(block.kind, block.der) for block in _pem.read(_pem.written(found))] == [
        (block.kind, block.der) for block in meant
    ]


def test_an_encrypted_key_is_known_in_both_forms() -> None:
    (old,) = _pem.read(pem(K).replace(b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n", 1))
    assert old.encrypted
    assert Block("ENCRYPTED PRIVATE KEY", b"").encrypted
    assert not K.encrypted


def test_a_block_says_where_it_begins_and_shows_nothing_of_a_key() -> None:
    assert [block.line for block in _pem.read(b"text\n" + AB)] == [2, 5]
    assert [block.line for block in _pem.meant(b"text\n\n  " + AB)] == [3, 6]
    assert repr(K) == "Block(kind='EC PRIVATE KEY', line=1)"


@pytest.mark.parametrize(
    ("content", "certificates"),
    [
        (AB, AB),
        (b"Bag Attributes\n" + pem(A) + pem(P) + pem(B), b"Bag Attributes\n" + pem(A) + pem(P) + pem(B)),
        (b"\xef\xbb\xbf" + AB, AB),
        (pem(K) + b" " + pem(A), pem(A)),
        (AB + pem(A)[:-9], AB + pem(A)[:-9]),
    ],
    ids=[
        "as it is",
        "with more that harms nobody",
        "a byte order mark",
        "indented, behind a key",
        "a damaged one, which Go passes over",
    ],
)
def test_certificates_are_written_anew_only_where_go_would_miss_one(content: bytes, certificates: bytes) -> None:
    assert _pem.certificates(content) == certificates


def test_certificates_without_one_are_refused() -> None:
    with pytest.raises(NotPem, match="it holds no block BEGIN CERTIFICATE"):
        _pem.certificates(pem(K))

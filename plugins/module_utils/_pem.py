# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM as Go reads it, and as people meant it. Pure.

istiod, kubectl and Helm find blocks with Go's encoding/pem and pass over in silence what it does not take: BEGIN has to
stand at the start of a line, and END with nothing behind it. :func:`read` finds what Go finds. :func:`meant` also finds
what a byte order mark, an indentation or a lost line end hides from Go, and refuses what cannot be put right;
:func:`written` gives a form that every reader takes.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ._files import is_vaulted

CERTIFICATE = "CERTIFICATE"

_START = b"-----BEGIN "
_END = b"\n-----END "
_DASHES = b"-----"
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MARK = re.compile(rb"-----(BEGIN|END) ([^\n]*?)-----")
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
# Its other name in old files, which Go takes for no certificate.
_SAME = {"X509 CERTIFICATE": CERTIFICATE}


class NotPem(ValueError):
    """It cannot be read, and why. Never quotes what was read, which may be a key."""


@dataclass(frozen=True)
class Block:
    """What stands between BEGIN and END. ``headers``: lines such as ``Proc-Type`` of an encrypted key."""

    kind: str
    der: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    line: int = field(default=1, compare=False)
    """Where it begins, counted from 1."""

    @property
    def encrypted(self) -> bool:
        return "ENCRYPTED" in self.kind or "ENCRYPTED" in self.headers.get("Proc-Type", "")


def read(data: bytes) -> tuple[Block, ...]:
    """Every block that Go finds in ``data``, in its order."""
    found: list[Block] = []
    rest = data
    while True:
        block, rest = _decode(rest, data)
        if block is None:
            return tuple(found)
        found.append(block)


def read_certificates(data: bytes) -> tuple[Block, ...]:
    """The blocks that Go's x509.CertPool looks at: certificates without headers."""
    return tuple(block for block in read(data) if block.kind == CERTIFICATE and not block.headers)


def meant(data: bytes) -> tuple[Block, ...]:
    """Every block that ``data`` was meant to hold. NotPem, with the line, where one is damaged, or there is none."""
    text = _text(data)
    found: list[Block] = []
    opened: re.Match[bytes] | None = None
    for mark in _MARK.finditer(text):
        if mark.group(1) == b"BEGIN":
            if opened is not None:
                raise NotPem(_unended(text, opened))
            opened = mark
            continue
        line = _line(text, mark.start())
        if opened is None:
            raise NotPem(f"line {line}: END {_kind(mark)} without a BEGIN before it")
        if _kind(mark) != _kind(opened):
            begins = _line(text, opened.start())
            raise NotPem(f"line {line}: END {_kind(mark)} ends what began as {_kind(opened)} on line {begins}")
        found.append(_meant_block(text, opened, mark))
        opened = None
    if opened is not None:
        raise NotPem(_unended(text, opened))
    if not found:
        raise NotPem(_why_none(data, text))
    return tuple(found)


def written(blocks: Iterable[Block]) -> bytes:
    """PEM as Go and OpenSSL write it: one block below the other, without headers and without anything else."""
    lines: list[bytes] = []
    for block in blocks:
        body = base64.b64encode(block.der)
        lines.append(b"-----BEGIN %s-----" % block.kind.encode())
        lines += [body[start : start + 64] for start in range(0, len(body), 64)]
        lines.append(b"-----END %s-----" % block.kind.encode())
    return b"".join(line + b"\n" for line in lines)


def certificates(data: bytes) -> bytes:
    """``data`` itself where Go reads every certificate that it was meant to hold, else these written anew.

    Where one is damaged it stays as it is: Go passes over that one. NotPem where Go would find none.
    """
    try:
        wanted = [block for block in meant(data) if block.kind == CERTIFICATE]
    except NotPem:
        if read_certificates(data):
            return data
        raise
    if not wanted:
        raise NotPem("it holds no block BEGIN CERTIFICATE")
    if [block.der for block in read_certificates(data)] == [block.der for block in wanted]:
        return data
    return written(wanted)


# -- as Go does: encoding/pem Decode, step by step, since it is its odd steps that files meet --------------------------


def _decode(data: bytes, whole: bytes) -> tuple[Block | None, bytes]:
    rest, skip = data, 0
    while True:
        if skip < 0 or skip > len(rest):
            return None, data
        rest = rest[skip:]
        end = rest.find(_END)
        if end < 0:
            return None, data
        skip = end + len(_END)
        begin = rest.rfind(_START, 0, end)
        if begin < 0 or (begin > 0 and rest[begin - 1 : begin] != b"\n"):
            continue
        line = _line(whole, len(whole) - len(rest) + begin)
        consumed = begin + len(_START)
        rest, end, skip = rest[consumed:], end - consumed, skip - consumed
        kind, rest, consumed = _get_line(rest)
        end, skip = end - consumed, skip - consumed
        if not kind.endswith(_DASHES):
            continue
        kind = kind[: -len(_DASHES)]
        headers: dict[str, str] = {}
        while True:
            if not rest:
                return None, data
            text, following, consumed = _get_line(rest)
            name, colon, value = text.partition(b":")
            if not colon:
                break
            headers[name.strip().decode(errors="replace")] = value.strip().decode(errors="replace")
            rest, end, skip = following, end - consumed, skip - consumed
        if headers and end < 0:
            continue
        trailer = rest[skip:]
        length = len(kind) + len(_DASHES)
        if trailer[:length] != kind + _DASHES or _get_line(trailer[length:])[0]:
            continue
        der = b""
        if end > 0:
            body = rest[:end].translate(None, b" \t\r\n")
            if not _BASE64.fullmatch(body):
                continue
            der = base64.b64decode(body)
        return Block(kind.decode(errors="replace"), der, headers, line), _get_line(rest[end + len(_END) - 1 :])[1]


def _get_line(data: bytes) -> tuple[bytes, bytes, int]:
    """The line without white space at its end, what follows it, and its length with the line end."""
    stop = data.find(b"\n")
    if stop < 0:
        return data.rstrip(b" \t"), b"", len(data)
    text = data[:stop]
    return text.removesuffix(b"\r").rstrip(b" \t"), data[stop + 1 :], stop + 1


# -- as it was meant ---------------------------------------------------------------------------------------------------


def _text(data: bytes) -> bytes:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            # As Windows' editors and its shell's redirections write it.
            data = data.decode(encoding, errors="replace").encode()
            break
    # A variable may have made two characters of each line end; neither is of base64.
    data = data.replace(b"\\r", b"").replace(b"\\n", b"\n")
    data = data.replace(b"\xef\xbb\xbf", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # A comment stays a line, so that the lines which are named are those of the file.
    return re.sub(rb"(?m)^[ \t]*#.*$", b"", data)


def _meant_block(text: bytes, opened: re.Match[bytes], closed: re.Match[bytes]) -> Block:
    kind = _kind(opened)
    first = _line(text, opened.start())
    headers: dict[str, str] = {}
    body = b""
    for number, each in enumerate(text[opened.end() : closed.start()].split(b"\n"), first):
        name, colon, value = each.partition(b":")
        if colon and not body:
            headers[name.strip().decode(errors="replace")] = value.strip().decode(errors="replace")
            continue
        compact = b"".join(each.split())
        if not re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", compact):
            raise NotPem(f"line {number}: no base64, in the block {kind} that begins on line {first}")
        body += compact
    if not body or not _BASE64.fullmatch(body):
        raise NotPem(f"line {first}: the block {kind} is empty or cut off")
    return Block(_SAME.get(kind, kind), base64.b64decode(body), headers, first)


def _kind(mark: re.Match[bytes]) -> str:
    return mark.group(2).decode(errors="replace")


def _unended(text: bytes, opened: re.Match[bytes]) -> str:
    return f"line {_line(text, opened.start())}: BEGIN {_kind(opened)} without an END"


def _why_none(data: bytes, text: bytes) -> str:
    if not data.strip():
        return "it is empty"
    if is_vaulted(data):
        return "it is encrypted by ansible-vault"
    if data[:1] == b"\x30" and b"-----" not in data:
        return "it is binary (DER or PKCS#12) and not PEM"
    for number, line in enumerate(text.split(b"\n"), 1):
        if b"BEGIN " in line:
            return f"line {number}: no start of a block: five dashes, BEGIN, the type and five dashes were expected"
    return "it holds no PEM block"


def _line(text: bytes, position: int) -> int:
    return text.count(b"\n", 0, position) + 1

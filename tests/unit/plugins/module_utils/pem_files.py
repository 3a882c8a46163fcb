# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files as people have them, with what Go's encoding/pem reads of them, and what they were meant to hold."""

from __future__ import annotations

import base64

from ansible_collections.onemesh.istio.plugins.module_utils._pem import Block

A = Block("CERTIFICATE", bytes(range(40)))
B = Block("CERTIFICATE", bytes(range(60, 100)))
K = Block("EC PRIVATE KEY", b"the key of a certificate authority")
P = Block("EC PARAMETERS", b"\x06\x08*\x86H\xce=\x03\x01\x07")


def pem(block: Block) -> bytes:
    """As openssl writes it; spelled out here, so that the writer under test is not its own witness."""
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (
        block.kind.encode(),
        base64.b64encode(block.der),
        block.kind.encode(),
    )


AB = pem(A) + pem(B)
_LINES = pem(A).split(b"\n")
_BODY = _LINES[1]

# name -> content, what Go reads, and what was meant: blocks, or why it is refused
FILES: dict[str, tuple[bytes, tuple[Block, ...], tuple[Block, ...] | str]] = {
    "one block": (pem(A), (A,), (A,)),
    "two blocks": (AB, (A, B), (A, B)),
    "no line end at the end": (AB.rstrip(), (A, B), (A, B)),
    "line ends of Windows": (AB.replace(b"\n", b"\r\n"), (A, B), (A, B)),
    "line ends of an old Mac": (AB.replace(b"\n", b"\r"), (), (A, B)),
    "text around": (b"Bag Attributes\n    friendlyName: east\n" + pem(A) + b"\nsubject=CN\n" + pem(B), (A, B), (A, B)),
    "parameters before the key": (pem(P) + pem(K), (P, K), (P, K)),
    "a key before the certificate": (pem(K) + pem(A), (K, A), (K, A)),
    # https://github.com/istio/istio/issues/24609, https://github.com/istio/istio/issues/22530
    "no line end between two": (pem(A).rstrip() + pem(B), (), (A, B)),
    "no line end between two, and one more": (pem(A).rstrip() + AB, (B,), (A, A, B)),
    "a byte order mark": (b"\xef\xbb\xbf" + AB, (B,), (A, B)),
    "two byte order marks": (b"\xef\xbb\xbf" + pem(A) + b"\xef\xbb\xbf" + pem(B), (), (A, B)),
    "UTF-16, as Windows redirects it": (AB.decode().encode("utf-16"), (), (A, B)),
    "indented, as out of YAML": (b"".join(b"  " + line for line in AB.splitlines(keepends=True)), (), (A, B)),
    "only BEGIN indented": (b" " + pem(A), (), (A,)),
    "text before BEGIN": (b"cert: " + pem(A), (), (A,)),
    "text behind END": (pem(A).rstrip() + b" # east\n" + pem(B), (B,), (A, B)),
    # https://github.com/istio/istio/pull/51381
    "white space behind END": (pem(A).rstrip() + b" \t\n\n  \n" + pem(B), (A, B), (A, B)),
    "white space behind BEGIN": (pem(A).replace(b"E-----\n", b"E----- \t\n", 1), (A,), (A,)),
    "base64 on the line of BEGIN": (pem(A).replace(b"E-----\n", b"E-----", 1), (), (A,)),
    "all on one line": (pem(A).replace(b"\n", b" "), (), (A,)),
    "line ends as two characters": (AB.replace(b"\n", b"\\n"), (), (A, B)),
    "base64 with spaces and empty lines": (
        pem(A).replace(_BODY, _BODY[:8] + b" \n\n\t" + _BODY[8:]),
        (A,),
        (A,),
    ),
    "headers": (pem(A).replace(b"E-----\n", b"E-----\nComment: east\n\n", 1), (A,), (A,)),
    "a sixth dash": (b"-" + pem(A), (), (A,)),
    "another name of it": (pem(A).replace(b" CERT", b" X509 CERT"), (Block("X509 CERTIFICATE", A.der),), (A,)),
    "commented out": (b"# " + b"\n# ".join(_LINES[:3]) + b"\n" + pem(B), (B,), (B,)),
    "nothing": (b" \n", (), "it is empty"),
    "no PEM": (b"east\n", (), "it holds no PEM block"),
    "binary": (b"\x30\x82\x01\x0a", (), "it is binary (DER or PKCS#12) and not PEM"),
    "four dashes": (
        b"\n-" + pem(A)[2:],
        (),
        "line 4: END CERTIFICATE without a BEGIN before it",
    ),
    "four dashes everywhere": (
        pem(A).replace(b"-----", b"----"),
        (),
        "line 1: no start of a block: five dashes, BEGIN, the type and five dashes were expected",
    ),
    "no END": (pem(A) + pem(B)[:-20], (A,), "line 4: BEGIN CERTIFICATE without an END"),
    "no END, and one more": (
        pem(A)[: -len(b"-----END CERTIFICATE-----\n")] + pem(B),
        (B,),
        "line 1: BEGIN CERTIFICATE without an END",
    ),
    "an END of another type": (
        pem(A).replace(b"END CERT", b"END X509 CERT") + pem(B),
        (B,),
        "line 3: END X509 CERTIFICATE ends what began as CERTIFICATE on line 1",
    ),
    "cut off within": (pem(A).replace(_BODY, _BODY[:-3]), (), "line 1: the block CERTIFICATE is empty or cut off"),
    "no base64": (
        pem(A).replace(_BODY, _BODY[:4] + b"\n" + _BODY[4:8] + b"!" + _BODY[8:]),
        (),
        "line 3: no base64, in the block CERTIFICATE that begins on line 1",
    ),
    "typographic dashes": (
        pem(A).replace(b"-----", "\u2014".encode() * 3),
        (),
        "line 1: no start of a block: five dashes, BEGIN, the type and five dashes were expected",
    ),
}

# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes a network of a lab, byte for byte: run as a program in its namespace, it prints payloads of TCP."""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ETHERNET_IP = 0x0800
_TCP = 6
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 0x16, 0x01, 0x0000


@contextmanager
def payloads(namespace: str, port: int) -> Iterator[list[bytes]]:
    """Of every packet from or to a port that passes the namespace during the block; known when the block has ended."""
    seen: list[bytes] = []
    command = ["ip", "netns", "exec", namespace, sys.executable, str(Path(__file__)), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield seen
        said, _nothing = process.communicate()
    assert process.returncode == 0
    seen += [bytes.fromhex(line) for line in said.split()]


def server_name(payload: bytes) -> str | None:
    """The name for which a TLS ClientHello asks, where the payload begins with one. RFC 8446, 4.1.2; RFC 6066, 3."""
    if payload[:2] != bytes((_HANDSHAKE, 3)) or payload[5:6] != bytes((_CLIENT_HELLO,)):
        return None
    at = 9 + 2 + 32
    at += 1 + payload[at]
    at += 2 + int.from_bytes(payload[at : at + 2], "big")
    at += 1 + payload[at]
    end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
    at += 2
    while at < end:
        kind, length = (int.from_bytes(payload[at + part : at + part + 2], "big") for part in (0, 2))
        if kind == _SERVER_NAME:
            return payload[at + 9 : at + 4 + length].decode()
        at += 4 + length
    return ""


def _listen(port: int) -> None:
    """Print each payload until standard input ends, and then what is still queued."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERNET_IP)) as packets,
        selectors.DefaultSelector() as selector,
    ):
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        packets.setblocking(False)
        selector.register(packets, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("listening", flush=True)
        goes_on = True
        while goes_on:
            # Whatever was sent before standard input ended is in the queue by now.
            goes_on = all(key.fileobj is not sys.stdin for key, _event in selector.select())
            while (packet := _next(packets)) is not None:
                if payload := _payload(packet, port):
                    print(payload.hex(), flush=True)


def _next(packets: socket.socket) -> bytes | None:
    try:
        return packets.recv(1 << 16)
    except BlockingIOError:
        return None


def _payload(packet: bytes, port: int) -> bytes:
    """Of a packet of IPv4 with TCP from or to the port; empty for all others."""
    if packet[9] != _TCP:
        return b""
    segment = packet[4 * (packet[0] & 15) : int.from_bytes(packet[2:4], "big")]
    if port not in (int.from_bytes(segment[:2], "big"), int.from_bytes(segment[2:4], "big")):
        return b""
    return segment[4 * (segment[12] >> 4) :]


if __name__ == "__main__":
    _listen(int(sys.argv[1]))

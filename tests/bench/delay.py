# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network with a long way to its API servers: TCP ports on loopback that pass everything on, late.

    python tests/bench/delay.py --round-trip 30 --endpoints 4 6443 6444

Prints the ports of the endpoints as a JSON list and runs until its standard input ends. It is a process of its own, so
that what it costs is not counted as work of the one that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

HOST = "127.0.0.1"
_CHUNK = 65536


@contextmanager
def delayed(servers: list[int], round_trip: float, endpoints: int) -> Iterator[list[int]]:
    """Ports of ``endpoints`` that lead to ``servers`` in turn; ``round_trip`` in milliseconds."""
    command = [sys.executable, __file__, "--round-trip", str(round_trip), "--endpoints", str(endpoints)]
    with subprocess.Popen(
        [*command, *map(str, servers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, first: float) -> None:
    """Each piece arrives ``delay`` seconds after it was sent; pieces overtake neither each other nor the first."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        wait = first
        while True:
            piece = await reader.read(_CHUNK)
            pieces.put_nowait((loop.time() + wait, piece))
            if not piece:
                return
            wait = delay

    reading = asyncio.create_task(read())
    due = 0.0
    with contextlib.suppress(ConnectionError):
        while True:
            at, piece = await pieces.get()
            due = max(due, at)
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    reading.cancel()
    writer.close()


async def _connection(
    server: int, round_trip: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """The client believes at once that it is connected, so its first piece also waits for the round trip of that."""
    try:
        upstream_reader, upstream_writer = await asyncio.open_connection(HOST, server)
    except OSError:
        writer.close()
        return
    there = _pass_on(reader, upstream_writer, round_trip / 2, round_trip * 1.5)
    back = _pass_on(upstream_reader, writer, round_trip / 2, round_trip / 2)
    await asyncio.gather(there, back, return_exceptions=True)


async def _serve(servers: list[int], round_trip: float, endpoints: int) -> None:
    ports = []
    for number in range(endpoints):
        handler = partial(_connection, servers[number % len(servers)], round_trip)
        listening = await asyncio.start_server(handler, HOST, 0, backlog=256)
        ports.append(listening.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # Whoever is still connected is of no interest, and asyncio would complain of each.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--round-trip", type=float, required=True, help="milliseconds")
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("servers", type=int, nargs="+", help="ports on loopback")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.servers, arguments.round_trip / 1000, arguments.endpoints))


if __name__ == "__main__":
    main()

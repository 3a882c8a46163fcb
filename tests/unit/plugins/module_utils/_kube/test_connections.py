# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over a connection, and whether it can be used again; the other end is a socket of the test's own."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.connections import Connections

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


class Server:
    """Says ``script`` on each connection that is opened, one entry each; ``ends`` it there, or leaves it open."""

    def __init__(self, *script: bytes, ends: bool = False) -> None:
        self.opened: list[socket.socket] = []
        self._script = list(script)
        self._ends = ends

    def open_socket(self, _timeout: float) -> socket.socket:
        client, server = socket.socketpair()
        server.settimeout(5.0)
        self.opened.append(server)
        server.sendall(self._script.pop(0))
        if self._ends:
            server.shutdown(socket.SHUT_WR)
        return client


def body(connections: Connections) -> bytes:
    answer = connections.send(REQUEST, "GET", 5.0)
    try:
        return b"".join(answer.pieces())
    finally:
        answer.release()


@pytest.mark.parametrize(
    ("said", "content"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    ],
)
def test_a_connection_is_used_again_after_a_whole_answer(said: bytes, content: bytes) -> None:
    server = Server(said)
    connections = Connections(server.open_socket, keep=1)
    assert body(connections) == content
    (other_end,) = server.opened
    assert other_end.recv(100) == REQUEST
    with ThreadPoolExecutor(1) as beside:
        again = beside.submit(body, connections)
        # Not before it is asked: what is there already would be taken for the end of the connection.
        assert other_end.recv(100) == REQUEST
        other_end.sendall(said)
        assert again.result() == content


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
        (OK + b"\r\nhello", True),
    ],
)
def test_a_connection_that_the_server_ends_is_not_used_again(said: bytes, ends: bool) -> None:
    server = Server(said, said, ends=ends)
    connections = Connections(server.open_socket, keep=1)
    assert [body(connections), body(connections)] == [b"hello", b"hello"]
    assert len(server.opened) == 2


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (OK + b"Content-Length: 10\r\n\r\nhello", IncompleteRead),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", IncompleteRead),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", IncompleteRead),
        (b"", RemoteDisconnected),
        (b"SSH-2.0-OpenSSH\r\n", BadStatusLine),
    ],
)
def test_half_an_answer_is_an_error(said: bytes, error: type[Exception]) -> None:
    connections = Connections(Server(said, ends=True).open_socket, keep=1)
    with pytest.raises(error):
        body(connections)


def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again() -> None:
    said = OK + b"Content-Length: 5\r\n\r\nhello"
    server = Server(said, said)
    connections = Connections(server.open_socket, keep=1)
    connections.send(REQUEST, "GET", 5.0).release()
    assert body(connections) == b"hello"
    assert len(server.opened) == 2


def test_a_connection_that_was_closed_while_it_was_free_is_not_used_again() -> None:
    said = OK + b"Content-Length: 5\r\n\r\nhello"
    server = Server(said, said)
    connections = Connections(server.open_socket, keep=1)
    body(connections)
    server.opened[0].close()
    assert body(connections) == b"hello"
    assert len(server.opened) == 2


def test_no_more_connections_are_kept_than_asked_for() -> None:
    said = OK + b"Content-Length: 0\r\n\r\n"
    server = Server(said, said)
    connections = Connections(server.open_socket, keep=1)
    answers = [connections.send(REQUEST, "GET", 5.0) for _number in range(2)]
    for answer in answers:
        assert list(answer.pieces()) == []
        answer.release()
    assert server.opened[0].recv(100) == REQUEST
    assert server.opened[1].recv(100) == REQUEST
    assert server.opened[1].recv(100) == b""

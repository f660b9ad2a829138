"""Whoever sends or reads slowly holds up nobody else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.web.server import Server, wait_until

pytestmark = pytest.mark.slow

CALL = "/v1/slow-call"


@pytest.fixture
def two_hundred_open_bodies(server: Server) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(server.begun(CALL, 100, b"{")) for _ in range(200)]


def test_two_hundred_bodies_that_do_not_come_hold_up_no_call(
    server: Server, two_hundred_open_bodies: list[socket.socket]
) -> None:
    for _ in range(5):
        for line in two_hundred_open_bodies:
            line.sendall(b" ")
        answer = server.ask("POST", CALL, b"{}")
        assert (answer.status, answer.content) == (200, b"2")


def test_a_body_that_comes_byte_by_byte_is_read_whole(server: Server) -> None:
    with server.begun(CALL, 5) as line:
        for byte in b"12345":
            line.sendall(bytes([byte]))
            time.sleep(0.01)
        reply = line.recv(4096)
    assert reply.startswith(b"HTTP/1.1 200 ") and reply.endswith(b"\r\n\r\n5")


def test_a_body_that_does_not_come_is_refused_when_its_time_is_over(server: Server) -> None:
    with server.begun(CALL, 5, b"12") as line:
        reply = line.recv(4096)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"invalid_request"' in reply and b"in time" in reply


def test_a_sender_that_leaves_in_the_middle_leaves_nothing_behind(server: Server) -> None:
    for _ in range(20):
        server.begun(CALL, 5, b"12").close()
    assert server.ask("POST", CALL, b"{}").status == 200


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in-pieces"])
def test_a_body_larger_than_any_call_takes_is_refused_and_not_read(
    server: Server, announced: bool
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as line:
        how = b"Content-Length: 99999999" if announced else b"Transfer-Encoding: chunked"
        line.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % (CALL.encode(), how))
        try:
            for _ in range(40):
                line.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        except OSError:
            pass  # it does not listen any more
        reply = line.recv(4096)
    assert reply.startswith(b"HTTP/1.1 413 "), reply
    assert b'"code":"payload_too_large"' in reply


def test_a_page_that_takes_seconds_holds_up_no_call(server: Server) -> None:
    pages: list[Any] = []
    asking = [
        threading.Thread(target=lambda: pages.append(server.ask("GET", "/slow-page?3")))
        for _ in range(3)
    ]
    for thread in asking:
        thread.start()
    time.sleep(0.2)
    answered = 0
    while not pages:
        assert server.ask("POST", CALL, b"{}").status == 200
        answered += 1
    assert answered >= 10
    for thread in asking:
        thread.join()
    assert [page.content for page in pages] == [b"slow"] * 3


def test_more_pages_than_can_wait_are_refused_at_once_and_come_back(server: Server) -> None:
    answers: list[Any] = []
    asking = [
        threading.Thread(target=lambda: answers.append(server.ask("GET", "/slow-page?2")))
        for _ in range(9)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 4 and len(answers) == 9
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    wait_until(lambda: server.ask("GET", "/slow-page?0").status == 200, "room")

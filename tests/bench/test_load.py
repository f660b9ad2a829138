"""The load client reads answers as servers send them, and no wrong one passes."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.load import Client, WrongAnswer, percentile

LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


@contextmanager
def server(send: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of one connection that answers each request by `send`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while connection.recv(65_536):
                send(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def in_pieces(connection: socket.socket) -> None:
    for start in range(0, len(LONG), 7):
        connection.sendall(LONG[start : start + 7])


@pytest.mark.parametrize(
    "send",
    [lambda c: c.sendall(LONG), lambda c: c.sendall(CHUNKED), in_pieces],
    ids=["at once", "chunked", "in pieces"],
)
def test_answers_are_read_whole(send: Callable[[socket.socket], None]):
    with server(send) as port:
        client = Client(port, 1)
        bodies: list[bytes] = []
        ran = client.run(iter([REQUEST] * 3), keep=bodies.append)
        client.close()
    assert bodies == [b"hello"] * 3
    assert ran.answers == len(ran.latencies_ms) == 3


def test_a_refusal_ends_the_run():
    with server(lambda c: c.sendall(REFUSED)) as port:
        client = Client(port, 1)
        with pytest.raises(WrongAnswer, match="429"):
            client.run(itertools.repeat(REQUEST), seconds=1)
        client.close()


def test_a_body_that_is_not_right_ends_the_run():
    with server(lambda c: c.sendall(LONG)) as port:
        client = Client(port, 1)
        with pytest.raises(WrongAnswer, match="hello"):
            client.run(itertools.repeat(REQUEST), seconds=1, check=lambda body: body == b"bye")
        client.close()


def test_percentiles_are_values_that_occurred():
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99, 1.0)] == [51, 100, 100]

"""A server that stalls is charged for the requests that came meanwhile."""

import itertools
import socket
import time

import pytest

from bench.hot import open_loop
from bench.load import Client, WrongAnswer
from tests.bench.test_load import LONG, REFUSED, REQUEST, server

STALL_S = 0.4


def test_requests_that_were_due_during_a_stall_are_late():
    answered = itertools.count()

    def send(connection: socket.socket) -> None:
        if next(answered) == 2:
            time.sleep(STALL_S)
        connection.sendall(LONG)

    with server(send) as port:
        client = Client(port, 1)
        ran = open_loop.run(
            client, itertools.repeat(REQUEST), per_s=50, seconds=0.5, check=lambda body: True
        )
        client.close()
    assert ran.answers == 25
    # One request was answered late; about twenty were due while it was.
    assert sum(ms > 100 for ms in ran.latencies_ms) > 10


def test_a_refusal_ends_the_run():
    with server(lambda c: c.sendall(REFUSED)) as port:
        client = Client(port, 1)
        with pytest.raises(WrongAnswer, match="429"):
            open_loop.run(
                client, itertools.repeat(REQUEST), per_s=50, seconds=1, check=lambda body: True
            )
        client.close()

"""More than the server can do: it says so at once, and does the rest in time."""

import asyncio
import time
from collections import Counter
from typing import NamedTuple

import pytest

from tests.web.server import Server
from tests.web.target import CALL_S

pytestmark = pytest.mark.slow

CONNECTIONS = 400
FORGOTTEN_S = 10.0


class Told(NamedTuple):
    """One answer: status, whether it says when to come back, seconds."""

    status: int
    has_retry_after: bool
    seconds: float


async def _ask(port: int, path: str, at: float, told: list[Told]) -> None:
    await asyncio.sleep(at - time.monotonic())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    told.append(
        Told(int(head.split()[1]), b"\r\nretry-after: 1\r\n" in head, time.monotonic() - began)
    )
    writer.close()


def _rush(server: Server, *paths: str) -> list[list[Told]]:
    """Ask each path CONNECTIONS times at once; a list of what was told for each."""
    told: list[list[Told]] = [[] for _ in paths]

    async def rush() -> None:
        at = time.monotonic() + 0.2
        await asyncio.gather(
            *(
                _ask(server.port, path, at, list_)
                for _ in range(CONNECTIONS)
                for path, list_ in zip(paths, told, strict=True)
            )
        )

    asyncio.run(rush())
    return told


def test_what_cannot_be_answered_in_time_is_told_so_and_the_rest_is_answered(
    server: Server,
) -> None:
    [told] = _rush(server, "/v1/slow-call")
    statuses = Counter(one.status for one in told)
    assert set(statuses) == {200, 503} and sum(statuses.values()) == CONNECTIONS
    assert all(one.has_retry_after == (one.status == 503) for one in told)
    # One after the other they would have taken this long.
    whole_s = CONNECTIONS * CALL_S
    assert max(one.seconds for one in told if one.status == 200) < whole_s
    # It judges by how long its last answers took, and forgets them second by second.
    until = time.monotonic() + FORGOTTEN_S
    while server.ask("POST", "/v1/slow-call", b"{}").status != 200:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_decisions_go_before_events(server: Server) -> None:
    decisions, events = _rush(server, "/v1/slow-call", "/v1/slow-batch")
    answered = [sum(one.status == 200 for one in told) for told in (decisions, events)]
    waits = [
        sorted(one.seconds for one in told if one.status == 200) for told in (decisions, events)
    ]
    assert {one.status for one in (*decisions, *events)} == {200, 503}
    assert answered[0] > 10
    assert waits[0][len(waits[0]) // 2] < waits[1][len(waits[1]) // 2] if waits[1] else True


def test_what_was_turned_away_is_counted(server: Server) -> None:
    before = _sheds(server)
    [told] = _rush(server, "/v1/slow-call")
    assert _sheds(server) - before == sum(one.status == 503 for one in told) > 0


def _sheds(server: Server) -> float:
    text = server.ask("GET", "/metrics").content.decode()
    name = 'attune_shed_total{route="decide"} '
    return next((float(line[len(name) :]) for line in text.splitlines() if name in line), 0.0)

"""Clients that send too slowly, or too much."""

import contextlib
import socket
import time
from collections.abc import Iterator

from tests.faults.running import RunningStack

SLOW_CLIENTS = 60
HUGE_BYTES = 20_000_000
_PIECE = b" " * 100_000


@contextlib.contextmanager
def _slow_sockets(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have announced a body, and send next to nothing of it."""
    found: list[socket.socket] = []
    head = (
        b"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), 5)
            one.sendall(head)
            found.append(one)
        yield found
    finally:
        for one in found:
            one.close()


def slow(stack: RunningStack, seconds: float) -> None:
    """Bodies that come a byte a second, and never end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with _slow_sockets(stack.port, SLOW_CLIENTS) as sockets:
            for _ in range(5):
                for one in sockets:
                    with contextlib.suppress(OSError):
                        one.sendall(b" ")
                time.sleep(min(1.0, max(0.05, end - time.monotonic())))


def huge(stack: RunningStack, seconds: float) -> None:
    """Bodies of 20 MB, announced honestly, and one after the other."""
    end = time.monotonic() + seconds
    head = (
        b"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % HUGE_BYTES
    )
    while time.monotonic() < end:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", stack.port), 5) as one,
        ):
            one.sendall(head)
            for _ in range(HUGE_BYTES // len(_PIECE)):
                one.sendall(_PIECE)
            one.recv(65536)
        time.sleep(0.1)

"""The load client: request bytes built beforehand, keep-alive sockets in one small epoll loop.

One thread on a processor of its own, so that it takes nothing from what it measures. Every answer
is looked at: a run with a wrong one is not a measurement.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

CHUNK = 262_144
TIMEOUT_S = 20.0
IDLE_S = 5.0
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_CHUNKED = -1

Check = Callable[[bytes], bool]


class WrongAnswer(Exception):
    """The server refused, or answered something else than it should have."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: how many answers came in how many seconds, each after how many milliseconds."""

    answers: int
    seconds: float
    latencies_ms: list[float]

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the answers did not exceed."""
        return percentile(self.latencies_ms, share)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def any_success(body: bytes) -> bool:
    """Accept every answer with status 200."""
    return True


class _Line:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("buffer", "needed", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.needed = 0  # bytes of the whole answer, 0 until its head is here, or _CHUNKED
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read once; return the whole answer, or None while a part is missing."""
        data = self.socket.recv(CHUNK)
        if not data:
            raise WrongAnswer(f"The server closed a connection after {self.buffer[:300]!r}.")
        self.buffer = self.buffer + data if self.buffer else data
        if not self.needed:
            head_end = self.buffer.find(_END_OF_HEAD)
            if head_end < 0:
                return None
            self.needed = _size(self.buffer[:head_end].lower())
        if self.needed == _CHUNKED:
            if not self.buffer.endswith(_LAST_CHUNK):
                return None
        elif len(self.buffer) < self.needed:
            return None
        answer, self.buffer, self.needed = self.buffer, b"", 0
        return answer


def _size(head: bytes) -> int:
    """Return how many bytes an answer with this head has, head and all; _CHUNKED: as they come."""
    at = head.find(_LENGTH)
    if at >= 0:
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        return len(head) + len(_END_OF_HEAD) + length
    if b"transfer-encoding: chunked" in head:
        return _CHUNKED
    raise WrongAnswer(f"An answer without a length: {head!r}.")


def body_of(answer: bytes) -> bytes:
    """Return the body of a whole answer; of a chunked one its first chunk.

    The floors' bodies are chunked, as Django without middleware leaves it to the server.

    Raises:
        WrongAnswer: its status is not 200.
    """
    if not answer.startswith(b"HTTP/1.1 200"):
        raise WrongAnswer(answer[:2000].decode(errors="replace"))
    start = answer.find(_END_OF_HEAD) + len(_END_OF_HEAD)
    if answer.endswith(_LAST_CHUNK):
        size, _, rest = answer[start:].partition(b"\r\n")
        return rest[: int(size, 16)]
    return answer[start:]


class Client:
    """Keep-alive connections to one port of this machine."""

    def __init__(self, port: int, connections: int) -> None:
        self._port, self._connections = port, connections
        self._open()

    def _open(self) -> None:
        self._lines = [_Line(self._port) for _ in range(self._connections)]
        self._by_number = {line.socket.fileno(): line for line in self._lines}
        self._poll = select.epoll()
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)
        self._used_at = time.perf_counter()

    def _use(self) -> None:
        """Open anew what the server may have closed, because nothing was asked for so long."""
        if time.perf_counter() - self._used_at > IDLE_S:
            self.close()
            self._open()

    @property
    def lines(self) -> "Sequence[_Line]":
        """The connections, for who sends by a clock."""
        self._use()
        return self._lines

    def poll(self, seconds: float) -> "list[_Line]":
        """Return the connections with something to read, waiting for so long at most."""
        return [self._by_number[number] for number, _ in self._poll.poll(seconds)]

    def ask(self, request: bytes) -> bytes:
        """Send one request and return the body of its answer."""
        self._use()
        line = self._lines[0]
        line.send(request)
        while (answer := line.receive()) is None:
            pass
        return body_of(answer)

    def run(
        self,
        requests: Iterator[bytes],
        *,
        seconds: float = float("inf"),
        check: Check = any_success,
        keep: Callable[[bytes], None] | None = None,
    ) -> Ran:
        """Keep every connection busy until the time is over or the requests are.

        Args:
            check: tells of each body whether it is right.
            keep: given each body.

        Raises:
            WrongAnswer: a body was not right, or its status was not 200.
        """
        self._use()
        latencies: list[float] = []
        start = now = time.perf_counter()
        end = start + seconds
        busy = 0
        for line, request in zip(self._lines, requests, strict=False):
            line.send(request)
            busy += 1
        while busy:
            ready = self._poll.poll(TIMEOUT_S)
            if not ready:
                raise WrongAnswer(f"No answer within {TIMEOUT_S:.0f} s.")
            for number, _ in ready:
                line = self._by_number[number]
                answer = line.receive()
                if answer is None:
                    continue
                now = time.perf_counter()
                latencies.append((now - line.sent_at) * 1000)
                body = body_of(answer)
                if not check(body):
                    raise WrongAnswer(body[:2000].decode(errors="replace"))
                if keep is not None:
                    keep(body)
                following = next(requests, None) if now < end else None
                if following is None:
                    busy -= 1
                else:
                    line.send(following)
        self._used_at = time.perf_counter()
        return Ran(len(latencies), now - start, latencies)

    def close(self) -> None:
        """Close every connection."""
        self._poll.close()
        for line in self._lines:
            line.socket.close()

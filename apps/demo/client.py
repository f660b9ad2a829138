"""A small HTTP client for the public API: keep-alive connections, and threads that share a task."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from apps.demo.errors import DemoTrouble

TIMEOUT_S: Final = 30.0
PATIENCE_S: Final = 60.0  # for a server that restarts or asks to wait
LONGEST_PAUSE_S: Final = 5.0
TICK_S: Final = 0.1
_CHUNK: Final = 65_536
_RETRIED: Final = frozenset({429, 502, 503, 504})

Item = TypeVar("Item")


class Address(NamedTuple):
    """Where the API answers, by plain http."""

    host: str
    port: int

    @classmethod
    def parse(cls, origin: str) -> "Address":
        """Read an origin such as "http://127.0.0.1:8000".

        Raises:
            DemoTrouble: it is none, or it is https.
        """
        parts = urlsplit(origin)
        if parts.scheme != "http" or not parts.hostname:
            raise DemoTrouble(f"The demo speaks plain http to its own stack, unlike '{origin}'.")
        return cls(parts.hostname, parts.port or 80)


class Reply(NamedTuple):
    """An answer. `took_s` are the seconds from the first byte sent to the last one received."""

    status: int
    headers: bytes
    body: bytes
    took_s: float

    def header(self, name: str) -> str | None:
        """Return a header's value, None when it is absent."""
        for line in self.headers.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode().lower() == name.lower():
                return value.decode().strip()
        return None


class Connection:
    """One keep-alive connection with one key; not for two threads at once."""

    def __init__(self, address: Address, key: str = "") -> None:
        self._address = address
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._common = f"Host: {address.host}:{address.port}\r\n{authorization}".encode()
        self._socket: socket.socket | None = None

    def get(self, path: str) -> Reply:
        """Ask for a path; see `ask`."""
        return self.ask(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), self._common))

    def post(self, path: str, body: bytes) -> Reply:
        """Send a JSON body; see `ask`."""
        return self.ask(
            b"POST %b HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (path.encode(), self._common, len(body), body)
        )

    def ask(self, request: bytes) -> Reply:
        """Send a request and return its answer, whatever its status.

        A broken connection and an answer that asks to wait are tried again: everything that the
        demo sends may arrive twice.

        Raises:
            DemoTrouble: nobody answers, or it asks to wait for longer than PATIENCE_S.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            pause_s, reason = 0.25, ""
            try:
                reply = self._exchange(request)
                if reply.status not in _RETRIED:
                    return reply
                reason = f"answers {reply.status}"
                pause_s = _pause_of(reply)
            except OSError as error:
                reason = str(error)
                self.close()
            if time.monotonic() + pause_s > deadline:
                where = f"http://{self._address.host}:{self._address.port}"
                raise DemoTrouble(f"{where} {reason}: is the stack running? See `make up`.")
            time.sleep(pause_s)

    def is_answered(self) -> bool:
        """Tell, without patience, whether somebody answers there."""
        with suppress(OSError):
            return self._exchange(
                b"GET /healthz HTTP/1.1\r\n%b\r\n" % self._common
            ).status == 200  # fmt: skip
        return False

    def close(self) -> None:
        """Close; the next request opens again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> Reply:
        began = time.perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        received = b""
        end = -1
        while end < 0:
            received += self._receive()
            end = received.find(b"\r\n\r\n")
        head, body = received[:end], received[end + 4 :]
        length = _length_of(head)
        while len(body) < length:
            body += self._receive()
        reply = Reply(int(head[9:12]), head, body, time.perf_counter() - began)
        if b"connection: close" in head.lower():
            self.close()
        return reply

    def _receive(self) -> bytes:
        assert self._socket is not None
        received = self._socket.recv(_CHUNK)
        if not received:
            raise ConnectionResetError("The connection was closed")
        return received


def decoded(reply: Reply, what: str) -> Any:
    """Return the JSON of a successful answer.

    Raises:
        DemoTrouble: it is a refusal; the sentence says which.
    """
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = {}
    if reply.status == 200:
        return document
    reason = document.get("message") if isinstance(document, dict) else None
    text = reason or reply.body[:200].decode(errors="replace")
    raise DemoTrouble(f"{what} was answered {reply.status}: {text}")


def _pause_of(reply: Reply) -> float:
    text = reply.header("Retry-After") or ""
    return min(float(text), LONGEST_PAUSE_S) if text.isdigit() else 0.25


def _length_of(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    return int(lowered[at + 17 :].split(b"\r\n", 1)[0])


def share_out(
    items: Iterable[Item],
    work: Callable[[Connection, Item], None],
    *,
    open_connection: Callable[[], Connection],
    threads: int,
    tick: Callable[[], None],
) -> None:
    """Let several threads, each with a connection of its own, work through the items in order.

    `tick` is called a few times a second in the calling thread. The first error ends everything
    and is raised here; so does a Ctrl-C.
    """
    waiting = _Taken(iter(items))
    errors: list[BaseException] = []

    def run() -> None:
        connection = open_connection()
        try:
            for item in waiting:
                work(connection, item)
        except BaseException as error:
            waiting.stop()
            errors.append(error)
        finally:
            connection.close()

    running = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        while any(thread.is_alive() for thread in running):
            running[0].join(TICK_S) if running[0].is_alive() else time.sleep(TICK_S)
            tick()
    finally:
        waiting.stop()
    if errors:
        raise errors[0]


class _Taken(Iterator[Item]):
    """An iterator that several threads draw from, until it is stopped."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._is_stopped = False

    def __next__(self) -> Item:
        with self._lock:
            if self._is_stopped:
                raise StopIteration
            return next(self._items)

    def stop(self) -> None:
        self._is_stopped = True

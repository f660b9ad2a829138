"""One lean Redis connection per thread, for the round trips that a decision waits for.

The client library spends more on one pipeline than the server does. Here commands are packed once
into bytes, sent with one `send` and parsed by hiredis. Everything is time-boxed, and after a
failure the circuit stays open for a second, so that a stopped server costs an answer nothing.
Who writes what decisions must not miss has time, and says so: see `patiently`.

Apart from `work.redis` because what is read here must be believed: a connection knows that it is
fresh, so that a server which took the place of another is noticed before its first answer counts.
"""

import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import hiredis
from django.conf import settings
from redis import ResponseError
from redis.connection import parse_url

from apps.work.counting import Counter
from apps.work.redis import RedisAway

TIMEOUT_S = 0.05
PATIENCE_S = 2.0
IMPATIENT_S = 10.0
OPEN_CIRCUIT_S = 1.0
_CHUNK = 65_536

_local = threading.local()
_openings: Final = Counter(
    "attune_redis_circuit_openings", "Times Redis did not answer and was left alone for a second."
)
_broken_until = 0.0
_impatient_until = 0.0

pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


class Wire:
    """A connected socket and its parser.

    Attributes:
        is_fresh: nothing was asked through it yet: what the caller believes about the server
            (its generation, its scripts) must be checked first.
    """

    __slots__ = ("_reader", "_socket", "is_fresh", "url")

    def __init__(self) -> None:
        self.url: str = settings.REDIS_URL
        options: dict[str, Any] = parse_url(self.url)  # type: ignore[no-untyped-call]
        self._socket = _connect(options)
        self._reader = hiredis.Reader(replyError=ResponseError)
        self.is_fresh = True
        hello: list[bytes] = []
        if options.get("password"):
            user = options.get("username")
            hello.append(pack(("AUTH", *([user] if user else []), options["password"])))
        if options.get("db"):
            hello.append(pack(("SELECT", str(options["db"]))))
        if hello:
            for reply in self.exchange(b"".join(hello), len(hello)):
                if isinstance(reply, Exception):
                    raise RedisAway from reply

    def exchange(self, commands: bytes, count: int) -> list[Any]:
        """Send packed commands and return their `count` replies; an error reply is a value.

        Raises:
            OSError: the server did not answer within TIMEOUT_S, or within PATIENCE_S of a
                patient thread.
        """
        self._socket.sendall(commands)
        reader, receive = self._reader, self._socket.recv
        replies: list[Any] = []
        while True:
            try:
                data = receive(_CHUNK)
            except (BlockingIOError, TimeoutError):
                if time.monotonic() < _patient_until():
                    continue
                raise
            if not data:
                raise ConnectionResetError("Redis closed the connection")
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                replies.append(reply)
            if len(replies) >= count:
                return replies

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def _connect(options: dict[str, Any]) -> socket.socket:
    """Return a connected blocking socket whose waits are bounded by the kernel.

    SO_RCVTIMEO instead of `settimeout`: Python's own timeout polls before every call.
    """
    if "path" in options:
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(TIMEOUT_S)
        wire.connect(options["path"])
    else:
        host = options.get("host", "localhost")
        wire = socket.create_connection((host, options.get("port", 6379)), TIMEOUT_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if settings.REDIS_URL.startswith("rediss://"):
            # TLS reads need Python's own timeout.
            return ssl.create_default_context().wrap_socket(wire, server_hostname=host)
    wire.setblocking(True)
    limit = struct.pack("ll", 0, int(TIMEOUT_S * 1_000_000))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return wire


def wire() -> Wire:
    """Return this thread's connection, made when there is none.

    Raises:
        RedisAway: it cannot be made, or failed within the last second.
    """
    found: Wire | None = getattr(_local, "wire", None)
    if found is not None and found.url == settings.REDIS_URL:
        return found
    now = time.monotonic()
    if now < _broken_until and now >= _patient_until():
        raise RedisAway
    try:
        _local.wire = made = Wire()
    except (OSError, ssl.SSLError) as error:
        _open_circuit()
        raise RedisAway from error
    return made


@contextmanager
def patiently() -> Iterator[None]:
    """Within this block an answer may take PATIENCE_S, and an open circuit is tried all the same.

    For writers: on a busy machine a few late milliseconds are no outage, and to treat them as one
    would have decisions believe an old state until they hear that it is out of reach.
    """
    now = time.monotonic()
    # Who has waited in vain has told everybody: the next writers do not each wait in turn.
    _local.patient_until = now + PATIENCE_S if now >= _impatient_until else 0.0
    try:
        yield
    finally:
        _local.patient_until = 0.0


def _patient_until() -> float:
    until: float = getattr(_local, "patient_until", 0.0)
    return until


def ask(commands: bytes, count: int) -> list[Any]:
    """One round trip on this thread's connection. Error replies are values.

    Raises:
        RedisAway: no answer in time; the connection is given up and the circuit opened.
    """
    there = wire()
    try:
        return there.exchange(commands, count)
    except (OSError, hiredis.ProtocolError) as error:
        drop()
        _open_circuit()
        _lose_patience(error)
        raise RedisAway from error


def drop() -> None:
    """Give up this thread's connection; replies to a question that was given up never mix in."""
    there: Wire | None = getattr(_local, "wire", None)
    if there is not None:
        _local.wire = None
        there.close()


def _open_circuit() -> None:
    global _broken_until
    _broken_until = time.monotonic() + OPEN_CIRCUIT_S
    _openings.add()


def _lose_patience(error: Exception) -> None:
    global _impatient_until
    if isinstance(error, BlockingIOError | TimeoutError) and _patient_until():
        _local.patient_until = 0.0
        _impatient_until = time.monotonic() + IMPATIENT_S


def close_circuit() -> None:
    """Try again at once (after a known restart, and in tests)."""
    global _broken_until, _impatient_until
    _broken_until = _impatient_until = 0.0


def _forget_after_fork() -> None:
    # The parent goes on using the same socket: it is left open, only not used here.
    global _local
    _local = threading.local()


os.register_at_fork(after_in_child=_forget_after_fork)


def command(*parts: bytes | str) -> bytes:
    """Return the bytes of one command."""
    return pack(parts)


def first_error(replies: Sequence[Any]) -> ResponseError | None:
    """The first error among replies, None when all went well."""
    for reply in replies:
        if isinstance(reply, ResponseError):
            return reply
    return None

"""The one way to Redis: short timeouts, one retry of a stale connection, then a circuit breaker.

Redis holds the only copy of nothing, so a request never waits for it: after a failure every call
raises `RedisAway` at once for a second, and callers do what architecture says for "Redis away".

Two doors: `connection()` is redis-py, for everything; `exchange()` is the hot path's single round
trip on a socket of the calling thread, at a third of redis-py's price per call.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any, Final

import hiredis
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S: Final = 0.05
READ_TIMEOUT_S: Final = 0.05
BREAK_S: Final = 1.0
_MAX_CONNECTIONS: Final = 64
_READ_BYTES: Final = 65_536
_TROUBLE: Final = (redis.ConnectionError, redis.TimeoutError, OSError)

Command = tuple[str | bytes | int | float, ...]


class RedisAway(redis.ConnectionError):
    """Redis did not answer in time, or has just failed to: go on without it."""


class _Breaker:
    """Refuses calls for `BREAK_S` after a failure, so that an outage costs one timeout a second."""

    def __init__(self) -> None:
        self.closed_at = 0.0  # time.monotonic() from which calls pass

    def check(self) -> None:
        if time.monotonic() < self.closed_at:
            raise RedisAway("Redis is away.")

    def trip(self, error: BaseException) -> RedisAway:
        self.closed_at = time.monotonic() + BREAK_S
        return RedisAway(f"Redis is away: {type(error).__name__}.")


_breaker = _Breaker()


class _Pipeline(redis.client.Pipeline):
    """A pipeline behind the breaker."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        _breaker.check()
        try:
            return super().execute(raise_on_error)
        except RedisAway:
            raise
        except _TROUBLE as error:
            raise _breaker.trip(error) from error


class _Client(redis.Redis):
    """A client behind the breaker; its pipelines too."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        _breaker.check()
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisAway:
            raise
        except _TROUBLE as error:
            raise _breaker.trip(error) from error

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


_lock = threading.Lock()
_client: tuple[int, str, _Client] | None = None


def connection() -> redis.Redis:
    """Return this process's client (thread-safe, replies are bytes).

    Its calls raise `RedisAway` instead of redis-py's connection errors and timeouts.
    """
    global _client
    wanted = (os.getpid(), settings.REDIS_URL)
    if _client is None or _client[:2] != wanted:
        with _lock:
            if _client is None or _client[:2] != wanted:
                _client = (*wanted, _new_client(READ_TIMEOUT_S))
    return _client[2]


def listening() -> redis.Redis:
    """Return a client of its own whose reads may wait: for subscriptions and blocking commands."""
    return _new_client(None)


def reset() -> None:
    """Forget connections and the breaker's memory: after a fork, and between tests."""
    global _client
    _client = None
    _breaker.closed_at = 0.0
    _threads.line = None


def _new_client(read_timeout_s: float | None) -> _Client:
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL,
        protocol=2,
        driver_info=None,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=read_timeout_s,
        max_connections=_MAX_CONNECTIONS,
        # Once, for a connection that the server has closed meanwhile; a timeout is not retried.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return _Client(connection_pool=pool)


class _Line:
    """One thread's socket, opened by redis-py, which knows addresses, passwords and databases."""

    def __init__(self) -> None:
        pool: Any = connection().connection_pool
        self.pid = os.getpid()
        self.url: str = settings.REDIS_URL
        self._owner: Any = pool.make_connection()
        self._owner.connect()
        self._socket: socket.socket = self._owner._sock
        self._reader = hiredis.Reader(replyError=redis.ResponseError)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._owner.disconnect()

    def exchange(self, request: bytes, count: int) -> list[Any]:
        self._socket.sendall(request)
        reader = self._reader
        replies: list[Any] = []
        while True:
            reply = reader.gets()
            while reply is not False:
                replies.append(reply)
                if len(replies) == count:
                    return replies
                reply = reader.gets()
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("Redis closed the connection.")
            reader.feed(data)


class _Threads(threading.local):
    line: _Line | None = None


_threads = _Threads()


def exchange(*commands: Command) -> list[Any]:
    """Send the commands in one write and return their replies in order (bytes, int, list or None).

    A command that Redis refuses has a `redis.ResponseError` in its place; none is raised. A
    connection that turns out to be closed is opened again once, so a command may run twice.

    Raises:
        RedisAway: no answer within the timeouts, or the breaker is open.
    """
    _breaker.check()
    request = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
    line = _threads.line
    try:
        if line is not None and line.url == settings.REDIS_URL and line.pid == os.getpid():
            try:
                return line.exchange(request, len(commands))
            except TimeoutError:
                raise
            except OSError:
                line.close()
        line = _threads.line = _Line()
        return line.exchange(request, len(commands))
    except (*_TROUBLE, hiredis.HiredisError) as error:
        if line is not None:
            line.close()
        _threads.line = None
        raise _breaker.trip(error) from error

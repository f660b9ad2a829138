"""A real stream process, and clients that read what it sends."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[3]
WITHIN_S = 20.0
# That nothing comes is only known by waiting.
QUIET_S = 0.4


class Client:
    """One open stream, read by a thread of its own.

    Attributes:
        status: of the answer.
        events: (id, data) in order of arrival; data None for an id without an event.
        has_ended: the server has closed it.
        was_whole: and has said so, instead of dying.
    """

    def __init__(self, url: str, last_event_id: str | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=WITHIN_S)
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        self._connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = dict(self._answer.getheaders())
        self.events: list[tuple[str | None, dict[str, Any] | None]] = []
        self.comments = 0
        self.has_ended = self.was_whole = False
        if self.status == 200:
            self.has_begun = threading.Event()
            threading.Thread(target=self._read, daemon=True).start()
            assert self.has_begun.wait(WITHIN_S)

    @property
    def body(self) -> bytes:
        """Of an answer that is no stream."""
        text: bytes = self._answer.read()
        return text

    @property
    def last_id(self) -> str:
        """What a browser would come back with."""
        return [number for number, _ in self.events if number is not None][-1]

    def notices(self) -> list[dict[str, Any]]:
        """What arrived so far."""
        return [data for _, data in list(self.events) if data is not None]

    def wait(self, count: int = 1) -> list[dict[str, Any]]:
        """The notices once there are so many."""
        wait_until(lambda: len(self.notices()) >= count, "a notice")
        return self.notices()

    def stays_quiet(self, after: int = 0) -> bool:
        """Whether no more than so many notices are there a moment later."""
        time.sleep(QUIET_S)
        return len(self.notices()) == after

    def close(self) -> None:
        """Leave without a word, as browsers do."""
        sock = self._connection.sock or getattr(self._answer.fp, "raw", self._answer.fp)
        with suppress(OSError):
            getattr(sock, "_sock", sock).shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        number: str | None = None
        data: dict[str, Any] | None = None
        try:
            for raw in self._answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("id: "):
                    number = line[4:]
                elif line.startswith("data: "):
                    data = json.loads(line[6:])
                elif line.startswith(":"):
                    self.comments += 1
                elif not line:
                    if number is not None or data is not None:
                        self.events.append((number, data))
                    number = data = None
                    self.has_begun.set()
            self.was_whole = True
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.has_ended = True


class Server:
    """A stream process on a port of its own."""

    def __init__(self, port: int, target: str, environment: Mapping[str, str]) -> None:
        self.port = port
        self._target = target
        database = connection.settings_dict
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": f"postgres:///{database['HOST']}/{database['NAME']}",
            "PGUSER": str(database["USER"]),
            "REDIS_URL": settings.REDIS_URL,
            **environment,
        }
        self.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; returns when notices arrive there."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1"]
            + ["--port", str(self.port), "--workers", "1", "--no-ws", "--no-log"]
            + ["--backpressure", "4096", self._target],
            cwd=PROJECT,
            env=self._environment,
            start_new_session=True,
        )
        try:
            wait_until(lambda: self.get("/readyz")[0] == 200, "the stream process")
        except AssertionError:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9 of the process and its worker."""
        os.killpg(self.process.pid, 9)
        self.process.wait()

    def stop(self) -> int:
        """End it in order; its exit status."""
        self.process.terminate()
        return self.process.wait(WITHIN_S)

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        """Status and body of an answer; 0 when nobody answers."""
        http_connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            http_connection.request(method, path, headers=dict(headers))
            answer = http_connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            http_connection.close()

    def figure(self, name: str) -> float:
        """One of its figures."""
        lines = self.get("/metrics")[1].decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.split()[0] == name))


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return once it is so.

    Raises:
        AssertionError: it was not within WITHIN_S.
    """
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@contextmanager
def running(target: str = "config.asgi:application", **environment: str) -> Iterator[Server]:
    """A stream process for the length of the block."""
    server = Server(free_port(), target, environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()

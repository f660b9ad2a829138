"""A real web process on the tests' own servers, and ways to ask it badly."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from launcher.supervisor import programs
from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
WITHIN_S = 60.0


class Answer(NamedTuple):
    """Status, headers by lower-case name, and content."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Server:
    """The launcher's web program with another application or number of workers."""

    def __init__(self, home: Path, target: str, workers: int, environment: Mapping[str, str]):
        self.port = free_port()
        self.sent: list[str] = []  # the paths of calls that are on their way, and of those before
        database = connection.settings_dict
        command = [str(part) for part in programs(self.port)[0].command]
        command[command.index("--workers") + 1] = str(workers)
        command[-1] = target
        self.log = home / "web.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command[1:]],
                cwd=PROJECT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "config.settings.test",
                    "DATABASE_URL": f"postgres:///{database['HOST']}/{database['NAME']}",
                    "PGUSER": str(database["USER"]),
                    "REDIS_URL": settings.REDIS_URL,
                    "ATTUNE_HOME": str(home),
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            # One that is told to end while it starts does not hear it.
            begun = [f"Started worker-{number + 1} runtime" for number in range(workers)]
            wait_until(lambda: all(one in self.log.read_text() for one in begun), "workers")
            wait_until(self.is_up, f"the web process: {self.log.read_text()}")
        except AssertionError:
            self.kill()
            raise

    def is_up(self) -> bool:
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """One request on a connection of its own; a body that is no bytes is sent as JSON."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            line.request(method, path, sent, dict(headers))
            self.sent.append(path)
            reply = line.getresponse()
            names = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, names, reply.read())
        finally:
            line.close()

    def begun(
        self, path: str, length: int = 10, sent: bytes = b"", more: str = ""
    ) -> socket.socket:
        """A POST whose body is announced, and has not come."""
        line = socket.create_connection(("127.0.0.1", self.port), WITHIN_S)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\n{more}Content-Length: {length}\r\n\r\n"
        line.sendall(head.encode() + sent)
        return line

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(pid) for pid in listed.read_text().split()]
        return [pid for pid in found if b"resource_tracker" not in _command(pid)]

    def stop(self) -> int:
        """End it in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)

    def kill(self) -> None:
        """Kill all of it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return once it is so.

    Raises:
        AssertionError: it was not within WITHIN_S.
    """
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@contextmanager
def running(
    home: Path, target: str = "config.rsgi:application", workers: int = 1, **environment: str
) -> Iterator[Server]:
    """A web process for the length of the block."""
    server = Server(home, target, workers, environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()

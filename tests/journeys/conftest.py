"""The whole stack in real processes, as `make up` runs it, in a home and on a port of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2
import pytest

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from launcher.testhome import temporary_home
from tests.ports import free_port

UP_WITHIN_S = 240.0  # a bound, for a machine that does much else
# What this test run's own servers are called by; the stack is to start its own.
OURS = (
    "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PGUSER", "SECRET_KEY", "SIGNING_KEY",
    "TOMBSTONE_KEY", "MASTER_KEYS", "ERASURE_LEDGER",
    "DJANGO_SETTINGS_MODULE", "PUBLIC_ORIGIN", "PYTEST_CURRENT_TEST",
)  # fmt: skip


class Stack:
    """One running stack.

    Attributes:
        origin: where it answers.
    """

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.origin = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: text for name, text in os.environ.items() if name not in OURS},
            "ATTUNE_HOME": str(home.root),
            "PORT": str(port),
            "WEB_WORKERS": "1",
        }
        self._output = home.root / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launcher", "up"],
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        """What the launcher has printed."""
        return self._output.read_text()

    def wait_up(self) -> None:
        ready = processes.wait_until(
            lambda: "Attune is up" in self.text() or self.process.poll() is not None, UP_WITHIN_S
        )
        assert ready and self.process.poll() is None, self.text()

    def manage(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a management command on this stack."""
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=PROJECT_ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Ask the stack's record."""
        connection = psycopg2.connect(
            host=str(self.home.postgres_run), dbname="attune", user="postgres"
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def count(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Ask the stack's record for one number."""
        ((number,),) = self.rows(sql, parameters)
        return int(str(number or 0))

    def consumers(self) -> list[int]:
        """Process ids of the consumer: children of this launcher only."""
        listing = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
        )
        return [
            int(line.split()[0])
            for line in listing.stdout.splitlines()
            if "consume" in line.split()
        ]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with temporary_home(Home.locate()) as home:
        running = Stack(home, free_port())
        try:
            running.wait_up()
            yield running
        finally:
            running.end()

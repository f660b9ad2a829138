"""One stack in real processes, as `make up` runs it, that faults can take hold of."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from tests.ports import free_port

UP_WITHIN_S = 180.0
BACK_WITHIN_S = 60.0
WEB_PROCESSES = 2
# What the stack is to find out by itself, whoever runs these tests.
OURS = (
    "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PGUSER", "SECRET_KEY", "SIGNING_KEY",
    "TOMBSTONE_KEY", "MASTER_KEYS", "ERASURE_LEDGER",
    "DJANGO_SETTINGS_MODULE", "PUBLIC_ORIGIN", "PYTEST_CURRENT_TEST", "STREAM_ORIGIN",
)  # fmt: skip
# A word of the command line by which a child of the launcher is known.
WORDS = {
    "stream": "config.asgi:application",
    "consumer": "consume",
    "worker": "fast,slow",
    "beat": "beat",
    "valkey": "valkey-server",
    "postgres": "postgres",
}
WEB_WORD = "config.rsgi:application"


class RunningStack:
    """A stack of two web processes in a home of its own.

    Attributes:
        port: where it answers.
        clock_file: the seconds by which its clock is wrong.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.port = free_port()
        self.clock_file = home.root / "clock"
        self.environment = {
            **{name: text for name, text in os.environ.items() if name not in OURS},
            "ATTUNE_HOME": str(home.root),
            "PORT": str(self.port),
            "STREAM_PORT": str(free_port()),
            "WEB_WORKERS": str(WEB_PROCESSES),
            "CLOCK_FILE": str(self.clock_file),
        }
        self.output = home.root / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launcher", "up"],
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_up(self) -> None:
        """Wait until it serves."""
        ready = processes.wait_until(
            lambda: "Attune is up" in self.text() or self.process.poll() is not None, UP_WITHIN_S
        )
        assert ready and self.process.poll() is None, self.text()

    def text(self) -> str:
        """What the launcher has printed."""
        return self.output.read_text()

    def end(self) -> None:
        """Stop everything."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # Processes

    def pids(self, name: str) -> list[int]:
        """Process ids of a program of the launcher, the one that has lived longest first.

        "web" are the processes that answer, "web server" those that keep one of them each.
        """
        mine = _children(self.process.pid)
        if name in ("web", "web server"):
            servers = [pid for pid in mine if WEB_WORD in _command(pid)]
            if name == "web server":
                return servers
            found = [pid for server in servers for pid in _children(server) if _is_worker(pid)]
            return sorted(found, key=_began)
        word = WORDS[name]
        return [pid for pid in mine if any(Path(part).name == word for part in _words(pid))]

    def listening(self) -> int:
        """How many web processes take connections: each has a socket of its own."""
        wanted = f":{self.port:04X}"
        found = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(part[1].endswith(wanted) and part[3] == "0A" for part in found)

    def kill(self, name: str, number: int = signal.SIGKILL, *, one: bool = True) -> list[int]:
        """Send a signal to a program, the first of its processes or all; return whom."""
        found = self.pids(name)[: 1 if one else None]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return found

    def kill_web(self, name: str = "web") -> None:
        """Kill one web process or who keeps it, and wait until as many listen as before."""
        [killed] = self.kill(name)
        dead = {killed, *_children(killed)}
        back = processes.wait_until(
            # The socket of a process with threads is closed only after the process is gone.
            lambda: len(set(self.pids("web")) - dead) >= WEB_PROCESSES <= self.listening(),
            BACK_WITHIN_S,
        )
        assert back, self.text()

    def let_go(self) -> None:
        """Have the launcher start nothing again, until `take_up`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def take_up(self) -> None:
        """Let the launcher look after its children again."""
        os.kill(self.process.pid, signal.SIGCONT)

    def begin(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start one more process of the stack, which the launcher knows nothing of."""
        environment = self._inner_environment()
        return processes.spawn(
            [sys.executable, *command],
            log=self.home.log / f"extra-{command[-1]}.log",
            environment=environment,
            directory=PROJECT_ROOT,
        )

    def manage(self, *arguments: str) -> str:
        """Run a module or management command on this stack; return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT_ROOT,
            env=self._inner_environment(),
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def site(self, *arguments: str) -> dict[str, Any]:
        """Do something to the site as an editor would; see tests/faults/site.py."""
        lines = self.manage("-m", "tests.faults.site", *arguments).strip().splitlines()
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    # Stores

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Ask the record, and commit."""
        connection = psycopg2.connect(
            host=str(self.home.postgres_run), dbname="attune", user="postgres", connect_timeout=5
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def valkey(self, *commands: Sequence[bytes | str]) -> list[Any]:
        """Ask Valkey; one answer each."""
        import redis

        client = redis.Redis(unix_socket_path=str(self.home.valkey_socket), socket_timeout=10)
        try:
            return [client.execute_command(*command) for command in commands]  # type: ignore[no-untyped-call]
        finally:
            client.close()

    def _inner_environment(self) -> dict[str, str]:
        before = dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            return self.home.environment()
        finally:
            os.environ.clear()
            os.environ.update(before)


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return sorted(found, key=_began)


def _began(pid: int) -> int:
    """When a process began, in ticks: process ids are used again."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _words(pid: int) -> list[str]:
    """The words of a command line; some servers write theirs anew as one."""
    return [word for part in _command(pid) for word in part.split()]


def _is_worker(pid: int) -> bool:
    """Of the web server's children one only tracks its resources."""
    return not any("resource_tracker" in part for part in _command(pid))

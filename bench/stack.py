"""The servers and processes of one run: fresh, in a temporary home, pinned, gone afterwards."""

import contextlib
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import Popen

from bench import processors
from launcher import processes
from launcher.home import PROJECT_ROOT, Home, replace_environment
from launcher.servers import needed, occupied
from launcher.supervisor import Program, programs, python
from launcher.testhome import temporary_home
from launcher.trouble import Trouble

STARTING_S = 60.0
PROFILE_VARIABLE = "BENCH_PROFILE"

Process = Popen[bytes]


class Stack:
    """What runs. `server_side` are its processors; processes start there.

    Attributes:
        home: its directory, with the logs.
        web_port, floor_port: where the product and the floors listen.
        profile: a directory for profiles of web and consumer; None measures without.
    """

    def __init__(self, home: Home, server_side: set[int], profile: Path | None) -> None:
        self.home = home
        self.profile = profile
        self.web_port, self.floor_port = _free_port(), _free_port()
        self._server_side = server_side
        self._environment = home.environment()
        self._running: dict[str, Process] = {}
        self._servers: dict[str, Process] = {}

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Servers, tables, web and floors for the length of a block. The consumer is not started.

        This process gets the environment of the stack, so that it can set Django up.
        """
        servers = needed(self.home)
        try:
            with processors.on(self._server_side):
                for server in servers:
                    server.start()
                    assert server.process is not None
                    self._servers[server.name] = server.process
            replace_environment(self._environment)
            self._migrate()
            self._start_web()
            yield
        finally:
            for name in list(self._running):
                self.stop(name)
            for server in reversed(servers):
                server.stop()

    def start(self, name: str, command: Sequence[str | Path], **more: str) -> None:
        """Start a process of the server side; `more` goes into its environment."""
        with processors.on(self._server_side):
            self._running[name] = processes.spawn(
                command,
                log=self.home.log / f"{name}.log",
                environment={**self._environment, **more},
                directory=PROJECT_ROOT,
            )

    def stop(self, name: str) -> None:
        """End a process that `start` began."""
        process = self._running.pop(name)
        processes.stop(process, farewell=signal.SIGTERM, patience=10)

    def start_consumer(self) -> None:
        """Start the consumer, as the product does."""
        command = _program("consumer", self.web_port).command
        if self.profile is not None:
            command = [python(), "-m", "bench.profiled"]
        self.start("consumer", command, **self._profile_of("consumer"))

    def cpu_us(self) -> dict[str, float]:
        """Return the CPU microseconds that each part of the server side has used so far."""
        parts = {**self._servers, **self._running}
        return {name: processors.cpu_us(process.pid) for name, process in parts.items()}

    def peak_mb(self) -> dict[str, float]:
        """Return the most memory that each running part has had resident, in MB.

        Of a part with several processes it is the sum of their peaks.
        """
        parts = {**self._servers, **self._running}
        return {name: processors.peak_mb(process.pid) for name, process in parts.items()}

    def _start_web(self) -> None:
        web = [str(part) for part in _program("web", self.web_port).command]
        # The floors are plain Django, as most would serve it: a thread, and nothing before it.
        floor = [python(), "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        floor += ["--port", str(self.floor_port), "--workers", web[web.index("--workers") + 1]]
        floor += ["--blocking-threads", "1", "--no-ws", "bench.floor_app:application"]
        if self.profile is not None:
            web[-1] = "bench.profiled:application"
        self.start("web", web, **self._profile_of("web"))
        self.start("floor", floor)
        _wait_for(self.web_port, "/readyz", self.home.log / "web.log")
        _wait_for(self.floor_port, "/bare", self.home.log / "floor.log")

    def _profile_of(self, name: str) -> dict[str, str]:
        if self.profile is None:
            return {}
        return {PROFILE_VARIABLE: str(self.profile / f"{name}.prof")}

    def _migrate(self) -> None:
        command = [python(), "manage.py", "migrate", "--noinput", "-v", "0"]
        if processes.in_front(command, self._environment, PROJECT_ROOT):
            raise Trouble("The tables could not be made.")


@contextlib.contextmanager
def fresh_stack(server_side: set[int], profile: Path | None) -> Iterator[Stack]:
    """Yield a stack of its own in a temporary home, up and migrated."""
    # Its own servers whatever the environment names: the data of a real site is no test site, and
    # the CPU time of a server elsewhere cannot be read.
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    os.environ["WEB_WORKERS"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    with temporary_home(Home.locate()) as home, occupied(home):
        stack = Stack(home, server_side, profile)
        with stack.up():
            yield stack


def _program(name: str, port: int) -> Program:
    """The product's own command line."""
    return next(program for program in programs(port) if program.name == name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline:
        try:
            # The scheme is fixed; bandit cannot see it.
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):  # nosec B310
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    print(processes.tail(log, 30), file=sys.stderr)
    raise Trouble(f"Nothing answers on port {port}: see {log}.")

"""Keeps a stack's processes running: restarts the ones that die, stops all of them in order.

Everything happens in one thread: the owner calls `tick` a few times a second, also while it waits
for something else.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher import processes
from launcher.home import PROJECT_ROOT
from launcher.servers import Server
from launcher.trouble import Trouble

FIRST_PAUSE = 0.5  # seconds before the first restart; doubles with each death
LONGEST_PAUSE = 5.0  # seconds; whatever kills a program may end, and then nobody waits long
HEALTHY_AFTER = 60.0  # seconds of life after which earlier deaths are forgotten


@dataclass(frozen=True)
class Program:
    """One process to keep running. `patience` is how many seconds it gets to end by itself."""

    name: str
    command: Sequence[str | Path]
    patience: float = 10.0


@dataclass
class Kept:
    """The state of one program or server: its process, its deaths, when to start it again."""

    name: str
    log: Path
    start: Callable[[], "subprocess.Popen[bytes]"]
    end: Callable[["subprocess.Popen[bytes]"], None]
    process: "subprocess.Popen[bytes] | None" = None
    began: float = 0.0
    deaths: int = 0
    due: float | None = field(default=None)


class Supervisor:
    """Servers and programs of one stack; `say` receives sentences for the person in front."""

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        log: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None] = print,
    ) -> None:
        """Take embedded servers that were started already; programs join by `start`."""
        self._log = log
        self._environment = environment
        self._say = say
        self._kept: list[Kept] = [self._watch(server) for server in servers]

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""

        def begin() -> "subprocess.Popen[bytes]":
            return processes.spawn(
                program.command,
                log=self._log / f"{program.name}.log",
                environment=self._environment,
                directory=PROJECT_ROOT,
            )

        def end(process: "subprocess.Popen[bytes]") -> None:
            processes.stop(process, farewell=signal.SIGTERM, patience=program.patience)

        kept = Kept(program.name, self._log / f"{program.name}.log", begin, end)
        kept.process, kept.began = begin(), time.monotonic()
        self._kept.append(kept)

    def tick(self) -> None:
        """Notice deaths and restart what is due; never waits for a program."""
        now = time.monotonic()
        for kept in self._kept:
            if kept.process is not None and kept.process.poll() is not None:
                self._mourn(kept, now)
            elif kept.due is not None and now >= kept.due:
                self._revive(kept, now)

    def deaths(self, name: str) -> int:
        """Return how often this one died without a minute of health in between."""
        return next(kept.deaths for kept in self._kept if kept.name == name)

    def pid(self, name: str) -> int | None:
        """Return the process id of a running program or server, None while it is down."""
        process = next(kept.process for kept in self._kept if kept.name == name)
        return process.pid if process is not None and process.poll() is None else None

    def stop(self) -> None:
        """Stop all: the programs first, together; then the servers, last started first."""
        programs = [kept for kept in self._kept if not self._is_server(kept)]
        for kept in programs:
            if kept.process is not None and kept.process.poll() is None:
                kept.process.send_signal(signal.SIGTERM)
        for kept in (*programs, *reversed([k for k in self._kept if self._is_server(k)])):
            kept.due = None
            if kept.process is not None:
                kept.end(kept.process)
                kept.process = None
        self._kept.clear()

    def _watch(self, server: Server) -> Kept:
        """Return the record of a server that runs already."""

        def begin() -> "subprocess.Popen[bytes]":
            server.start()
            if server.process is None:
                raise Trouble(f"{server.name} did not start.")
            return server.process

        kept = Kept(server.name, server.log, begin, lambda _: server.stop())
        kept.process, kept.began = server.process, time.monotonic()
        return kept

    @staticmethod
    def _is_server(kept: Kept) -> bool:
        return kept.name in ("postgres", "valkey")

    def _mourn(self, kept: Kept, now: float) -> None:
        """Note a death and when to start again; its orphans, if any, are killed."""
        assert kept.process is not None
        status = kept.process.returncode
        processes.kill_session(kept.process)
        kept.process = None
        kept.deaths = 1 if now - kept.began > HEALTHY_AFTER else kept.deaths + 1
        pause = min(FIRST_PAUSE * 2 ** (kept.deaths - 1), LONGEST_PAUSE)
        kept.due = now + pause
        how = f"was killed ({signal.Signals(-status).name})" if status < 0 else f"ended ({status})"
        self._say(f"{kept.name} {how}; starting it again in {pause:g} s. Its log: {kept.log}")

    def _revive(self, kept: Kept, now: float) -> None:
        """Start one again; when even that fails, try later."""
        kept.due = None
        kept.began = now
        try:
            kept.process = kept.start()
        except (OSError, Trouble) as error:
            kept.deaths += 1
            kept.due = now + min(FIRST_PAUSE * 2**kept.deaths, LONGEST_PAUSE)
            self._say(f"{kept.name} did not start: {error}")


def python() -> str:
    """Return the interpreter for programs: the virtual environment's."""
    return str(PROJECT_ROOT / ".venv" / "bin" / "python")


def programs(port: int, stream_port: int = 0) -> list[Program]:
    """Return the stack's programs in starting order. They listen on 127.0.0.1 only."""
    workers = os.environ.get("WEB_WORKERS") or str(min(2, os.cpu_count() or 1))
    celery = [python(), "-m", "celery", "-A", "config"]
    return [
        Program(
            "web",
            # One loop a worker. Backpressure counts connections, and an idle one costs next to
            # nothing; with few of them slow clients would keep the others out. As in docker/run.
            [python(), "-m", "granian", "--interface", "rsgi", "--loop", "uvloop"]
            + ["--host", "127.0.0.1", "--port", str(port), "--workers", workers]
            + ["--backlog", "2048", "--backpressure", "8192", "--respawn-failed-workers"]
            + ["--workers-kill-timeout", "8", "--no-ws", "config.rsgi:application"],
            patience=12.0,
        ),
        Program(
            "stream",
            # One process: its streams wait on one loop. Backpressure would be streams that wait.
            [python(), "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1"]
            + ["--port", str(stream_port), "--workers", "1", "--backlog", "2048"]
            + ["--backpressure", "16384", "--respawn-failed-workers"]
            + ["--workers-kill-timeout", "5", "--no-ws", "config.asgi:application"],
        ),
        Program("consumer", [python(), "manage.py", "consume"]),
        Program(
            "worker",
            [*celery, "worker", "--queues", "fast,slow,train", "--concurrency", "1"]
            + ["--loglevel", "INFO", "--without-gossip", "--without-mingle"],
        ),
        Program(
            "beat",
            [*celery, "beat", "--loglevel", "INFO"]
            + ["--scheduler", "django_celery_beat.schedulers:DatabaseScheduler"],
        ),
    ]

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

FIRST_PAUSE = 0.5  # seconds before the first restart; doubles with each early end of its own
LONGEST_PAUSE = 5.0  # seconds; whatever kills a program may end, and then nobody waits long
ORPHANS_LIVE = 8.0  # seconds that children of a dead process have to end in order
HEALTHY_AFTER = 5.0  # seconds of life after which earlier deaths are forgotten


@dataclass(frozen=True)
class Program:
    """One process to keep running. `patience` is how many seconds it gets to end by itself."""

    name: str
    command: Sequence[str | Path]
    patience: float = 10.0


@dataclass
class Kept:
    """The state of one program or server: its process, its deaths, when to start it again.

    `orphans` are (process group, deadline) of what dead processes of it have left behind.
    """

    name: str
    log: Path | None
    start: Callable[[], "subprocess.Popen[bytes]"]
    end: Callable[["subprocess.Popen[bytes]"], None]
    process: "subprocess.Popen[bytes] | None" = None
    began: float = 0.0
    deaths: int = 0
    due: float | None = field(default=None)
    orphans: list[tuple[int, float]] = field(default_factory=list)


class Supervisor:
    """Servers and programs of one stack; `say` receives sentences for the person in front."""

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        log: Path | None,
        environment: Mapping[str, str],
        say: Callable[[str], None] = print,
    ) -> None:
        """Take embedded servers that were started already; programs join by `start`.

        `log` is the folder of the programs' logs; None: they write where we do.
        """
        self._log = log
        self._environment = environment
        self._say = say
        self._kept: list[Kept] = [self._watch(server) for server in servers]

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        log = None if self._log is None else self._log / f"{program.name}.log"

        def begin() -> "subprocess.Popen[bytes]":
            return processes.spawn(
                program.command,
                log=log,
                environment=self._environment,
                directory=PROJECT_ROOT,
            )

        def end(process: "subprocess.Popen[bytes]") -> None:
            processes.stop(process, farewell=signal.SIGTERM, patience=program.patience)

        kept = Kept(program.name, log, begin, end)
        kept.process, kept.began = begin(), time.monotonic()
        self._kept.append(kept)

    def tick(self) -> None:
        """Notice deaths and restart what is due; never waits for a program."""
        now = time.monotonic()
        for kept in self._kept:
            self._watch_orphans(kept, now)
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
            self._watch_orphans(kept, float("inf"))
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

    @staticmethod
    def _watch_orphans(kept: Kept, now: float) -> None:
        """Kill those whose time is over, and forget groups in which nobody is left."""
        left = []
        for group, deadline in kept.orphans:
            is_over = now >= deadline
            if processes.signal_group(group, signal.SIGKILL if is_over else 0) and not is_over:
                left.append((group, deadline))
        kept.orphans = left

    def _mourn(self, kept: Kept, now: float) -> None:
        """Note a death and when to start again. Its orphans are asked to end: a web process whose
        keeper was killed has people to answer. Those of a server are in the way of the next one.
        """
        assert kept.process is not None
        status = kept.process.returncode
        if self._is_server(kept):
            processes.kill_session(kept.process)
        elif processes.signal_group(kept.process.pid, signal.SIGTERM):
            kept.orphans.append((kept.process.pid, now + ORPHANS_LIVE))
        kept.process = None
        kept.deaths = 1 if now - kept.began > HEALTHY_AFTER else kept.deaths + 1
        # Who is killed has done nothing wrong, and may live for longer the next time.
        is_killed = status == -signal.SIGKILL
        pause = (
            FIRST_PAUSE if is_killed else min(FIRST_PAUSE * 2 ** (kept.deaths - 1), LONGEST_PAUSE)
        )
        kept.due = now + pause
        how = f"was killed ({signal.Signals(-status).name})" if status < 0 else f"ended ({status})"
        where = "" if kept.log is None else f" Its log: {kept.log}"
        self._say(f"{kept.name} {how}; starting it again in {pause:g} s.{where}")

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


def web_programs(
    port: int, *, host: str = "127.0.0.1", interpreter: str | None = None
) -> list[Program]:
    """Return the web processes, WEB_WORKERS of them: each a server of its own on the one port.

    A server with several workers would be one process whose end is the end of all of them; and it
    takes two quick deaths of a worker for a fault of the program, and ends. Of these each may die
    as it likes: the kernel gives new connections to the others.

    Raises:
        Trouble: WEB_WORKERS is no such number.
    """
    text = os.environ.get("WEB_WORKERS") or str(min(2, os.cpu_count() or 1))
    if not text.isdigit() or not int(text):
        raise Trouble(f"WEB_WORKERS is {text!r}, but it is a number from 1 on.")
    # One loop a process. Backpressure counts connections, and an idle one costs next to nothing;
    # with few of them slow clients would keep the others out.
    command = [interpreter or python(), "-m", "granian", "--interface", "rsgi", "--loop", "uvloop"]
    command += ["--host", host, "--port", str(port), "--workers", "1", "--backlog", "2048"]
    command += ["--backpressure", "8192", "--workers-kill-timeout", "8", "--no-ws"]
    # HTTP/2 is a proxy's to speak: a body of it need not be announced, and would be missed.
    command += ["--http", "1"]
    command += ["config.rsgi:application"]
    names = ["web", *(f"web-{number}" for number in range(2, int(text) + 1))]
    return [Program(name, command, patience=12.0) for name in names]


def _trainer(celery: Sequence[str]) -> Program:
    """Return the worker that trains: minutes of arithmetic, which must not slow a visitor down.

    It yields to everyone (nice 15), and its libraries start no threads that would spin beside it.
    """
    one_thread = [f"{name}_NUM_THREADS=1" for name in ("OMP", "OPENBLAS", "MKL")]
    command = ["nice", "-n", "15", "env", *one_thread, *celery, "worker", "--queues", "train"]
    command += ["--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    # The name of a Celery worker is its host's unless one is given: there are two now.
    return Program("trainer", [*command, "--hostname", "trainer@%h"])


def programs(port: int, stream_port: int = 0) -> list[Program]:
    """Return the stack's programs in starting order. They listen on 127.0.0.1 only."""
    celery = [python(), "-m", "celery", "-A", "config"]
    return [
        *web_programs(port),
        Program(
            "stream",
            # One process: its streams wait on one loop. Backpressure would be streams that wait.
            [python(), "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1"]
            + ["--port", str(stream_port), "--workers", "1", "--backlog", "2048"]
            + ["--backpressure", "16384", "--workers-kill-timeout", "5", "--no-ws"]
            + ["--http", "1"]
            + ["config.asgi:application"],
        ),
        Program("consumer", [python(), "manage.py", "consume"]),
        Program(
            "worker",
            [*celery, "worker", "--queues", "fast,slow", "--concurrency", "1"]
            + ["--loglevel", "INFO", "--without-gossip", "--without-mingle"],
        ),
        _trainer(celery),
        Program("beat", [*celery, "beat", "--loglevel", "INFO"]),
    ]

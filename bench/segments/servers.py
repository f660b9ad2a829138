"""Postgres and Valkey of a run's own, with the tables made; a consumer where one is asked for."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import processors
from launcher import processes
from launcher.home import PROJECT_ROOT, Home, replace_environment
from launcher.servers import needed, occupied
from launcher.supervisor import programs, python
from launcher.testhome import temporary_home
from launcher.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs: process ids, and where logs go."""

    pids: Sequence[int]
    log: Path

    def cpu_us(self) -> float:
        """Return the CPU microseconds that the servers have used so far."""
        return sum(map(processors.cpu_us, self.pids))

    @contextlib.contextmanager
    def consumer(self) -> Iterator[int]:
        """Run a consumer, as the product does, for the length of a block; yield its process id."""
        (program,) = (program for program in programs(0) if program.name == "consumer")
        process = processes.spawn(
            program.command,
            log=self.log / "consumer.log",
            environment=os.environ,
            directory=PROJECT_ROOT,
        )
        try:
            yield process.pid
            if process.poll() is not None:
                tail = processes.tail(self.log / "consumer.log", 30)
                raise Trouble(f"The consumer has ended:\n{tail}")
        finally:
            processes.stop(process, farewell=signal.SIGTERM, patience=program.patience)


@contextlib.contextmanager
def servers_only() -> Iterator[Servers]:
    """Yield fresh servers. This process gets their environment, so that it can set Django up."""
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    with temporary_home(Home.locate()) as home, occupied(home):
        servers = needed(home)
        try:
            for server in servers:
                server.start()
            replace_environment(home.environment())
            command = [python(), "manage.py", "migrate", "--noinput", "-v", "0"]
            if processes.in_front(command, home.environment(), PROJECT_ROOT):
                raise Trouble("The tables could not be made.")
            pids = [server.process.pid for server in servers if server.process is not None]
            yield Servers(pids, home.log)
        finally:
            for server in reversed(servers):
                server.stop()

"""The embedded servers of one home: those that the environment does not name already."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import TextIO

from launcher import head_start
from launcher.home import Home
from launcher.postgres import Postgres
from launcher.trouble import Trouble
from launcher.valkey import Valkey

Server = Postgres | Valkey


def needed(home: Home, *, throwaway: bool = False) -> list[Server]:
    """Return the servers to start, in order; none when DATABASE_URL and REDIS_URL are both set."""
    servers: list[Server] = []
    if not os.environ.get("DATABASE_URL"):
        servers.append(Postgres(home, throwaway=throwaway))
    if not os.environ.get("REDIS_URL"):
        servers.append(Valkey(home))
    return servers


class AlreadyRunning(Trouble):
    """Another launcher holds this home."""


@contextlib.contextmanager
def occupied(home: Home) -> Iterator[None]:
    """Hold the home for this process alone, with the process id in its lock file.

    The lock is the kernel's: it is free again however this process ends.

    Raises:
        AlreadyRunning: another launcher holds it.
    """
    home.create()
    with open(home.lock_file, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"Attune already runs from {home.root} (process {holder(home)}): "
                "stop it with `make down`, or set ATTUNE_HOME and PORT for a second one."
            ) from None
        _write(file, str(os.getpid()))
        try:
            yield
        finally:
            _write(file, "")


def holder(home: Home) -> int | None:
    """Return the process id of the launcher that holds the home, None when nobody does."""
    try:
        with open(home.lock_file, "a+") as file:
            file.seek(0)
            text = file.read().strip()
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        return int(text) if text.isdigit() else None
    return None


@contextlib.contextmanager
def running(home: Home, *, throwaway: bool = False) -> Iterator[None]:
    """Run the embedded servers for the length of a block, in a home held for this process.

    `throwaway`: nothing is kept over a crash of the machine, and writes are so much faster.
    """
    with occupied(home):
        servers = needed(home, throwaway=throwaway)
        try:
            for server in servers:
                server.start()
                if throwaway and isinstance(server, Postgres):
                    head_start.make_template(server)
            yield
        finally:
            for server in reversed(servers):
                server.stop()


def _write(file: TextIO, text: str) -> None:
    """Replace the text of an open file."""
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()

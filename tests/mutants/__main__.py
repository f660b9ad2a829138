"""Do the tests catch what they are there for? `python -m tests.mutants`, or `make mutants`.

Every fault is put into a copy of the source, and the copy is asked until something differs: faults
of the engine by parity, those of SQL by cases made for the rare and by parity with a database
(DATABASE_URL), those of the live path by its property tests. A fault that survives is a hole in the
tests, and so is one whose place is gone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.mutants.database_faults import LIVE, LIVE_TESTS, SQL, SQL_TESTS
from tests.mutants.faults import ENGINE, Fault

ROOT = Path(__file__).parent.parent.parent
COPIED = ("engine", "apps", "config", "launcher", "tests", "pyproject.toml", "manage.py")
PARITY = (sys.executable, "-m", "tests.parity", "--first", "--quiet", "--processes", "1")
CHECKS = 400_000  # a fault that this many do not show is not caught


class Outcome(NamedTuple):
    fault: Fault
    caught_by: str  # empty: it survived
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", default="", help="faults whose file and name match this pattern")
    parser.add_argument("--checks", type=int, default=CHECKS)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    known = ENGINE + (SQL + LIVE if os.environ.get("DATABASE_URL") else ())
    faults = [fault for fault in known if re.search(arguments.only, f"{fault.file} {fault.name}")]
    lost = [fault for fault in faults if not is_placed(fault)]
    for fault in lost:
        print(f"No longer once in {fault.path}: {fault.name}")
    print(f"{'fault':<62}{'caught by':<36}{'s':>6}", flush=True)
    outcomes = []
    placed = [fault for fault in faults if fault not in lost]
    if any(fault in SQL for fault in placed):
        subprocess.run([*PARITY, "--database", "--keep", "--checks", "0"], cwd=ROOT, check=True)
    with ThreadPoolExecutor(arguments.processes) as threads:
        for outcome in threads.map(lambda fault: outcome_of(fault, arguments.checks), placed):
            fault, caught, seconds = outcome
            print(f"{fault.name:<62}{caught or 'SURVIVED':<36}{seconds:>6.1f}", flush=True)
            outcomes.append(outcome)
    survived = sum(not outcome.caught_by for outcome in outcomes)
    print(f"{len(outcomes)} faults, {len(outcomes) - survived} caught, {survived} survived.")
    return 1 if lost or survived else 0


def is_placed(fault: Fault) -> bool:
    """Is there exactly one place for it?"""
    path = ROOT / fault.path
    return path.exists() and path.read_text().count(fault.old) == 1


def outcome_of(fault: Fault, checks: int) -> Outcome:
    """Ask a copy of the source with the fault in it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        copy = Path(directory)
        for part in COPIED:
            _copy(ROOT / part, copy / part)
        target = copy / fault.path
        target.write_text(target.read_text().replace(fault.old, fault.new))
        started = time.monotonic()
        found = ""
        for command in commands_of(fault, checks):
            environment = _environment(of_pytest="pytest" in command)
            done = subprocess.run(
                command, cwd=copy, env=environment, capture_output=True, text=True
            )
            found = caught_by(done)
            if found:
                break
        return Outcome(fault, found, time.monotonic() - started)


def _copy(source: Path, copy: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, copy)


def _environment(*, of_pytest: bool) -> dict[str, str]:
    """Ours without an import path that would find the source that is whole.

    Pytest brings servers of its own, because it empties them.
    """
    left_out = {"PYTHONPATH"} | ({"DATABASE_URL", "REDIS_URL"} if of_pytest else set())
    return {name: value for name, value in os.environ.items() if name not in left_out}


def commands_of(fault: Fault, checks: int) -> Iterator[Sequence[str]]:
    """What is asked, in turn, until something differs."""
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-n0"]
    if fault in LIVE:
        yield [*pytest, *LIVE_TESTS]
    elif fault in SQL:
        # Cases made for the rare: random histories seldom have two events in one millisecond.
        yield [*pytest, *SQL_TESTS]
        # Statements are slower than the engine alone.
        yield [*PARITY, "--database", "--keep", "--checks", str(checks // 4)]
    else:
        kinds = ["--kinds", fault.kinds] if fault.kinds else []
        yield [*PARITY, *kinds, "--checks", str(checks)]


def caught_by(done: subprocess.CompletedProcess[str]) -> str:
    """What differed; a run that could not even start says nothing about the fault."""
    lines = done.stdout.splitlines()
    found = [line for line in lines if line.startswith("seed ")]
    if found:
        return found[0].split(": ", 1)[1].split(" at ")[0]
    failed = [line for line in lines if line.startswith("FAILED ")]
    if failed:
        return failed[0].split("::", 1)[1].split(" - ")[0][:34]
    if done.returncode:
        print(f"A run broke:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}", file=sys.stderr)
    return ""


if __name__ == "__main__":
    sys.exit(main())

"""The static checks of `make check`, two at a time; each prints what failed."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from launcher.home import PROJECT_ROOT
from launcher.supervisor import python

AT_ONCE = 2
BIN = PROJECT_ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class Check:
    """One named check: passed when the command's status is 0."""

    name: str
    command: Sequence[str]


def checks() -> list[Check]:
    """Return every check, the longest first."""
    ruff, manage = str(BIN / "ruff"), [python(), "manage.py"]
    return [
        Check("types", [python(), "-m", "mypy", "engine", "apps", "bench"]),
        Check(
            "openapi",
            [*manage, "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
        ),
        Check("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        Check("django", [*manage, "check", "--fail-level", "WARNING"]),
        Check("imports", [str(BIN / "lint-imports"), "--no-cache"]),
        Check("templates", [python(), "-m", "djlint", "--lint", "--quiet", "."]),
        Check(
            "security",
            [python(), "-m", "bandit", "-q", "-c", "pyproject.toml", "-r"]
            + ["apps", "engine", "config", "launcher"],
        ),
        Check("format", [ruff, "format", "--check", "."]),
        Check("lint", [ruff, "check", "--output-format", "concise", "."]),
        Check("packages", [python(), "-m", "pip", "check"]),
        Check("vendored", [python(), "-m", "launcher.vendored"]),
    ]


def run(environment: Mapping[str, str], *, only: Sequence[str] = ()) -> int:
    """Run the checks (or those named) and print the outcome; return how many failed, at most 1."""
    chosen = [check for check in checks() if not only or check.name in only]
    unknown = set(only) - {check.name for check in chosen}
    if unknown:
        print(f"No such check: {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    failed: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for check, (passed, seconds, output) in zip(
            chosen, pool.map(lambda check: _outcome(check, environment), chosen), strict=True
        ):
            print(f"{'ok' if passed else 'FAILED':<7}{check.name:<12}{seconds:5.1f} s", flush=True)
            if not passed:
                failed.append(check.name)
                print(output.rstrip(), flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0


def _outcome(check: Check, environment: Mapping[str, str]) -> tuple[bool, float, str]:
    """Run one check; return whether it passed, how long it took, and what it said."""
    began = time.monotonic()
    result = subprocess.run(
        list(check.command),
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode == 0, time.monotonic() - began, result.stdout

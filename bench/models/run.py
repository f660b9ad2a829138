"""`python -m bench models`: each part in a process of its own, on servers of its own.

A part is a module of this package with `measure(quick: bool) -> tuple[list[Bar], dict]`: its bars,
and every figure behind them. The exit status is 1 when a bar is not held or a part failed.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.report import Bar, bars_json
from launcher.home import PROJECT_ROOT

RESULTS: Final = PROJECT_ROOT / "bench" / "results"
PARTS: Final = (
    "features", "scoring", "online", "recommending", "lists", "groups", "visitors", "training",
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/models-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the people")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--result", type=Path, help="where the figures of one part go")
    options = parser.parse_args(arguments)
    if options.result is not None:
        return _one(options.only[0], options.quick, options.result)
    bars, figures, is_whole = [], {}, True
    for part in options.only:
        found = _apart(part, options.quick)
        if found is None:
            print(f"{part}: failed", flush=True)
            is_whole = False
            continue
        mine = [Bar(**one) for one in found["bars"]]
        print("\n".join(bar.line() for bar in mine), flush=True)
        bars += mine
        figures[part] = found["figures"]
    _write(figures, bars)
    return 0 if is_whole and all(bar.is_held for bar in bars) else 1


def _one(part: str, quick: bool, result: Path) -> int:
    measured, figures = importlib.import_module(f"bench.models.{part}").measure(quick)
    plain = [
        {"name": b.name, "value": b.value, "limit": b.limit, "at_most": b.at_most, "unit": b.unit}
        for b in measured
    ]
    result.write_text(json.dumps({"bars": plain, "figures": figures}))
    return 0


def _apart(part: str, quick: bool) -> dict[str, Any] | None:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "bench", "models", "--only", part, "--result", file.name]
        if subprocess.run([*command, *(["--quick"] if quick else [])], check=False).returncode:
            return None
        found: dict[str, Any] = json.loads(Path(file.name).read_text())
        return found


def _write(figures: dict[str, Any], bars: Sequence[Bar]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"models-{at.replace(':', '')}.json"
    document = {
        "at": at,
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "figures": figures,
        "bars": bars_json(bars),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nall figures: {path.relative_to(PROJECT_ROOT)}")

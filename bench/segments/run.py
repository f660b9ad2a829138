"""`python -m bench segments`: conditions from one visitor in process to ten million events.

Parts, each in a process and on servers of its own: evaluation (in process, beside a function by
hand and other engines), consumer (what a fold costs), timers, latency, refresh (ratios to a bare
GROUP BY) and small (a fold beside a tenth of the refresh's events).

The exit status is 1 when a bar is missed or an answer was wrong.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import Bar, bars_json
from bench.segments import parts
from launcher import processes
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals
from launcher.supervisor import python

RESULTS = PROJECT_ROOT / "bench" / "results"


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/segments-<time>.json."""
    options = _options(arguments)
    if options.record is not None:
        return _one(options)
    began = time.monotonic()
    result: dict[str, Any] = {}
    with stopping_on_signals():
        result = _all(options)
    if not result:
        return 130
    _write({**result, "seconds": round(time.monotonic() - began, 1)})
    held = all(bar["held"] for bar in result["bars"])
    return 0 if held and not result["failed"] else 1


def _all(options: argparse.Namespace) -> dict[str, Any]:
    """Run the parts asked for; return the record of all."""
    found: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    for name in options.only or parts.PARTS:
        _say(f"\n{name}")
        record = _in_a_process(name, options)
        if record is None:
            failed.append(name)
        else:
            found[name] = record
    bars = [Bar(**bar) for record in found.values() for bar in record.pop("bars")]
    bars += parts.growth_bars({name: record["figures"] for name, record in found.items()})
    print("\n" + "\n".join(bar.line() for bar in bars), flush=True)
    for name in failed:
        print(f"{name}: FAILED, see above")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "parts": found,
        "failed": failed,
        "bars": bars_json(bars),
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench segments", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 profiles, 1 M events")
    parser.add_argument("--only", nargs="+", choices=list(parts.PARTS), help="these parts")
    parser.add_argument("--rounds", type=int, help="of the refresh")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _in_a_process(name: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """Run a part, which prints what it finds; return its record, or None when it failed."""
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / "record.json"
        command: list[str | Path] = [python(), "-m", "bench", "segments", "--only", name]
        command += ["--record", record]
        command += ["--quick"] if options.quick else []
        command += ["--rounds", str(options.rounds)] if options.rounds else []
        status = processes.in_front(command, os.environ, PROJECT_ROOT)
        if status or not record.exists():
            return None
        loaded: dict[str, Any] = json.loads(record.read_text())
        return loaded


def _one(options: argparse.Namespace) -> int:
    scale = parts.QUICK if options.quick else parts.Scale()
    if options.rounds:
        scale = dataclasses.replace(scale, rounds=options.rounds)
    began = time.monotonic()
    with stopping_on_signals():
        (name,) = options.only
        found = parts.PARTS[name](scale)
        record = {
            "figures": found.figures,
            "bars": [dataclasses.asdict(bar) for bar in found.bars],
            "seconds": round(time.monotonic() - began, 1),
        }
        options.record.write_text(json.dumps(record))
    return 0


def _write(result: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"segments-{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['seconds']:.0f} s; all figures: {path.relative_to(PROJECT_ROOT)}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

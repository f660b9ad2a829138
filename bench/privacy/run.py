"""`python -m bench privacy`: how long it takes to erase one person with 10,000 events beside 10,000
and beside 1,000,000 others; how fast all stores are searched.

Each size runs on servers of its own. The exit status is 1 when a bar is not held.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench.report import Bar, bars_json
from bench.segments.parts import django_on_servers
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

RESULTS: Final = PROJECT_ROOT / "bench" / "results"
SIZES: Final = (10_000, 1_000_000)
QUICK: Final = (2_000, 20_000)
PERSONS: Final = 5  # erased one after the other; the middle one counts
MOST_S: Final = 10.0
MOST_RATIO: Final = 1.1


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/privacy-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench privacy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 and 20,000 others")
    parser.add_argument("--others", type=int, help="one size only, to --result")
    parser.add_argument("--result", type=Path, help="where the figures of one size go")
    options = parser.parse_args(arguments)
    events = 1_000 if options.quick else 10_000
    if options.others is not None:
        return _one(options.others, events, options.result)
    measured = []
    for others in QUICK if options.quick else SIZES:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [sys.executable, "-m", "bench", "privacy", "--others", str(others)]
            command += ["--result", file.name, *(["--quick"] if options.quick else [])]
            if subprocess.run(command, check=False).returncode:
                return 1
            measured.append(json.loads(Path(file.name).read_text()))
    few, many = measured[0]["erasure_s"], measured[-1]["erasure_s"]
    bars = [Bar(f"erasing one beside {measured[-1]['others']:,}", many, MOST_S, True, "s")]
    if not options.quick:  # some hundredths of a second have no ratio
        bars.append(Bar("that, by the time beside the fewest", many / few, MOST_RATIO, True, "x"))
    print("\n".join(bar.line() for bar in bars), flush=True)
    _write(measured, bars)
    return 0 if all(bar.is_held for bar in bars) else 1


def _one(others: int, events: int, result: Path) -> int:
    with stopping_on_signals(), django_on_servers() as servers:
        found = _measured(others, events)
        del servers
    result.write_text(json.dumps(found))
    return 0


def _measured(others: int, events: int) -> dict[str, Any]:
    # These need Django.
    from apps.access import services as access
    from apps.privacy import erasing, tasks_erasing
    from apps.work import clock
    from bench.editors import people
    from bench.privacy.person import make_person
    from bench.segments.data import NOW

    logging.disable(logging.ERROR)
    clock.replace(lambda: NOW, is_everywhere=False)
    site = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=people.BEGIN)
    source = access.create_source(
        site_id=site.pk, name="web", now=people.BEGIN, consent_mode="assumed"
    )
    began = time.monotonic()
    people.make_people(site.pk, source.pk, people.People(others, others * 2, 100))
    _say(f"{others:,} others: made in {time.monotonic() - began:.0f} s")
    runs = []
    for number in range(PERSONS):
        profile_id = make_person(site.pk, source.pk, number, events)
        _settle()
        erasure_id = erasing.begin(site_id=site.pk, profile_id=profile_id, now=NOW)
        runs.append(_erased(erasure_id, events))
    began = time.monotonic()
    found = tasks_erasing.search_waiting(now=NOW)
    seconds = time.monotonic() - began
    assert found is not None and found.is_clean, found and dict(found.hits)
    total = statistics.median(sum(run.values()) for run in runs)
    steps = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    _say(f"{others:,} others, {events:,} events: erased in {total:.2f} s")
    for name, value in steps.items():
        _say(f"  {name:<14}{value:8.3f} s")
    _say(f"  all stores: {found.read / 1e9:.2f} GB searched in {seconds:.1f} s")
    return {
        "others": others,
        "events": events,
        "erasure_s": round(total, 3),
        "all_runs_s": [round(sum(run.values()), 3) for run in runs],
        "steps_s": steps,
        "search": {"bytes": found.read, "seconds": round(seconds, 1)},
    }


def _settle() -> None:
    """Let the servers write down what was made: that is not the erasure's work."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def _erased(erasure_id: UUID, events: int) -> dict[str, float]:
    """Erase; return seconds by step."""
    from apps.privacy import erasing
    from apps.privacy.models.erasures import ErasureStep

    began: dict[str, float] = {}
    taken: dict[str, float] = {}

    def between(step: str, moment: str, store: str) -> None:
        if moment == "begun":
            began[step] = time.perf_counter()
        elif moment == "done":
            taken[step] = time.perf_counter() - began[step]

    erasing.run(erasure_id, between=between)
    live = ErasureStep.objects.get(erasure_id=erasure_id, name="live")
    assert live.stores["events"] == events, live.stores
    return taken


def _write(measured: Sequence[dict[str, Any]], bars: Sequence[Bar]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"privacy-{at.replace(':', '')}.json"
    document = {
        "at": at,
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "sizes": list(measured),
        "bars": bars_json(bars),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nall figures: {path.relative_to(PROJECT_ROOT)}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

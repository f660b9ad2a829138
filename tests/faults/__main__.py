"""`make faults`: every fault under load, one after the other, and a table of what came of it.

The exit status is 1 when one of them did harm.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from launcher.stack import stopping_on_signals
from launcher.testhome import temporary_home
from tests.faults.campaign import Outcome, make_target, suffer, table
from tests.faults.faults import FAULTS
from tests.faults.harm import Fault
from tests.faults.load import Target
from tests.faults.running import RunningStack
from tests.faults.stores import mounted

DISK_MB = 900
RESULTS = PROJECT_ROOT / "bench" / "results"


def main() -> int:
    """Harm, heal, compare, print."""
    options = _options()
    wanted = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    factor = options.factor or min(1.0, (os.cpu_count() or 1) / 4)
    outcomes: list[Outcome] = []
    print(f"{len(wanted)} faults, {factor:g} of the full load.")
    with stopping_on_signals():
        shared = [fault for fault in wanted if not fault.own_home]
        if shared:
            with temporary_home(Home.locate()) as home, running(home) as (stack, target):
                _all(stack, target, shared, options, factor, outcomes)
        for fault in wanted:
            if fault.own_home:
                with _small_disk(fault) as small:
                    if small is not None:
                        with running(small) as (stack, target):
                            _all(stack, target, [fault], options, factor, outcomes)
    print("\n" + table(outcomes), flush=True)
    _write(outcomes, factor)
    return 1 if any(outcome.failures() for outcome in outcomes) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS])
    parser.add_argument("--seconds", type=float, help="of each fault; default: its own")
    parser.add_argument("--factor", type=float, help="of the full load; default: by processors")
    parser.add_argument("--within-ms", type=float, default=300, help="for each decision")
    parser.add_argument("--logs", action="store_true", help="the ends of the logs after harm")
    return parser.parse_args()


def _print_logs(stack: RunningStack) -> None:
    for log in [stack.output, *sorted(stack.home.log.glob("*.log"))]:
        print(f"--- {log.name}\n{processes.tail(log, 25)}", flush=True)


def _all(
    stack: RunningStack,
    target: Target,
    faults: list[Fault],
    options: argparse.Namespace,
    factor: float,
    outcomes: list[Outcome],
) -> None:
    for fault in faults:
        print(f"{fault.name}: {fault.does} ...", flush=True)
        outcome = suffer(
            stack, target, fault,
            seconds=options.seconds or fault.seconds, factor=factor, within_ms=options.within_ms,
        )  # fmt: skip
        outcomes.append(outcome)
        for failure in outcome.failures():
            print(f"  {failure}", flush=True)
        if outcome.failures() and options.logs:
            _print_logs(stack)


@contextlib.contextmanager
def running(home: Home) -> Iterator[tuple[RunningStack, Target]]:
    """A stack with the site under load."""
    stack = RunningStack(home)
    try:
        stack.wait_up()
        yield stack, make_target(stack)
    finally:
        stack.end()


@contextlib.contextmanager
def _small_disk(fault: Fault) -> Iterator[Home | None]:
    """A home on a small file system of its own; None, told in one line, where none can be had."""
    place = Path("/var/tmp") / f"attune-faults-{os.getpid()}"  # nosec B108
    place.mkdir(mode=0o755)
    try:
        if not mounted(str(place), DISK_MB):
            print(f"{fault.name}: skipped, no file system can be mounted here.")
            yield None
            return
        try:
            home = Home(place / "home")
            home.create()
            yield home
        finally:
            time.sleep(1)
            subprocess.run(["umount", "-l", str(place)], check=False)
    finally:
        place.rmdir()


def _write(outcomes: list[Outcome], factor: float) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    result = {
        "at": now,
        "factor": factor,
        "faults": [
            {
                "fault": one.fault.name,
                "acknowledged": len(one.ledger.acknowledged),
                **{name: len(names) for name, names in asdict(one.balance).items()},
                "decisions": one.ledger.decisions,
                "bad": len(one.ledger.bad),
                "capped": sum(map(len, one.ledger.capped.values())),
                "beyond_caps": len(one.ledger.beyond_caps()),
                "slowest_ms": round(one.ledger.slowest_ms, 1),
                "healed_s": one.healed_s,
                "moved": one.moved,
                "stale": one.stale,
                "failures": one.failures(),
            }
            for one in outcomes
        ],
    }
    path = RESULTS / f"faults-{now.replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"All figures: {path.relative_to(PROJECT_ROOT)}")


if __name__ == "__main__":
    sys.exit(main())

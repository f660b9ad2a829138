"""`python -m bench segments`: refresh, increments and new segments, as ratios to a bare GROUP BY.

The exit status is 1 when a bar is missed or an answer was wrong.
"""

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.report import bars_json
from bench.segments.servers import servers_only
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

RESULTS = PROJECT_ROOT / "bench" / "results"
ROUNDS = 5


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/segments-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench segments", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 profiles, 1 M events")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with stopping_on_signals(), servers_only() as servers:
        import django  # the environment is that of the servers only now

        django.setup()
        from bench.segments import data, measured

        size = data.SMALL if options.quick else data.FULL
        shop = measured.Shop.made(servers, size)
        found = shop.measure(options.rounds)
    bars = measured.bars(found)
    print(measured.table(found), "\n" + "\n".join(bar.line() for bar in bars), sep="\n", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    result = {
        "at": now.isoformat(timespec="seconds"),
        "size": {"profiles": size.profiles, "events": size.events},
        "rounds": found,
        "bars": bars_json(bars),
        "seconds": round(time.monotonic() - began, 1),
    }
    path = RESULTS / f"segments-{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(bar.is_held for bar in bars) else 1

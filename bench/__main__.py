"""`python -m bench`: the whole run, a table, a verdict for each bar, and the same as JSON.

The exit status is 1 when a bar is missed or an answer was wrong.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import processors
from bench.load import percentile
from bench.report import Bar, Rounds, bars_json, median, ratio, table
from bench.stack import Stack, fresh_stack
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

if TYPE_CHECKING:
    from bench.cases import Bench

RESULTS = PROJECT_ROOT / "bench" / "results"
FLOOR = "floor R: one GET"


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does."""

    visitors: int
    rounds: int
    seconds: float  # of one case in one round
    fold_rounds: int
    fold_batches: int
    probes: int


FULL = Size(visitors=2_000, rounds=7, seconds=2.0, fold_rounds=5, fold_batches=400, probes=400)
QUICK = Size(visitors=300, rounds=5, seconds=0.5, fold_rounds=3, fold_batches=100, probes=200)


def main() -> int:
    """Measure, print, write bench/results/<time>.json."""
    options = _options()
    size = QUICK if options.quick else FULL
    server_side, client_side = processors.sides()
    os.sched_setaffinity(0, client_side)
    began = time.monotonic()
    result: dict[str, Any] = {}
    with stopping_on_signals(), fresh_stack(server_side, options.profile) as stack:
        result = _run(stack, size, options.only)
    if not result:
        return 130
    result["seconds"] = round(time.monotonic() - began, 1)
    _write(result)
    return 0 if all(bar["held"] for bar in result["bars"]) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer visitors, shorter rounds")
    parser.add_argument("--only", choices=("requests", "events"), help="a part of the cases")
    parser.add_argument(
        "--profile", type=Path, metavar="DIRECTORY",
        help="run web and consumer under cProfile; the figures then mean nothing",
    )  # fmt: skip
    options = parser.parse_args()
    if options.profile is not None:
        options.profile = options.profile.absolute()
        options.profile.mkdir(parents=True, exist_ok=True)
    return options


def _run(stack: Stack, size: Size, only: str | None) -> dict[str, Any]:
    import django  # the environment is the stack's only now

    django.setup()
    from bench import world  # these need Django
    from bench.cases import Bench
    from bench.record import Record, store_floor_states

    _say("Making the site and its visitors ...")
    site = world.make_site(datetime.now(UTC))
    store_floor_states(size.visitors)
    bench = Bench(stack, site, Record(site.id), size.visitors)
    stack.start_consumer()
    bench.load_visitors()
    world.train(site, datetime.now(UTC))
    stack.stop("consumer")
    time.sleep(1.5)  # web looks for new recommendations once a second
    rounds: Rounds = {}
    bars: list[Bar] = []
    if only != "events":
        rounds = _requests(bench, size)
        print(table(rounds, FLOOR), flush=True)
        bars += _request_bars(rounds)
    events: dict[str, Any] = {}
    if only != "requests":
        stack.start_consumer()
        events = _events(bench, size)
        bars += _event_bars(events)
        stack.stop("consumer")
    print("\n" + "\n".join(bar.line() for bar in bars), flush=True)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "size": {name: getattr(size, name) for name in Size.__slots__},
        "medians": {
            case: {name: round(median(found, name), 3) for name in found[0]}
            for case, found in rounds.items()
        },
        "rounds": rounds,
        "events": events,
        "bars": bars_json(bars),
    }


def _requests(bench: "Bench", size: Size) -> dict[str, list[dict[str, float]]]:
    from bench.cases import measure

    cases = [
        *bench.floors(),
        bench.decide(),
        bench.decide_unkept(),
        bench.exposures(),
        bench.accept(),
    ]
    rounds: dict[str, list[dict[str, float]]] = {case.name: [] for case in cases}
    for number in range(size.rounds):
        _say(f"Round {number + 1} of {size.rounds} ...")
        for case in cases:
            rounds[case.name].append(measure(bench.stack, case, size.seconds))
    return rounds


def _request_bars(rounds: Rounds) -> list[Bar]:
    exposures = next(name for name in rounds if name.startswith("exposures"))
    accept = next(name for name in rounds if name.startswith("accept"))
    return [
        Bar("decide, CPU", ratio(rounds, "decide", FLOOR, "cpu_us"), 3, True, "x R"),
        Bar("decide, requests/s", ratio(rounds, "decide", FLOOR, "per_s"), 0.3, False, "x R"),
        Bar(
            "decide, p99 at 8 connections", ratio(rounds, "decide", FLOOR, "p99_ms"), 5, True, "x R"
        ),
        Bar(f"{exposures}, CPU", ratio(rounds, exposures, FLOOR, "cpu_us"), 1.5, True, "x R"),
        Bar(f"{accept}, CPU", median(rounds[accept], "cpu_us"), 90, True, "us/event"),
    ]


def _events(bench: "Bench", size: Size) -> dict[str, Any]:
    _say("Folding at saturation ...")
    bench.fold(20, 5)  # the consumer has started when this is folded
    several = [bench.fold(size.fold_batches, 5) for _ in range(size.fold_rounds)]
    alone = [bench.fold(size.fold_batches, 1) for _ in range(size.fold_rounds)]
    _say("From an event to the next decision ...")
    found = bench.latency(size.probes)
    return {
        "fold_rounds": several,
        "fold_cpu_us": median(several, "cpu_us"),
        "fold_per_s": median(several, "per_s"),
        "fold_one_event_a_visitor_rounds": alone,
        "fold_one_event_a_visitor_cpu_us": median(alone, "cpu_us"),
        "fold_one_event_a_visitor_per_s": median(alone, "per_s"),
        "seen_p50_ms": percentile(found, 0.5),
        "seen_p99_ms": percentile(found, 0.99),
        "probes": len(found),
    }


def _event_bars(events: dict[str, Any]) -> list[Bar]:
    print(
        f"\nfolded: {events['fold_per_s']:,.0f} events/s; one event a visitor: "
        f"{events['fold_one_event_a_visitor_cpu_us']:.0f} us/event, "
        f"{events['fold_one_event_a_visitor_per_s']:,.0f} events/s",
        flush=True,
    )
    return [
        Bar("accept and fold, 20 segments, CPU", events["fold_cpu_us"], 400, True, "us/event"),
        Bar("acknowledged -> decided, 500 events/s, p50", events["seen_p50_ms"], 25, True, "ms"),
        Bar("acknowledged -> decided, 500 events/s, p99", events["seen_p99_ms"], 150, True, "ms"),
    ]


def _write(result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['seconds']:.0f} s; all figures: {path.relative_to(PROJECT_ROOT)}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["segments"]:
        from bench.segments.run import main as main_of_segments

        sys.exit(main_of_segments(sys.argv[2:]))
    if sys.argv[1:2] == ["hot"]:
        from bench.hot.run import main as main_of_hot

        sys.exit(main_of_hot(sys.argv[2:]))
    if sys.argv[1:2] == ["privacy"]:
        from bench.privacy.run import main as main_of_privacy

        sys.exit(main_of_privacy(sys.argv[2:]))
    if sys.argv[1:2] == ["models"]:
        from bench.models.run import main as main_of_models

        sys.exit(main_of_models(sys.argv[2:]))
    if sys.argv[1:2] == ["experiments"]:
        from bench.experiments.run import main as main_of_experiments

        sys.exit(main_of_experiments(sys.argv[2:]))
    if sys.argv[1:2] == ["editors"]:
        from bench.editors.run import main as main_of_editors

        sys.exit(main_of_editors(sys.argv[2:]))
    if sys.argv[1:2] == ["soak"]:
        from bench.soak import main as main_of_soak

        sys.exit(main_of_soak(sys.argv[2:]))
    sys.exit(main())

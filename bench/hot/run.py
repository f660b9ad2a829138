"""`make bench-hot`: every bar of the hot path, a table, a verdict each, and the same as JSON.

The exit status is 1 when a bar is missed or an answer was wrong.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench import processors
from bench.load import WrongAnswer, percentile
from bench.report import Bar, Rounds, bars_json, median, ratio, table
from bench.stack import Stack, fresh_stack
from launcher import processes
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

if TYPE_CHECKING:
    from bench.hot.cases import HotBench

RESULTS = PROJECT_ROOT / "bench" / "results"
FLOOR = "floor R: one GET"
EXPOSURES = "exposures, POST of 4"
ACCEPT = "accept, batches of 20"
SINGLE = "accept, one event a request"
AGAIN = "accept, a batch resent"


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does."""

    visitors: int
    segments_more: int
    rounds: int
    seconds: float  # of one case in one round
    clock_rounds: int
    steady_s: float
    probes: int


FULL = Size(100_000, 1_000, 7, 2.0, 5, 60.0, 400)
QUICK = Size(3_000, 1_000, 3, 0.7, 2, 8.0, 100)
EVENTS_PER_S = 3_000
SEEN_AT_PER_S = 1_000


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/hot-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench hot", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer visitors, shorter rounds")
    parser.add_argument("--visitors", type=int, help="with a past; 100,000 without --quick")
    parser.add_argument(
        "--only", choices=("requests", "clock", "events", "segments"), nargs="+",
        help="some of the parts",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else FULL
    visitors = options.visitors or size.visitors
    wanted = set(options.only or ("requests", "clock", "events", "segments"))
    server_side, client_side = processors.sides()
    os.sched_setaffinity(0, client_side)
    began = time.monotonic()
    result: dict[str, Any] = {}
    with stopping_on_signals(), fresh_stack(server_side, None) as stack:
        try:
            result = _run(stack, size, visitors, wanted)
        except WrongAnswer:
            for name in ("web", "floor", "consumer"):
                print(f"--- {name}\n{processes.tail(stack.home.log / f'{name}.log', 40)}")
            raise
    if not result:
        return 130
    result["seconds"] = round(time.monotonic() - began, 1)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"hot-{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['seconds']:.0f} s; all figures: {path.relative_to(PROJECT_ROOT)}")
    return 0 if all(bar["held"] for bar in result["bars"]) else 1


def _run(stack: Stack, size: Size, visitors: int, wanted: set[str]) -> dict[str, Any]:
    import django  # the environment is the stack's only now

    django.setup()
    from bench import world as plain
    from bench.hot import in_process, world  # these need Django
    from bench.hot.cases import HotBench
    from bench.record import Record, store_floor_states

    now = datetime.now(UTC)
    _say(f"Making the site and {visitors:,} visitors ...")
    site = world.make_site(now)
    store_floor_states(visitors)
    bench = HotBench(stack, site, Record(site.id), visitors)
    stack.start_consumer()
    bench.load_visitors()
    plain.train(site, now)
    stack.stop("consumer")
    time.sleep(1.5)  # web looks for new recommendations once a second
    bench.check_answers()
    rounds: Rounds = {}
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    if "requests" in wanted:
        rounds = _requests(bench, size)
        print(table(rounds, FLOOR), flush=True)
        figures["engine_us"] = in_process.decide_us(site)
        bars += _request_bars(rounds, figures["engine_us"])
    if "clock" in wanted:
        figures["clock"] = _clock(bench, size, rounds)
        bars += _clock_bars(figures["clock"])
    if "events" in wanted:
        decide_us = median(rounds["decide"], "cpu_us") if rounds else 300.0
        figures["events"] = _events(bench, size, decide_us)
        bars += _event_bars(figures["events"])
    if "segments" in wanted:
        figures["segments"] = _segments(bench, size)
        bars.append(_segment_bar(figures["segments"]))
    figures["peak_mb"] = stack.peak_mb()
    print("\n" + "\n".join(bar.line() for bar in bars), flush=True)
    print("peak memory, MB: " + ", ".join(f"{k} {v:.0f}" for k, v in figures["peak_mb"].items()))
    return {
        "at": now.isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "visitors": visitors,
        "size": asdict(size),
        "rounds": rounds,
        "figures": figures,
        "bars": bars_json(bars),
    }


def _requests(bench: "HotBench", size: Size) -> dict[str, list[dict[str, float]]]:
    from bench.cases import measure

    floors = [case for case in bench.floors() if case.name != "floor: bare view"]
    cases = [
        *floors, bench.decide(), bench.exposures(), bench.accept(), bench.accept_single(),
        bench.accept_again(),
    ]  # fmt: skip
    rounds: dict[str, list[dict[str, float]]] = {case.name: [] for case in cases}
    for number in range(size.rounds):
        _say(f"Round {number + 1} of {size.rounds} ...")
        for case in cases:
            rounds[case.name].append(measure(bench.stack, case, size.seconds))
    return rounds


def _request_bars(rounds: Rounds, engine_us: Sequence[float]) -> list[Bar]:
    def cpu(name: str, limit: float, over: str = FLOOR, unit: str = "x R") -> Bar:
        return Bar(f"{name}, CPU", ratio(rounds, name, over, "cpu_us"), limit, True, unit)

    return [
        cpu("decide", 2.0),
        Bar("decide, requests/s", ratio(rounds, "decide", FLOOR, "per_s"), 0.5, False, "x R"),
        Bar("engine.decide, 4 placements", statistics.median(engine_us), 60, True, "us"),
        cpu(EXPOSURES, 1.2),
        Bar(f"{ACCEPT}, CPU", median(rounds[ACCEPT], "cpu_us"), 65, True, "us/event"),
        cpu(SINGLE, 3.0),
        cpu(AGAIN, 0.8, ACCEPT, "x fresh"),
    ]


def _clock(bench: "HotBench", size: Size, rounds: Rounds) -> dict[str, Any]:
    """Latencies at half of what decide can do, round by round, and of cold visitors."""
    per_s = median(rounds["decide"], "per_s") / 2 if rounds else 500.0
    warm, cold = [], []
    for number in range(size.clock_rounds):
        _say(f"By the clock, {per_s:.0f} decisions/s, {number + 1} of {size.clock_rounds} ...")
        warm.append(_pair(*bench.by_the_clock(per_s, 4 * size.seconds)))
        cold.append(_pair(*bench.cold()))
    return {"per_s": per_s, "warm": warm, "cold": cold}


def _pair(ran: Any, floor: Any) -> dict[str, float]:
    return {
        "p50_ms": ran.percentile(0.5), "p99_ms": ran.percentile(0.99),
        "floor_p50_ms": floor.percentile(0.5), "floor_p99_ms": floor.percentile(0.99),
    }  # fmt: skip


def _clock_bars(found: dict[str, Any]) -> list[Bar]:
    def share(kind: str, name: str) -> float:
        rounds: list[dict[str, float]] = found[kind]
        return statistics.median(one[name] / one[f"floor_{name}"] for one in rounds)

    at = f"decide, {found['per_s']:.0f}/s by the clock"
    return [
        Bar(f"{at}, p50", share("warm", "p50_ms"), 2, True, "x R"),
        Bar(f"{at}, p99", share("warm", "p99_ms"), 2, True, "x R"),
        Bar("decide, cold visitors, p99", share("cold", "p99_ms"), 6, True, "x R"),
    ]


def _events(bench: "HotBench", size: Size, decide_us: float) -> dict[str, Any]:
    bench.stack.start_consumer()
    bench.fold(20, 5)  # the consumer has started when this is folded
    _say(f"{EVENTS_PER_S:,} events/s beside decisions for {size.steady_s:.0f} s ...")
    steady = bench.keep_up(EVENTS_PER_S, size.steady_s, decide_us)
    _say("From an event to the next decision ...")
    bench.choose_probed()
    seen = bench.latency(size.probes, SEEN_AT_PER_S)
    bench.stack.stop("consumer")
    return {
        "steady": steady,
        "seen_p50_ms": percentile(seen, 0.5),
        "seen_p99_ms": percentile(seen, 0.99),
    }


def _event_bars(found: dict[str, Any]) -> list[Bar]:
    steady = found["steady"]
    seen = f"acknowledged -> decided, {SEEN_AT_PER_S:,} events/s"
    return [
        Bar("accept and fold, events/s", steady["per_s"], 0.98 * EVENTS_PER_S, False, "/s"),
        Bar("accept and fold, 50 segments, CPU", steady["cpu_us"], 200, True, "us/event"),
        Bar("accept and fold, left at the end", steady["drained_s"], 1, True, "s"),
        Bar(f"{seen}, p50", found["seen_p50_ms"], 10, True, "ms"),
        Bar(f"{seen}, p99", found["seen_p99_ms"], 50, True, "ms"),
    ]


def _segments(bench: "HotBench", size: Size) -> dict[str, Any]:
    """Decide with 50 segments, then with many more of which no variant asks."""
    from bench.cases import measure
    from bench.hot import world

    few = [measure(bench.stack, bench.decide(), size.seconds) for _ in range(size.rounds)]
    _say(f"Defining {size.segments_more:,} segments ...")
    now = datetime.now(UTC)
    world.add_segments(bench.site.id, world.SEGMENTS, size.segments_more, now)
    time.sleep(1.5)
    bench.stack.start_consumer()
    bench.record.wait_until_folded(300)
    bench.stack.stop("consumer")
    # A refresh leaves everybody's hot state to the next one who asks: let all be asked for once.
    bench.web.run(iter(bench.asked))
    many = [measure(bench.stack, bench.decide(), size.seconds) for _ in range(size.rounds)]
    return {"few": few, "many": many}


def _segment_bar(found: dict[str, Any]) -> Bar:
    value = median(found["many"], "cpu_us") / median(found["few"], "cpu_us")
    return Bar("decide, 1,000 segments to 50, CPU", value, 1.3, True, "x")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

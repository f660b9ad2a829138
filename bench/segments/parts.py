"""The parts of `make bench-segments`: each runs in a process and on servers of its own.

A part returns its figures for the record, and prints them as a person reads them.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench import evaluation, other_engines
from bench.load import percentile
from bench.report import Bar, median
from bench.segments.servers import Servers, servers_only

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much a run does.

    Attributes:
        rounds: of the refresh.
        evaluations: rounds of the evaluation in process.
        fold_rounds, fold_batches: of the consumer; a batch is 20 events.
        timers: people with a deadline in the same minute, and then in the same instant.
        lead_ms: time for making their events before the first is due.
        probes: events whose way to hot state is timed.
    """

    rounds: int = 5
    is_quick: bool = False
    evaluations: int = 31
    fold_rounds: int = 5
    fold_batches: int = 60
    timers: int = 100_000
    spread_ms: int = 60_000
    lead_ms: int = 240_000
    probes: int = 400


QUICK: Final = Scale(
    is_quick=True, evaluations=15, fold_rounds=3, fold_batches=20, timers=5_000,
    spread_ms=3_000, lead_ms=30_000, probes=100,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What a part found."""

    figures: Figures
    bars: list[Bar] = field(default_factory=list)


Part = Callable[[Scale], Found]


def evaluation_part(scale: Scale) -> Found:
    """Conditions in process: beside a function by hand, and beside other engines."""
    own = {
        f"{events} events": evaluation.measure(events, scale.evaluations) for events in (0, 30, 200)
    }
    shared = other_engines.measure(scale.evaluations)
    print(_table("CPU us a visitor, 20 segments", own, "by hand"))
    print("\n" + _table("CPU us a visitor, traits alone", {"": shared}, other_engines.OURS))
    ratio = own["30 events"]["together"] / own["30 events"]["by hand"]
    limit = Bar("20 segments x 5 conditions, 30 events", ratio, 2, True, "x hand")
    return Found({"own": own, "shared": shared}, [limit, *other_engines.bars(shared)])


def consumer_part(scale: Scale) -> Found:
    """What a fold costs: many segments, segments that do not matter, long histories."""
    with django_on_servers() as servers:
        from bench import consumer_segments

        size = consumer_segments.Size(scale.fold_rounds, scale.fold_batches)
        sides, bars = consumer_segments.measure(size, servers.cpu_us)
        for side in sides:
            print(_fold_line(side.name, side.figures))
        return Found({side.name: side.figures for side in sides}, bars)


def timers_part(scale: Scale) -> Found:
    """Deadlines: a minute full of them, and as many in one instant."""
    with django_on_servers():
        from bench import consumer_timing

        spread = consumer_timing.timers(scale.timers, scale.spread_ms, lead_ms=scale.lead_ms)
        at_once = consumer_timing.timers(scale.timers, 0, lead_ms=scale.lead_ms)
        found = {"spread": spread, "at once": at_once}
        for name, drained in found.items():
            print(
                f"{drained.timers:,} timers, {name}: late p50 {drained.lateness_p50:,.0f} ms, "
                f"p99 {drained.lateness_p99:,.0f} ms; drained in {drained.drained_ms:,.0f} ms; "
                f"{drained.wrong_reads} of {drained.reads} reads wrong"
            )
        figures = {name: dataclasses.asdict(drained) for name, drained in found.items()}
        return Found(figures, consumer_timing.timer_bars(spread, at_once))


def latency_part(scale: Scale) -> Found:
    """From the acknowledged event to hot state, with a consumer of its own process."""
    with django_on_servers() as servers, servers.consumer():
        from bench import consumer_timing

        found = consumer_timing.latency(scale.probes, 500)
        p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
        print(f"{len(found)} probes: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        return Found({"ms": found}, consumer_timing.latency_bars(found))


def refresh_part(scale: Scale) -> Found:
    """A shop of ten million events, refreshed; then what a fold costs beside so many."""
    with django_on_servers() as servers:
        from apps.work.collector import spare_the_collector
        from bench.segments import data, measured

        spare_the_collector()  # as the worker does
        shop = measured.Shop.made(servers.pids, data.SMALL if scale.is_quick else data.FULL)
        found = shop.measure(scale.rounds)
        print(measured.table(found))
        fold = _fold_beside(servers, scale)
        print(_fold_line("fold beside these events", fold))
        full_s = median(found[measured.FULL], "cpu_s")
        live = Bar(
            "10,000 changed events, by the live fold",
            median(fold, "cpu_us") * 10_000 / 1e6 / full_s, 0.33, True, "x full",
        )  # fmt: skip
        return Found({"rounds": found, "fold": fold}, [*measured.bars(found), live])


def small_part(scale: Scale) -> Found:
    """What the same fold costs beside a tenth of the events."""
    with django_on_servers() as servers:
        from bench.segments import data

        data.make_shop(data.Size(2_000, 100_000) if scale.is_quick else data.SMALL)
        fold = _fold_beside(servers, scale)
        print(_fold_line("fold beside a tenth of the events", fold))
        return Found({"fold": fold})


PARTS: Final[Mapping[str, Part]] = {
    "evaluation": evaluation_part,
    "consumer": consumer_part,
    "timers": timers_part,
    "latency": latency_part,
    "small": small_part,
    "refresh": refresh_part,
}


def growth_bars(figures: Mapping[str, Figures]) -> list[Bar]:
    """What two parts say together: the price of an event beside few and beside many."""
    if not {"small", "refresh"} <= figures.keys():
        return []
    few, many = (median(figures[name]["fold"], "cpu_us") for name in ("small", "refresh"))
    return [Bar("fold beside ten times the events, CPU", many / few, 1.3, True, "x few")]


@contextlib.contextmanager
def django_on_servers() -> Iterator[Servers]:
    """Yield fresh servers with Django set up on them."""
    with servers_only() as servers:
        import django  # the environment is that of the servers only now

        django.setup()
        logging.disable(logging.INFO)  # a line for each refresh
        yield servers


def _fold_beside(servers: Servers, scale: Scale) -> list[dict[str, float]]:
    from bench import consumer_segments

    size = consumer_segments.Size(scale.fold_rounds, scale.fold_batches)
    side = consumer_segments.make_side(
        "beside", list(consumer_segments.related(100)), consumer_segments.SHORT, size
    )
    for _ in range(size.rounds):
        consumer_segments.run_round(side, size, servers.cpu_us)
    return side.figures


def _fold_line(name: str, rounds: Sequence[Mapping[str, float]]) -> str:
    return (
        f"{name:<28}{median(rounds, 'cpu_us'):>9.0f} us/event, of it Python "
        f"{median(rounds, 'python_us'):.0f}; {median(rounds, 'per_s'):,.0f} events/s"
    )


def _table(title: str, rows: Mapping[str, Mapping[str, float]], floor: str) -> str:
    names = list(next(iter(rows.values())))
    lines = [f"{title:<32}{'':>12}" + "".join(f"{row:>22}" for row in rows)]
    for name in names:
        cells = "".join(
            f"{row[name]:>12.2f} {row[name] / row[floor]:>7.2f} x" for row in rows.values()
        )
        lines.append(f"{name:<44}{cells}")
    return "\n".join(lines)

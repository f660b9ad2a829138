"""Decisions while a model is learned: p99 with a training under way, beside p99 without one.

The whole stack, web, Valkey, Postgres and the trainer as the product starts it, on all processors
there are, those of the client too. Rounds without and with a training come in turns, so that what
else the machine does hits both. Decisions come by the clock: one that waits makes others wait.
Beside them, what a loop that only counts does to decisions when it runs as the trainer does: of two
processors that are both busy more is not to be had.
"""

import itertools
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from bench import processors
from bench.load import WrongAnswer, percentile
from bench.report import Bar
from bench.stack import Stack, fresh_stack
from launcher import processes
from launcher.stack import stopping_on_signals
from launcher.supervisor import programs

if TYPE_CHECKING:
    from bench.hot.cases import HotBench

SLICE_S: Final = 1.0  # after each it is asked whether the training is still under way
BEGINS_WITHIN_S: Final = 120.0
LOOP: Final = """
import os
os.nice(15)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
while True:
    pass
"""
GRID: Final = {"trees": 200}  # what is not named here is searched: leaves, rate, rows in a leaf


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does."""

    visitors: int  # whom is decided for
    people: int  # who are learned from
    events: int
    rounds: int
    seconds: float  # of a turn
    per_s: float


FULL: Final = Size(5_000, 50_000, 500_000, 5, 30.0, 100.0)
QUICK: Final = Size(1_000, 5_000, 50_000, 2, 10.0, 50.0)


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Return the bar (the rise of p99) and the figures behind it."""
    size = QUICK if quick else FULL
    server_side, client_side = processors.sides()
    with stopping_on_signals(), fresh_stack(server_side | client_side, None) as stack:
        found = _measured(stack, size)
    quiet, busy = (median(found[name]["p99_ms"]) for name in ("without", "with"))
    found["ratio"] = busy / quiet
    print(
        f"decide, {size.per_s:.0f}/s: p99 {quiet:.2f} ms, while a model is learned {busy:.2f} ms:"
        f" x {found['ratio']:.2f}; beside a loop {median(found['loop']['p99_ms']):.2f} ms"
    )
    return [Bar("decide, p99 while a model is learned", found["ratio"], 1.2, True, "x")], found


def _measured(stack: Stack, size: Size) -> dict[str, Any]:
    import django  # the environment is the stack's only now

    django.setup()
    from bench import world as plain
    from bench.hot import world
    from bench.hot.cases import HotBench
    from bench.models import recommending_data
    from bench.record import Record

    now = datetime.now(UTC)
    print(f"Making {size.visitors:,} visitors and {size.people:,} to learn from ...", flush=True)
    site = world.make_site(now)
    bench = HotBench(stack, site, Record(site.id), size.visitors)
    stack.start_consumer()
    bench.load_visitors()
    plain.train(site, now)
    stack.stop("consumer")
    learned = recommending_data.make_shop(size.people, 500, size.events, now=now)
    bench.check_answers()
    _said(bench, size.per_s, 2 * SLICE_S)  # everything is warm
    found: dict[str, Any] = {
        name: {"p50_ms": [], "p99_ms": [], "answers": []} for name in ("without", "with", "loop")
    }
    stages: dict[str, list[float]] = {}
    for number in range(size.rounds):
        _note(found["without"], _said(bench, size.per_s, size.seconds))
        _note(found["loop"], _beside_a_loop(bench, size))
        _note(found["with"], _beside(bench, learned, size, number, stages))
        print(
            f"Round {number + 1}: p99 {found['without']['p99_ms'][-1]:.2f} ms, with a training"
            f" {found['with']['p99_ms'][-1]:.2f}, with a loop {found['loop']['p99_ms'][-1]:.2f}",
            flush=True,
        )
    by_stage = {
        stage: {"p99_ms": percentile(some, 0.99), "answers": len(some)}
        for stage, some in stages.items()
    }
    for stage, one in by_stage.items():
        print(f"  {stage}: p99 {one['p99_ms']:.2f} ms of {one['answers']:,}", flush=True)
    return found | {"by_stage": by_stage, "processors": os.cpu_count()}


def _said(bench: "HotBench", per_s: float, seconds: float) -> list[float]:
    """Decide by the clock; return the latencies in ms."""
    from bench.hot import open_loop
    from bench.hot.cases import is_decided

    ran = open_loop.run(bench.web, bench.in_turn(), per_s=per_s, seconds=seconds, check=is_decided)
    return ran.latencies_ms


def _note(into: dict[str, list[float]], latencies_ms: list[float]) -> None:
    into["p50_ms"].append(percentile(latencies_ms, 0.5))
    into["p99_ms"].append(percentile(latencies_ms, 0.99))
    into["answers"].append(len(latencies_ms))


def _beside_a_loop(bench: "HotBench", size: Size) -> list[float]:
    """Decide while another process counts."""
    with subprocess.Popen([sys.executable, "-c", LOOP]) as loop:
        try:
            return _said(bench, size.per_s, size.seconds)
        finally:
            loop.kill()


def _beside(
    bench: "HotBench", site_id: UUID, size: Size, number: int, stages: dict[str, list[float]]
) -> list[float]:
    """Decide while a trainer learns; only what fell wholly into a training counts."""
    from apps.predictions.models import TrainingRun

    command = next(one for one in programs(bench.stack.web_port) if one.name == "trainer").command
    bench.stack.start("trainer", command)
    latencies_ms: list[float] = []
    try:
        for turn in itertools.count():
            run_id = _begun(bench.stack, site_id, f"learned-{number}-{turn}")
            runs = TrainingRun.objects.filter(pk=run_id, state=TrainingRun.State.RUNNING)
            while (stage := runs.values_list("stage", flat=True).first()) is not None:
                some = _said(bench, size.per_s, SLICE_S)
                if runs.exists():
                    latencies_ms += some
                    stages.setdefault(stage, []).extend(some)
                if len(latencies_ms) >= size.per_s * size.seconds:
                    return latencies_ms
            ended = TrainingRun.objects.get(pk=run_id)
            if ended.state == TrainingRun.State.FAILED:
                raise WrongAnswer(f"The training failed: {ended.outcome}")
        raise AssertionError("never")
    finally:
        bench.stack.stop("trainer")


def _begun(stack: Stack, site_id: UUID, key: str) -> UUID:
    """Ask for a training by grid, and wait until it is under way; return its run."""
    from apps.predictions import services
    from apps.predictions.models import TrainingRun

    now = datetime.now(UTC)
    spec = services.create_spec(
        site_id=site_id, key=key, name=key, target_event="Product Viewed", horizon_hours=168,
        window_days=30, knows_by="occurred", search="grid", hyperparameters=GRID, now=now,
    )  # fmt: skip
    services.ask_training(spec=spec, now=now)
    deadline = time.monotonic() + BEGINS_WITHIN_S
    while time.monotonic() < deadline:
        run = TrainingRun.objects.filter(spec=spec).first()
        if run is not None:
            return run.pk
        time.sleep(0.1)
    log = processes.tail(stack.home.log / "trainer.log", 30)
    raise WrongAnswer(f"No training began within {BEGINS_WITHIN_S:.0f} s.\n{log}")

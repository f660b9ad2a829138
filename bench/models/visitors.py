"""What visitors notice of a training: decisions by the clock, with and without one beside them."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from bench import processors
from bench.report import Bar
from bench.stack import fresh_stack
from launcher.home import PROJECT_ROOT
from launcher.supervisor import programs

PER_S: Final = 200.0  # decisions
ROUNDS: Final = 7
ROWS, FEATURES = 40_000, 40


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Decide at a steady rate, in turns alone and beside a worker that trains without a pause."""
    server_side, client_side = processors.sides()
    os.sched_setaffinity(0, client_side)
    with fresh_stack(server_side, None) as stack:
        import django  # the environment is the stack's only now

        django.setup()
        from bench import world as plain
        from bench.hot import world
        from bench.hot.cases import HotBench
        from bench.record import Record, store_floor_states

        now, visitors = datetime.now(UTC), 1_000 if quick else 20_000
        site = world.make_site(now)
        store_floor_states(visitors)
        bench = HotBench(stack, site, Record(site.id), visitors)
        stack.start_consumer()
        bench.load_visitors()
        plain.train(site, now)
        stack.stop("consumer")
        time.sleep(1.5)  # web looks for new recommendations once a second
        bench.check_answers()
        seconds = 3.0 if quick else 10.0
        rounds: dict[str, list[float]] = {"alone": [], "beside": [], "floor": [], "its floor": []}
        trained = 0
        for _ in range(3 if quick else ROUNDS):
            ran, floor = bench.by_the_clock(PER_S, seconds)
            rounds["alone"].append(ran.percentile(0.99))
            rounds["floor"].append(floor.percentile(0.99))
            with _training(str(site.id), server_side) as trainer:
                ran, floor = bench.by_the_clock(PER_S, seconds)
                assert trainer.poll() is None, "it has ended"
            trained += 1
            rounds["beside"].append(ran.percentile(0.99))
            rounds["its floor"].append(floor.percentile(0.99))
    share = median(b / a for a, b in zip(rounds["alone"], rounds["beside"], strict=True))
    print(
        f"decide p99, {PER_S:.0f}/s: {median(rounds['alone']):.2f} ms alone,"
        f" {median(rounds['beside']):.2f} ms beside a training"
    )
    bar = Bar("decide p99 beside a training", share, 1.2, True, "x alone")
    return [bar], {"rounds": rounds, "trainings": trained, "share": share}


@contextlib.contextmanager
def _training(site_id: str, processor: set[int]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that yields to others as the product's trainer does, and trains without a pause."""
    (program,) = (one for one in programs(0) if one.name == "trainer")
    prefix = list(program.command[: list(program.command).index(sys.executable)])
    with processors.on(processor):
        trainer = subprocess.Popen(
            [*prefix, sys.executable, "-m", "bench.models.visitors", site_id], cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
        )  # fmt: skip
    try:
        assert trainer.stdout is not None
        trainer.stdout.readline()  # it has begun
        yield trainer
    finally:
        trainer.kill()
        trainer.wait()


def train_for_ever(site_id: str) -> None:
    """Read the features of everybody, then grow trees of many rows; again and again."""
    import django

    django.setup()
    import numpy as np

    from apps.predictions import estimators, features
    from apps.predictions.models import ModelSpec
    from apps.profiles.models import ProfileState

    now = datetime.now(UTC)
    spec = ModelSpec(site_id=site_id, key="bench", target_event="Product Added", created_at=now)
    names = features.names_for(spec, as_of=now)
    ids = list(ProfileState.objects.filter(site_id=site_id).values_list("pk", flat=True))
    draw = np.random.default_rng(0)
    x = draw.gamma(1.0, 5.0, (ROWS, FEATURES))
    y = (draw.random(ROWS) < 1 / (1 + np.exp(3 - x[:, 0] / 3))).astype(np.float64)
    print("training", flush=True)
    while True:
        features.rows_of(spec, names, ids, as_of=now - timedelta(seconds=1))
        estimators.make("trees", {}, seed=0).fit(x, y)


if __name__ == "__main__":
    train_for_ever(sys.argv[1])

"""`python -m bench experiments`: results of 1,000 experiments from their sums by day; how fast the
page of one answers beside them; an assignment.

It runs on servers of its own. The exit status is 1 when a bar is not held.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from bench.report import Bar, bars_json
from bench.segments.parts import django_on_servers
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

RESULTS: Final = PROJECT_ROOT / "bench" / "results"
OPENED: Final = 40  # pages
ASSIGNED: Final = 200_000


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/experiments-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench experiments", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 experiments")
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    with stopping_on_signals(), django_on_servers() as servers:
        figures = _measured(100 if options.quick else 1_000)
        del servers
    if not figures:
        return 130
    most_s = 60 * figures["experiments"] / 1_000  # a part of them has a part of the time
    bars = [
        Bar("results of all, from sums by day", figures["analysed_s"], most_s, True, "s"),
        Bar("the page of one, the slowest of them", figures["page_most_ms"], 300, True, "ms"),
        Bar("an assignment, with a layer", figures["assignment_us"], 10, True, "us"),
    ]
    print("\n".join(bar.line() for bar in bars), flush=True)
    _write(figures, bars)
    return 0 if all(bar.is_held for bar in bars) else 1


def _measured(experiments: int) -> dict[str, Any]:
    # These need Django.
    from apps.work import clock
    from bench.experiments.site import METRICS, Size, make_site
    from bench.segments.data import NOW

    logging.disable(logging.ERROR)
    clock.replace(lambda: NOW, is_everywhere=False)
    print(f"Making {experiments:,} experiments with {METRICS} metrics each ...", flush=True)
    site_id = make_site(Size(experiments, 1_000))
    found = {"experiments": experiments, "metrics": METRICS, **_analysed(site_id)}
    return {**found, **_opened(site_id), "assignment_us": _assigned()}


def _analysed(site_id: UUID) -> dict[str, float]:
    """Seconds for the results of all experiments, by the clock and of this process alone.

    As the worker does it: with the question whether an arm is to be stopped.
    """
    from apps.experiments import working_out
    from apps.experiments.models import Phase
    from apps.work.collector import spare_the_collector
    from bench.segments.data import NOW

    spare_the_collector()

    phases = list(
        Phase.objects.filter(experiment__site_id=site_id)
        .select_related("experiment")
        .order_by("pk")
    )
    began, began_cpu = time.perf_counter(), time.process_time()
    working_out.work_out(phases, now=NOW)
    return {
        "analysed_s": time.perf_counter() - began,
        "analysed_cpu_s": time.process_time() - began_cpu,
    }


def _opened(site_id: UUID) -> dict[str, float]:
    """Milliseconds of the results page of several experiments, as an analyst opens it."""
    from django.test import Client
    from django.urls import reverse

    from apps.access.roles import ensure_roles
    from apps.experiments.models import Experiment
    from apps.work.collector import spare_the_collector
    from bench.editors.pages import staff
    from bench.experiments.site import add_past_looks

    ensure_roles()
    client = Client(SERVER_NAME="localhost")
    client.force_login(staff("administrator"))
    spare_the_collector()
    add_past_looks(site_id)
    ids = Experiment.objects.filter(site_id=site_id).order_by("key").values_list("pk", flat=True)
    pages = [reverse("admin:experiment_results", args=[one]) for one in ids[:OPENED]]
    taken = [1_000 * _seconds(partial(_must_open, client, page)) for page in pages]
    again = sorted(taken[1:])
    return {
        "page_first_ms": taken[0],
        "page_median_ms": statistics.median(again),
        "page_most_ms": again[-1],
    }


def _must_open(client: Any, page: str) -> None:
    response = client.get(page)
    if response.status_code != 200:
        raise SystemExit(f"The page answered {response.status_code}.")


def _assigned() -> float:
    """Microseconds of one assignment among three arms, inside a layer."""
    from engine.allocation import Layer, assign, ranges

    arms, layer = ranges([1 / 3, 1 / 3, 1 / 3], 0.8), Layer("checkout", 0.0, 0.9)
    ids = [f"visitor-{n}" for n in range(ASSIGNED)]

    def work() -> None:
        for one in ids:
            assign(one, seed="0192.1", arms=arms, layer=layer)

    return min(_seconds(work) for _ in range(3)) / ASSIGNED * 1e6


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _write(figures: dict[str, Any], bars: Sequence[Bar]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"experiments-{at.replace(':', '')}.json"
    document = {
        "at": at,
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "figures": figures,
        "bars": bars_json(bars),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nall figures: {path.relative_to(PROJECT_ROOT)}")

"""What a stretch of seeds gave, and the work on many stretches in several processes."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.pool import AsyncResult
from typing import TypeAlias

MOST_FAILURES = 5  # in one stretch; more would say the same


@dataclass
class Report:
    """The checks of these seeds, by what they were about."""

    seeds: range
    checks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    checks_of: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.seeds = range(self.seeds.start, other.seeds.stop)
        self.checks += other.checks
        self.counts.update(other.counts)
        self.checks_of.update(other.checks_of)
        self.failures += other.failures


# From (seeds, seconds to shrink one failure; 0: stop at the first).
Work: TypeAlias = Callable[[range, float], Report]


def reports(
    work: Work, *, first_seed: int, chunk: int, checks: int, processes: int, shrink_s: float
) -> Iterator[Report]:
    """Yield a report per stretch of `chunk` seeds until so much was checked.

    Stretches come back in the order of their seeds, so a run can go on where another stopped.
    """
    checked, place = 0, first_seed
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        waiting: list[AsyncResult[Report]] = []
        while checked < checks:
            while len(waiting) < processes + 1:
                seeds = range(place, place + chunk)
                waiting.append(pool.apply_async(work, (seeds, shrink_s)))
                place += chunk
            report = waiting.pop(0).get()
            checked += report.checks
            yield report

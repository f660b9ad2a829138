"""What this process counts, for /metrics: counters, gauges and histograms in plain dictionaries.

Counting happens on hot paths: one dictionary entry, no lock (an entry's update is one step for
Python's own). Labels are few and known beforehand - routes, statuses, reasons - never what a
visitor sends. Several processes are added up by apps/work/count_files.py.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

Labels = tuple[str, ...]

# Seconds: from a tenth of a decision to the patience of a browser.
BOUNDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0
)  # fmt: skip


class Counter:
    """Counts that only grow, by labels."""

    __slots__ = ("help", "labels", "name", "values")

    def __init__(self, name: str, help: str, *labels: str) -> None:
        """Register a counter; `name` without `_total`."""
        self.name, self.help, self.labels = name, help, labels
        self.values: dict[Labels, float] = {}
        COUNTERS.append(self)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count `amount` more."""
        values = self.values
        values[labels] = values.get(labels, 0) + amount


class Reading:
    """A count that another module keeps, read when asked for."""

    __slots__ = ("help", "labels", "name", "read")

    def __init__(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Register it and how to read it; `name` without `_total`."""
        self.name, self.help, self.read = name, help, read
        self.labels: Labels = ()
        COUNTERS.append(self)

    @property
    def values(self) -> dict[Labels, float]:
        """What is counted now, without labels."""
        return {(): self.read()}


class Gauge:
    """A number of this process that is read when asked for; the processes' numbers are added up."""

    __slots__ = ("help", "name", "read")

    def __init__(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Register a gauge and how to read it."""
        self.name, self.help, self.read = name, help, read
        GAUGES.append(self)


class Histogram:
    """How often something took how long, by one label."""

    __slots__ = ("help", "label", "name", "rows")

    def __init__(self, name: str, help: str, label: str) -> None:
        """Register a histogram of seconds over BOUNDS."""
        self.name, self.help, self.label = name, help, label
        # A count for each bound, one for beyond, and the sum of seconds.
        self.rows: dict[str, list[float]] = {}
        HISTOGRAMS.append(self)

    def observe(self, label: str, seconds: float) -> None:
        """Count one of this length."""
        row = self.rows.get(label)
        if row is None:
            row = self.rows.setdefault(label, [0.0] * (len(BOUNDS) + 2))
        row[bisect_left(BOUNDS, seconds)] += 1
        row[-1] += seconds


COUNTERS: Final[list[Counter | Reading]] = []
GAUGES: Final[list[Gauge]] = []
HISTOGRAMS: Final[list[Histogram]] = []

"""12,330 sessions of a shop and whether they bought: see tests/data/.../README.md."""

import csv
import functools
import gzip
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[2] / "data/online-shoppers-intention/sessions.csv.gz"
CODES = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")
LATE = ("Nov", "Dec")


@functools.cache
def _rows() -> tuple[dict[str, str], ...]:
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return tuple(csv.DictReader(lines))


def names(without: frozenset[str] = frozenset()) -> list[str]:
    """The columns, in order."""
    return [name for name in _rows()[0] if name != "Revenue" and name not in without]


def table(without: frozenset[str] = frozenset()) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """x: float64 (12330, features), codes as numbers; y: 0 or 1; the columns that hold codes."""
    kept = names(without)
    columns = []
    for name in kept:
        values = [row[name] for row in _rows()]
        codes = {value: code for code, value in enumerate(sorted(set(values)))}
        columns.append([codes[v] if name in CODES else float(v) for v in values])
    y = np.array([row["Revenue"] == "TRUE" for row in _rows()], dtype=np.float64)
    return np.array(columns).T, y, [kept.index(name) for name in CODES if name in kept]


def late() -> np.ndarray:
    """Which sessions are of November and December: bool (12330,)."""
    return np.array([row["Month"] in LATE for row in _rows()])

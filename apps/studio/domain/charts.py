"""Geometry of the small charts that pages draw as SVG: numbers in, rectangles out."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600.0
HEIGHT = 100.0
GAP = 0.25  # of a column's width


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle in the chart's own units, y downward. `series` says which kind it counts."""

    x: float
    y: float
    width: float
    height: float
    series: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of stacked bars, and what it says when pointed at."""

    x: float
    width: float
    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns in a box of WIDTH x HEIGHT. `top` is the value at its upper edge."""

    columns: tuple[Column, ...]
    top: int


def stacked(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> Chart:
    """Return a column for each (label, [(series, count)]) row, stacked in the order given.

    The scale ends at a round number at or above the highest column, so it moves seldom.
    """
    top = round_up(max((sum(count for _, count in parts) for _, parts in rows), default=0))
    step = WIDTH / max(1, len(rows))
    columns = []
    for index, (label, parts) in enumerate(rows):
        x, bottom, bars = index * step, HEIGHT, []
        for series, count in parts:
            height = HEIGHT * count / top
            bottom -= height
            if count:
                bars.append(
                    Bar(
                        x=round(x + step * GAP / 2, 2),
                        y=round(bottom, 2),
                        width=round(step * (1 - GAP), 2),
                        height=round(height, 2),
                        series=series,
                    )
                )
        columns.append(Column(round(x, 2), round(step, 2), label, tuple(bars)))
    return Chart(tuple(columns), top)


def round_up(value: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is not below a value."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * size:
                return factor * size
        size *= 10


def share_pct(part: float, whole: float) -> float:
    """Return a part of a whole in percent, in [0, 100]; 0 of nothing."""
    return round(min(100.0, max(0.0, 100 * part / whole)), 1) if whole else 0.0

"""Pictures of what was learned of groups and customers: a map of cells, a curve, deciles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SHADES: Final = 8  # colours of groups; a ninth begins again
CELL: Final = 30.0
WIDTH: Final = 560.0
HEIGHT: Final = 240.0


@dataclass(frozen=True, slots=True)
class MapCell:
    """A square of ten people or more; the fuller, the larger."""

    x: float
    y: float
    size: float
    shade: int
    words: str


@dataclass(frozen=True, slots=True)
class GroupMap:
    """Squares in a box of `width` x `width`, y downward."""

    width: float
    cells: tuple[MapCell, ...]


def group_map(
    document: Mapping[str, Any], shades: Mapping[str, int], names: Mapping[str, str]
) -> GroupMap | None:
    """Return the picture of a map; None where there is none.

    Args:
        document: {"side", "cells": [[column, row, key, people], ...]}; the key "" is nobody's.
    """
    side, cells = int(document.get("side") or 0), document.get("cells") or []
    if not side or not cells:
        return None
    most = max(people for *_, people in cells)
    found = []
    for column, row, key, people in cells:
        size = CELL * (0.45 + 0.55 * people / most) - 2
        found.append(
            MapCell(
                round(column * CELL + (CELL - size) / 2, 1),
                round((side - 1 - row) * CELL + (CELL - size) / 2, 1),
                round(size, 1),
                shades.get(key, SHADES),
                f"{names.get(key, 'in no group')}: {people} of the people drawn",
            )
        )
    return GroupMap(side * CELL, tuple(found))


@dataclass(frozen=True, slots=True)
class TwoLines:
    """Two lines over the same time, in a box of WIDTH x HEIGHT, y downward."""

    first: str
    second: str
    top: float
    days: float
    width: float = WIDTH
    height: float = HEIGHT


def two_lines(curve: Sequence[Sequence[float]]) -> TwoLines | None:
    """Return the picture of (day, foreseen, came) rows; None of fewer than two."""
    if len(curve) < 2 or curve[-1][0] <= 0:
        return None
    top = max(max(row[1], row[2]) for row in curve) or 1.0
    days = curve[-1][0]

    def line(column: int) -> str:
        return " ".join(
            f"{WIDTH * row[0] / days:.1f},{HEIGHT * (1 - row[column] / top):.1f}" for row in curve
        )

    return TwoLines(line(1), line(2), top, days)


def told(value: float | None) -> str:
    """A figure as a page says it: three digits that count; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

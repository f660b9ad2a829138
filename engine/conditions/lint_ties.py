"""What numbers of events have to do with each other: part and whole, none and some."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from engine.conditions.lint_events import WHOLE, Counted, Kind
from engine.conditions.lint_search import Ties, Variable
from engine.conditions.lint_windows import Matches, ages_of, holds_ages, lies_in
from engine.conditions.nodes import DwellOn, WindowKind

_MAX_AGE = 1e300  # more than any age; a missing one lies beyond


class _Placed(NamedTuple):
    number: int
    about: Counted
    keys: tuple[str, ...]  # of the matches


def ties_of(
    numbers: Sequence[tuple[int, Counted]],
    variables: Sequence[Variable],
    ties: Ties,
    matches: Matches,
) -> None:
    """Add what the numbers have to do with each other: part and whole, none and some."""
    placed = [
        _Placed(number, about, tuple(matches.key(match) for match in about.matches))
        for number, about in numbers
        if about.window is not None
    ]
    for x in placed:
        for y in placed:
            if x.number != y.number:
                _tie(x, y, variables, ties, matches)


# Numbers that those of other events and windows can be a part of.
_WHOLES = WHOLE - {Kind.ABSENCE} | {Kind.RECENCY, Kind.DWELL}


def _tie(
    x: _Placed, y: _Placed, variables: Sequence[Variable], ties: Ties, matches: Matches
) -> None:
    a, b = x.about, y.about
    if a.window is None or b.window is None or b.kind not in _WHOLES:
        return
    inside = [
        matches.lies_in(match, key, b.matches[-1], y.keys[-1])
        for match, key in zip(a.matches, x.keys, strict=True)
    ]
    if not any(inside):
        return
    is_part = lies_in(a.window, b.window)
    if is_part and inside[-1] and _is_at_most(a, b):
        ties.at_most.append((x.number, y.number))
    alive = _alive(a, variables[x.number])
    if b.kind in (Kind.COUNT, Kind.DAYS) and is_part:
        # Steps are different events; on how many days they were is another matter.
        least = sum(inside) if b.kind == Kind.COUNT else 1
        ties.leads.append((x.number, alive, y.number, variables[y.number].within(least, inf)))
    elif b.kind == Kind.COUNT and a.kind == Kind.RECENCY:
        held_ms = holds_ages(b.window)
        young = variables[x.number].where(lambda low, high: high < held_ms)
        ties.leads.append((x.number, young, y.number, variables[y.number].within(1, inf)))
    elif b.kind == Kind.RECENCY and is_part:
        most = ages_of(a.window)[1]
        met = variables[y.number].within(0, min(most, _MAX_AGE))
        ties.leads.append((x.number, alive, y.number, met))
        if a.kind == Kind.RECENCY:
            # The latest of more events is as late or later; a missing age is beyond all.
            ties.at_most.append((y.number, x.number))


def _is_at_most(a: Counted, b: Counted) -> bool:
    """Is the number of `a` at most that of `b`, where its events and its window are part of b's?"""
    match a.kind, b.kind:
        case ((Kind.COUNT | Kind.DISTINCT | Kind.DAYS | Kind.STREAK | Kind.PATH), Kind.COUNT):
            return True
        case ((Kind.DAYS | Kind.STREAK), Kind.DAYS):
            return True
        case Kind.STREAK, Kind.STREAK:
            return True
        case Kind.DISTINCT, Kind.DISTINCT:
            return a.of == b.of
        case Kind.DWELL, Kind.DWELL:
            return a.of != DwellOn.SESSION and b.of in (a.of, DwellOn.SITE)
        case Kind.PATH, Kind.PATH:
            rolling = a.window is not None and a.window.kind in _ROLLING
            return (
                rolling
                and a.path == b.path
                and b.window is not None
                and (b.window.kind in _ROLLING)
            )
    return False


_ROLLING = frozenset(
    {WindowKind.EVER, WindowKind.LAST, WindowKind.LAST_MONTHS, WindowKind.CALENDAR}
)


def _alive(about: Counted, variable: Variable) -> int:
    """The cells in which there is an event of each match in the window."""
    if about.kind in (Kind.SCALAR, Kind.NUMBER, Kind.RECENCY):
        return variable.where(lambda low, high: low < inf)
    if about.kind == Kind.DWELL:
        return 0
    # Zero is a cell of its own, so a stretch that begins or ends there does not hold it.
    return variable.where(
        lambda low, high: (0 <= low < inf and high > 0) or (low < 0 and high <= 0)
    )

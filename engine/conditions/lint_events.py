"""What leaves that read events are about: a number made of one match's events in one window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor, inf, nan
from typing import NamedTuple, TypeAlias

from engine.conditions.answers import Truth
from engine.conditions.attention import PAGE_VIEWED
from engine.conditions.canonical import where_json
from engine.conditions.lint_cells import Row, number_points, rows_of
from engine.conditions.lint_windows import (
    ages_of,
    ask_of,
)
from engine.conditions.nodes import (
    AbsenceLeaf,
    Aggregate,
    DwellLeaf,
    EventLeaf,
    FactOf,
    Leaf,
    Match,
    Op,
    ScoreLeaf,
    SequenceLeaf,
    Value,
    Window,
    WindowKind,
)
from engine.conditions.normal import key_of
from engine.conditions.operators import EXACT_INT, compare


class Kind(StrEnum):
    """What the number of a variable is."""

    COUNT = "count"
    DISTINCT = "distinct"
    DAYS = "days"
    STREAK = "streak"
    RECENCY = "recency"
    SCALAR = "scalar"
    NUMBER = "number"
    SUM = "sum"
    FROM_ZERO = "from_zero"
    PATH = "path"
    ABSENCE = "absence"
    DWELL = "dwell"
    SCORE = "score"


WHOLE = frozenset({Kind.COUNT, Kind.DISTINCT, Kind.DAYS, Kind.STREAK, Kind.PATH, Kind.ABSENCE})
SHORTEST_DAY_MS = 20 * 3_600_000  # clocks are never set forward by more

_KINDS = {
    Aggregate.COUNT: Kind.COUNT,
    Aggregate.RATE: Kind.COUNT,
    Aggregate.DISTINCT: Kind.DISTINCT,
    Aggregate.DAYS_ACTIVE: Kind.DAYS,
    Aggregate.STREAK: Kind.STREAK,
    Aggregate.RECENCY: Kind.RECENCY,
    Aggregate.FIRST: Kind.SCALAR,
    Aggregate.LAST: Kind.SCALAR,
    Aggregate.MOST_FREQUENT: Kind.SCALAR,
    Aggregate.AVG: Kind.NUMBER,
    Aggregate.MIN: Kind.NUMBER,
    Aggregate.MAX: Kind.NUMBER,
    Aggregate.SUM: Kind.SUM,
    Aggregate.RATIO: Kind.FROM_ZERO,
    Aggregate.TREND: Kind.FROM_ZERO,
}


class Cells(NamedTuple):
    """The cells of one variable: a row of verdicts, and the least and greatest number, of each."""

    rows: list[Row]
    low: list[float]
    high: list[float]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one leaf asks about events.

    Attributes:
        subject: equal for leaves that ask about the same number.
        kind: what the number is.
        matches: the matches of which there is an event in the window where the number is alive.
        window: None where it has none that can be compared.
        of: the property aggregated.
        low, high: between which the number lies.
        per: what a count is multiplied with and divided by before it is compared (rates).
        path: equal for sequences that look for the same, in whatever window.
    """

    subject: tuple[str, ...]
    kind: Kind
    op: Op
    value: Value
    matches: tuple[Match, ...] = ()
    window: Window | None = None
    of: str | None = None
    low: float = 0
    high: float = inf
    has_nan: bool = False
    may_miss: bool = False
    per: tuple[int, int] | None = None
    path: str = ""

    def says(self, number: float | None) -> Truth:
        """The verdict on one number."""
        if self.per is not None and number is not None:
            return compare(self.op, number * self.per[0] / self.per[1], self.value)
        return compare(self.op, number, self.value)


def counted(leaf: Leaf) -> Counted | None:
    """Return what a leaf asks about events; None for the other leaves. `leaf` is lowered."""
    match leaf:
        case EventLeaf():
            return _event(leaf)
        case SequenceLeaf():
            path = replace(leaf, times=1, bind=())
            subject = (Kind.PATH, key_of(where_json(path)))
            steps = tuple(step.match for step in leaf.steps)
            ever = key_of(where_json(replace(path, window=Window(WindowKind.EVER))))
            return Counted(subject, Kind.PATH, Op.GTE, leaf.times, steps, leaf.window, path=ever)
        case AbsenceLeaf():
            after = () if leaf.after is None else (leaf.after,)
            subject = (Kind.ABSENCE, key_of(where_json(leaf)))
            return Counted(subject, Kind.ABSENCE, Op.GTE, 1, after, leaf.window, high=1)
        case DwellLeaf():
            key = key_of(where_json(replace(leaf, op=Op.GTE, value=1)))
            # The filters are those of the events that begin a page view.
            matches = (Match(PAGE_VIEWED, leaf.where),)
            return Counted(
                (Kind.DWELL, key),
                Kind.DWELL,
                leaf.op,
                leaf.value,
                matches,
                leaf.window,
                str(leaf.on),
            )
        case ScoreLeaf():
            return _score(leaf)
    return None


def _event(leaf: EventLeaf) -> Counted:
    kind = _KINDS[leaf.aggregate]
    same = replace(leaf, op=Op.IS_SET, value=None, bind=())
    if kind == Kind.COUNT:
        same = replace(same, aggregate=Aggregate.COUNT, per_ms=0)
    width = leaf.window.ms - leaf.window.near_ms
    return Counted(
        ("event", key_of(where_json(same))),
        kind,
        leaf.op,
        leaf.value,
        (leaf.match,),
        leaf.window,
        leaf.of,
        low=-inf if kind in (Kind.NUMBER, Kind.SUM) else 0,
        high=_greatest(leaf, kind),
        has_nan=leaf.aggregate in (Aggregate.SUM, Aggregate.AVG),
        may_miss=kind in (Kind.NUMBER, Kind.FROM_ZERO, Kind.RECENCY),
        per=(leaf.per_ms, width) if leaf.aggregate is Aggregate.RATE else None,
    )


def _greatest(leaf: EventLeaf, kind: Kind) -> float:
    """How great the number can be at most, by the window or by the filters."""
    if kind in (Kind.DAYS, Kind.STREAK):
        # Every day that lies within the window, and one it begins in and one it ends in.
        oldest = ages_of(leaf.window)[1]
        return inf if oldest == inf else 2 + oldest // SHORTEST_DAY_MS
    if kind == Kind.DISTINCT:
        values = [test.value for test in leaf.where if test.property == leaf.of]
        ops = [test.op for test in leaf.where if test.property == leaf.of]
        sizes = [
            len(value) if isinstance(value, tuple) else 1
            for op, value in zip(ops, values, strict=True)
            if op in (Op.EQ, Op.IN)
        ]
        return min(sizes, default=inf)
    return inf


def _score(leaf: ScoreLeaf) -> Counted:
    subject = (Kind.SCORE, key_of(where_json(replace(leaf, op=Op.GTE, value=0))))
    limits = [limit for limit in (leaf.floor, leaf.ceiling) if limit is not None]
    low = -inf if leaf.floor is None else min(limits)
    high = inf if leaf.ceiling is None else max(limits)
    # Infinities of both signs add up to no number at all.
    has_nan = any(source.of is not None or abs(source.weight) > 1e9 for source in leaf.events)
    return Counted(subject, Kind.SCORE, leaf.op, leaf.value, low=low, high=high, has_nan=has_nan)


# Cells


def cells_of(asked: Sequence[Counted], widths: Iterable[int]) -> Cells:
    """The cells of the variable that all of `asked` are about.

    Args:
        widths: of the windows in ms, at which the age of the latest event matters.

    Raises:
        TooMany: of texts and the like.
    """
    first = asked[0]
    if first.kind == Kind.SCALAR:
        tests = [
            ask_of(test.op, test.value)
            for test in first.matches[0].where
            if test.property == first.of and not isinstance(test.value, FactOf)
        ]
        asks = [ask_of(each.op, each.value) for each in asked]
        absent, *others = rows_of([*tests, *asks], only_scalars=True)
        # What is found has passed the filters on its own property.
        met = [row[len(tests) :] for row in others if set(row[: len(tests)]) <= {True}]
        rows = [absent[len(tests) :], *met]
        return Cells(rows, [inf] + [0.0] * (len(rows) - 1), [inf] * len(rows))
    found = Cells([], [], [])

    def add(low: float, high: float, number: float | None) -> None:
        found.rows.append(tuple(each.says(number) for each in asked))
        found.low.append(low)
        found.high.append(high)

    limits = [limit for each in asked for limit in _limits(each)]
    if first.kind == Kind.RECENCY:
        limits += [edge for width in widths for edge in (width - 1, width)]
    stretches = _whole if first.kind in WHOLE or first.kind == Kind.RECENCY else _real
    for low, high, number in stretches(limits, first):
        add(low, high, number)
    if first.has_nan:
        add(-inf, inf, nan)
    if first.may_miss:
        add(inf, inf, None)
    return found


def _limits(asked: Counted) -> Iterator[float]:
    values = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if asked.per is None:
            yield value
            continue
        near = value * asked.per[1] / asked.per[0]
        yield from (near - 2, near - 1, near, near + 1, near + 2)


# (least, greatest, one of them): a stretch of numbers in which every comparison gives one answer.
Stretch: TypeAlias = tuple[float, float, float]


def _whole(limits: Iterable[float], asked: Counted) -> Iterator[Stretch]:
    """Stretches of whole numbers. None is as great as the limits that are left out."""
    low, high = 0.0, asked.high
    if asked.kind == Kind.RECENCY and asked.window is not None:
        least, high = ages_of(asked.window)
        low = float(least)
    points = {low, 0.0, 1.0}
    for limit in limits:
        if abs(limit) <= EXACT_INT:
            points |= {float(floor(limit)), float(ceil(limit))}
    inside = sorted(point for point in points if low <= point <= high)
    for i, point in enumerate(inside):
        yield point, point, int(point)
        after = inside[i + 1] if i + 1 < len(inside) else high + 1
        if point + 1 < after:
            yield point + 1, after - 1, int(point + 1)


def _real(limits: Iterable[float], asked: Counted) -> Iterator[Stretch]:
    ends = [end for end in (asked.low, asked.high, 0.0) if abs(end) != inf]
    constants = sorted({*limits, *ends})
    for number in number_points(constants):
        if asked.low <= number <= asked.high:
            below = max((each for each in constants if each <= number), default=-inf)
            above = min((each for each in constants if each >= number), default=inf)
            yield below, above, number


def without_events(about: Counted, cells: Cells) -> Cells:
    """The cells that are left where no event can ever meet one of the matches."""
    missing_only = about.kind in (Kind.SCALAR, Kind.NUMBER, Kind.RECENCY)
    kept = [
        i
        for i, (low, high) in enumerate(zip(cells.low, cells.high, strict=True))
        if (low == inf or (low == high == 0 and not missing_only))
    ]
    return Cells(
        [cells.rows[i] for i in kept], [cells.low[i] for i in kept], [cells.high[i] for i in kept]
    )

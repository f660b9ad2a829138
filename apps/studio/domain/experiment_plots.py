"""Geometry of an experiment's pictures: numbers in, places out.

Places across are in percent of the width and places down in pixels, so that a picture is as wide as
the page lets it be, and its letters stay as large as those around it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from apps.studio.domain.experiment_figures import (
    difference_words,
    ends_of,
    interval_words,
    number,
    short_difference,
)

HEIGHT: Final = 230.0
EDGE: Final = 14.0  # above and below, so that no end touches the frame
MOST_POINTS: Final = 120
SETTLED: Final = 0.25  # the part of the looks that may be cut off: they are still too wide


@dataclass(frozen=True, slots=True)
class Tick:
    """A level across a picture."""

    y: float
    words: str
    is_zero: bool


@dataclass(frozen=True, slots=True)
class Point:
    """What was known on a day: the interval as a box, the estimate as a dot, and the way there."""

    left: float
    width: float
    x: float
    top: float
    height: float
    y: float
    words: str
    from_x: float | None
    from_y: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One arm over time. `margin_y`: where harm begins; None where it is not in the picture."""

    arm: str
    name: str
    points: tuple[Point, ...]
    ticks: tuple[Tick, ...]
    first: date
    last: date
    margin_y: float | None
    rows: tuple[tuple[date, str, str], ...]
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Seen:
    """One day of one arm."""

    day: date
    diff: float
    low: float
    high: float


Looks = Iterable[tuple[date, Sequence[Sequence[object]]]]


def seen_by_arm(looks: Looks, metric: str) -> dict[str, list[Seen]]:
    """Return what the looks of a phase say of a metric, by arm: only days with an interval."""
    found: dict[str, list[Seen]] = {}
    for day, figures in looks:
        for row in figures:
            if len(row) != 5 or row[0] != metric or not isinstance(row[1], str):
                continue
            diff, ends = number(row[2]), ends_of([number(row[3]), number(row[4])])
            if diff is not None and ends is not None:
                found.setdefault(row[1], []).append(Seen(day, diff, *ends))
    return found


def panels(
    by_arm: dict[str, list[Seen]], names: dict[str, str], kind: str, margin: float | None
) -> tuple[Panel, ...]:
    """Return a picture over time for each arm that has one, all to one scale.

    Args:
        margin: the difference from which on there is harm, of a guardrail.
    """
    chosen = {arm: seen[-MOST_POINTS:] for arm, seen in by_arm.items() if seen and arm in names}
    if not chosen:
        return ()
    low, high = _reach(list(chosen.values()), margin)
    if not math.isfinite(high - low):
        return ()
    first = min(seen[0].day for seen in chosen.values())
    last = max(seen[-1].day for seen in chosen.values())
    return tuple(
        _panel(arm, names[arm], seen, kind, (first, last), (low, high), margin)
        for arm, seen in chosen.items()
    )


def _reach(series: Sequence[Sequence[Seen]], margin: float | None) -> tuple[float, float]:
    """From where to where differences are drawn: nothing is always there, wild beginnings not."""
    ends = [0.0] if margin is None else [0.0, margin]
    for seen in series:
        settled = seen[math.floor(SETTLED * len(seen)) if len(seen) > 3 else 0 :]
        ends += [end for one in settled for end in (one.low, one.high)]
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _panel(
    arm: str,
    name: str,
    seen: Sequence[Seen],
    kind: str,
    days: tuple[date, date],
    reach: tuple[float, float],
    margin: float | None,
) -> Panel:
    low, high = reach
    step = 100.0 / ((days[1] - days[0]).days + 1)

    def y_of(value: float) -> float:
        part = (min(max(value, low), high) - low) / (high - low)
        return round(HEIGHT - EDGE - part * (HEIGHT - 2 * EDGE), 1)

    points: list[Point] = []
    for one in seen:
        left = (one.day - days[0]).days * step
        top, bottom = y_of(one.high), y_of(one.low)
        before = points[-1] if points else None
        said = f"{difference_words(kind, one.diff)} ({interval_words(kind, (one.low, one.high))})"
        points.append(
            Point(
                round(left + step * 0.06, 3),
                round(step * 0.88, 3),
                round(left + step / 2, 3),
                top,
                round(max(bottom - top, 1.0), 1),
                y_of(one.diff),
                f"{one.day:%d %b %Y}: {said}",
                before.x if before else None,
                before.y if before else None,
            )
        )
    rows = tuple(
        (one.day, difference_words(kind, one.diff), interval_words(kind, (one.low, one.high)))
        for one in reversed(seen)
    )
    ticks = tuple(
        Tick(y_of(value), short_difference(kind, value), value == 0) for value in levels(low, high)
    )
    return Panel(
        arm, name, tuple(points), ticks, *days, None if margin is None else y_of(margin), rows
    )


def levels(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two ends, 0 among them if it lies there."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [0.0]
    size = 10.0 ** math.floor(math.log10(span / 4))
    step = next(size * one for one in (1, 2, 5, 10) if span / (size * one) <= 5)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) if place else 0.0 for place in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval on a line: places in percent. `margin`: where harm begins."""

    low: float
    width: float
    middle: float
    zero: float
    margin: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The line that the intervals of one table share; nothing and all ends lie on it."""

    low: float
    high: float
    margin: float | None = None

    @classmethod
    def around(cls, intervals: Iterable[object], margin: float | None = None) -> "Scale":
        """Return the line on which all of these have room."""
        ends = [0.0] if margin is None else [0.0, margin]
        for interval in intervals:
            both = ends_of(interval)  # type: ignore[arg-type]  # whatever a document holds
            ends += both or ()
        low, high = min(ends), max(ends)
        room = 0.06 * (high - low) or 1.0
        return cls(low - room, high + room, margin)

    def at(self, value: float) -> float:
        """Return where a difference lies, in percent."""
        part = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(part, 0.0), 1.0), 2)

    def whisker(self, kind: str, diff: object, interval: object) -> Whisker | None:
        """Return an interval on it, None where there is none."""
        ends = ends_of(interval)  # type: ignore[arg-type]  # whatever a document holds
        middle = number(diff)
        if ends is None or middle is None or not math.isfinite(self.high - self.low):
            return None
        low, high = self.at(ends[0]), self.at(ends[1])
        said = f"{difference_words(kind, middle)}, between {interval_words(kind, ends)}"
        margin = None if self.margin is None else self.at(self.margin)
        return Whisker(low, round(high - low, 2), self.at(middle), self.at(0.0), margin, said)

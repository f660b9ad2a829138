"""Which rows teach and which judge: never the same person in both, never the future in the past."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from apps.predictions.errors import ModelRefused

Index = NDArray[np.intp]
Kind = Literal["stratified", "time"]

LATE: Final = timedelta(days=1)  # so long events may be on their way: no answer is read before


def folds(
    y: NDArray[np.float64],
    groups: NDArray[np.generic] | None,
    times: NDArray[np.float64] | None,
    *,
    kind: Kind,
    embargo: float = 0.0,
    count: int = 5,
    seed: int = 0,
) -> Iterator[tuple[Index, Index]]:
    """Yield the rows that teach and the rows that judge, `count` times at most.

    `stratified`: every fold has its share of yeses; a group's rows are all on one side. Drawn by
    the seed. `time`: the newest moments judge, one after the other, each taught by those that end
    at least `embargo` before it; a group is on both sides, at different times.

    Args:
        y: 0 or 1, (rows,).
        groups: whose row it is, (rows,); None: each row is somebody else's.
        times: the moment of each row, any unit, (rows,); None only for `stratified`.
        embargo: in the unit of `times`; at least how far an answer looks ahead, or a row teaches
            what another is asked.

    Raises:
        ModelRefused: too few rows of either class, or too few moments.
    """
    if kind == "time":
        assert times is not None, "folds over time need times"
        yield from _over_time(times, embargo, count)
        return
    least = min(int(y.sum()), int(len(y) - y.sum()))
    if least < 2:
        raise ModelRefused(
            f"Of {len(y)} rows {int(y.sum())} are a yes: rows that teach and rows that judge need "
            "both answers."
        )
    parts = min(count, least)
    if groups is None:
        splitter = StratifiedKFold(parts, shuffle=True, random_state=seed)
        yield from splitter.split(np.zeros(len(y)), y)
    else:
        by_group = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        for teach, judge in by_group.split(np.zeros(len(y)), y, groups):
            if len(teach) and len(judge):
                yield teach, judge


def _over_time(
    times: NDArray[np.float64], embargo: float, count: int
) -> Iterator[tuple[Index, Index]]:
    moments = np.unique(times)
    judging = [one for one in moments if moments[0] + embargo <= one and one > moments[0]]
    if not judging:
        raise ModelRefused(
            f"{len(moments)} moments are too few to be judged at a later one: ask for more moments."
        )
    for moment in judging[-count:]:
        yield np.flatnonzero(times + embargo <= moment), np.flatnonzero(times == moment)


def instants(
    now: datetime, *, horizon_hours: int, embargo_hours: int = 0, moments: int
) -> list[datetime]:
    """Return the moments of a training, oldest first, as UTC midnights.

    The newest judges, the one before calibrates, the others teach. What a moment is asked has ended
    when the next begins; between the three parts the embargo is left out besides. The newest answer
    ended a day ago: events arrive late.
    """
    step = timedelta(days=math.ceil(horizon_hours / 24))
    gap = timedelta(days=math.ceil((horizon_hours + embargo_hours) / 24))
    latest = now.astimezone(UTC) - LATE - timedelta(hours=horizon_hours)
    judge = latest.replace(hour=0, minute=0, second=0, microsecond=0)
    calibrate = judge - gap
    teach = [calibrate - gap - step * back for back in reversed(range(moments - 2))]
    return [*teach, calibrate, judge]

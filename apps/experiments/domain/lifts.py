"""What personalization earns: those who got it beside those who were held out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from apps.experiments.domain.comparing import Interval, normal_quantile
from apps.experiments.domain.effects import (
    ANY_TIME,
    SUPPOSED,
    Effect,
    Looking,
    effect_of,
    stratified,
)
from apps.experiments.domain.sequential import any_time
from apps.experiments.domain.sums import Sums

ALPHA: Final = 0.05
POWER: Final = 0.8
NOBODY_HELD: Final = "Nobody is held out yet: there is nothing to compare with."
NOBODY_ELSE: Final = "Everybody seen so far is held out: there is nothing to compare with."
FEW: Final = "Too few people on one of the sides: ten are needed at least."
SMALLEST: Final = 10


def lift_of(turns: Sequence[tuple[Sums, Sums]], kind: str, alpha: float = ALPHA) -> Effect:
    """Compare (held out, personalized) of each turn; intervals hold at any time.

    Shares differ between turns, and so does the season: several turns are compared each within
    itself and weighed by their people. One turn has what people did before taken out.
    """
    held = sum((one for one, _ in turns), Sums())
    own = sum((one for _, one in turns), Sums())
    empty = Effect("personalized", own.n, held.n)
    if min(held.n, own.n) < SMALLEST:
        reason = NOBODY_HELD if not held.n else NOBODY_ELSE if not own.n else FEW
        return replace(empty, reason=reason)
    looking = Looking(ANY_TIME, alpha, None)
    plain = effect_of("personalized", held, own, kind, looking)
    usable = [pair for pair in turns if min(pair[0].n, pair[1].n) >= 2]
    if len(usable) < 2 or kind == "ratio" or plain.interval is None:
        return plain
    return stratified(plain, usable, looking) or plain


@dataclass(frozen=True, slots=True)
class Return:
    """What came of it in the metric's unit. `net`: after what it costs."""

    gained: float
    interval: Interval
    cost: float
    net: float
    net_interval: Interval
    ratio: float | None


def return_of(lift: Effect, cost: float) -> Return | None:
    """Return what was gained over all who got it; None where there is no interval.

    Args:
        cost: of the same time.
    """
    if lift.diff is None or lift.interval is None:
        return None
    gained = lift.diff * lift.n
    low, high = (end * lift.n for end in lift.interval)
    ratio = (gained - cost) / cost if cost > 0 else None
    return Return(gained, (low, high), cost, gained - cost, (low - cost, high - cost), ratio)


def verdict_of(interval: Interval | None, direction: str) -> str:
    """Return "earns", "costs" or "open"."""
    if interval is None or not all(math.isfinite(end) for end in interval):
        return "open"
    low, high = interval if direction == "up" else (-interval[1], -interval[0])
    return "earns" if low > 0 else "costs" if high < 0 else "open"


def detectable(
    held: Sums, own: Sums, per_day: float, share: float, weeks: Sequence[int]
) -> list[tuple[int, float]]:
    """Return (weeks, the least relative change that is found with a power of 80 %).

    Args:
        per_day: people who come anew on a day, on both sides; share: of them who are held out.
    """
    both = held + own
    mean, variance = both.moments.mean, both.moments.var
    found = []
    for number in weeks:
        people = per_day * 7 * number
        n_held, n_own = people * share, people * (1 - share)
        if mean <= 0 or variance <= 0 or min(n_held, n_own) < SMALLEST:
            continue
        error = math.sqrt(variance * (1 / n_held + 1 / n_own))
        half = any_time(0.0, error, people, ALPHA, SUPPOSED).halfwidth
        if half is not None:
            found.append((number, (half + normal_quantile(POWER) * error) / mean))
    return found

"""Effects within strata: who came on which day, and in which segment, is taken out of them.

In the result's document, beside the plain effect:

    "post_stratified": {"diff", "interval", "by", "reduction", "reason"} | null

Which strata is settled by how many people are in them, never by what they did: the finest of which
every one has ten people in both arms. So the estimate is as unbiased as the plain one. Null of
ratios, quantiles and bandits, and where the plain effect has no interval. Source: Miratrix, Sekhon
and Yu, JRSS B 75 (2013).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import numpy as np

from apps.experiments.domain.comparing import Vector
from apps.experiments.domain.effects import Effect, Looking, stratified
from apps.experiments.domain.sums import Sums
from apps.experiments.models import Phase
from apps.experiments.phase_sums import PhaseSums

LEAST: Final = 10  # people of each arm in every stratum
COUNTED: Final = frozenset({"conversion", "retention", "mean"})
TOO_SMALL: Final = "There are too few people in the days, weeks and segments to compare within."
JSON = Any
Cut = Callable[[date], object]
Key = tuple[object, bool]  # when, and whether in the segment
_CUTS: Final[tuple[tuple[str, Cut], ...]] = (
    ("day", lambda day: day),
    ("week", lambda day: day.isocalendar()[:2]),
)


def told(
    phase: Phase, metric_id: UUID, kind: str, sums: PhaseSums, effect: Effect,
    arms: tuple[int, int], looking: Looking,
) -> dict[str, JSON] | None:  # fmt: skip
    """Return an effect within strata.

    Args:
        arms: numbers of the control and of the arm.
    """
    if kind not in COUNTED or phase.bandit or effect.interval is None:
        return None
    nothing = {"diff": None, "interval": None, "by": None, "reduction": None}
    plain = stratified(
        effect, [(sums.of(metric_id, arms[0]), sums.of(metric_id, arms[1]))], looking
    )
    for by, segment, cut in _ways(phase) if plain is not None and plain.se else ():
        control, own = (_cut(sums, metric_id, arm, by, segment, cut) for arm in arms)
        if len({*control, *own}) < 2 or control.keys() != own.keys():
            continue  # a stratum that nobody is in, in one of the arms
        if min(one[0] for side in (control, own) for one in side.values()) < LEAST:
            continue
        pairs = [(_sums(control[key]), _sums(own[key])) for key in control]
        found = stratified(effect, pairs, looking)
        if found is None or found.interval is None:
            continue
        assert found.se is not None and plain is not None and plain.se is not None
        return {
            "diff": found.diff,
            "interval": list(found.interval),
            "by": by,
            "reduction": 1 - (found.se / plain.se) ** 2,
            "reason": None,
        }
    return nothing | {"reason": TOO_SMALL}


def _ways(phase: Phase) -> Iterator[tuple[str, str, Cut]]:
    """What strata can be by, from the finest on: in words, their segment, and how days are cut."""
    for segment in [*phase.segments[:1], ""]:
        for name, cut in [*_CUTS, *([("", _always)] if segment else [])]:
            by = " and ".join(one for one in (name, f"segment {segment}" if segment else "") if one)
            yield by, segment, cut


def _always(_: date) -> object:
    return ""


def _cut(
    sums: PhaseSums, metric_id: UUID, arm: int, by: str, segment: str, cut: Cut
) -> Mapping[Key, list[float]]:
    """An arm's sums by stratum: when they came, and whether they were in the segment.

    Kept: each arm is compared with the same control. Who is in the segment is not outside as well.
    """
    if (known := sums.strata.get((metric_id, arm, by))) is not None:
        return known
    when, outside = _parts(*sums.table((metric_id, arm, "")), cut)
    found: dict[Key, list[float]] = {}
    if segment:
        inside_when, inside = _parts(*sums.table((metric_id, arm, segment)), cut)
        places = {key: place for place, key in enumerate(when)}
        of_both = [place for place, key in enumerate(inside_when) if key in places]
        outside[[places[inside_when[place]] for place in of_both]] -= inside[of_both]
        found = {(key, True): one for key, one in zip(inside_when, inside.tolist(), strict=True)}
    found |= {(key, False): one for key, one in zip(when, outside.tolist(), strict=True)}
    found = {key: one for key, one in found.items() if one[0] > 0}
    sums.strata[metric_id, arm, by] = found
    return found


def _sums(numbers: Sequence[float]) -> Sums:
    n, *others = numbers
    return Sums(int(n), *others)


def _parts(days: tuple[date, ...], table: Vector, cut: Cut) -> tuple[Sequence[object], Vector]:
    """Days that rise, added up by how they are cut: the keys, and a line for each."""
    if not days:
        return (), table
    keys, first = _begins(days, cut)
    with np.errstate(over="ignore"):  # what has run away is said to have done so
        return keys, np.add.reduceat(table, first, axis=0)


@lru_cache(maxsize=256)
def _begins(days: tuple[date, ...], cut: Cut) -> tuple[tuple[object, ...], list[int]]:
    """The keys of days, and where each begins. All metrics of an experiment have the same days."""
    keys = [cut(day) for day in days]
    first = [place for place, key in enumerate(keys) if not place or key != keys[place - 1]]
    return tuple(keys[place] for place in first), first

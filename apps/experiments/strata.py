"""Effects within strata: who came on which day, and in which segment, is taken out of them.

In the result's document, beside the plain effect:

    "post_stratified": {"diff", "interval", "by", "reduction", "reason"} | null

Which strata is settled by how many people are in them, never by what they did: the finest of which
every one has ten people in both arms. So the estimate is as unbiased as the plain one. Null of
ratios, quantiles and bandits, and where the plain effect has no interval. Source: Miratrix, Sekhon
and Yu, JRSS B 75 (2013).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final
from uuid import UUID

from apps.experiments.domain.effects import Effect, Looking, stratified
from apps.experiments.domain.sums import Sums, added
from apps.experiments.models import Phase
from apps.experiments.phase_sums import PhaseSums

LEAST: Final = 10  # people of each arm in every stratum
COUNTED: Final = frozenset({"conversion", "retention", "mean"})
TOO_SMALL: Final = "There are too few people in the days, weeks and segments to compare within."
JSON = Any
Cut = Callable[[date], object]
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
    for by, segment, cut in _ways(phase):
        sizes = [_sizes(sums, metric_id, arm, segment, cut) for arm in arms]
        keys = list(dict.fromkeys([*sizes[0], *sizes[1]]))
        if len(keys) < 2 or min(size[key] for size in sizes for key in keys) < LEAST:
            continue
        control, own = (_cut(sums, metric_id, arm, by, segment, cut) for arm in arms)
        plain = stratified(
            effect, [(sums.of(metric_id, arms[0]), sums.of(metric_id, arms[1]))], looking
        )
        found = stratified(effect, [(control[key], own[key]) for key in keys], looking)
        if found is None or found.interval is None or plain is None or not plain.se:
            continue
        assert found.se is not None
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


def _rows(
    sums: PhaseSums, metric_id: UUID, arm: int, segment: str, cut: Cut
) -> Iterator[tuple[tuple[object, bool], int, list[float]]]:
    """(stratum, 1 or -1, a day's sums): who is in the segment is not outside as well."""
    for day, numbers in sums.rows.get((metric_id, arm, ""), []):
        yield (cut(day), False), 1, numbers
    for day, numbers in sums.rows.get((metric_id, arm, segment), []) if segment else []:
        yield (cut(day), True), 1, numbers
        yield (cut(day), False), -1, numbers


def _sizes(
    sums: PhaseSums, metric_id: UUID, arm: int, segment: str, cut: Cut
) -> Counter[tuple[object, bool]]:
    """People of an arm by stratum: when they came, and whether they were in the segment."""
    found: Counter[tuple[object, bool]] = Counter()
    for key, sign, numbers in _rows(sums, metric_id, arm, segment, cut):
        found[key] += sign * int(numbers[0])
    return +found


def _cut(
    sums: PhaseSums, metric_id: UUID, arm: int, by: str, segment: str, cut: Cut
) -> dict[tuple[object, bool], Sums]:
    """An arm's sums by stratum. Kept: each arm is compared with the same control."""
    if (known := sums.strata.get((metric_id, arm, by))) is not None:
        return known
    parts: dict[tuple[object, bool], list[list[float]]] = {}
    for key, sign, numbers in _rows(sums, metric_id, arm, segment, cut):
        parts.setdefault(key, []).append(numbers if sign > 0 else [-number for number in numbers])
    found = {key: added(rows) for key, rows in parts.items()}
    sums.strata[metric_id, arm, by] = found
    return found

"""The sums and the people of a phase, as results, health and stopping read them."""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count

from apps.experiments.counting import SAMPLE
from apps.experiments.domain.quantiles import Sampled
from apps.experiments.domain.sums import NAMES, Sums, added
from apps.experiments.models import DaySum, Phase


class PhaseSums:
    """The sums of a phase by (metric, arm, segment), all days together."""

    def __init__(self) -> None:
        self.all: dict[tuple[UUID, int, str], Sums] = {}
        self.left_out: Counter[UUID] = Counter()
        self.segments: dict[UUID, set[str]] = {}
        self._sampled: dict[UUID, dict[int, Sampled]] = {}
        self.rows: dict[tuple[UUID, int, str], list[tuple[date, list[float]]]] = {}
        self.strata: dict[tuple[UUID, int, str], dict[tuple[object, bool], Sums]] = {}

    def of(self, metric_id: UUID, arm: int, segment: str = "") -> Sums:
        """Return one of them; of nobody, if nothing was counted."""
        return self.all.get((metric_id, arm, segment), Sums())

    def sampled(self, phase: Phase, metric_id: UUID) -> dict[int, Sampled]:
        """Return the single values of a quantile by arm. One query a metric, once."""
        if metric_id not in self._sampled:
            self._sampled[metric_id] = sampled_of(phase, metric_id)
        return self._sampled[metric_id]


def sums_of(phase: Phase, after: date | None = None, upto: date | None = None) -> PhaseSums:
    """Return the sums of a phase. One query.

    Args:
        after: only of those who joined on a later day.
        upto: only of those who joined until the end of this day.
    """
    found = PhaseSums()
    rows = DaySum.objects.filter(phase=phase)
    if after is not None:
        rows = rows.filter(day__gt=after)
    if upto is not None:
        rows = rows.filter(day__lte=upto)
    for metric_id, arm, segment, left_out, day, *numbers in rows.values_list(
        "metric_id", "arm", "segment", "left_out", "day", *NAMES
    ):
        found.rows.setdefault((metric_id, arm, segment), []).append((day, numbers))
        if segment:
            found.segments.setdefault(metric_id, set()).add(segment)
        else:
            found.left_out[metric_id] += left_out
    found.all = {name: added([numbers for _, numbers in one]) for name, one in found.rows.items()}
    return found


def sampled_of(phase: Phase, metric_id: UUID) -> dict[int, Sampled]:
    """Return the single values of a quantile by arm. One query."""
    found: dict[int, Sampled] = {}
    rows = DaySum.objects.filter(phase=phase, metric_id=metric_id, segment="").order_by("day")
    for arm, people, sample in rows.values_list("arm", "n", "sample"):
        found.setdefault(arm, Sampled()).add(people, sample, SAMPLE)
    return found


def look_of(
    phase: Phase, sums: PhaseSums, metric_id: UUID, planned: tuple[int, int], today: date
) -> tuple[int, date | None]:
    """Return which planned look was reached last, 0 for none, and the day it is made of.

    A look is of whole days, and of all who joined until its own: what comes after it says nothing
    before the next one.

    Args:
        metric_id: whose sums say how many joined.
        planned: participants of each arm, and looks.
    """
    per_arm, looks = planned
    numbers = [int(arm["number"]) for arm in open_arms_of(phase)]
    joined: dict[date, Counter[int]] = {}
    for number in numbers:
        for day, row in sums.rows.get((metric_id, number, ""), []):
            joined.setdefault(day, Counter())[number] += int(row[0])
    seen: Counter[int] = Counter()
    reached, of_day = 0, None
    for day in sorted(one for one in joined if one < today):
        seen += joined[day]
        least = min((seen[number] for number in numbers), default=0)
        look = min(looks, math.floor(looks * least / per_arm + 1e-9))
        if look > reached:
            reached, of_day = look, day
    return reached, of_day


def open_arms_of(phase: Phase) -> list[Mapping[str, Any]]:
    """Return the arms that visitors are still dealt: those with a share, and not stopped."""
    return [arm for arm in phase.arms if arm["weight"] > 0 and arm["key"] not in phase.stopped]


def people_of(phase: Phase, after: date | None = None) -> Counter[int]:
    """Return the participants by arm, without bots and those who were shown several. One query.

    Of a bandit, whose shares move, who was shown several counts for the first one.
    """
    rows = phase.participants.filter(is_bot=False)
    if not phase.bandit:
        rows = rows.filter(is_mixed=False)
    if after is not None:
        rows = rows.filter(day__gt=after)
    return Counter(dict(rows.values_list("arm").annotate(n=Count("pk")).order_by()))

"""The sums and the people of a phase, as results, health and stopping read them."""

from collections import Counter
from datetime import date
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


def sums_of(phase: Phase, after: date | None = None) -> PhaseSums:
    """Return the sums of a phase. One query.

    Args:
        after: only of those who joined on a later day.
    """
    found = PhaseSums()
    rows = DaySum.objects.filter(phase=phase)
    if after is not None:
        rows = rows.filter(day__gt=after)
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

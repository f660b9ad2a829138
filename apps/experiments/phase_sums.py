"""The sums and the people of a phase, as results, health and stopping read them."""

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Count

from apps.experiments.counting import SAMPLE
from apps.experiments.domain.comparing import Vector
from apps.experiments.domain.quantiles import Sampled
from apps.experiments.domain.sums import NAMES, Sums, of_columns
from apps.experiments.models import Goal, Phase
from apps.experiments.served import Served, served

Name = tuple[UUID, int, str]  # of sums: metric, arm, segment
Columns = Sequence[Sequence[float]]


class PhaseSums:
    """The sums of a phase by (metric, arm, segment), all days together.

    Attributes:
        rows: the same by day, rising: (day, one number for each of `NAMES`).
        strata: what `strata` made of them.
    """

    def __init__(self, after: date | None = None, upto: date | None = None) -> None:
        self.all: dict[Name, Sums] = {}
        self.left_out: Counter[UUID] = Counter()
        self.segments: dict[UUID, set[str]] = {}
        self.rows: dict[Name, list[tuple[date, Sequence[float]]]] = {}
        self.strata: dict[tuple[UUID, int, str], Mapping[tuple[object, bool], list[float]]] = {}
        self._tables: dict[Name, tuple[tuple[date, ...], Vector]] = {}
        self.samples: dict[UUID, dict[int, Sampled]] = {}
        self._between = after, upto

    def of(self, metric_id: UUID, arm: int, segment: str = "") -> Sums:
        """Return one of them; of nobody, if nothing was counted."""
        return self.all.get((metric_id, arm, segment), Sums())

    def table(self, name: Name) -> tuple[tuple[date, ...], Vector]:
        """Return the days of one of them, and a line of each with a column for each of `NAMES`."""
        if name not in self._tables:
            rows = self.rows.get(name, [])
            numbers = np.array([one for _, one in rows], float).reshape(len(rows), len(NAMES))
            self._tables[name] = tuple(day for day, _ in rows), numbers
        return self._tables[name]

    def sampled(self, phase: Phase, metric_id: UUID) -> dict[int, Sampled]:
        """Return the single values of a quantile by arm. One query a metric, once."""
        if metric_id not in self.samples:
            after, upto = self._between
            self.samples |= samples_of([phase], [metric_id], after, upto)[phase.pk]
        return self.samples[metric_id]

    def forget(self, metrics: Collection[UUID]) -> None:
        """Leave these metrics out, as if nothing had been counted of them."""
        for name in [one for one in self.all if one[0] in metrics]:
            del self.all[name]
            self.rows.pop(name, None)
        self.samples |= {metric_id: {} for metric_id in metrics}

    def add(self, name: Name, left_out: int, days: Sequence[date], columns: Columns) -> None:
        """Add all days of a (metric, arm, segment), in any order; a column for each of `NAMES`."""
        metric_id, _, segment = name
        rows = zip(days, zip(*columns, strict=True), strict=True)
        self.rows[name] = sorted(rows, key=itemgetter(0))
        self.all[name] = of_columns(columns)
        if segment:
            self.segments.setdefault(metric_id, set()).add(segment)
        else:
            self.left_out[metric_id] += left_out


@dataclass(frozen=True, slots=True)
class Known:
    """What a pass has read of a phase: nobody has to read it again to see whether to stop an arm.

    Attributes:
        people: by arm, as `people_of`; answers: what was served of each arm since the start.
        resumed: arms that somebody let go on, and when the last time; read before the rest. None:
            nobody has looked.
        mixed: metrics that are left out of the sums: why, by their ids (see `money`).
    """

    people: Mapping[int, int]
    sums: PhaseSums
    goals: Sequence[Goal]
    answers: Sequence[Served]
    resumed: Mapping[str, datetime] | None = None
    mixed: Mapping[UUID, str] = field(default_factory=dict)


def known_of(phase: Phase, now: datetime, after: date | None = None) -> Known:
    """Read it, of those who joined on a later day than `after` if one is given. Five queries."""
    goals = Goal.objects.filter(experiment_id=phase.experiment_id).select_related("metric")
    return Known(
        people_of(phase, after), sums_of(phase, after), list(goals.order_by("pk")),
        answers_of([phase], now, after)[phase.pk],
    )  # fmt: skip


def answers_of(
    phases: Collection[Phase], now: datetime, after: date | None = None
) -> dict[UUID, Sequence[Served]]:
    """Return what was served of each arm, from the start or from the day after `after` on.

    By the phases' ids. A query for each site.
    """
    by_site: dict[UUID, list[Phase]] = {}
    for phase in phases:
        by_site.setdefault(phase.experiment.site_id, []).append(phase)
    found: dict[UUID, Sequence[Served]] = {}
    for site_id, own in by_site.items():
        asked = [
            (
                phase.experiment.key,
                phase.started_at.date() if after is None else after + timedelta(days=1),
                (phase.ended_at or now).date(),
            )
            for phase in own
        ]
        rows = served(site_id, asked)
        found |= {phase.pk: one for phase, one in zip(own, rows, strict=True)}
    return found


def sums_of(phase: Phase, after: date | None = None, upto: date | None = None) -> PhaseSums:
    """Return the sums of a phase. One query.

    Args:
        after: only of those who joined on a later day.
        upto: only of those who joined until the end of this day.
    """
    return sums_of_all([phase], after, upto)[phase.pk]


# A line for each (metric, arm, segment), its days in arrays: far less to read than a line a day. In
# no order: Postgres takes longer to sort words than to add up.
_SUMS: Final = """
SELECT phase_id, metric_id, arm, segment, sum(left_out)::bigint, array_agg(day), {columns}
FROM experiments_daysum
WHERE phase_id = ANY(%(phases)s) AND day > %(after)s AND day <= %(upto)s
GROUP BY phase_id, metric_id, arm, segment
""".format(columns=", ".join(f"array_agg({name})" for name in NAMES))
# With the day's people, whom the kept ones stand for.
_SAMPLES: Final = """
SELECT phase_id, metric_id, arm, n, sample FROM experiments_daysum
WHERE phase_id = ANY(%(phases)s) AND metric_id = ANY(%(metrics)s) AND segment = ''
  AND day > %(after)s AND day <= %(upto)s
ORDER BY phase_id, metric_id, arm, day
"""


def sums_of_all(
    phases: Collection[Phase], after: date | None = None, upto: date | None = None
) -> dict[UUID, PhaseSums]:
    """Return the sums of several phases, by their ids. One query."""
    found = {phase.pk: PhaseSums(after, upto) for phase in phases}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, _asked(phases, after, upto))
        for phase_id, metric_id, arm, segment, left_out, days, *columns in cursor:
            found[phase_id].add((metric_id, arm, segment), left_out, days, columns)
    return found


def samples_of(
    phases: Collection[Phase],
    metrics: Collection[UUID],
    after: date | None = None,
    upto: date | None = None,
) -> dict[UUID, dict[UUID, dict[int, Sampled]]]:
    """Return the single values of quantiles by phase, metric and arm. One query, if any."""
    found: dict[UUID, dict[UUID, dict[int, Sampled]]] = {
        phase.pk: {metric_id: {} for metric_id in metrics} for phase in phases
    }
    if not metrics:
        return found
    with connection.cursor() as cursor:
        asked = _asked(phases, after, upto) | {"metrics": list(metrics)}
        cursor.execute(_SAMPLES, asked)
        for phase_id, metric_id, arm, people, sample in cursor:
            own = found[phase_id][metric_id].setdefault(arm, Sampled())
            own.add(people, json.loads(sample), SAMPLE)
    return found


def _asked(phases: Collection[Phase], after: date | None, upto: date | None) -> dict[str, Any]:
    return {
        "phases": [phase.pk for phase in phases],
        "after": after or date.min,
        "upto": upto or date.max,
    }


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

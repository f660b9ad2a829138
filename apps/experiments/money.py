"""Currencies that the amounts of a phase have come in, seen as they come and kept in its result.

A metric of amounts without a currency adds up what it finds. A design that would add up several is
refused (`designing.money_problems`); where a second one shows after the start, what was added up is
of no use to anybody, and is not told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS
from apps.experiments.models import Goal, Metric, Phase, Result
from apps.profiles.state import uuid_array

LATE: Final = timedelta(days=2)  # what came later than so is not looked at again
MOST: Final = 5  # currencies that are named
MIXED: Final = (
    "Amounts came in {}, which cannot be added up: they are not told. Give the metric a currency "
    "in a copy, and begin a new phase with that."
)
Currencies = Mapping[str, list[str]]  # by the keys of metrics

# What has come in first, which is little; then who of a phase it is of, and how long after they
# joined: amounts that are counted, nobody else's. `since` is the first of all phases'.
_SEEN: Final = f"""
WITH came AS MATERIALIZED (
  SELECT e.profile_id, e.name, upper(e.properties->>'currency') AS currency, e.occurred_at
  FROM events_event e
  WHERE e.site_id = %(site)s AND e.name = ANY(%(names)s) AND e.occurred_at >= %(since)s
    AND e.kind <> {int(KINDS["exposure"])}
    AND upper(e.properties->>'currency') ~ '^[A-Z]{{3}}$'
    AND {event_allows("e", Purpose.EXPERIMENTS)}
)
SELECT p.phase_id, c.name, c.currency, min(c.occurred_at - q.first_at)
FROM unnest(%(phases)s::uuid[], %(from)s::timestamptz[]) p(phase_id, since)
JOIN experiments_participant q ON q.phase_id = p.phase_id AND NOT q.is_bot
JOIN came c ON c.profile_id = q.profile_id
  AND c.occurred_at >= greatest(p.since, q.first_at)
GROUP BY 1, 2, 3
"""


def adds_amounts(metric: Metric) -> bool:
    """Whether a metric adds up amounts of whatever currency they are in."""
    adds = [metric.of, metric.per_of] if metric.kind == Metric.Kind.RATIO else [metric.of]
    is_sum = metric.kind in (Metric.Kind.MEAN, Metric.Kind.RATIO, Metric.Kind.QUANTILE)
    return not metric.currency and is_sum and bool(metric.event) and Metric.Of.VALUE in adds


def currencies_of(
    phases: Sequence[Phase], goals: Mapping[UUID, Sequence[Goal]]
) -> dict[UUID, Currencies]:
    """Return which currencies were seen since the start, by phase and by metric that adds amounts.

    Those that the last result knows of, and those of amounts that came since, or within two days
    before: it costs what has come in. Of a metric that no result knows of, since the start.
    Two queries a site, none where nothing adds up amounts.

    Args:
        goals: by experiment.
    """
    adding = {
        phase.pk: [
            goal.metric for goal in goals.get(phase.experiment_id, ()) if adds_amounts(goal.metric)
        ]
        for phase in phases
    }
    by_site: dict[UUID, list[Phase]] = {}
    for phase in phases:
        if adding[phase.pk]:
            by_site.setdefault(phase.experiment.site_id, []).append(phase)
    found: dict[UUID, Currencies] = {phase.pk: {} for phase in phases}
    for site_id, some in by_site.items():
        found |= _of_site(site_id, some, adding)
    return found


def is_mixed(phase: Phase, metric: Metric) -> bool:
    """Whether a metric adds up amounts that came in several currencies. At most two queries."""
    if not adds_amounts(metric):
        return False
    found = _of_site(phase.experiment.site_id, [phase], {phase.pk: [metric]})
    return len(found[phase.pk][metric.key]) > 1


def _of_site(
    site_id: UUID, phases: Sequence[Phase], adding: Mapping[UUID, Sequence[Metric]]
) -> dict[UUID, Currencies]:
    rows = Result.objects.filter(phase__in=phases)
    told = {
        pk: (at, kept or {})
        for pk, at, kept in rows.values_list("phase_id", "worked_out_at", "document__currencies")
    }
    since: dict[UUID, datetime] = {}
    for phase in phases:
        at, kept = told.get(phase.pk, (phase.started_at, {}))
        is_known = all(metric.key in kept for metric in adding[phase.pk])
        since[phase.pk] = max(phase.started_at, at - LATE) if is_known else phase.started_at
    names = {name for one in phases for metric in adding[one.pk] for name in _names(metric)}
    seen = _seen(site_id, names, since)
    found: dict[UUID, Currencies] = {}
    for phase in phases:
        _, kept = told.get(phase.pk, (phase.started_at, {}))
        found[phase.pk] = {
            metric.key: sorted(
                {
                    *kept.get(metric.key, ()),
                    *(
                        currency
                        for phase_id, name, currency, soonest in seen
                        if phase_id == phase.pk
                        and name in _names(metric)
                        and soonest < timedelta(hours=metric.window_hours)
                    ),
                }
            )[:MOST]
            for metric in adding[phase.pk]
        }
    return found


def _names(metric: Metric) -> set[str]:
    """The events whose amounts are added up."""
    found = {metric.event} if metric.of == Metric.Of.VALUE else set()
    if metric.kind == Metric.Kind.RATIO and metric.per_of == Metric.Of.VALUE:
        found.add(metric.per_event or metric.event)
    return found


def _seen(
    site_id: UUID, names: set[str], since: Mapping[UUID, datetime]
) -> list[tuple[UUID, str, str, timedelta]]:
    """(phase, event, currency, how soon after somebody joined) of what was counted since."""
    asked: dict[str, Any] = {
        "site": str(site_id),
        "names": sorted(names),
        "since": min(since.values()),
        "phases": uuid_array(list(since)),
        "from": list(since.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, asked)
        return cursor.fetchall()  # type: ignore[no-any-return]  # as it is selected


def mixed(goals: Sequence[Goal], currencies: Currencies) -> dict[UUID, str]:
    """Return the metrics of which several currencies were seen, by id, each with a sentence."""
    return {
        goal.metric_id: MIXED.format(" and ".join(found))
        for goal in goals
        if len(found := currencies.get(goal.metric.key, ())) > 1
    }

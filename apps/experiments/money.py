"""Currencies that the amounts of a phase have come in, seen as they come and kept in its result.

A metric of amounts without a currency adds up what it finds. A design that would add up several is
refused (`designing.money_problems`); where a second one shows after the start, what was added up is
of no use to anybody, and is not told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS
from apps.experiments.models import Goal, Metric, Phase, Result

LATE: Final = timedelta(days=2)  # what came later than so is not looked at again
MIXED: Final = (
    "Amounts came in {}, which cannot be added up: they are not told. Give the metric a currency "
    "in a copy, and begin a new phase with that."
)
Currencies = Mapping[str, list[str]]  # by the keys of metrics

_SEEN: Final = f"""
SELECT e.name, upper(e.properties->>'currency'), min(e.occurred_at), max(e.occurred_at)
FROM events_event e
WHERE e.site_id = %(site)s AND e.name = ANY(%(names)s) AND e.occurred_at >= %(since)s
  AND e.kind <> {int(KINDS["exposure"])} AND e.properties ? 'currency'
  AND {event_allows("e", Purpose.EXPERIMENTS)}
GROUP BY 1, 2
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

    Those the last result knows of, and those of the events since then: it costs what has come in.
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


def _of_site(
    site_id: UUID, phases: Sequence[Phase], adding: Mapping[UUID, Sequence[Metric]]
) -> dict[UUID, Currencies]:
    rows = Result.objects.filter(phase__in=phases)
    told = {
        pk: (at, kept or {})
        for pk, at, kept in rows.values_list("phase_id", "worked_out_at", "document__currencies")
    }
    since = {}
    for phase in phases:
        at, _ = told.get(phase.pk, (phase.started_at, {}))
        since[phase.pk] = max(phase.started_at, at - LATE)
    names = {name for one in phases for metric in adding[one.pk] for name in _names(metric)}
    seen = _seen(site_id, names, min(since.values()))
    found: dict[UUID, Currencies] = {}
    for phase in phases:
        _, kept = told.get(phase.pk, (phase.started_at, {}))
        found[phase.pk] = {
            metric.key: sorted(
                {
                    *kept.get(metric.key, ()),
                    *(
                        currency
                        for name, currency, first, last in seen
                        if name in _names(metric)
                        and last >= since[phase.pk]
                        and (phase.ended_at is None or first < phase.ended_at)
                    ),
                }
            )
            for metric in adding[phase.pk]
        }
    return found


def _names(metric: Metric) -> set[str]:
    return {metric.event, metric.per_event or metric.event}


def _seen(
    site_id: UUID, names: set[str], since: datetime
) -> list[tuple[str, str, datetime, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, {"site": str(site_id), "names": sorted(names), "since": since})
        return [row for row in cursor.fetchall() if row[1]]


def mixed(goals: Sequence[Goal], currencies: Currencies) -> dict[UUID, str]:
    """Return the metrics of which several currencies were seen, by id, each with a sentence."""
    return {
        goal.metric_id: MIXED.format(" and ".join(found))
        for goal in goals
        if len(found := currencies.get(goal.metric.key, ())) > 1
    }

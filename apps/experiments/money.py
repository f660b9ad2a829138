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
from apps.experiments.counting import first_whole_day
from apps.experiments.models import Goal, Metric, Phase, Result
from apps.profiles.state import uuid_array
from apps.work import clock

LATE: Final = timedelta(days=2)  # what came later than so is not looked at again
MOST: Final = 5  # currencies that are named
MIXED: Final = (
    "Amounts came in {}, which cannot be added up: they are not told. Give the metric a currency "
    "in a copy, and begin a new phase with that."
)
Currencies = Mapping[str, list[str]]  # by the keys of metrics
# What an event `e` says, also where it is no code: "$" cannot be added to "EUR" either.
NAMED: Final = "upper(left(btrim(e.properties->>'currency'), 8))"

# What has come in first, which is little; then who of a phase it is of, and when after they joined:
# amounts that are counted, nobody else's. `since` is the first of all phases'; `asked` has a row
# for each event of each metric.
_SEEN: Final = f"""
WITH came AS MATERIALIZED (
  SELECT e.profile_id, e.name, {NAMED} AS currency, e.occurred_at
  FROM events_event e
  WHERE e.site_id = %(site)s AND e.name = ANY(%(names)s) AND e.occurred_at >= %(since)s
    AND e.kind <> {int(KINDS["exposure"])}
    AND e.value IS NOT NULL AND {NAMED} <> ''
    AND {event_allows("e", Purpose.EXPERIMENTS)}
)
SELECT DISTINCT a.phase_id, a.metric, c.currency
FROM unnest(%(phases)s::uuid[], %(from)s::timestamptz[], %(bandits)s::boolean[],
  %(metrics)s::text[], %(events)s::text[], %(after)s::interval[], %(window)s::interval[]
) a(phase_id, since, is_bandit, metric, name, after, within)
JOIN experiments_participant q ON q.phase_id = a.phase_id AND NOT q.is_bot
  AND (a.is_bandit OR NOT q.is_mixed)
JOIN came c ON c.profile_id = q.profile_id AND c.name = a.name AND c.occurred_at >= a.since
  AND c.occurred_at >= q.first_at + a.after AND c.occurred_at < q.first_at + a.within
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
    before: it costs what has come in. Since the start, for as long as its events are kept: of a
    metric that no result knows of, and of one that had several, some of which may have been a
    machine's.
    Two queries a site, none where nothing adds up amounts.

    Args:
        phases: each with its experiment and its site.
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


def has_several_currencies(phase: Phase, metric: Metric) -> bool:
    """Whether a metric adds up amounts that came in several currencies. Two queries."""
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
    whole_from = first_whole_day(phases[0].experiment.site.retention_days, clock.now())
    since: dict[UUID, datetime] = {}
    found: dict[UUID, dict[str, set[str]]] = {}
    for phase in phases:
        at, kept = told.get(phase.pk, (phase.started_at, {}))
        kept = {metric.key: kept.get(metric.key) for metric in adding[phase.pk]}
        is_whole = phase.started_at.date() >= whole_from
        if None in kept.values() or (is_whole and any(len(own) > 1 for own in kept.values())):
            at = phase.started_at
            kept = {} if is_whole else kept
        since[phase.pk] = max(phase.started_at, at - LATE)
        found[phase.pk] = {
            metric.key: set(kept.get(metric.key) or ()) for metric in adding[phase.pk]
        }
    for phase_id, key, currency in _seen(site_id, phases, adding, since):
        found[phase_id][key].add(currency)
    return {
        phase_id: {key: sorted(own)[:MOST] for key, own in currencies.items()}
        for phase_id, currencies in found.items()
    }


def _names(metric: Metric) -> set[str]:
    """The events whose amounts are added up."""
    found = {metric.event} if metric.of == Metric.Of.VALUE else set()
    if metric.kind == Metric.Kind.RATIO and metric.per_of == Metric.Of.VALUE:
        found.add(metric.per_event or metric.event)
    return found


def _seen(
    site_id: UUID,
    phases: Sequence[Phase],
    adding: Mapping[UUID, Sequence[Metric]],
    since: Mapping[UUID, datetime],
) -> list[tuple[UUID, str, str]]:
    """(phase, metric, currency) of what was counted since."""
    rows = [
        (phase, metric, name)
        for phase in phases
        for metric in adding[phase.pk]
        for name in sorted(_names(metric))
    ]
    asked: dict[str, Any] = {
        "site": str(site_id),
        "names": sorted({name for _, _, name in rows}),
        "since": min(since.values()),
        "phases": uuid_array([phase.pk for phase, _, _ in rows]),
        "from": [since[phase.pk] for phase, _, _ in rows],
        "bandits": [bool(phase.bandit) for phase, _, _ in rows],
        "metrics": [metric.key for _, metric, _ in rows],
        "events": [name for _, _, name in rows],
        "after": [timedelta(hours=metric.after_hours) for _, metric, _ in rows],
        "window": [timedelta(hours=metric.window_hours) for _, metric, _ in rows],
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

"""Counts for Prometheus: of all processes of this host together, and of the record."""

from collections.abc import Iterator
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from apps.access.addresses import is_near
from apps.access.errors import NotFound
from apps.access.http import hot
from apps.work import alive, record_watch
from apps.work.count_files import Counts, total
from apps.work.counting import BOUNDS, COUNTERS, GAUGES, HISTOGRAMS, Counter
from apps.work.database import drop_if_broken

# One row of figures a statement, each with its metric's name and what it means.
_RECORD: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    (
        """
SELECT count(*) FILTER (WHERE part >= 0), count(*) FILTER (WHERE part < 0),
  coalesce(extract(epoch FROM clock_timestamp() - min(received_at) FILTER (WHERE part >= 0)), 0)
FROM events_inbox
""",
        (
            ("attune_inbox_batches", "Accepted batches that wait to be folded."),
            ("attune_inbox_set_aside", "Batches that could not be folded."),
            ("attune_inbox_lag_seconds", "Age of the oldest batch in the inbox."),
        ),
    ),
    (
        """
SELECT count(*) FILTER (WHERE v.state = 'live'), count(*) FILTER (WHERE v.state = 'building'),
  coalesce(extract(epoch FROM clock_timestamp()
    - min(v.refreshed_at) FILTER (WHERE v.state = 'live')), 0)
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE NOT s.is_archived AND NOT s.is_hidden AND v.state IN ('live', 'building')
""",
        (
            ("attune_segments_live", "Segment versions that serve."),
            ("attune_segments_building", "Segment versions that look for their first members."),
            (
                "attune_segment_age_seconds",
                "Time since the last full refresh of the segment that waits longest for one.",
            ),
        ),
    ),
    (
        "SELECT coalesce(max(generation), 1) FROM decisions_hotgeneration",
        (("attune_generation", "The hot state's generation; it rises when Redis lost it."),),
    ),
    (
        """
SELECT (SELECT count(*) FROM work_ledgerstate WHERE checked->'bad' <> '[]'),
  coalesce(extract(epoch FROM clock_timestamp()
    - (SELECT at FROM work_unsealed ORDER BY id LIMIT 1)), 0)
""",
        (
            ("attune_ledgers_broken", "Sealed ledgers whose last check found a bad row."),
            ("attune_unsealed_seconds", "How long the first row has waited for its seal."),
        ),
    ),
)
_WORK: Final = """
SELECT state, count(*) FROM work_intent
WHERE state IN ('waiting', 'running', 'failed') GROUP BY state
"""

# Requests that were told to come back because others had waited too long already.
_sheds: Final = Counter("attune_shed", "Requests refused under overload.", "route")


def shed(route: str) -> None:
    """Count one request that was turned away for want of time."""
    _sheds.add(route)


@hot("GET", route="metrics", cors="none")
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for this machine and trusted networks; others find nothing here."""
    if not is_near(request.META):
        raise NotFound()
    return HttpResponse(generate_latest(_REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collector:
    """Counts of all processes, and what the record says of the backlog."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        yield from _families(total())
        yield from _processes()
        try:
            record_watch.require()
            found = list(_of_record())
        except DatabaseError:
            drop_if_broken()
            yield GaugeMetricFamily("attune_database_up", "Postgres answers.", value=0.0)
            return
        yield GaugeMetricFamily("attune_database_up", "Postgres answers.", value=1.0)
        yield from found


def _processes() -> Iterator[Metric]:
    """Whether Redis answers, and if so who has said there that it lives."""
    heard = alive.heard()
    yield GaugeMetricFamily("attune_redis_up", "Redis answers.", value=float(heard is not None))
    if heard is not None:
        family = GaugeMetricFamily(
            "attune_processes", "Processes of all hosts that live.", labels=["role"]
        )
        for role, count in heard.alive.items():
            family.add_metric([role], count)
        yield family


def _families(counts: Counts) -> Iterator[Metric]:
    for counter in COUNTERS:
        family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
        for labels, value in sorted(counts.counters.get(counter.name, [])):
            family.add_metric(labels, value)
        yield family
    for gauge in GAUGES:
        yield GaugeMetricFamily(gauge.name, gauge.help, value=counts.gauges.get(gauge.name, 0.0))
    for one in HISTOGRAMS:
        shape = HistogramMetricFamily(one.name, one.help, labels=[one.label])
        for label, row in sorted(counts.histograms.get(one.name, [])):
            shape.add_metric([label], *_cumulative(row))
        yield shape


def _cumulative(row: list[float]) -> tuple[list[tuple[str, float]], float]:
    """The buckets as Prometheus wants them, each with all below it; and the sum."""
    *counts, seconds = row
    buckets: list[tuple[str, float]] = []
    below = 0.0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        below += count
        buckets.append((bound, below))
    return buckets, seconds


def _of_record() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        for statement, names in _RECORD:
            cursor.execute(statement)
            for (name, words), value in zip(names, cursor.fetchone(), strict=True):
                yield GaugeMetricFamily(name, words, value=float(value))
        cursor.execute(_WORK)
        states = dict(cursor.fetchall())
    family = GaugeMetricFamily("attune_intents", "Intents by state.", labels=["state"])
    for state in ("failed", "running", "waiting"):
        family.add_metric([state], states.get(state, 0))
    yield family


_REGISTRY: Final = CollectorRegistry()
_REGISTRY.register(_Collector())

"""Whether the server lives and is ready, for orchestrators; its counts, for Prometheus."""

import ipaddress
import json
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from apps.access.addresses import client_address, is_trusted
from apps.access.errors import NotFound
from apps.access.http import answers, busy_s, hot, json_response
from apps.decisions import selectors
from apps.work import record_watch
from apps.work.database import drop_if_broken
from apps.work.redis import RedisAway, exchange

_FORWARDING: Final = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
_BACKLOG: Final = """
SELECT count(*) FILTER (WHERE part >= 0), count(*) FILTER (WHERE part < 0),
  coalesce(extract(epoch FROM clock_timestamp() - min(received_at) FILTER (WHERE part >= 0)), 0)
FROM events_inbox
"""
_WORK: Final = """
SELECT state, count(*) FROM work_intent
WHERE state IN ('waiting', 'running', 'failed') GROUP BY state
"""

# So many are loaded before traffic comes; the rest load with their first request.
_PUBLISHED: Final = "SELECT DISTINCT site_id FROM decisions_publication LIMIT 100"

Check = Callable[[], bool]

_published: list[UUID] = []


def _has_database() -> bool:
    try:
        record_watch.require()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        drop_if_broken()
        return False
    return True


def _has_redis() -> bool:
    try:
        return bool(exchange(("PING",))[0] == b"PONG")
    except RedisAway:
        return False


def _has_snapshots() -> bool:
    """Whether this process can serve every site's publication; loads those it has not yet."""
    global _published
    try:
        record_watch.require()
        with connection.cursor() as cursor:
            cursor.execute(_PUBLISHED)
            _published = [site_id for (site_id,) in cursor.fetchall()]
    except DatabaseError:
        drop_if_broken()  # what was published when we last looked will do
    return all(selectors.current(site_id, None) is not None for site_id in _published)


CHECKS: Final[dict[str, Check]] = {
    "database": _has_database,
    "redis": _has_redis,
    "snapshot": _has_snapshots,
}


@hot("GET", route="healthz", cors="none")
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return json_response(b'{"status":"ok"}', headers={"Cache-Control": "no-store"})


@hot("GET", route="readyz", cors="none")
def readyz(request: HttpRequest) -> HttpResponse:
    """Everything that answers need is there; 503 names what is not."""
    found = {name: check() for name, check in CHECKS.items()}
    is_ready = all(found.values())
    words = {name: "ok" if there else "away" for name, there in found.items()}
    body = {"status": "ok" if is_ready else "away", "checks": words}
    headers = {"Cache-Control": "no-store"} | ({} if is_ready else {"Retry-After": "1"})
    return json_response(json.dumps(body).encode(), 200 if is_ready else 503, headers)


@hot("GET", route="metrics", cors="none")
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for this machine and trusted networks; others find nothing here."""
    if not _is_near(request.META):
        raise NotFound()
    return HttpResponse(generate_latest(_REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_near(meta: dict[str, Any]) -> bool:
    """Whether the client is this machine or in a trusted network.

    A proxy on this machine that nobody declared forwards the public: a forwarding header that is
    not believed means no.
    """
    remote = meta.get("REMOTE_ADDR", "")
    if any(name in meta for name in _FORWARDING) and not is_trusted(remote):
        return False
    address = client_address(meta)
    if not address:
        return True  # a Unix socket: whoever may open it is on this machine
    try:
        return ipaddress.ip_address(address).is_loopback or is_trusted(address)
    except ValueError:
        return False


class _Collector:
    """Counts of this process, and what the record says of the backlog."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        counted = CounterMetricFamily(
            "attune_answers", "Answers of this process.", labels=["route", "status"]
        )
        for (route, status), count in list(answers.items()):
            counted.add_metric([route, str(status)], count)
        yield counted
        spent = CounterMetricFamily(
            "attune_answer_seconds", "Seconds this process spent answering.", labels=["route"]
        )
        for route, seconds in list(busy_s.items()):
            spent.add_metric([route], seconds)
        yield spent
        yield GaugeMetricFamily("attune_redis_up", "Redis answers.", value=float(_has_redis()))
        yield from self._record()

    def _record(self) -> Iterator[Metric]:
        try:
            record_watch.require()
            with connection.cursor() as cursor:
                cursor.execute(_BACKLOG)
                waiting, aside, oldest_s = cursor.fetchone()
                cursor.execute(_WORK)
                intents = cursor.fetchall()
        except DatabaseError:
            drop_if_broken()
            yield GaugeMetricFamily("attune_database_up", "Postgres answers.", value=0.0)
            return
        yield GaugeMetricFamily("attune_database_up", "Postgres answers.", value=1.0)
        yield GaugeMetricFamily(
            "attune_inbox_batches", "Accepted batches that wait to be folded.", value=waiting
        )
        yield GaugeMetricFamily(
            "attune_inbox_set_aside", "Batches that could not be folded.", value=aside
        )
        yield GaugeMetricFamily(
            "attune_inbox_lag_seconds",
            "Age of the oldest batch in the inbox.",
            value=float(oldest_s),
        )
        family = GaugeMetricFamily("attune_intents", "Intents by state.", labels=["state"])
        for state, count in intents:
            family.add_metric([state], count)
        yield family


_REGISTRY: Final = CollectorRegistry()
_REGISTRY.register(_Collector())

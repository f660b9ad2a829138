"""What features cost: beside one pass over the events, from events alone and from sums of days.

A shop of 200,000 people and ten million events (a twentieth of it when quick). Answers are
compared before anything is timed. Figures are seconds of processor, of Postgres and of Python.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from bench.report import Bar

ROUNDS: Final = 3
COMPARED: Final = 1_000  # people whose features are compared bit for bit
AT_ONCE: Final = 50_000  # people that are asked about at once
BUSY_DAYS: Final = 60

# One that reads the rows. A bare count is answered from an index alone; it is told beside it.
_PASS = """
SELECT profile_id, count(*), sum(value), max(occurred_at) FROM events_event
GROUP BY profile_id OFFSET 1000000000
"""
_COUNT = "SELECT profile_id, count(*) FROM events_event GROUP BY profile_id OFFSET 1000000000"
_CHANGE = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  value, message_id, occurred_at, received_at, properties, context, consent_epoch, purposes)
SELECT site_id, profile_id, 1, site_id, 1, 'Product Viewed', 'shoes', 'P1', 5, 'late-' ||
  %(round)s || '-' || row_number() OVER (), %(at)s, now(), '{}', '{}', 0, 63
FROM (SELECT site_id, id AS profile_id FROM profiles_profile ORDER BY md5(id::text || %(round)s)
  LIMIT %(many)s) p
"""
_BUSY = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  value, message_id, occurred_at, received_at, properties, context, consent_epoch, purposes)
SELECT %(site)s::uuid, %(who)s::uuid, 1, %(site)s::uuid, 1, 'Product Viewed', 'c' || n %% 8,
  'P' || n %% 999, 5, 'busy-' || n, at, at, '{}', '{}', 0, 63
FROM (SELECT n, %(begin)s::timestamptz + n * %(step)s AS at
  FROM generate_series(%(from)s, %(to)s) n) e
"""


class WrongAnswer(Exception):
    """Two ways to the same answer differ."""


@dataclass
class Timed:
    """Seconds of processor by what was done, a figure a round."""

    servers: Sequence[int]
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it and note what it took."""
        from bench import processors

        before = sum(map(processors.cpu_us, self.servers)) / 1e6
        own, began = time.process_time(), time.perf_counter()
        answer = work()
        found = {
            "wall_s": time.perf_counter() - began,
            "python_s": time.process_time() - own,
            "postgres_s": sum(map(processors.cpu_us, self.servers)) / 1e6 - before,
        }
        found["cpu_s"] = found["python_s"] + found["postgres_s"]
        self.rounds.setdefault(name, []).append(found)
        print(
            f"  {name}: {found['cpu_s']:.2f} s ({found['wall_s']:.2f} s by the clock)", flush=True
        )
        return answer

    def cpu_s(self, name: str) -> float:
        """The median of what it took."""
        return statistics.median(one["cpu_s"] for one in self.rounds[name])


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Return the bars and every figure behind them."""
    from bench.segments.parts import django_on_servers

    with django_on_servers() as servers:
        from apps.predictions import days
        from apps.work.collector import spare_the_collector

        spare_the_collector()  # as the worker does
        days.REST_S = 0.0  # type: ignore[misc]  # resting is not what it costs
        timed = Timed(servers.pids)
        bars = _shop(timed, quick)
        more, figures = _busy_person(timed, 200_000 if quick else 10_000_000)
        return [*bars, *more], {"rounds": timed.rounds, **figures}


def _shop(timed: Timed, quick: bool) -> list[Bar]:
    from django.db import connection

    from apps.predictions import days, features, services
    from bench.segments import data

    size = data.SMALL if quick else data.FULL
    print(f"Making {size.profiles:,} people and {size.events:,} events ...", flush=True)
    site_id = data.make_shop(size)
    spec = services.create_spec(
        site_id=site_id, key="buy", name="Buys", target_event="Order Completed", active_days=30,
        window_days=60, knows_by="occurred", now=data.NOW,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) profiles_profilestate")
        cursor.execute("SELECT id FROM profiles_profile ORDER BY id")
        everybody = [profile_id for (profile_id,) in cursor.fetchall()]

    def grouped(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute(statement)

    def of(people: Sequence[UUID]) -> bytes:
        return bytes(features.rows_of(spec, names, people, as_of=data.NOW)[1].tobytes())

    def in_turn() -> None:
        for start in range(0, len(everybody), AT_ONCE):
            of(everybody[start : start + AT_ONCE])

    names = features.names_for(spec, as_of=data.NOW)
    print(f"{len(names)} features", flush=True)
    few = everybody[:: max(len(everybody) // COMPARED, 1)]
    alone = of(few)
    for _ in range(2 if quick else ROUNDS):
        timed.run("one GROUP BY pass", lambda: grouped(_PASS))
        timed.run("a bare count, from the index", lambda: grouped(_COUNT))
        timed.run("everybody, from events alone", in_turn)
    timed.run("all days, from nothing", lambda: days.fill(site_id, now=data.NOW))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) predictions_featureday")
    if of(few) != alone:
        raise WrongAnswer("Sums of days say something else than the events.")
    midnight = data.NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    changed = len(everybody) // 100
    for number in range(2 if quick else ROUNDS):
        timed.run("everybody, from days and today", in_turn)
        timed.run(
            "a sample of a past midnight",
            lambda: features.moment(spec, names, as_of=midnight - timedelta(days=7)),
        )
        with connection.cursor() as cursor:
            cursor.execute(
                _CHANGE,
                {"round": str(number), "many": changed, "at": midnight - timedelta(days=9)},
            )
        done = timed.run("1 % changed", lambda: days.fill(site_id, now=data.NOW))
        if done.repaired != changed:
            raise WrongAnswer(f"{done.repaired} of {changed} people were counted again.")
    return _bars(timed)


def _bars(timed: Timed) -> list[Bar]:
    one = timed.cpu_s("one GROUP BY pass")
    return [
        Bar("features of all, events alone",
            timed.cpu_s("everybody, from events alone") / one, 8, True, "x pass"),
        Bar("features of all, days and today",
            timed.cpu_s("everybody, from days and today") / one, 2.5, True, "x pass"),
        Bar("1 % of people changed",
            timed.cpu_s("1 % changed") / timed.cpu_s("all days, from nothing"), 0.05, True,
            "x fill"),
    ]  # fmt: skip


def _busy_person(timed: Timed, events: int) -> tuple[list[Bar], Mapping[str, Any]]:
    """One person with as many events as a shop: closed day by day, read in a moment."""
    from django.db import connection

    from apps.access import services as access
    from apps.events import partitions
    from apps.predictions import days, features, services
    from apps.profiles.models import Profile, ProfileState
    from bench.segments import data

    site = access.create_site(key="busy", name="Busy", regime="us_opt_out", now=data.NOW)
    who = Profile.objects.create(site_id=site.pk, bucketing_key="busy", created_at=data.NOW).pk
    ProfileState.objects.create(
        profile_id=who, site_id=site.pk, unit_id="busy", version=1, granted=63
    )
    spec = services.create_spec(
        site_id=site.pk, key="buy", name="Buys", target_event="Order Completed", active_days=30,
        window_days=90, knows_by="occurred", now=data.NOW,
    )  # fmt: skip
    begin = data.NOW - timedelta(days=BUSY_DAYS)
    partitions.ensure_partitions([(2026, month) for month in (4, 5, 6)])
    print(f"Making one person's {events:,} events ...", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER USER")
        for start in range(1, events + 1, 1_000_000):
            values: dict[str, Any] = {
                "site": str(site.pk),
                "who": str(who),
                "begin": begin,
                "step": timedelta(days=BUSY_DAYS) / events,
                "from": start,
                "to": min(start + 999_999, events),
            }
            cursor.execute(_BUSY, values)
        cursor.execute("ALTER TABLE events_event ENABLE TRIGGER USER")
        cursor.execute("VACUUM (ANALYZE) events_event")
    names = features.names_for(spec, as_of=data.NOW)
    timed.run("one person's days", lambda: days.fill(site.pk, now=data.NOW))
    _, x = timed.run(
        "one person, read", lambda: features.rows_of(spec, names, [who], as_of=data.NOW)
    )
    if x[0, names.index("events")] != events:
        raise WrongAnswer(f"{x[0, names.index('events')]:,.0f} of {events:,} events were counted.")
    seconds = timed.rounds["one person, read"][-1]["wall_s"]
    return [Bar("one person with all these events, read", seconds, 5, True, "s")], {"busy": events}

"""How long it takes: from an acknowledged event to hot state, and from a deadline to its flip."""

import random
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db import connection

from apps.access.models import Site, Source
from apps.decisions import generation, hot_state, hot_wire
from apps.events import inbox
from apps.pipeline import fold
from apps.pipeline.consumer import TIMERS_EVERY_S
from apps.pipeline.timers import BATCH as TIMERS_BATCH
from apps.profiles import state
from apps.profiles.models import Due, Identity
from apps.segments import services as segments
from apps.segments.stays import decode_stays, is_inside
from apps.work import clock
from apps.work.collector import spare_the_collector
from apps.work.ids import uuid7
from bench.consumer_segments import EVENTS_A_BATCH, Owner, fold_all, happened, related
from bench.load import percentile
from bench.report import Bar

HOUR_MS: Final = 3_600_000
POLL_S: Final = 0.0005
PROBE_WITHIN_S: Final = 10.0
SAMPLED: Final = 5  # people read while each batch of timers is worked off

VIEWED_WITHIN_THE_HOUR: Final = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "1h"},
    "op": "gte", "value": 1,
}  # fmt: skip


def make_owner(conditions: Sequence[dict[str, object]]) -> Owner:
    """Make a site whose live segments are these."""
    now = datetime.now(UTC)
    site = Site.objects.create(key=f"b{uuid7().hex[-12:]}", name="Timing", created_at=now)
    source = Source.objects.create(site=site, name="web", created_at=now)
    for number, where in enumerate(conditions):
        made = segments.create_segment(
            site_id=site.id, key=f"s{number}", name=f"s{number}",
            condition={"v": 1, "where": where}, now=now,
        )  # fmt: skip
        segments.publish_segment(site_id=site.id, segment_id=made.pk, actor=None, now=now)
    segments.refresh_site(site_id=site.id)
    return Owner(site.id, source.id)


# Timers


@dataclass(frozen=True, slots=True)
class Drained:
    """How a crowd of timers went. Times in ms.

    Attributes:
        wrong_reads: people whose stay, read as decisions read it, said something false.
    """

    timers: int
    lateness_p50: float
    lateness_p99: float
    drained_ms: float
    reads: int
    wrong_reads: int


def timers(people: int, spread_ms: int, *, lead_ms: int) -> Drained:
    """Have so many people leave a segment within `spread_ms`, and time each flip.

    Args:
        lead_ms: time to make them in; measuring starts when the first is due.
    """
    owner = make_owner([VIEWED_WITHIN_THE_HOUR])
    first_ms = clock.to_ms(clock.now()) + lead_ms
    rnd = random.Random(1)  # nosec B311
    for start in range(0, people, EVENTS_A_BATCH):
        events = []
        for number in range(start, min(start + EVENTS_A_BATCH, people)):
            due_ms = first_ms + (rnd.randrange(spread_ms) if spread_ms else 0)
            event = happened(f"v{number}", due_ms - HOUR_MS, 0)
            event.name = "Product Viewed"
            events.append(event)
        inbox.store(owner, events, sent_ms=None, received_at=clock.now())
        if start % 4_000 == 0:
            fold_all()
    fold_all()
    rows = Due.objects.filter(profile__site_id=owner.site_id).order_by("due_at")
    due = [(clock.to_ms(at), profile_id) for at, profile_id in rows.values_list("due_at", "pk")]
    assert len(due) == people, f"{len(due)} of {people} timers are set"
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    left_ms = first_ms - clock.to_ms(clock.now())
    assert left_ms > 0, f"making the timers took {-left_ms} ms too long"
    spare_the_collector()  # as the consumer does
    time.sleep(left_ms / 1000)
    return _drain(due, rnd)


def _drain(due: Sequence[tuple[int, UUID]], rnd: random.Random) -> Drained:
    lateness: list[float] = []
    reads = wrong = 0
    while len(lateness) < len(due):
        flipped = fold.fold_due(now=clock.now())
        now_ms = time.time() * 1000
        done = len(lateness)
        # The earliest are always the first.
        lateness += [now_ms - due_ms for due_ms, _ in due[done : done + flipped]]
        sampled = {profile_id: due_ms for due_ms, profile_id in rnd.sample(due, SAMPLED)}
        for row in state.read(sampled.keys()):
            at_ms = clock.to_ms(clock.now())
            (stay,) = decode_stays(row.memberships).values() or (None,)
            reads += 1
            wrong += is_inside(stay, at_ms) is not (at_ms < sampled[row.profile_id])
        if flipped < TIMERS_BATCH:
            time.sleep(TIMERS_EVERY_S)  # as the consumer does
    drained_ms = time.time() * 1000 - due[0][0]
    return Drained(
        len(due), statistics.median(lateness), percentile(lateness, 0.99), drained_ms, reads, wrong
    )


def timer_bars(spread: Drained, at_once: Drained) -> list[Bar]:
    """What a minute of timers, and as many at one instant, must hold."""
    return [
        Bar("timers spread over a minute, late, p99", spread.lateness_p99, 100, True, "ms"),
        Bar("timers at one instant, drained", at_once.drained_ms / 1000, 20, True, "s"),
        Bar("wrong reads meanwhile", spread.wrong_reads + at_once.wrong_reads, 0, True, ""),
    ]


# From the acknowledgement to hot state


def latency(probes: int, per_s: int) -> list[float]:
    """Return how long each probe took to reach hot state, in ms. A consumer must be running.

    Beside the probes `per_s` events a second come in, in batches of 20.
    """
    owner = make_owner(list(related(100)))
    visitors = [f"v{number}" for number in range(400)]
    now_ms = clock.to_ms(clock.now())
    for visitor in visitors:
        past = [happened(visitor, now_ms - age * HOUR_MS, age) for age in range(2, 18)]
        inbox.store(owner, past, sent_ms=None, received_at=clock.now())
    while _waiting():
        time.sleep(0.05)
    known = dict(Identity.objects.filter(site_id=owner.site_id).values_list("value", "profile_id"))
    is_over = threading.Event()
    sender = threading.Thread(target=_stream, args=(owner, visitors[200:], per_s, is_over))
    sender.start()
    found: list[float] = []
    try:
        for number in range(probes):
            visitor = visitors[number % 200]
            found.append(_probe(owner, visitor, known[visitor]))
            time.sleep(0.02)
    finally:
        is_over.set()
        sender.join()
    return found


def latency_bars(found: Sequence[float]) -> list[Bar]:
    return [
        Bar("acknowledged -> hot state, 500 events/s, p50", percentile(found, 0.5), 10, True, "ms"),
        Bar(
            "acknowledged -> hot state, 500 events/s, p99", percentile(found, 0.99), 60, True, "ms"
        ),
    ]


def _probe(owner: Owner, visitor: str, profile_id: UUID) -> float:
    key = hot_state.state_key(generation.prefix(generation.current()), profile_id.hex)
    event = happened(visitor, clock.to_ms(clock.now()), 1)
    inbox.store(owner, [event], sent_ms=None, received_at=clock.now())
    start = time.perf_counter()
    while time.perf_counter() - start < PROBE_WITHIN_S:
        [value] = hot_wire.ask(hot_wire.command("GET", key), 1)
        profile = hot_state.read(value)
        if profile is not None and profile.last_seen_ms >= event.occurred_ms:
            assert decode_stays(profile.memberships), "the visitor is in some segment"
            return (time.perf_counter() - start) * 1000
        time.sleep(POLL_S)
    raise AssertionError(f"an event did not reach hot state within {PROBE_WITHIN_S} s")


def _stream(owner: Owner, visitors: Sequence[str], per_s: int, is_over: threading.Event) -> None:
    rnd = random.Random(3)  # nosec B311
    period_s, start, sent = EVENTS_A_BATCH / per_s, time.perf_counter(), 0
    while not is_over.is_set():
        time.sleep(max(0.0, start + sent * period_s - time.perf_counter()))
        now_ms = clock.to_ms(clock.now())
        events = []
        for visitor in rnd.sample(visitors, EVENTS_A_BATCH // 5):
            events += [happened(visitor, now_ms - step, sent * 7 + step) for step in range(5)]
        inbox.store(owner, events, sent_ms=None, received_at=clock.now())
        sent += 1
    connection.close()


def _waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM events_inbox)")
        (waiting,) = cursor.fetchone()
    return bool(waiting)

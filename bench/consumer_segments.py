"""What the live path costs: a consumer's fold with many segments, short and long histories.

`measure(sizes)` needs Django set up on a database that may be filled. The figures are CPU
microseconds per event of this process and of the servers' processes together, medians of rounds
in which the sides take turns; the answers are compared with the event count before they count.
"""

import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.access.models import Site, Source
from apps.events import inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.segments import services as segments
from apps.work import clock
from apps.work.collector import spare_the_collector
from apps.work.ids import uuid7
from apps.work.models import ChangeFeed
from bench.report import Bar

EVENTS_A_BATCH: Final = 20
NAMES: Final = (
    "Product Viewed", "Product Viewed", "Product Viewed", "Page Viewed", "Page Viewed",
    "Product Added", "Article Read", "Products Searched", "Order Completed",
)  # fmt: skip
CATEGORIES: Final = ("blouses", "trousers", "skirts", "shoes", "sale")
RELATED: Final = 100
UNRELATED: Final = 900
SHORT: Final = 16
LONG: Final = 200
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does. `batches` a round and side, of 20 events; `a_visitor` events of each."""

    rounds: int = 5
    batches: int = 60
    a_visitor: int = 5


@dataclass(slots=True)
class Side:
    """One of the things compared: a site, and visitors that no round has used yet."""

    name: str
    owner: "Owner"
    history: int
    waiting: Iterator[str]
    figures: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose events these are."""

    site_id: UUID
    source_id: UUID


def _event(aggregate: str, window: Any, op: str, value: Any, **more: Any) -> Json:
    name = more.pop("name", "Product Viewed")
    return {
        "kind": "event", "name": name, "aggregate": aggregate, "window": window, "op": op,
        "value": value, **more,
    }  # fmt: skip


def related(count: int) -> Iterator[Json]:
    """Yield conditions on the events of the stream: five to a round of every common shape."""
    rnd = random.Random(7)  # nosec B311
    shapes: list[Callable[[str, int], Json]] = [
        lambda c, n: _event("last", "session", "eq", c, of="category"),
        lambda c, n: _event("count", {"last": f"{n}d"}, "gte", 4 * n + 3),
        lambda c, n: _event("count", "session", "gte", 2 * n, where=_is("category", c)),
        lambda c, n: _event("sum", {"last": f"{10 + n}d"}, "gt", 400 * n, of="price"),
        lambda c, n: _event("count", "ever", "gte", 2 * n, name="Order Completed"),
        lambda c, n: _event("distinct", "session", "gte", 3 * n, of="product_id"),
        lambda c, n: _event("recency", "ever", "lt", f"{n + 1}h", name="Article Read"),
        lambda c, n: _event("first", "ever", "eq", c, of="category"),
        lambda c, n: {
            "all": [
                _event("count", {"last": f"{n}d"}, "gte", 3 * n, where=_is("category", c)),
                {"none": [_event("count", {"last": f"{n}d"}, "gte", 1, name="Order Completed")]},
            ]
        },
        lambda c, n: {
            "any": [
                {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"},
                _event("count", {"last": f"{n + 1}h"}, "gte", 2 * n, name="Product Added"),
            ]
        },
    ]
    for number in range(count):
        yield shapes[number % len(shapes)](rnd.choice(CATEGORIES), number // len(shapes) + 1)


def unrelated(count: int) -> Iterator[Json]:
    """Yield conditions on events that nobody in the stream sends."""
    for number in range(count):
        yield _event("count", {"last": "7d"}, "gte", 1, name=f"Ticket {number} Opened")


def _is(name: str, value: str) -> list[Json]:
    return [{"property": name, "op": "eq", "value": value}]


def make_side(name: str, conditions: Sequence[Json], history: int, size: Size) -> Side:
    """Make a site with live segments and visitors who have a past of so many events."""
    now = datetime.now(UTC)
    site = Site.objects.create(key=f"b{uuid7().hex[-12:]}", name=name, created_at=now)
    source = Source.objects.create(site=site, name="web", created_at=now)
    for number, where in enumerate(conditions):
        made = segments.create_segment(
            site_id=site.id, key=f"s{number}", name=f"s{number}",
            condition={"v": 1, "where": where}, now=now,
        )  # fmt: skip
        segments.publish_segment(site_id=site.id, segment_id=made.pk, actor=None, now=now)
    segments.refresh_site(site_id=site.id)
    visitors = size.rounds * size.batches * EVENTS_A_BATCH // size.a_visitor
    owner = Owner(site.id, source.id)
    now_ms = clock.to_ms(now)
    names = [f"v{number}" for number in range(visitors)]
    for number, visitor in enumerate(names):
        past = [
            happened(visitor, now_ms - _age_ms(at), number * 7 + at) for at in range(history, 0, -1)
        ]
        inbox.store(owner, past, sent_ms=None, received_at=now)
        if number % 20 == 19:
            fold_all()
    fold_all()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum has done long before on a site that lives
    return Side(name, owner, history, iter(names))


def _age_ms(place: int) -> int:
    """How old the event at this place from the newest is: eight in the session under way."""
    if place <= 8:
        return 10 * _MINUTE_MS + place * _MINUTE_MS
    return _DAY_MS + place * 3 * 60 * _MINUTE_MS


def happened(visitor: str, at_ms: int, number: int) -> Accepted:
    """One accepted event, its kind and properties by `number`."""
    rnd = random.Random(number)  # nosec B311
    product = rnd.randrange(120)
    return Accepted(
        type="track", name=rnd.choice(NAMES), occurred_ms=at_ms, original_ms=None,
        message_id=str(uuid7()), anonymous_id=visitor, user_id=None,
        properties={
            "category": _category(visitor, rnd), "product_id": f"P{product:04d}",
            "name": f"A fine thing number {product}", "price": 20 + product % 90,
            "currency": "EUR",
        },
        traits=None, context={"page": {"path": "/p", "url": "https://shop.example/p"}},
        epoch=0, purposes=63, flags=0,
    )  # fmt: skip


def _category(visitor: str, rnd: random.Random) -> str:
    """Most people look for one thing at a time."""
    if rnd.random() < 0.85:
        return CATEGORIES[len(visitor) * int(visitor[1:]) % len(CATEGORIES)]
    return rnd.choice(CATEGORIES)


def fold_all() -> int:
    """Fold what waits; how many events."""
    total = 0
    while (folded := fold.fold_once(now=clock.now())) is not fold.NOTHING:
        total += folded.events
    return total


def run_round(side: Side, size: Size, servers_us: Callable[[], float]) -> None:
    """Put a round's batches into the inbox, then fold them on the clock."""
    now = datetime.now(UTC)
    start_ms = clock.to_ms(now) - _MINUTE_MS
    sent = 0
    for batch in range(size.batches):
        events: list[Accepted] = []
        for _ in range(EVENTS_A_BATCH // size.a_visitor):
            visitor = next(side.waiting)
            events += [
                happened(visitor, start_ms + step * 1000 + batch, batch * 31 + step)
                for step in range(size.a_visitor)
            ]
        inbox.store(side.owner, events, sent_ms=None, received_at=now)
        sent += len(events)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    changed = _changes(side)
    began, own, servers = time.perf_counter(), own_us(), servers_us()
    folded = fold_all()
    took_s, own, servers = time.perf_counter() - began, own_us() - own, servers_us() - servers
    assert folded == sent, f"{folded} of {sent} events were folded"
    side.figures.append(
        {
            "python_us": own / sent,
            "servers_us": servers / sent,
            "cpu_us": (own + servers) / sent,
            "per_s": sent / took_s,
            "changes": (_changes(side) - changed) / sent,
        }
    )


def _changes(side: Side) -> int:
    """How many membership changes the site has seen."""
    kinds = ["membership.entered", "membership.left"]
    return ChangeFeed.objects.filter(site_id=side.owner.site_id, kind__in=kinds).count()


def own_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def median(side: Side, name: str) -> float:
    return statistics.median(figures[name] for figures in side.figures)


def measure(size: Size, servers_us: Callable[[], float]) -> tuple[list[Side], list[Bar]]:
    """Compare 100 segments with 1,000, and histories of 16 events with those of 200.

    Args:
        servers_us: CPU microseconds that Postgres and Valkey have used so far.
    """
    spare_the_collector()  # as the consumer does
    base = list(related(RELATED))
    sides = [
        make_side("100 segments, 16 events", base, SHORT, size),
        make_side("1,000 segments, 16 events", [*base, *unrelated(UNRELATED)], SHORT, size),
        make_side("100 segments, 200 events", base, LONG, size),
    ]
    for _ in range(size.rounds):
        for side in sides:
            run_round(side, size, servers_us)
    hundred, thousand, long = (median(side, "cpu_us") for side in sides)
    return sides, [
        Bar("fold with 100 segments, CPU", hundred, 166, True, "us/event"),
        Bar("1,000 segments, 900 unrelated", thousand / hundred, 1.05, True, "x 100"),
        Bar("200-event histories", long / hundred, 1.5, True, "x 16-event"),
    ]

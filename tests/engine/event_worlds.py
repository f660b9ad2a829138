"""Random event leaves over every aggregate and window, and histories in which they meet.

Histories run over what calendars trip on: a spring and an autumn change of clocks, month ends, a
leap day. Instants are drawn around all edges, a millisecond either side.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from engine.conditions.calendars import day_start, local_day, months_after
from engine.conditions.nodes import (
    ANY_EVENT,
    Aggregate,
    CalendarUnit,
    EventLeaf,
    FactOf,
    Match,
    Op,
    PropertyTest,
    Value,
    Window,
    WindowKind,
)
from engine.facts import SESSION_IDLE_MS, Facts, Happening, Scalar

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
NAMES = ("Product Viewed", "Product Added", "Page Viewed")
ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "America/Havana", "UTC")
WIDTHS_MS = (1, 1000, 600_000, SESSION_IDLE_MS, HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS)
IDLES_MS = (1000, 600_000, SESSION_IDLE_MS, 24 * HOUR_MS)
PROPERTIES = ("category", "price")


def ms(*parts: int) -> int:
    """Unix ms of a UTC date and time."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc,arg-type]  # year to second


STARTS_MS = (
    ms(2024, 2, 28, 22),  # a leap day ahead
    ms(2025, 3, 29, 23),  # clocks go forward in Paris that night
    ms(2025, 10, 25, 22),  # and back
    ms(2025, 11, 2, 3),  # back in New York; in Havana over midnight
    ms(2026, 1, 30, 12),  # months of 31 and 28 days
    ms(2026, 6, 15, 12),
)

numbers = st.sampled_from([0, 1, 2, 3, 0.1, 0.2, 0.7, 1e16, -3, 19.99, 5e-7])
texts = st.sampled_from(["a", "b", ""])
scalars = st.one_of(numbers, texts, st.booleans())
numeric_ops = st.sampled_from([Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN, Op.IN])


@st.composite
def matches(draw: st.DrawFn) -> Match:
    name = draw(st.sampled_from([*NAMES, ANY_EVENT]))
    of = draw(st.sampled_from([None, None, *PROPERTIES]))
    if of is None:
        return Match(name)
    if draw(st.integers(0, 3)) == 0:
        return Match(name, (PropertyTest(of, Op.EQ, FactOf("page.category")),))
    op = draw(st.sampled_from([Op.EQ, Op.NE, Op.IS_SET, Op.IS_MISSING]))
    value = None if op in (Op.IS_SET, Op.IS_MISSING) else draw(scalars)
    return Match(name, (PropertyTest(of, op, value),))


@st.composite
def windows(draw: st.DrawFn, kinds: tuple[WindowKind, ...] = tuple(WindowKind)) -> Window:
    kind = draw(st.sampled_from(kinds))
    match kind:
        case WindowKind.LAST:
            return Window(kind, ms=draw(st.sampled_from(WIDTHS_MS)))
        case WindowKind.LAST_MONTHS:
            return Window(kind, months=draw(st.sampled_from([1, 2, 12])))
        case WindowKind.BETWEEN_AGO:
            far_ms = draw(st.sampled_from(WIDTHS_MS[1:]))
            near_ms = draw(st.sampled_from([0, *(w for w in WIDTHS_MS if w < far_ms)]))
            return Window(kind, ms=far_ms, near_ms=near_ms)
        case WindowKind.CALENDAR:
            unit = draw(st.sampled_from(list(CalendarUnit)))
            return Window(kind, unit=unit, is_visitor_zone=draw(st.booleans()))
        case WindowKind.SESSION:
            return Window(kind, ms=draw(st.sampled_from(IDLES_MS)))
        case WindowKind.VISIT:
            return Window(kind, visit=draw(st.sampled_from([1, 2, -1, -2])))
        case WindowKind.SINCE:
            return Window(kind, since=draw(matches()))
        case WindowKind.ABSOLUTE:
            start = draw(st.sampled_from(STARTS_MS))
            edges = st.sampled_from([None, start, start + 1, start + 600_000, start + DAY_MS])
            return Window(kind, from_ms=draw(edges), to_ms=draw(edges))
    return Window(kind)


@st.composite
def event_leaves(draw: st.DrawFn) -> EventLeaf:
    aggregate = draw(st.sampled_from(list(Aggregate)))
    match = draw(matches())
    if aggregate is Aggregate.TREND:
        window = draw(windows((WindowKind.LAST,)))
    elif aggregate is Aggregate.RATE:
        window = draw(windows((WindowKind.LAST, WindowKind.BETWEEN_AGO)))
    else:
        window = draw(windows())
    op, value = draw(comparisons(aggregate))
    return EventLeaf(
        match.name,
        match.where,
        aggregate,
        draw(st.sampled_from(PROPERTIES)) if aggregate in OF_PROPERTY else None,
        window,
        op,
        value,
        over=draw(matches()) if aggregate is Aggregate.RATIO else None,
        per_ms=draw(st.sampled_from([1000, HOUR_MS])) if aggregate is Aggregate.RATE else 0,
    )


OF_PROPERTY = frozenset(
    {
        *(Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX, Aggregate.DISTINCT),
        *(Aggregate.FIRST, Aggregate.LAST, Aggregate.MOST_FREQUENT),
    }
)


@st.composite
def comparisons(draw: st.DrawFn, aggregate: Aggregate) -> tuple[Op, Value]:
    if aggregate is Aggregate.RECENCY:
        values = st.sampled_from([0, 1, 999, 1000, 600_000, SESSION_IDLE_MS, DAY_MS])
    elif aggregate in (Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX):
        values = st.one_of(numbers, st.sampled_from([0.3, 0.9, 20.09, 40]))
    elif aggregate in (Aggregate.RATIO, Aggregate.TREND, Aggregate.RATE):
        values = st.sampled_from([0, 0.5, 1, 2, 1 / 3])
    else:
        values = st.sampled_from([0, 1, 2, 3, 1.5])
    op = draw(st.one_of(numeric_ops, st.sampled_from([Op.IS_SET, Op.IS_MISSING])))
    if op in (Op.IS_SET, Op.IS_MISSING):
        return op, None
    if aggregate in (Aggregate.FIRST, Aggregate.LAST, Aggregate.MOST_FREQUENT):
        op = Op.EQ if op in (Op.BETWEEN, Op.IN) else op
        return op, draw(scalars if op in (Op.EQ, Op.NE) else st.one_of(numbers, texts))
    if op in (Op.BETWEEN, Op.IN):
        return op, tuple(sorted([draw(values), draw(values)]))
    return op, draw(values)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 12) -> list[Happening]:
    gaps = [0, 0, 1, 500, 999, 1000, 600_000, SESSION_IDLE_MS - 1, SESSION_IDLE_MS]
    gaps += [HOUR_MS, 5 * HOUR_MS, DAY_MS - 1, DAY_MS, 20 * DAY_MS]
    at_ms = draw(st.sampled_from(STARTS_MS))
    found = []
    for _ in range(draw(st.integers(0, max_size))):
        at_ms += draw(st.sampled_from(gaps))
        properties: dict[str, Scalar] = draw(
            st.dictionaries(st.sampled_from(PROPERTIES), scalars, max_size=2)
        )
        page_view = draw(st.sampled_from([None, None, "p1", "p2"]))
        if page_view is not None:
            properties["page_view_id"] = page_view
        device = draw(st.sampled_from([0, 1, 1, 2]))
        found.append(Happening(at_ms, draw(st.sampled_from(NAMES)), device, properties))
    return found


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    return Facts(
        traits=draw(st.sampled_from([{}, *({"timezone": zone} for zone in (*ZONES, "?", 3))])),
        history=draw(histories()),
        context=draw(st.sampled_from([{}, {"page.category": "a"}, {"page.category": 1}])),
        site_zone=draw(st.sampled_from(ZONES)),
    )


def moments(leaf: EventLeaf, given: Facts) -> list[int]:
    """Every instant at which anything could change, and the milliseconds around it, in order."""
    window = leaf.window
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    spans = {0, SESSION_IDLE_MS, window.ms, 2 * window.ms, window.near_ms}
    if leaf.aggregate is Aggregate.RECENCY:
        spans |= {int(value) for value in values if value is not None}
    edges = {event.at_ms + span for event in given.history for span in spans} or {STARTS_MS[0]}
    zones = {given.site_zone, *ZONES[:2]}
    for event in given.history:
        if window.months:
            edges.add(months_after(event.at_ms, window.months))
        for zone in zones:
            today = local_day(event.at_ms, zone)
            edges |= {day_start(today + ahead, zone) for ahead in (0, 1, 2, 3, 7, 31)}
    return sorted({edge + step for edge in edges for step in (-1, 0, 1, 2)})


STRETCHES = frozenset(WindowKind) - {WindowKind.SESSION, WindowKind.VISIT, WindowKind.PAGE_VIEW}

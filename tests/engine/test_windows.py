"""Windows, calendars and sessions, by hand: where clocks change, months differ and devices mix."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions.calendars import (
    calendar_end,
    calendar_start,
    is_zone,
    local_day,
    months_after,
    months_before,
)
from engine.conditions.nodes import CalendarUnit, Match, Window, WindowKind
from engine.conditions.sessions import Piece, latest_tails, open_session, pieces, visits
from engine.conditions.windows import bounds, enters_at, indexes_in, leaves_at, zone_of
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening, Scalar
from tests.engine import event_worlds

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def at(text: str) -> int:
    """Unix ms of "2026-03-29 01:00" and the like, UTC."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def text_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("zone", "now", "start", "end"),
    [
        ("Europe/Paris", "2026-03-29 12:00", "2026-03-28 23:00", "2026-03-29 22:00"),  # 23 hours
        ("Europe/Paris", "2026-10-25 12:00", "2026-10-24 22:00", "2026-10-25 23:00"),  # 25 hours
        ("Europe/Paris", "2026-10-25 23:00", "2026-10-25 23:00", "2026-10-26 23:00"),
        ("America/New_York", "2026-03-08 05:00", "2026-03-08 05:00", "2026-03-09 04:00"),
        ("America/New_York", "2026-03-08 04:59", "2026-03-07 05:00", "2026-03-08 05:00"),
        # In Havana midnight comes twice, at 04:00 and at 05:00 UTC: the day begins at the first.
        ("America/Havana", "2025-11-02 04:30", "2025-11-02 04:00", "2025-11-03 05:00"),
        ("America/Havana", "2025-11-02 05:30", "2025-11-02 04:00", "2025-11-03 05:00"),
        # In Beirut there is no midnight on that day: it begins at one o'clock.
        ("Asia/Beirut", "2025-03-30 12:00", "2025-03-29 22:00", "2025-03-30 21:00"),
        # Clocks went back over midnight: the new day had begun.
        ("America/St_Johns", "2010-11-07 02:45", "2010-11-07 02:30", "2010-11-08 03:30"),
        # Samoa left out 30 December.
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-29 10:00", "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-30 10:00", "2011-12-30 10:00", "2011-12-31 10:00"),
    ],
)
def test_a_day_lasts_from_its_first_instant_to_that_of_the_next(
    zone: str, now: str, start: str, end: str
) -> None:
    day = CalendarUnit.DAY

    assert text_of(calendar_start(at(now), day, zone)) == start
    assert text_of(calendar_end(at(now), day, zone)) == end


@pytest.mark.parametrize(
    ("unit", "now", "start", "end"),
    [
        (CalendarUnit.WEEK, "2026-03-29 21:59", "2026-03-22 23:00", "2026-03-29 22:00"),
        (CalendarUnit.WEEK, "2026-03-29 22:00", "2026-03-29 22:00", "2026-04-05 22:00"),
        (CalendarUnit.MONTH, "2024-02-29 12:00", "2024-01-31 23:00", "2024-02-29 23:00"),
        (CalendarUnit.MONTH, "2026-03-31 21:59", "2026-02-28 23:00", "2026-03-31 22:00"),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(
    unit: CalendarUnit, now: str, start: str, end: str
) -> None:
    assert text_of(calendar_start(at(now), unit, "Europe/Paris")) == start
    assert text_of(calendar_end(at(now), unit, "Europe/Paris")) == end


@pytest.mark.parametrize(
    ("now", "months", "before"),
    [
        ("2026-03-15 10:30", 1, "2026-02-15 10:30"),
        ("2026-03-31 10:30", 1, "2026-03-01 00:00"),  # no 31 February
        ("2024-03-29 10:30", 1, "2024-02-29 10:30"),
        ("2025-02-28 10:30", 12, "2024-02-28 10:30"),
        ("2024-02-29 10:30", 12, "2023-03-01 00:00"),
        ("2026-01-31 00:00", 2, "2025-12-01 00:00"),
        ("2026-01-01 00:00", 60, "2021-01-01 00:00"),
    ],
)
def test_months_go_back_to_the_same_day_or_the_next_month(
    now: str, months: int, before: str
) -> None:
    assert text_of(months_before(at(now), months)) == before


@given(
    st.integers(at("2019-01-01"), at("2031-01-01")).map(lambda ms: ms - ms % HOUR_MS)
    | st.sampled_from([at(f"{y}-{m:02}-01") for y in (2023, 2024, 2025) for m in range(1, 13)]),
    st.integers(1, 60),
    st.sampled_from([-1, 0, 1]),
)
def test_an_event_leaves_at_the_first_instant_that_looks_back_past_it(
    hour_ms: int, months: int, step_ms: int
) -> None:
    event_ms = hour_ms + step_ms

    leaves_ms = months_after(event_ms, months)

    assert months_before(leaves_ms, months) >= event_ms
    assert months_before(leaves_ms - 1, months) < event_ms


@given(
    st.integers(at("2005-01-01"), at("2031-01-01")),
    st.sampled_from([*event_worlds.ZONES, "America/St_Johns", "Pacific/Apia", "Asia/Beirut"]),
    st.sampled_from(list(CalendarUnit)),
)
def test_periods_follow_each_other_without_a_gap(
    now_ms: int, zone: str, unit: CalendarUnit
) -> None:
    start, end = calendar_start(now_ms, unit, zone), calendar_end(now_ms, unit, zone)

    assert start <= now_ms < end
    assert calendar_start(start, unit, zone) == start
    assert calendar_end(start - 1, unit, zone) == start
    assert calendar_start(end, unit, zone) == end
    assert local_day(start - 1, zone) < local_day(start, zone)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../UTC", "", "utc ", "Europe", "\0", None, 3])
def test_a_visitor_with_an_unknown_zone_has_that_of_the_site(name: object) -> None:
    window = Window(WindowKind.CALENDAR, unit=CalendarUnit.DAY, is_visitor_zone=True)

    assert not is_zone(name)
    assert zone_of(window, Facts(traits={"timezone": name}, site_zone="Asia/Kolkata")) == (
        "Asia/Kolkata"
    )


def test_a_visitor_may_have_a_zone_of_their_own_where_the_window_asks_for_it() -> None:
    facts = Facts(traits={"timezone": "Europe/Paris"}, site_zone="Asia/Kolkata")
    day = CalendarUnit.DAY

    assert zone_of(Window(WindowKind.CALENDAR, unit=day), facts) == "Asia/Kolkata"
    own = Window(WindowKind.CALENDAR, unit=day, is_visitor_zone=True)
    assert zone_of(own, facts) == "Europe/Paris"


# Stretches of time


EDGES = [Happening(ms, "A", 1) for ms in (1000, 2000, 2000, 3000)]


@pytest.mark.parametrize(
    ("window", "now_ms", "inside"),
    [
        (Window(WindowKind.LAST, ms=1000), 3000, [3]),
        (Window(WindowKind.LAST, ms=1001), 3000, [1, 2, 3]),
        (Window(WindowKind.BETWEEN_AGO, ms=2000, near_ms=1000), 3000, [1, 2]),
        (Window(WindowKind.BETWEEN_AGO, ms=2001, near_ms=1001), 3000, [0]),
        (Window(WindowKind.ABSOLUTE, from_ms=2000, to_ms=3000), 9000, [1, 2]),
        (Window(WindowKind.ABSOLUTE, to_ms=2000), 9000, [0]),
        (Window(WindowKind.ABSOLUTE, from_ms=2001), 9000, [3]),
        (Window(WindowKind.SINCE, since=Match("A")), 3000, []),
        (Window(WindowKind.SINCE, since=Match("B")), 3000, [0, 1, 2, 3]),
        (Window(WindowKind.EVER), 3000, [0, 1, 2, 3]),
    ],
)
def test_a_window_holds_its_edges_as_said(window: Window, now_ms: int, inside: list[int]) -> None:
    assert indexes_in(window, Facts(history=EDGES), now_ms) == inside


def test_since_looks_after_the_instant_of_the_latest_such_event() -> None:
    history = [Happening(1, "A", 1), Happening(1, "B", 1), Happening(2, "B", 1)]

    assert indexes_in(Window(WindowKind.SINCE, since=Match("A")), Facts(history=history), 2) == [2]


@given(event_worlds.facts(), event_worlds.windows(tuple(sorted(event_worlds.STRETCHES))), st.data())
def test_an_event_is_in_a_window_from_when_it_enters_until_it_leaves(
    facts: Facts, window: Window, data: st.DataObject
) -> None:
    now_ms = max((event.at_ms for event in facts.history), default=0)
    for i in indexes_in(window, facts, now_ms):
        event_ms = facts.history[i].at_ms
        leaves_ms = leaves_at(window, event_ms, facts)
        assert enters_at(window, event_ms) <= now_ms
        if leaves_ms is None:
            assert i in indexes_in(window, facts, now_ms + 1000 * DAY_MS)
        else:
            assert i in indexes_in(window, facts, leaves_ms - 1)
            assert i not in indexes_in(window, facts, leaves_ms)
        after_ms, until_ms = bounds(window, facts, now_ms)
        assert (after_ms is None or after_ms < event_ms) and event_ms <= until_ms


# Sessions


def happened(*events: tuple[int, int]) -> Facts:
    """Facts of (minute, device)."""
    return Facts(history=[Happening(minute * MINUTE_MS, "A", device) for minute, device in events])


@pytest.mark.parametrize(
    ("facts", "minute", "indexes"),
    [
        (happened((0, 1), (29, 1), (59, 1)), 59, [2]),  # 30 minutes are a gap
        (happened((0, 1), (29, 1), (58, 1)), 87, [0, 1, 2]),
        (happened((0, 1), (29, 1), (58, 1)), 88, []),
        (happened((0, 1), (5, 2), (10, 1)), 10, [0, 2]),  # the device of the latest event
        (happened((0, 1), (5, 2)), 5, [1]),
        (happened((0, NO_DEVICE), (5, 1), (9, NO_DEVICE)), 9, [1, 2]),  # within, from its first on
        (happened((5, 1), (25, NO_DEVICE)), 34, [0, 1]),
        (happened((5, 1), (25, NO_DEVICE)), 35, [1]),  # not prolonged; then that of no device
        (happened((5, 1), (25, NO_DEVICE)), 55, []),
        (happened((0, NO_DEVICE), (20, NO_DEVICE)), 40, [0, 1]),
        (happened(), 40, []),
    ],
)
def test_the_open_session_is_that_of_the_latest_device(
    facts: Facts, minute: int, indexes: list[int]
) -> None:
    assert open_session(facts, minute * MINUTE_MS) == indexes


def test_the_idle_time_may_be_another_one() -> None:
    facts = happened((0, 1), (10, 1), (15, 1))

    assert open_session(facts, 16 * MINUTE_MS, 10 * MINUTE_MS) == [1, 2]
    assert open_session(facts, 16 * MINUTE_MS, MINUTE_MS) == []


def test_visits_are_counted_over_all_devices_by_their_first_event() -> None:
    facts = happened((0, 2), (0, 1), (5, NO_DEVICE), (10, 1), (90, 2), (200, NO_DEVICE))

    assert visits(facts) == [[1, 2, 3], [0], [4]]


def test_events_without_a_device_make_visits_only_where_no_event_has_one() -> None:
    assert visits(happened((0, NO_DEVICE), (60, NO_DEVICE))) == [[0], [1]]
    assert visits(happened((0, NO_DEVICE), (60, 1))) == [[1]]


@given(event_worlds.facts(), st.sampled_from(event_worlds.IDLES_MS), st.integers(0, 2 * DAY_MS))
def test_what_is_kept_of_sessions_says_the_same(facts: Facts, idle_ms: int, later: int) -> None:
    now_ms = (facts.history[-1].at_ms if facts.history else 0) + later
    tails = latest_tails(facts, idle_ms)
    devices: tuple[int, ...]
    if now_ms < tails.ends_ms:
        first_ms, devices = tails.first_ms, (tails.device, NO_DEVICE)
    elif now_ms < tails.lone_ends_ms:
        first_ms, devices = tails.lone_first_ms, (NO_DEVICE,)
    else:
        first_ms, devices = 0, ()
    found = [i for i, e in enumerate(facts.history) if e.at_ms >= first_ms and e.device in devices]
    assert found == open_session(facts, now_ms, idle_ms)

    spans = [
        [
            i
            for i, e in enumerate(facts.history)
            if piece.first_ms <= e.at_ms <= piece.last_ms and e.device in (piece.device, NO_DEVICE)
        ]
        for piece in pieces(facts, idle_ms)
    ]
    assert spans == visits(facts, idle_ms)


def test_only_a_page_view_of_the_open_session_counts() -> None:
    view: dict[str, Scalar] = {"page_view_id": "p1"}
    history = [
        Happening(0, "Page Viewed", 1, view),
        Happening(SESSION_IDLE_MS, "Page Viewed", 1, view),
        Happening(SESSION_IDLE_MS + 1, "Page Viewed", 1, {"page_view_id": "p2"}),
        Happening(SESSION_IDLE_MS + 2, "Product Viewed", NO_DEVICE, view),
        Happening(SESSION_IDLE_MS + 3, "Product Viewed", 1),
    ]
    window = Window(WindowKind.PAGE_VIEW)

    assert indexes_in(window, Facts(history=history), SESSION_IDLE_MS + 3) == [1, 3]
    assert pieces(Facts(history=history))[0] == Piece(0, 1, 0)

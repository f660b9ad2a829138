"""Dwell times: heartbeats, leaving, open pages, thresholds met between two heartbeats."""

from __future__ import annotations

from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import DwellLeaf, DwellOn, Match, Op, Window, WindowKind
from engine.facts import SESSION_IDLE_MS, Facts, Happening, Scalar
from tests.engine.paths import (
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    ZONE,
    check,
    checks,
    equals,
    event,
    histories,
    story,
    windows,
)

EVER = Window(WindowKind.EVER)
SESSION = Window(WindowKind.SESSION, SESSION_IDLE_MS)
PRODUCT_PAGES = (equals("page_type", "product"),)
BEAT_MS = 10_000


def on(where: DwellOn, ms: int, op: Op = Op.GTE, window: Window = SESSION) -> DwellLeaf:
    tests = PRODUCT_PAGES if where is DwellOn.PAGE else ()
    return DwellLeaf(where, tests, window, op, ms)


def answer(leaf: DwellLeaf, facts: Facts, after_ms: int) -> tuple[bool | None, int | None]:
    """(verdict, until when) so many ms after the start of the story, in such ms."""
    verdict, until_ms = compile_condition(leaf)(facts, START_MS + after_ms)
    assert evaluate.truth(leaf, facts, START_MS + after_ms) is verdict
    return verdict, None if until_ms is None else until_ms - START_MS


def time_on(where: DwellOn, facts: Facts, after_ms: int, window: Window = SESSION) -> object:
    """The time found, on which both evaluators agree to the millisecond."""
    found = evaluate.trace(on(where, 0, window=window), facts, START_MS + after_ms).value
    assert isinstance(found, int | float)
    tests = PRODUCT_PAGES if where is DwellOn.PAGE else ()
    just_so = DwellLeaf(where, tests, window, Op.BETWEEN, (floor(found), ceil(found)))
    assert answer(just_so, facts, after_ms)[0] is True
    return found


def page(after_ms: int, view: str = "v1", kind: str = "product", device: int = 1) -> Happening:
    return event(after_ms, "Page Viewed", device, page_view_id=view, page_type=kind)


def beat(after_ms: int, view: str = "v1", active_ms: Scalar = BEAT_MS) -> Happening:
    return event(after_ms, "Page Heartbeat", 1, page_view_id=view, active_ms=active_ms)


def left(after_ms: int, view: str = "v1", active_ms: Scalar = BEAT_MS) -> Happening:
    return event(after_ms, "Page Left", 1, page_view_id=view, active_ms=active_ms)


def test_the_open_page_counts_on_until_the_next_heartbeat_is_due() -> None:
    facts = story(page(0))

    assert time_on(DwellOn.PAGE, facts, 0) == 0
    assert time_on(DwellOn.PAGE, facts, 7000) == 7000
    assert time_on(DwellOn.PAGE, facts, 10_000) == 10_000
    assert time_on(DwellOn.PAGE, facts, 60_000) == 10_000


def test_a_threshold_is_met_between_two_heartbeats() -> None:
    """The offer shows while the visitor is still on the page: 12 s, the second beat at 20 s."""
    facts = story(page(0), beat(10_000))

    assert answer(on(DwellOn.PAGE, 12_000), facts, 10_000) == (False, 12_000)
    assert answer(on(DwellOn.PAGE, 12_000), facts, 11_999)[0] is False
    assert answer(on(DwellOn.PAGE, 12_000), facts, 12_000) == (True, 10_000 + SESSION_IDLE_MS)
    assert answer(on(DwellOn.PAGE, 12_000, Op.GT), facts, 10_000) == (False, 12_001)


def test_a_threshold_beyond_the_next_heartbeat_waits_for_it() -> None:
    facts = story(page(0), beat(10_000))

    assert answer(on(DwellOn.PAGE, 20_001), facts, 10_000) == (False, None)


def test_leaving_closes_the_page_and_adds_what_the_heartbeats_missed() -> None:
    facts = story(page(0), beat(10_000), beat(20_000), left(24_500, active_ms=24_200))

    assert time_on(DwellOn.PAGE, facts, 24_500) == 24_200
    assert time_on(DwellOn.PAGE, facts, 60_000) == 24_200
    assert answer(on(DwellOn.PAGE, 24_201), facts, 24_500) == (False, None)


def test_leaving_with_less_than_the_heartbeats_takes_nothing_away() -> None:
    facts = story(page(0), beat(10_000), left(11_000, active_ms=500))

    assert time_on(DwellOn.PAGE, facts, 11_000) == 10_000


def test_heartbeats_that_arrive_after_leaving_are_added() -> None:
    facts = story(page(0), left(9000, active_ms=9000), beat(10_000))

    assert time_on(DwellOn.PAGE, facts, 10_000) == 19_000


def test_more_than_three_minutes_on_product_pages_in_total() -> None:
    """18 beats over two product pages; what was spent on a list between does not count."""
    first = [beat(i * BEAT_MS, "v1") for i in range(1, 10)]
    other = [beat(100_000 + i * BEAT_MS, "v2") for i in range(1, 10)]
    second = [beat(200_000 + i * BEAT_MS, "v3") for i in range(1, 10)]
    facts = story(
        page(0, "v1"), *first, page(100_000, "v2", "list"), *other, page(200_000, "v3"), *second
    )
    leaf = on(DwellOn.PAGE, 3 * MINUTE_MS, Op.GT)

    assert time_on(DwellOn.PAGE, facts, 290_000) == 180_000
    assert answer(leaf, facts, 290_000) == (False, 290_001)
    assert answer(leaf, facts, 290_001)[0] is True


def test_more_than_five_minutes_on_the_site() -> None:
    beats = [beat(i * BEAT_MS) for i in range(1, 30)]
    facts = story(page(0, kind="home"), *beats)
    leaf = on(DwellOn.SITE, 5 * MINUTE_MS, Op.GT)

    assert answer(leaf, facts, 290_000) == (False, None)
    more = story(page(0, kind="home"), *beats, beat(300_000))
    assert answer(leaf, more, 300_000) == (False, 300_001)


def test_only_the_latest_page_is_open() -> None:
    facts = story(page(0, "v1"), page(4000, "v2", "list"))

    assert time_on(DwellOn.PAGE, facts, 6000) == 0
    assert time_on(DwellOn.SITE, facts, 6000) == 2000


def test_a_page_never_viewed_counts_for_the_site_only() -> None:
    facts = story(beat(0, "unknown"))

    assert time_on(DwellOn.SITE, facts, 3000) == 13_000
    every_page = DwellLeaf(DwellOn.PAGE, (), SESSION, Op.GTE, 0)
    assert evaluate.trace(every_page, facts, START_MS + 3000).value == 0


def test_of_two_views_with_one_id_the_first_decides() -> None:
    facts = story(page(0, "v1", "list"), page(1, "v1", "product"), beat(10_000))

    assert time_on(DwellOn.PAGE, facts, 10_000) == 0


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (-5, 0),
        ("9000", 0),
        (True, 0),
        (3_600_001, 3_600_000),
        (10**400, 3_600_000),
        (250.5, 250.5),
    ],
    ids=["negative", "text", "boolean", "an hour", "beyond doubles", "a half"],
)
def test_impossible_times_are_cut(told: Scalar, counted: float) -> None:
    facts = story(page(0), left(0, active_ms=told))

    assert time_on(DwellOn.PAGE, facts, 0) == counted


def test_tenths_add_up_exactly() -> None:
    beats = [beat(0, active_ms=0.1), beat(0, active_ms=0.2)]

    assert time_on(DwellOn.PAGE, story(page(0), *beats), 0) == 0.3


def test_time_leaves_a_rolling_window_beat_by_beat() -> None:
    window = Window(WindowKind.LAST, MINUTE_MS)
    facts = story(page(0), beat(10_000), beat(20_000), left(20_000, active_ms=20_000))
    leaf = on(DwellOn.PAGE, 15_000, window=window)

    assert answer(leaf, facts, 20_000) == (True, 70_000)
    assert time_on(DwellOn.PAGE, facts, 70_000, window) == 10_000


def test_since_an_event_is_later_than_it() -> None:
    """The page that was open when the banner closed counts from its next heartbeat."""
    window = Window(WindowKind.SINCE, since=Match("Banner Closed"))
    facts = story(page(0), event(0, "Banner Closed"))

    assert time_on(DwellOn.PAGE, facts, 5000, window) == 0
    more = story(page(0), event(0, "Banner Closed"), beat(10_000))
    assert time_on(DwellOn.PAGE, more, 15_000, window) == 15_000


def test_dwell_in_the_session_begins_anew_with_it() -> None:
    facts = story(page(0), beat(10_000), page(2 * HOUR_MS, "v2"))

    assert time_on(DwellOn.PAGE, facts, 2 * HOUR_MS + 500) == 500
    assert time_on(DwellOn.PAGE, facts, 2 * HOUR_MS + 500, EVER) == 10_500
    assert time_on(DwellOn.PAGE, facts, 3 * HOUR_MS) == 0


def test_the_time_of_the_session_runs_until_it_is_over() -> None:
    facts = story(event(0, "Scrolled"), event(5000, "Scrolled"))
    leaf = on(DwellOn.SESSION, 2 * MINUTE_MS, Op.GT)

    assert time_on(DwellOn.SESSION, facts, 8000) == 8000
    assert answer(leaf, facts, 5000) == (False, 2 * MINUTE_MS + 1)
    assert answer(leaf, facts, 2 * MINUTE_MS + 1) == (True, 5000 + SESSION_IDLE_MS)
    assert answer(leaf, facts, 5000 + SESSION_IDLE_MS) == (False, None)


def test_who_left_within_ten_seconds() -> None:
    short = DwellLeaf(DwellOn.SITE, (), SESSION, Op.LT, BEAT_MS)

    assert answer(short, story(page(0)), 0) == (True, BEAT_MS)
    gone = story(page(0), left(4000, active_ms=3800))
    assert answer(short, gone, 4000) == (True, None)


# Properties

NAMES = ("Page Viewed", "Page Heartbeat", "Page Heartbeat", "Page Left", "Other")
TIMES = st.sampled_from([0, 1, 999, 5000, BEAT_MS, BEAT_MS, 0.1, 0.2, 5000.7, -1, "x", 1e9])
PROPERTIES = st.fixed_dictionaries(
    {
        "page_view_id": st.sampled_from(["v1", "v1", "v1", "v1", "v2", 1, True]),
        "active_ms": TIMES,
        "page_type": st.sampled_from(["product", "product", "list"]),
    }
) | st.just({"active_ms": BEAT_MS})
WINDOW_KINDS = tuple(
    kind for kind in WindowKind if kind not in (WindowKind.BETWEEN_AGO, WindowKind.VISIT)
)
LIMITS = st.sampled_from([0, 1, 500, 999, 1000, 5000, BEAT_MS, BEAT_MS + 1, 15_000, MINUTE_MS])


@st.composite
def leaves(draw: st.DrawFn) -> DwellLeaf:
    where = draw(st.sampled_from([DwellOn.PAGE, DwellOn.PAGE, DwellOn.SITE, DwellOn.SESSION]))
    kinds = (WindowKind.SESSION,) if where is DwellOn.SESSION else WINDOW_KINDS
    op = draw(st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN]))
    limits = sorted((draw(LIMITS), draw(LIMITS)))
    return DwellLeaf(
        where,
        draw(st.sampled_from([(), PRODUCT_PAGES])) if where is DwellOn.PAGE else (),
        draw(windows(names=NAMES, kinds=kinds)),
        op,
        tuple(limits) if op is Op.BETWEEN else limits[0],
    )


@checks
@given(leaves(), histories(NAMES, PROPERTIES))
def test_a_dwell_time_answers_alike_and_honestly(leaf: DwellLeaf, history: list[Happening]) -> None:
    check(leaf, Facts(history=history, site_zone=ZONE, traits={"timezone": "America/New_York"}))

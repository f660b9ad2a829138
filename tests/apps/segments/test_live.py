"""The live path: what a state row says, when it changes, and what is written of it."""

import tracemalloc
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.segments import guarding, live, remembering, touching
from apps.segments.guarding import Guard
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.past import Past
from apps.segments.stays import (
    FOLDED,
    Evaluated,
    Stays,
    decode_section,
    decode_stays,
    encode_stays,
    is_inside,
)
from apps.work import clock
from apps.work.models import ChangeFeed
from engine.facts import Facts, Happening, named, places
from tests.apps.segments.world import NOW, NOW_MS, make_profile, make_site

MINUTE_MS = 60_000


def viewed(window: object, value: int = 1) -> dict[str, object]:
    where = {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "count",
        "window": window,
        "op": "gte",
        "value": value,
    }
    return {"v": 1, "where": where}


def happened(*at_ms: int) -> list[Happening]:
    return [Happening(at, "Product Viewed", 1) for at in sorted(at_ms)]


def test_an_evaluation_tells_what_changed_and_when_to_look_again():
    live_set = live.define(1, [(1, "now", viewed({"last": "10m"})), (2, "ever", viewed("ever"))])
    facts = Facts(history=happened(NOW_MS))

    first = live_set.evaluate(facts, {}, NOW_MS)
    assert (first.entered, first.left, first.due_ms) == ([1, 2], [], NOW_MS + 10 * MINUTE_MS)
    assert first.stays[1] == (True, NOW_MS + 10 * MINUTE_MS, False, None, NOW_MS)

    late_ms = NOW_MS + 11 * MINUTE_MS
    second = live_set.evaluate(facts, first.stays, late_ms)
    assert (second.entered, second.left, second.due_ms) == ([], [1], None)
    assert second.stays == {2: (True, None, None, None, NOW_MS)}
    changes = live.changes_of("site", "profile", second, first.stays, late_ms)
    assert changes == [("site", "profile", 1, False, NOW_MS + 10 * MINUTE_MS, None, False, False)]


def test_a_nested_segment_flips_with_the_one_inside_it():
    outer = {"v": 1, "where": {"not": {"kind": "segment", "key": "active"}}}
    live_set = live.define(1, [(1, "idle", outer), (2, "active", viewed({"last": "10m"}))])
    stays = live_set.evaluate(Facts(history=happened(NOW_MS)), {}, NOW_MS).stays
    assert stays[1] == (False, NOW_MS + 10 * MINUTE_MS, True, None, None)


def test_a_broken_condition_freezes_its_own_segment_only():
    live_set = live.define(1, [(1, "broken", {"v": 99}), (2, "ever", viewed("ever"))])
    before: Stays = {1: (True, None, None, None, 5)}
    evaluation = live_set.evaluate(Facts(history=happened(NOW_MS)), before, NOW_MS)
    assert evaluation.stays[1] == before[1]
    assert (evaluation.entered, evaluation.left) == ([2], [])


def test_a_segment_that_is_gone_is_left():
    evaluation = live.define(1, []).evaluate(Facts(), {7: (True, None, None, None, 5)}, NOW_MS)
    assert (evaluation.stays, evaluation.left) == ({}, [7])


def test_what_depends_on_the_request_is_not_kept():
    mobile = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    assert live.define(1, [(1, "mobile", {"v": 1, "where": mobile})]).definitions == ()


def test_only_what_an_event_can_change_is_asked():
    bought = viewed("ever")
    bought["where"]["name"] = "Order Completed"
    session = {"v": 1, "where": {**viewed("session")["where"], "name": "Article Read"}}
    live_set = live.define(
        1, [(1, "views", viewed("ever")), (2, "buys", bought), (3, "reads", session)]
    )

    def touched(*names: str) -> list[int]:
        return [one.number for one in live_set.touched(frozenset(names))]

    # Any event prolongs a session, whatever its name.
    assert touched("Product Viewed") == [1, 3]
    assert touched("Order Completed") == [2, 3]
    assert touched("Something Else") == [3]
    assert touched() == []


def test_a_trait_touches_the_segments_that_read_it():
    plan = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    listed = {"kind": "list", "key": "press"}
    live_set = live.define(
        1, [(1, "pro", {"v": 1, "where": plan}), (2, "press", {"v": 1, "where": listed})]
    )
    assert [d.number for d in live_set.touched(frozenset(), frozenset({"plan"}))] == [1]
    assert [d.number for d in live_set.touched(frozenset(), frozenset({"list.press"}))] == [2]


def test_what_nothing_has_touched_keeps_its_stay():
    live_set = live.define(1, [(1, "now", viewed({"last": "10m"})), (2, "ever", viewed("ever"))])
    before: Stays = {1: (True, NOW_MS + 5, False, None, 3), 2: (True, None, None, None, 4)}
    evaluation = live_set.evaluate(Facts(), before, NOW_MS, asked=live_set.due(before, NOW_MS))
    assert (evaluation.stays, evaluation.due_ms) == (before, NOW_MS + 5)
    later = live_set.evaluate(Facts(), before, NOW_MS + 5, asked=live_set.due(before, NOW_MS + 5))
    assert (later.stays, later.left) == ({2: before[2]}, [1])


def poisoned(live_set: live.LiveDefinitions, number: int, **how: Any) -> live.LiveDefinitions:
    """The same live set with one segment whose evaluation does not do what it should."""
    spoilt = tuple(replace(d, **how) if d.number == number else d for d in live_set.definitions)
    return replace(live_set, definitions=spoilt, by_number={d.number: d for d in spoilt})


def test_a_segment_that_raises_is_frozen_and_the_others_go_on(caplog):
    def raises(facts: Facts, now_ms: int) -> Any:
        raise ZeroDivisionError

    rows = [(1, "bad", viewed("ever")), (2, "good", viewed("ever"))]
    live_set = poisoned(live.define(1, rows), 1, compiled=raises)
    before: Stays = {1: (True, None, None, None, 5)}

    evaluation = live_set.evaluate(Facts(history=happened(NOW_MS)), before, NOW_MS)

    assert evaluation.stays[1] == before[1]
    assert (evaluation.entered, evaluation.left) == ([2], [])
    assert live_set.guard.frozen == {1: "raises"}
    assert [record.message for record in caplog.records] == ["segments.frozen"]
    live_set.evaluate(Facts(history=happened(NOW_MS)), before, NOW_MS)
    assert len(caplog.records) == 1


def test_a_segment_that_is_too_slow_again_and_again_is_frozen():
    seconds = iter(range(1_000))
    guard = Guard(clock=lambda: float(next(seconds)))
    live_set = replace(live.define(1, [(1, "slow", viewed("ever"))]), guard=guard)
    for number in range(5):
        facts = Facts(history=happened(NOW_MS), unit_id=f"person-{number}")
        stays = live_set.evaluate(facts, {}, NOW_MS).stays
    assert guard.frozen == {1: "too slow"}
    assert stays == {}


def test_one_busy_visitor_does_not_take_a_segment_from_everybody_else():
    seconds = iter(range(1_000))
    guard = Guard(clock=lambda: float(next(seconds)))
    live_set = replace(live.define(1, [(1, "slow", viewed("ever"))]), guard=guard)
    for _ in range(10):
        busy = Facts(history=happened(NOW_MS), unit_id="busy")
        assert live_set.evaluate(busy, {}, NOW_MS).entered == [1]
    assert guard.frozen == {}


def test_timing_ends_some_time_after_the_last_slow_evaluation():
    guard = Guard(is_timing=True)
    guard.took("slow", 1, "busy", 10.0)
    guard.took_all(10.0)
    assert guard.is_timing
    for _ in range(guarding.WATCHED_ON):
        guard.took_all(0.001)
    assert not guard.is_timing


def test_a_long_past_is_walked_without_being_copied_at_every_step():
    events = happened(*range(NOW_MS - 3_000, NOW_MS))
    past = Past(Facts(history=events))
    tracemalloc.start()
    lengths = [len(past.at(event.at_ms).history) for event in events]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lengths == list(range(1, 3_001))
    assert peak < 2_000_000  # bytes; one list of so many for each instant would be 36 MB


def test_a_past_goes_back_when_another_segment_is_folded():
    history = [Happening(n, "ab"[n % 2], 1) for n in range(10)]
    past = Past(Facts(history=history))
    for moment in (3, 7, 7, 2, 9, -1, 5):
        facts = past.at(moment)
        so_far = history[: moment + 1] if moment >= 0 else []
        assert list(facts.history) == so_far
        assert named(facts, "a") == [one for one in so_far if one.name == "a"]
        assert places(facts, "b") == [n for n, one in enumerate(so_far) if one.name == "b"]


def test_a_deadline_at_which_nothing_changed_makes_no_event_late():
    rows = [(1, "keen", viewed({"last": "10m"}, 3), {"cooldown": "1m"})]
    live_set = live.define(1, rows)
    seen_ms = NOW_MS - 10 * MINUTE_MS
    facts = Facts(history=happened(seen_ms))
    first = live_set.evaluate(facts, {}, seen_ms)
    assert first.stays[1][FOLDED] == seen_ms
    due = {1: (*first.stays[1][:1], NOW_MS, *first.stays[1][2:])}

    second = live_set.evaluate(facts, due, NOW_MS)

    assert second.stays[1][FOLDED] == seen_ms


def test_who_did_too_much_to_be_folded_again_keeps_what_is_remembered(monkeypatch):
    monkeypatch.setattr(remembering, "MAX_FOLDED", 5)
    live_set = live.define(1, [(1, "once", viewed({"last": "1m"}), {"once": True})])
    times = [NOW_MS - n * 2 * MINUTE_MS for n in range(20)]
    facts = Facts(history=happened(*times))
    before = {1: (False, None, None, None, None, None, times[-1] + MINUTE_MS, NOW_MS)}
    before[1] = (*before[1], live_set.by_number[1].mark)
    late_ms = times[3] + 1
    past = Past(Facts(history=happened(*times, late_ms)), fresh=[(late_ms, "Product Viewed")])

    evaluation = live_set.evaluate(facts, before, NOW_MS, past=past)

    assert evaluation.entered == []
    assert not evaluation.stays[1][0]


def test_a_change_known_late_says_so_and_when_it_took_place():
    live_set = live.define(1, [(1, "keen", viewed({"last": "2h"}, 2))])
    long_ago = NOW_MS - 30 * MINUTE_MS
    facts = Facts(history=happened(long_ago - MINUTE_MS, long_ago, NOW_MS - 1))
    past = Past(facts, fresh=[(long_ago, "Product Viewed")])

    evaluation = live_set.evaluate(facts, {}, NOW_MS, past=past)

    (change,) = live.changes_of("site", "profile", evaluation, {}, NOW_MS)
    assert (change.at_ms, change.is_late) == (long_ago, True)
    assert evaluation.stays[1][4] == long_ago


instants = st.none() | st.integers(0, 2**45)
stays = st.dictionaries(
    st.integers(1, 40_000),
    st.tuples(st.booleans(), instants, st.none() | st.booleans(), instants, instants),
)


@settings(max_examples=50)
@given(stays)
def test_stays_survive_the_codec(stays):
    assert decode_stays(encode_stays(stays)) == stays
    evaluated = Evaluated(7, 12, NOW_MS // 1000 * 1000)
    assert decode_section(encode_stays(stays, evaluated)) == (evaluated, stays)
    # Rows from before it was kept as of when they were worked out.
    old = msgspec.msgpack.encode([7, 12, stays])
    assert decode_section(old) == (Evaluated(7, 12), stays)


def test_a_stay_flips_by_itself_and_then_asks_again():
    stay = (True, 10, False, 20, 1)
    assert [is_inside(stay, at) for at in (9, 10, 19, 20)] == [True, False, False, None]
    assert is_inside(None, 5) is False
    assert is_inside((True, 10, None, None, 1), 10) is None


@pytest.fixture
def segment(db: None) -> Segment:
    segment = Segment.objects.create(
        site=make_site(), number=3, key="s", name="S", created_at=NOW, draft={}
    )
    SegmentVersion.objects.create(
        segment=segment, number=1, condition={}, digest="d", state="live", published_at=NOW
    )
    return segment


def test_changes_open_and_close_memberships_and_repeating_them_changes_nothing(segment):
    profile = make_profile(segment.site)
    enter = live.Change(segment.site_id, profile.pk, 3, True, NOW_MS, NOW_MS + 5)
    leave = live.Change(segment.site_id, profile.pk, 3, False, NOW_MS + 5, None)
    with connection.cursor() as cursor:
        for change in (enter, enter, leave, leave):
            live.write_changes(cursor, [change])
    stay = Membership.objects.get()
    assert [clock.to_ms(at) for at in (stay.since, stay.valid_until, stay.left_at)] == [
        NOW_MS,
        NOW_MS + 5,
        NOW_MS + 5,
    ]
    feed = ChangeFeed.objects.order_by("pk").values_list("kind", flat=True)
    assert list(feed) == ["membership.entered", "membership.left"]


def test_definitions_are_read_again_only_when_the_number_moves(segment, django_assert_num_queries):
    SegmentVersion.objects.update(condition=viewed("ever"))
    with django_assert_num_queries(2):  # the definitions, and the site's time zone
        loaded = live.live_set(segment.site_id, 1)
        assert live.live_set(segment.site_id, 1) is loaded
    with django_assert_num_queries(2):
        assert live.live_set(segment.site_id, 2) is not loaded


TOGETHER: list[dict[str, Any]] = [
    *(viewed({"last": f"{n}m"}, n) for n in (1, 2, 10)),
    *(viewed("ever", n) for n in (1, 3)),
    viewed("session", 2),
    {"v": 1, "where": {"not": viewed({"last": "5m"})["where"]}},
    {
        "v": 1,
        "where": {
            "all": [
                viewed({"last": "1h"}, 2)["where"],
                {"kind": "trait", "name": "plan", "op": "ne", "value": "pro"},
            ]
        },
    },
    {"v": 1, "where": {"any": [{"kind": "segment", "key": "s0"}, viewed("ever", 4)["where"]]}},
    {"v": 1, "where": {**viewed("ever")["where"], "bind": {"liked": "category"}}},  # type: ignore[dict-item]
]


@settings(deadline=None)
@given(
    moments=st.lists(st.integers(-70, 1), max_size=6),
    plan=st.sampled_from([None, "pro", "free"]),
    later=st.lists(st.integers(0, 90), min_size=1, max_size=3),
)
def test_segments_asked_together_have_the_stays_that_they_have_one_by_one(
    moments: list[int], plan: str | None, later: list[int]
) -> None:
    rows = [(number, f"s{number}", document) for number, document in enumerate(TOGETHER)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(touching, "OFTEN", 0)
        joined, apart = live.define(1, rows), live.define(1, rows)
        assert joined.index.together(joined.definitions) is not None
        facts = Facts(
            {} if plan is None else {"plan": plan},
            happened(*(NOW_MS + at * MINUTE_MS for at in moments)),
        )
        before: Stays = {}
        for minutes in (0, *sorted(later)):
            now_ms = NOW_MS + minutes * MINUTE_MS
            patched.setattr(touching, "FEW", 1)
            found = joined.evaluate(facts, before, now_ms)
            patched.setattr(touching, "FEW", 100)
            assert found == apart.evaluate(facts, before, now_ms)
            before = found.stays


def test_a_segment_that_raises_among_those_asked_together_is_frozen_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(touching, "OFTEN", 0)
    rows = [(number, f"s{number}", document) for number, document in enumerate(TOGETHER)]

    def raises(facts: Facts, now_ms: int) -> Any:
        raise ZeroDivisionError

    live_set = poisoned(live.define(1, rows), 0, compiled=raises)
    monkeypatch.setattr(touching, "compile_together", lambda nodes: raises)
    verdict = live_set.evaluate(Facts(history=happened(NOW_MS)), {}, NOW_MS)
    assert set(live_set.guard.frozen) == {0}
    assert 3 in verdict.stays and 0 not in verdict.stays

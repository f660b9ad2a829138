"""The live path: what a state row says, when it changes, and what is written of it."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.segments import live
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.stays import Stays, decode_stays, encode_stays, is_inside
from apps.work import clock
from apps.work.models import ChangeFeed
from engine.facts import Facts, Happening
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
    assert changes == [("site", "profile", 1, False, NOW_MS + 10 * MINUTE_MS, None)]


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


instants = st.none() | st.integers(0, 2**45)
stays = st.dictionaries(
    st.integers(1, 40_000),
    st.tuples(st.booleans(), instants, st.none() | st.booleans(), instants, instants),
)


@settings(max_examples=50)
@given(stays)
def test_stays_survive_the_codec(stays):
    assert decode_stays(encode_stays(stays)) == stays


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
    enter = (segment.site_id, profile.pk, 3, True, NOW_MS, NOW_MS + 5)
    leave = (segment.site_id, profile.pk, 3, False, NOW_MS + 5, None)
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
    with django_assert_num_queries(1):
        loaded = live.live_set(segment.site_id, 1)
        assert live.live_set(segment.site_id, 1) is loaded
    with django_assert_num_queries(1):
        assert live.live_set(segment.site_id, 2) is not loaded

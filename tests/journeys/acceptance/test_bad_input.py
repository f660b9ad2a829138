"""What is wrong is refused with its place, or counts as nothing; nobody else is held up by it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from apps.events import fold as event_fold
from apps.events.models import Inbox
from apps.pipeline import fold
from apps.segments import live
from apps.segments import services as segments
from apps.segments.models import LiveSet, SegmentVersion
from apps.segments.refresh import refresh_site
from engine.errors import InvalidCondition
from tests.journeys.acceptance.shop import DAY, HOUR, MINUTE, Json, Shop, count, having, inside

A_COUNT = count("Product Viewed", {"last": "5m"}, "gte", 1)


def nested(levels: int) -> Json:
    node: Json = {"kind": "trait", "name": "x", "op": "is_set"}
    for _ in range(levels):
        node = {"not": node}
    return node


def matching(pattern: str) -> Json:
    return {"kind": "trait", "name": "x", "op": "matches", "value": pattern}


def without(name: str) -> Json:
    return {key: value for key, value in A_COUNT.items() if key != name}


REFUSED: list[tuple[str, Json, str]] = [
    ("kind", {"kind": "evnt"}, 'kind: unknown kind "evnt" (did you mean "event"?)'),
    (
        "operator",
        {"any": [A_COUNT, {**A_COUNT, "op": "gretaer"}]},
        'any[1].op: unknown operator "gretaer" (did you mean "gt"?)',
    ),
    (
        "field",
        {**without("window"), "widnow": "ever"},
        'widnow: unknown field (did you mean "window"?)',
    ),
    ("missing", without("window"), "window: is missing"),
    ("type", {"all": [{**A_COUNT, "value": "3"}]}, "all[0].value: expected a number"),
    (
        "aggregate",
        {**A_COUNT, "aggregate": "cuont"},
        'aggregate: unknown aggregate "cuont" (did you mean "count"?)',
    ),
    ("depth", nested(13), f"{'not.' * 11}not: expected at most 12 levels"),
    ("leaves", {"all": [A_COUNT] * 201}, "all[200]: expected at most 200 leaves"),
    (
        "pattern of many states",
        matching("(a{100}){100}"),
        "value: the pattern is too large: its repetitions need more than 1000 states",
    ),
    (
        "long pattern",
        matching("a" * 257),
        "value: expected a pattern of at most 256 characters",
    ),
    (
        "open pattern",
        matching("(a"),
        "value: at character 1 of the pattern: this ( is never closed",
    ),
    (
        "zone",
        {**A_COUNT, "window": {"calendar": "day", "tz": "Mars/Olympus"}},
        'window.tz: expected "site" or "visitor"',
    ),
    ("zero window", {**A_COUNT, "window": {"last": "0s"}}, "window.last: expected more than zero"),
    (
        "negative window",
        {**A_COUNT, "window": {"last": "-5m"}},
        'window.last: expected a duration such as "10m" (ms s m h d w mo y)',
    ),
    (
        "turned window",
        {**A_COUNT, "window": {"between_ago": {"from": "1d", "to": "7d"}}},
        "window.between_ago.to: expected less than `from`: the later end comes second",
    ),
    (
        "no such day",
        {"kind": "trait", "name": "born", "op": "before", "value": "2026-02-29"},
        'value: expected a date ("2026-02-28") or an instant ("2026-02-28T10:00:00Z") that exists',
    ),
]


def test_a_condition_is_refused_with_the_place_and_a_suggestion(quiet_shop: Shop) -> None:
    found = {}
    for name, where, _ in REFUSED:
        with pytest.raises(InvalidCondition) as refusal:
            quiet_shop.segment("bad", where)
        found[name] = str(refusal.value)
        with pytest.raises(InvalidCondition) as refusal:
            quiet_shop.segment("bad", A_COUNT, leave={"v": 1, "where": where})
        assert str(refusal.value) == f"policy.leave.{found[name]}"
    assert found == {name: said for name, _, said in REFUSED}


def test_segments_that_contain_each_other_are_refused(quiet_shop: Shop) -> None:
    shop = quiet_shop
    first = shop.segment("a", A_COUNT)
    shop.segment("b", inside("a"))
    segments.change_draft(
        site_id=shop.site_id,
        segment_id=first.pk,
        condition={"v": 1, "where": inside("b")},
        actor=None,
        now=shop.now(),
    )
    with pytest.raises(InvalidCondition, match="itself"):
        segments.publish_segment(
            site_id=shop.site_id, segment_id=first.pk, actor=None, now=shop.now()
        )
    # By way of the policy, too.
    segments.change_draft(
        site_id=shop.site_id,
        segment_id=first.pk,
        condition={"v": 1, "where": A_COUNT},
        policy={"parent": "b"},
        actor=None,
        now=shop.now(),
    )
    with pytest.raises(InvalidCondition, match="itself"):
        segments.publish_segment(
            site_id=shop.site_id, segment_id=first.pk, actor=None, now=shop.now()
        )


def test_a_pattern_that_other_engines_choke_on_is_answered(shop: Shop) -> None:
    text = having("text", "(a+)+(a|aa)+$", "matches")
    shop.segment("bomb", count("Searched", "ever", "gte", 1, text))
    shop.show("bomb")
    shop.track("Searched", text="a" * 20_000 + "!")
    assert not shop.is_offered()
    shop.track("Searched", text="b" + "a" * 20_000)
    assert shop.is_offered()
    assert live.live_set(shop.site_id).guard.frozen == {}


def test_a_zone_that_does_not_exist_counts_as_the_sites(shop: Shop) -> None:
    today = {"calendar": "day", "tz": "visitor"}
    shop.segment("today", count("Product Viewed", today, "gte", 1))
    shop.show("today")
    told: Json = {"type": "identify", "anonymousId": "a1", "userId": "u1"}
    shop.send({**told, "traits": {"timezone": "Mars/Olympus"}})
    shop.track("Product Viewed")
    shop.assert_flips(shop.at_ms + 12 * HOUR, to=False)
    shop.send({**told, "traits": {"timezone": {"not": ["a", "text"]}}})
    shop.track("Product Viewed")
    assert shop.is_offered()


def to_utc(shop: Shop, day: int, hour: float) -> int:
    """An instant so many days after the tenth of March, 2026."""
    return shop.at_ms - 12 * HOUR + day * DAY + round(hour * HOUR)


def test_a_day_without_its_midnight_begins_when_its_first_hour_does(shop: Shop) -> None:
    """In Cairo the clocks go from 0:00 to 1:00 on the 24th of April, 2026: 22:00 UTC."""
    today = {"calendar": "day", "tz": "visitor"}
    shop.segment("today", count("Product Viewed", today, "gte", 1))
    shop.show("today")
    told: Json = {"type": "identify", "anonymousId": "a1", "userId": "u1"}
    gap = to_utc(shop, 44, 22)
    shop.go(gap - 2 * HOUR)
    shop.send({**told, "traits": {"timezone": "Africa/Cairo"}})
    shop.track("Product Viewed")
    shop.assert_flips(gap, to=False)
    shop.track("Product Viewed", gap)
    assert shop.is_offered()
    shop.assert_flips(gap + 23 * HOUR, to=False)  # the day has an hour less


def test_a_month_back_from_a_longer_month(shop: Shop) -> None:
    """On the 30th of June the 31st of May still counts, whatever the hour; in July it does not."""
    shop.segment("lately", count("Product Viewed", {"last": "1mo"}, "gte", 1))
    shop.show("lately")
    july = to_utc(shop, 113, 0)
    shop.go(to_utc(shop, 82, 10))
    assert shop.now().strftime("%m-%d %H") == "05-31 10"
    shop.track("Product Viewed")
    shop.assert_flips(july, to=False)


def test_who_was_born_on_a_leap_day_has_a_birthday_every_year(shop: Shop) -> None:
    """On the first of March, in common years."""
    shop.segment(
        "birthday", {"kind": "trait", "name": "born", "op": "anniversary_within", "value": "7d"}
    )
    shop.show("birthday")
    march = to_utc(shop, 356, 0)
    told: Json = {"type": "identify", "anonymousId": "a1", "userId": "u1"}
    shop.send({**told, "traits": {"born": "2004-02-29"}})
    shop.assert_flips(march - 7 * DAY, to=True)
    assert shop.now().strftime("%Y-%m-%d") == "2027-02-22"
    shop.assert_flips(march + DAY, to=False)


def test_a_trait_that_changes_its_type_is_compared_as_what_it_is(shop: Shop) -> None:
    asked: dict[str, Json] = {
        "text": {"op": "eq", "value": "pro"},
        "number": {"op": "gt", "value": 3},
        "list": {"op": "has_any", "value": ["pro"]},
        "date": {"op": "before", "value": "2030-01-01"},
        "version": {"op": "version_gte", "value": "2.10"},
        "pattern": {"op": "matches", "value": "^p"},
        "set": {"op": "is_set"},
        "lately": {"op": "changed_within", "value": "1m"},
    }
    for key, test in asked.items():
        shop.segment(key, {"kind": "trait", "name": "plan", **test})
    said: list[tuple[object, set[str]]] = [
        ("pro", {"text", "list", "pattern", "set", "lately"}),
        (5, {"number", "set", "lately"}),
        (True, {"set", "lately"}),
        (["pro", 5], {"list", "set", "lately"}),
        ("2026-02-28", {"date", "set", "lately"}),
        ("3.0", {"version", "set", "lately"}),
        (1e300, {"number", "set", "lately"}),
        ("", {"set", "lately"}),
        ([], {"set", "lately"}),
        (None, set()),
        ("pro", {"text", "list", "pattern", "set", "lately"}),
    ]
    for value, keys in said:
        shop.after(MINUTE)
        traits = {"plan": value}
        shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": traits})
        assert set(shop.memberships()) == keys, value
    # An object is no value that a condition could compare, and stops nothing.
    shop.send(
        {"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": {"plan": {"a": 1}}}
    )
    assert "text" not in shop.memberships()
    refreshed = refresh_site(site_id=shop.site_id, read_clock=shop.now)
    assert (refreshed.entered, refreshed.left) == (0, 0)


def test_numbers_that_are_none_or_too_large_stop_nobody(shop: Shop) -> None:
    total = {**count("Order Completed", "ever", "gte", 100), "aggregate": "sum", "of": "value"}
    shop.segment("spent", total)
    shop.segment("average", {**total, "aggregate": "avg", "value": 1})
    shop.segment(
        "score",
        {
            "kind": "score",
            "events": [{"name": "Order Completed", "of": "value", "weight": 2, "half_life": "1d"}],
            "op": "gte",
            "value": 100,
        },
    )
    shop.segment(
        "stayed", {"kind": "dwell", "on": "site", "window": "ever", "op": "gt", "value": "2h"}
    )
    for value in ("many", None, True, [100], {"a": 1}, -5):
        shop.track("Order Completed", value=value)
    beats: list[Any] = ["x", -10_000, None, True, 1e300]
    for beat in beats:
        shop.track("Page Heartbeat", page_view_id="p1", active_ms=beat)
    assert shop.memberships() == {}, "an hour at most is taken from one event"
    shop.track("Order Completed", value=1e308)
    shop.track("Order Completed", value=1e308)
    assert {"average", "spent"} <= set(shop.memberships())
    # The whole population, by SQL, has the same answers.
    refreshed = refresh_site(site_id=shop.site_id, read_clock=shop.now)
    assert (refreshed.entered, refreshed.left) == (0, 0)


def test_one_poisonous_segment_keeps_its_members_and_stops_no_other(shop: Shop) -> None:
    poison = shop.segment("poison", A_COUNT)
    shop.segment("good", A_COUNT)
    shop.segment("other", {"not": inside("good")})
    shop.show("good")
    shop.track("Product Viewed")
    viewed = shop.at_ms
    assert set(shop.memberships()) == {"poison", "good"}
    SegmentVersion.objects.filter(segment=poison).update(
        condition={"v": 1, "where": {"kind": "unheard of"}}
    )
    LiveSet.objects.filter(site_id=shop.site_id).update(number=F("number") + 1)

    shop.track("Product Added")
    assert set(shop.memberships()) == {"poison", "good"}
    refresh_site(site_id=shop.site_id, read_clock=shop.now)
    shop.assert_flips(viewed + 5 * MINUTE, to=False)
    shop.track("Product Added")
    assert "other" in shop.memberships()
    shop.track("Product Viewed")
    assert shop.is_offered()
    assert live.live_set(shop.site_id).broken == {poison.number}


def test_a_frozen_segment_whose_deadline_has_passed_stops_no_other(shop: Shop) -> None:
    """Members stay in it, but nobody is due for it again and again."""
    slow = shop.segment("slow", A_COUNT)
    shop.segment("good", count("Product Viewed", {"last": "10m"}, "gte", 1))
    shop.show("good")
    shop.track("Product Viewed")
    viewed = shop.at_ms
    live.live_set(shop.site_id).guard.frozen[slow.number] = "too slow"

    shop.assert_flips(viewed + 10 * MINUTE, to=False)
    shop.track("Product Viewed")
    assert shop.is_offered()


def test_a_spoilt_batch_is_set_aside_and_the_next_ones_are_folded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "_set_aside", 0)
    shop.segment("viewer", A_COUNT)
    shop.show("viewer")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
            " VALUES (0, %s, %s, %s, %s)",
            [shop.site_id, shop.world.source.pk, shop.now(), '{"v": 1, "e": [{"type": 7}]}'],
        )
    answer = shop.world.post("/v1/batch", {"batch": [shop.event("Product Viewed")]})
    assert answer.json()["accepted"] == 1

    shop.settle()

    assert shop.is_offered()
    assert [row.part for row in Inbox.objects.all()] == [event_fold.ASIDE]


BAD_EVENTS: list[tuple[str, Callable[[Json], Json], str]] = [
    ("no name", lambda one: {**one, "event": ""}, "invalid_event"),
    ("no id", lambda one: {**one, "anonymousId": None}, "invalid_event"),
    ("no time", lambda one: {**one, "timestamp": "the 30th of February"}, "invalid_event"),
    ("29 February", lambda one: {**one, "timestamp": "2026-02-29T10:00:00Z"}, "invalid_event"),
    ("too old", lambda one: {**one, "timestamp": "2001-01-01T00:00:00Z"}, "event_too_old"),
    ("properties", lambda one: {**one, "properties": [1]}, "invalid_event"),
    ("NUL", lambda one: {**one, "properties": {"a": "\x00"}}, "invalid_text"),
]


def test_spoilt_events_are_refused_by_name_and_the_others_of_their_batch_count(
    shop: Shop,
) -> None:
    shop.segment("viewer", count("Product Viewed", "ever", "eq", 2))
    shop.show("viewer")
    spoilt = [spoil(shop.event("Product Viewed")) for _, spoil, _ in BAD_EVENTS]
    batch = [shop.event("Product Viewed"), *spoilt, shop.event("Product Viewed")]
    answer = shop.world.post("/v1/batch", {"batch": batch}).json()
    assert answer["accepted"] == 2
    codes = [code for _, _, code in BAD_EVENTS]
    assert [(bad["index"], bad["code"]) for bad in answer["rejected"]] == [*enumerate(codes, 1)]
    shop.settle()
    assert shop.is_offered()


def test_an_event_from_the_future_counts_as_now(shop: Shop) -> None:
    shop.segment("viewer", A_COUNT)
    shop.show("viewer")
    shop.track("Product Viewed", shop.at_ms + 365 * DAY)
    assert shop.is_offered()
    shop.assert_flips(shop.at_ms + 5 * MINUTE, to=False)

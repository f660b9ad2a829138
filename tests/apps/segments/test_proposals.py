"""Thresholds proposed for a number, and what each would have done in the past four weeks."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.access.models import Site
from apps.profiles.models import ProfileState
from apps.segments.domain.baselines import (
    DAY_MS,
    Effect,
    Followed,
    effect,
    histogram,
    quantile,
    rounded,
    wilson,
)
from apps.segments.errors import InvalidStudy
from apps.segments.studies.proposals import study
from apps.work import clock
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

HOUR = 3_600_000
VIEWS = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "1d"},
    "op": "gte", "value": 3,
}  # fmt: skip


# Arithmetic


def test_wilsons_interval_is_the_published_one():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I.
    assert [round(one, 4) for one in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(one, 4) for one in wilson(15, 148)] == [0.0624, 0.1605]
    assert [round(one, 4) for one in wilson(0, 20)] == [0.0, 0.1611]
    assert [round(one, 4) for one in wilson(1, 29)] == [0.0061, 0.1718]
    with pytest.raises(ValueError, match="nobody"):
        wilson(0, 0)


def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed():
    assert [quantile([1, 2, 3, 4], share) for share in (0, 0.25, 0.26, 0.5, 1)] == [1, 1, 2, 2, 4]


def test_a_trigger_is_false_when_the_goal_does_not_follow_within_the_horizon():
    day = DAY_MS
    people = [
        Followed([(1 * day, 5.0)], goals=[2 * day]),  # did it
        Followed([(1 * day, 5.0)], goals=[1 * day]),  # before it was met: not its doing
        Followed([(1 * day, 5.0)], goals=[9 * day]),  # too late
        Followed([(1 * day, 4.0), (1 * day + 1, 6.0), (3 * day, 5.0)], goals=[3 * day]),
        Followed([(9 * day, 5.0)], goals=[]),  # its horizon has not passed
        Followed([(1 * day, 4.0), (2 * day, None)], goals=[]),  # never met it
    ]
    found = effect(people, "gte", 5, horizon_ms=7 * day, end_ms=10 * day)
    assert found == Effect(people=5, days=6, judged=4, missed=2)


@pytest.mark.parametrize(
    ("number", "step", "is_age", "said"),
    [(3.0, 1, False, 3.0), (0.04567, 0, False, 0.0457), (1234.0, 0, False, 1230.0),
     (95 * 60_000, HOUR, True, 2 * HOUR), (95_000, 1_000, True, 95_000),
     (135_000, 1_000, True, 2 * 60_000), (50 * HOUR, HOUR, True, 2 * DAY_MS)],
    ids=str,
)  # fmt: skip
def test_a_number_is_one_that_people_would_choose(number, step, is_age, said):
    assert rounded(number, step, is_age=is_age) == said


def test_bins_of_few_people_do_not_say_how_many():
    bins = histogram([1.0] * 30 + [5.0] * 3 + [9.0] * 12, 1, fewest=10)
    assert [(one.low, one.people) for one in bins if one.people != 0] == [
        (1.0, 30),
        (5.0, None),
        (9.0, 12),
    ]


def test_no_edge_of_a_bin_is_the_value_of_fewer_than_ten():
    bins = histogram([0.5, *[3.0] * 20, *[8.0] * 10, 777.0], 0, fewest=10)
    assert (bins[0].low, bins[-1].low) == (3.0, pytest.approx(8.0 - 5 / 12))
    assert (bins[0].people, bins[-1].people) == (21, 11)
    assert histogram([1.0] * 9, 1, fewest=10) == []


# A site


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def visitor(site: Site, views: Sequence[int], orders: Sequence[int] = (), **traits: Any) -> None:
    """Somebody who was here, with product views and orders so many ms before now."""
    events = [
        *(Happened(NOW_MS - ago, "Product Viewed") for ago in views),
        *(Happened(NOW_MS - ago, "Order Completed") for ago in orders),
    ]
    made = make_profile(site, sorted(events, key=lambda one: one.at_ms), traits)
    ProfileState.objects.filter(pk=made.pk).update(last_seen_at=NOW)


def views_ago(count: int, days: float = 20) -> list[int]:
    return [int(days * DAY_MS) + HOUR + n for n in range(count)]


def test_a_threshold_tells_who_meets_it_how_often_and_how_wrongly(site):
    for _ in range(20):
        visitor(site, views_ago(5), orders=[19 * DAY_MS])
    for _ in range(20):
        visitor(site, views_ago(2))
    found = study(site.pk, VIEWS, now=NOW)
    assert (found.everyone, found.looked_at, found.is_whole) == (40, 40, True)
    assert found.now.share == 0.5
    assert found.now.a_day == pytest.approx(20 / 28)
    assert (found.now.false_share, found.now.judged) == (0.0, 20)
    assert [(one.value, one.share, one.false_share) for one in found.proposed] == [
        (2, 1.0, 0.5),
        (5, 0.5, 0.0),
    ]
    assert found.goal_share == 0.5
    assert [one.people for one in found.bins if one.people] == [20, 20]


def test_fewer_than_ten_people_are_not_told(site):
    for _ in range(30):
        visitor(site, views_ago(1))
    for _ in range(9):
        visitor(site, views_ago(4))
    found = study(site.pk, VIEWS, now=NOW)
    assert (found.now.share, found.now.a_day, found.now.false_share) == (None, None, None)
    assert [one.value for one in found.proposed] == [1]
    assert [one.people for one in found.bins] == [39]


def test_whose_horizon_has_not_passed_is_not_judged(site):
    for _ in range(12):
        visitor(site, views_ago(3, days=2))
    found = study(site.pk, VIEWS, now=NOW)
    assert (found.now.share, found.now.judged, found.now.false_share) == (1.0, None, None)
    assert study(site.pk, VIEWS, horizon_days=1, now=NOW).now.false_share == 1.0


def test_at_most_is_proposed_from_the_other_end(site):
    for number in range(40):
        visitor(site, [HOUR], age=20 + number)
    leaf = {"kind": "trait", "name": "age", "op": "lte", "value": 24}
    found = study(site.pk, leaf, now=NOW)
    assert [(one.value, one.share) for one in found.proposed] == [(39, 0.5), (29, 0.25)]


def test_of_a_trait_only_what_is_so_now_is_told(site):
    for number in range(40):
        visitor(site, [HOUR], age=20 + number)
    leaf = {"kind": "trait", "name": "age", "op": "gte", "value": 40}
    found = study(site.pk, leaf, now=NOW)
    assert (found.is_whole, found.now.share, found.now.a_day) == (False, 0.5, None)
    assert [one.value for one in found.proposed][:2] == [39, 49]


def test_the_time_since_the_latest_visit_grows_without_an_event(site):
    for number in range(20):
        visitor(site, [DAY_MS * (5 if number % 2 else 15) + HOUR])
    leaf = {
        "kind": "event", "name": "Product Viewed", "aggregate": "recency", "window": "ever",
        "op": "gt", "value": "10d",
    }  # fmt: skip
    found = study(site.pk, leaf, now=NOW)
    assert (found.is_age, found.now.share) == (True, 0.5)
    assert found.proposed[0].value == "5d"


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_are_those_of_a_plain_look_at_every_person(site, seed):
    random = Random(seed)
    lives = []
    for _ in range(25):
        views = sorted(random.sample(range(HOUR, 27 * DAY_MS, 977), random.randint(0, 12)))
        orders = sorted(random.sample(range(HOUR, 27 * DAY_MS, 1009), random.randint(0, 2)))
        lives.append((views, orders))
        visitor(site, views, orders)
    leaf = {**VIEWS, "window": {"last": "7d"}, "value": 2}
    met = days = judged = missed = 0
    for views, orders in lives:
        at = sorted({NOW_MS - ago for ago in views})
        looks = sorted({*at, *(NOW_MS - n * DAY_MS for n in range(28))})
        true = [t for t in looks if sum(t - 7 * DAY_MS < one <= t for one in at) >= 2]
        met += bool(true)
        days += len({t // DAY_MS for t in true})
        if true and true[0] + 7 * DAY_MS <= NOW_MS:
            judged += 1
            done = (NOW_MS - ago for ago in orders)
            missed += not any(true[0] < t <= true[0] + 7 * DAY_MS for t in done)
    found = study(site.pk, leaf, now=NOW)
    assert found.now.share == met / 25
    assert found.now.a_day == pytest.approx(days / 28)
    assert (found.now.judged, found.now.false_share) == (judged, missed / judged)


def test_how_long_nothing_followed_is_proposed_by_what_would_have_been(site):
    day, minute = 20 * DAY_MS, 60_000
    for number in range(24):
        orders = [day - 20 * minute] if number % 2 else []
        visitor(site, [day], orders)
    leaf = {
        "kind": "absence", "after": {"name": "Product Viewed"},
        "without": {"name": "Order Completed"}, "for": "30m", "window": {"last": "2d"},
    }  # fmt: skip
    found = study(site.pk, leaf, ["for"], now=NOW)
    # Whoever ordered did so twenty minutes later: with less patience they are met, and wrongly not.
    assert (found.is_age, found.now.value, found.now.share) == (True, "30m", 0.5)
    assert {one.value: (one.share, one.false_share) for one in found.proposed} == {
        "5m": (1.0, 0.5), "10m": (1.0, 0.5), "15m": (1.0, 0.5),
        "1h": (0.5, 1.0), "2h": (0.5, 1.0), "6h": (0.5, 1.0),
    }  # fmt: skip
    assert found.bins == []


def test_how_far_back_one_looks_is_proposed_too(site):
    for _ in range(20):
        visitor(site, [10 * DAY_MS, 13 * DAY_MS])
    leaf = {**VIEWS, "value": 2, "window": {"last": "2d"}}
    found = study(site.pk, leaf, ["window", "last"], now=NOW)
    assert found.now.share is None
    assert {one.value: one.share for one in found.proposed} == {"7d": 1.0, "14d": 1.0}


# Refusals, and the door


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        ({"kind": "consent", "purpose": "analytics"}, "no number"),
        ({**VIEWS, "op": "eq"}, "no number"),
        ({"all": []}, "no number"),
        ({"kind": "context", "name": "local_hour", "op": "gt", "value": 18}, "no number"),
        (VIEWS, "Fewer than 10 people"),
    ],
    ids=["consent", "equals", "group", "request", "nobody"],
)
def test_what_has_no_thresholds_is_refused_in_words(site, leaf, said):
    with pytest.raises(InvalidStudy, match=said):
        study(site.pk, leaf, now=NOW)


def test_only_numbers_that_a_leaf_has_are_proposed(site):
    for path in (["bind"], ["window", "since"], ["for"], []):
        with pytest.raises(InvalidStudy, match="no number"):
            study(site.pk, VIEWS, path, now=NOW)


def test_a_leaf_that_is_half_written_is_refused_with_the_place(site):
    with pytest.raises(InvalidCondition) as refused:
        study(site.pk, {**VIEWS, "name": ""}, now=NOW)
    assert refused.value.path == "name"


def test_the_form_is_told_in_words(client, site):
    now_ms = clock.to_ms(clock.now())
    for _ in range(12):
        ago = now_ms - NOW_MS
        visitor(site, [one - ago for one in views_ago(4)], orders=[19 * DAY_MS - ago])
    ProfileState.objects.filter(site_id=site.pk).update(last_seen_at=clock.now())
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    body = {"site": str(site.pk), "leaf": VIEWS}
    answer = client.post(
        "/admin/segments/segment/editor/proposals/", json.dumps(body), "application/json"
    )
    told = answer.json()
    assert told["now"]["share"] == "100%"
    assert told["now"]["false"] == "0% (0% to 24%)"
    assert told["proposed"][0]["value"] == 4
    assert told["said"][0].startswith("Looked at 12 of the 12 people")
    assert "A false trigger is a person who met it" in told["said"][1]

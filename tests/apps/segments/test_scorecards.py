"""Scores made from a form are the language's own, and everyone is counted into one step."""

import pytest

from apps.access.models import AuditEntry, Site
from apps.segments import services
from apps.segments.domain.scorecards import Row, condition, policy
from apps.segments.errors import InvalidStudy
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import scoring
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

DAY_MS = 86_400_000
ROWS = [
    Row("Product Viewed", 5, half_life="7d", cap=20),
    Row("Order Completed", 0.1, of="total"),
    Row("plan", 10, equals="pro"),
]


def test_a_form_makes_a_condition_that_reads_back():
    document = condition(ROWS, 50)
    assert document["where"]["events"] == [
        {"name": "Product Viewed", "weight": 5, "half_life": "7d", "cap": 20},
        {"name": "Order Completed", "weight": 0.1, "of": "total"},
    ]
    assert document["where"]["traits"] == [
        {"name": "plan", "op": "eq", "value": "pro", "weight": 10}
    ]
    assert describe(parse_condition(document))
    leave = parse_policy(policy(ROWS, 50, 30)).leave
    below = {**document["where"], "op": "lt", "value": 30}
    assert leave == parse_condition({"v": 1, "where": below})
    assert policy(ROWS, 50, 50) == policy(ROWS, 50, None) == {}


@pytest.mark.parametrize(
    ("rows", "enter", "leave"),
    [([], 5, None), (ROWS, 5, 6), (ROWS * 20, 5, None)],
    ids=["empty", "leaves above", "too many"],
)
def test_a_form_that_makes_no_sense_is_refused(rows, enter, leave):
    with pytest.raises(InvalidStudy):
        scoring.checked(rows, enter, leave)


def test_a_half_life_that_is_none_is_refused_with_its_place():
    with pytest.raises(InvalidCondition, match="half_life"):
        scoring.checked([Row("x", 1, half_life="soon")], 5, None)


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    for number in range(30):
        views = [Happened(NOW_MS - n * DAY_MS, "Product Viewed") for n in range(1, number % 6)]
        make_profile(site, views, traits={"plan": "pro" if number % 2 else "free"})
    return site


def test_everyone_is_in_one_step(site):
    everyone, bins = scoring.distribution(site.pk, ROWS, 20, now=NOW)
    assert (everyone, sum(one.people for one in bins), len(bins)) == (30, 30, scoring.BINS)
    assert [one.low for one in bins[:3]] == [0, 2, 4]
    assert any(one.low == 20 for one in bins)


def test_the_steps_from_entering_on_are_the_members(site):
    _, bins = scoring.distribution(site.pk, ROWS, 20, now=NOW)
    made = scoring.draft(
        site.pk, key="keen", name="Keen", rows=ROWS, enter=20, leave=10, actor=None, now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    members = Membership.objects.filter(segment=made, left_at=None).count()
    assert members == sum(one.people for one in bins if one.low >= 20) > 0
    assert Segment.objects.get(key="keen").draft_policy["leave"]["where"]["value"] == 10


def test_a_curve_fades_and_says_who_looked(site):
    found = scoring.curve(site.pk, [Row("Product Viewed", 5, half_life="7d")], actor=None, now=NOW)
    points = dict(found.points)
    assert min(points) == -30 and max(points) == 14
    assert points[-30] == 0
    assert points[0] > 0
    assert points[7] == pytest.approx(points[0] / 2)
    assert points[14] == pytest.approx(points[0] / 4)
    assert AuditEntry.objects.get().detail == {"page": "score"}


def test_where_nobody_scores_there_is_no_curve_and_no_look(site):
    assert scoring.curve(site.pk, [Row("Nothing", 5)], actor=None, now=NOW) is None
    assert not AuditEntry.objects.exists()

"""Thresholds flag whom the scores of now reach, and a fallback takes in everyone else."""

import pytest

from apps.access.models import Site
from apps.segments import services
from apps.segments.domain.costs import break_even
from apps.segments.errors import NoModelAsked, SegmentNotFound
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import thresholds
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, make_profile, make_site


@pytest.mark.parametrize(
    ("cost", "gain", "found"), [(2, 10, 0.2), (0, 5, 0.0), (5, 5, 1.0), (6, 5, None), (1, 0, None)]
)
def test_acting_pays_from_the_share_of_the_gain_that_it_costs(cost, gain, found):
    assert break_even(cost, gain) == found


@pytest.fixture
def site(db: None) -> Site:
    """Twenty scores 0.05 to 1.00, and four people without."""
    site = make_site()
    for number in range(1, 21):
        make_profile(site, traits={"score.buy": number / 20})
    for _ in range(4):
        make_profile(site)
    return site


def test_each_threshold_counts_who_reaches_it(site):
    found = thresholds.flagged(site.pk, "buy", thresholds=(0.5, 0.75, 1.0), now=NOW)
    assert (found.everyone, found.scored, found.missing) == (24, 20, 4)
    assert [(one.people, one.share) for one in found.steps] == [(11, 0.55), (6, 0.3), (1, 0.05)]


def test_models_are_those_with_a_score(site):
    make_profile(make_site(), traits={"score.other": 1})
    assert thresholds.model_names(site.pk) == ["buy"]


def test_a_model_of_no_name_is_refused(site):
    with pytest.raises(InvalidCondition):
        thresholds.flagged(site.pk, "buy", max_age="never", now=NOW)


def test_a_threshold_and_its_fallback_share_nobody(site):
    made = thresholds.draft(
        site.pk, key="buy", label="Likely", name="buy", threshold=0.75, max_age="",
        with_fallback=True, actor=None, now=NOW,
    )  # fmt: skip
    for segment in made:
        services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    sizes = [Membership.objects.filter(segment=one, left_at=None).count() for one in made]
    assert sizes == [6, 4]
    assert made[1].fallback_for == made[0]
    assert thresholds.without_fallback(site.pk) == []


def test_a_fallback_is_made_once_and_only_where_a_model_is_asked(site):
    made = thresholds.draft(
        site.pk, key="buy", label="Likely", name="buy", threshold=0.75, max_age="7d",
        with_fallback=False, actor=None, now=NOW,
    )  # fmt: skip
    assert thresholds.without_fallback(site.pk) == made
    fallback = thresholds.add_fallback(site.pk, "buy", actor=None, now=NOW)
    assert fallback.draft["where"] == {
        "kind": "model", "name": "buy", "op": "is_missing", "max_age": "1w",
    }  # fmt: skip
    services.create_segment(
        site_id=site.pk, key="all", name="All", condition={"v": 1, "where": {"all": []}}, now=NOW
    )
    with pytest.raises(NoModelAsked):
        thresholds.add_fallback(site.pk, "all", actor=None, now=NOW)
    with pytest.raises(SegmentNotFound):
        thresholds.add_fallback(site.pk, "nobody", actor=None, now=NOW)
    assert Segment.objects.count() == 3

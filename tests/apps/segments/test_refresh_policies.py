"""A refresh answers parents, exclusive groups and segments that remember as the live path does."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Segment
from apps.segments.publication_checks import MAX_GROUP
from engine.errors import InvalidCondition
from tests.apps.segments.test_refresh import members, refreshed, viewed, views
from tests.apps.segments.world import NOW, make_profile, make_site


def published(site: Site, key: str, condition: Any, policy: Any = None) -> Segment:
    segment = services.create_segment(
        site_id=site.pk, key=key, name=key, condition=condition, policy=policy or {}, now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    return segment


@pytest.fixture
def site(transactional_db: None) -> Site:
    return make_site()


LAST_10_MINUTES = {"last": "10m"}


def test_only_members_of_the_parent_are_in_from_the_first_refresh_on(site):
    viewer, pro = make_profile(site, views(5)), make_profile(site, views(5), {"plan": "pro"})
    plan = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    published(site, "pro", {"v": 1, "where": plan})
    child = published(site, "child", viewed(value=1), {"parent": "pro"})

    refreshed(site)

    assert members(child) == {pro.pk}
    assert viewer.pk not in members(child)


def test_of_an_exclusive_group_only_the_first_takes_a_person(site):
    both, one = make_profile(site, views(5, 6)), make_profile(site, views(5))
    low = published(site, "low", viewed(value=1), {"group": "tier", "priority": 1})
    high = published(site, "high", viewed(value=2), {"group": "tier", "priority": 2})

    refreshed(site)

    assert (members(low), members(high)) == ({one.pk}, {both.pk})


def test_who_came_in_before_and_has_not_left_is_found_by_folding_the_past(site):
    """Two views within ten minutes let in; nothing but a sign-out lets out."""
    person = make_profile(site, views(60, 61))
    stranger = make_profile(site, views(60, 80))
    leave = {**viewed(value=1)["where"], "name": "Signed Out"}
    sticky = published(
        site, "sticky", viewed(window=LAST_10_MINUTES), {"leave": {"v": 1, "where": leave}}
    )

    refreshed(site)

    assert members(sticky) == {person.pk}
    assert stranger.pk not in members(sticky)
    # And the next refresh finds nothing to change.
    again = refreshed(site, NOW + timedelta(minutes=1))
    assert (again.entered, again.left) == (0, 0)


def test_a_segment_that_nests_one_that_remembers_has_its_members(site):
    person = make_profile(site, views(60, 61))
    leave = {**viewed(value=1)["where"], "name": "Signed Out"}
    published(site, "sticky", viewed(window=LAST_10_MINUTES), {"leave": {"v": 1, "where": leave}})
    outer = published(site, "outer", {"v": 1, "where": {"kind": "segment", "key": "sticky"}})

    refreshed(site)

    assert members(outer) == {person.pk}
    again = refreshed(site, NOW + timedelta(minutes=1))
    assert (again.entered, again.left) == (0, 0)


def test_an_edited_segment_that_lets_people_out_of_another_has_its_past_folded_again(site):
    """Who left at the second view would have stayed, had leaving always taken three."""
    person = make_profile(site, views(60, 61))
    low = published(site, "tired", viewed(value=2))
    member = {"kind": "segment", "key": "tired"}
    sticky = published(site, "sticky", viewed(value=1), {"leave": {"v": 1, "where": member}})
    refreshed(site)
    assert members(sticky) == set()

    services.change_draft(
        site_id=site.pk, segment_id=low.pk, condition=viewed(value=3), now=NOW, actor=None
    )
    services.publish_segment(site_id=site.pk, segment_id=low.pk, actor=None, now=NOW)
    refreshed(site)

    assert members(sticky) == {person.pk}


def test_sixteen_segments_of_one_group_take_everybody_once(site):
    keys = [f"tier-{n:02}" for n in range(16)]
    segments = [
        published(site, key, viewed(value=n + 1), {"group": "tier", "priority": n})
        for n, key in enumerate(keys)
    ]
    person, busy = make_profile(site, views(5, 6, 7)), make_profile(site, views(*range(1, 31)))

    refreshed(site)

    assert [segment.key for segment in segments if person.pk in members(segment)] == ["tier-02"]
    assert [segment.key for segment in segments if busy.pk in members(segment)] == ["tier-15"]


def test_a_group_that_grows_beyond_its_limit_is_refused_by_its_name(site):
    for n in range(MAX_GROUP):
        published(site, f"tier-{n:02}", viewed(), {"group": "tier"})
    with pytest.raises(InvalidCondition) as refusal:
        published(site, "one-more", viewed(), {"group": "tier", "priority": 5})
    assert refusal.value.path == "policy.group"


def test_segments_of_a_group_that_ask_for_each_other_are_refused(site):
    published(site, "second", viewed(), {"group": "tier"})
    asks = {"v": 1, "where": {"kind": "segment", "key": "second"}}
    with pytest.raises(InvalidCondition, match="contains itself"):
        published(site, "first", asks, {"group": "tier", "priority": 1})

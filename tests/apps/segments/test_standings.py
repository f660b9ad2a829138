"""What stands beside a segment's condition: tags, a fallback, a cadence, its size and effect."""

from datetime import timedelta

import pytest

from apps.segments import baselines, fallbacks, selectors, services, standings
from apps.segments.errors import InvalidTag, NoModelAsked, SegmentNotFound
from apps.segments.models import Segment
from apps.segments.standings import LEAST_DRIFTED
from apps.segments.tasks import refresh_due
from apps.work import clock
from apps.work.models import Intent
from tests.apps.segments.versioned import OLD, PRO, make, members, people, publish, refreshed, site
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

__all__ = ["people", "site"]  # fixtures


def details(segment: Segment, **given: object) -> Segment:
    fields = {"tags": [], "refresh_every_s": None, "fallback_for_id": None, "owner_note": ""}
    return services.change_details(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW, **{**fields, **given}
    )


@pytest.mark.parametrize(
    "tag", ["High Value", "segment:other", "", "é", 5, "x" * 61],
    ids=["blank", "of-another", "empty", "accent", "number", "long"],
)  # fmt: skip
def test_tags_are_slugs_and_nobody_elses(site, tag):
    segment = make(site)
    with pytest.raises(InvalidTag):
        details(segment, tags=[tag])


def test_every_segment_has_its_own_tag(site):
    segment = make(site)
    details(segment, tags=["high-value", "segment:vip", "high-value"])
    (found,) = standings.standings(site.pk, now=NOW)
    assert found.tags == ["segment:vip", "high-value"]


def test_a_fallback_stands_in_for_a_segment_of_the_same_site(site):
    vip, other = make(site), make(site, "fallback", OLD)
    assert details(other, fallback_for_id=vip.pk).fallback_for_id == vip.pk
    with pytest.raises(SegmentNotFound):
        details(other, fallback_for_id=make(make_site()).pk)
    assert details(other, fallback_for_id=other.pk).fallback_for_id is None


def test_who_has_no_score_is_in_the_fallback(site):
    model = {"kind": "model", "name": "churn", "op": "gte", "value": 0.5, "max_age": "7d"}
    leaving = make(site, "leaving", {"all": [model, PRO]})
    fallback = fallbacks.create_fallback(
        site_id=site.pk, segment_id=leaving.pk, actor=None, now=NOW
    )
    assert (fallback.key, fallback.fallback_for) == ("leaving-fallback", leaving)
    publish(leaving)
    publish(fallback)
    scored = make_profile(site, traits={"plan": "pro", "score.churn": 0.9})
    unscored = make_profile(site, traits={"plan": "pro"})
    refreshed(leaving)
    assert (members(leaving), members(fallback)) == ({scored.pk}, {unscored.pk})
    with pytest.raises(NoModelAsked):
        fallbacks.create_fallback(site_id=site.pk, segment_id=make(site).pk, actor=None, now=NOW)


def test_a_cadence_of_its_own_asks_for_a_refresh_when_it_is_time(site, people):
    segment = make(site)
    publish(segment)
    details(segment, refresh_every_s=5)
    segment.refresh_from_db()
    assert segment.refresh_every_s == services.LEAST_REFRESH_S
    Intent.objects.all().delete()
    assert standings.due_for_refresh(NOW + timedelta(seconds=59)) == []
    assert standings.due_for_refresh(NOW + timedelta(seconds=60)) == [site.pk]
    clock.replace(lambda: NOW + timedelta(hours=1))
    try:
        refresh_due()
    finally:
        clock.replace(None)
    assert Intent.objects.get(kind="segments.refresh").site_id == site.pk


def test_a_size_that_moved_far_asks_for_a_look(site):
    segment = make(site)
    for _ in range(LEAST_DRIFTED):
        make_profile(site, traits={"plan": "pro"})
    publish(segment)
    assert standings.recalibrations(site.pk, now=NOW) == []
    for _ in range(LEAST_DRIFTED):
        make_profile(site, traits={"plan": "pro"})
    refreshed(segment)
    (found,) = standings.recalibrations(site.pk, now=NOW)
    assert (found.key, found.size, found.drift) == ("vip", 2 * LEAST_DRIFTED, 1.0)


def test_standings_say_how_fresh_a_size_is(site, people):
    for _ in range(9):
        make_profile(site, traits={"plan": "pro"})
    segment = make(site)
    (draft,) = standings.standings(site.pk, now=NOW)
    assert (draft.state, draft.size, draft.as_of) == ("draft", None, None)
    publish(segment)
    later = NOW + timedelta(seconds=5)
    (live,) = standings.standings(site.pk, now=later)
    assert (live.state, live.size, live.as_of, live.lag_s) == ("live", 12, later, 0.0)
    assert not live.is_small
    assert live.refreshed_at == NOW


def test_how_members_convert_beside_everyone(site):
    def bought(days_ago: int) -> list[Happened]:
        return [Happened(NOW_MS - days_ago * 86_400_000, "Order Completed")]

    recent = [Happened(NOW_MS - 1000, "Page Viewed")]
    for events, traits in (
        (bought(1), {"plan": "pro"}),
        (bought(40) + recent, {"plan": "pro"}),
        (bought(3), {}),
        (recent, {}),
        (recent, {}),
        (bought(50), {"plan": "pro"}),
    ) * 10:
        profile = make_profile(site, events, traits)
        seen = max(event.at_ms for event in events)
        profile.state.last_seen_at = clock.from_ms(seen)
        profile.state.save(update_fields=["last_seen_at"])
    publish(make(site))
    assert baselines.measure(site.pk, now=NOW) == 1
    (found,) = standings.standings(site.pk, now=NOW)
    assert found.baseline is not None
    assert (found.baseline.members, found.baseline.members_rate) == (20, 0.5)
    assert found.baseline.everyone_rate == 0.4
    assert found.baseline.lift == pytest.approx(0.25)
    assert baselines.measure(site.pk, now=NOW + timedelta(hours=1)) == 0, "once a day"
    assert baselines.measure(site.pk, now=NOW + timedelta(days=1)) == 1


def test_overviews_cost_the_same_for_many_segments(site, people, django_assert_num_queries):
    def count(keys: list[str]) -> int:
        with django_assert_num_queries(5) as captured:
            assert len(standings.standings(site.pk, now=NOW)) == len(keys)
        return len(captured)

    publish(make(site, "a"))
    first = count(["a"])
    for key in "bcde":
        publish(make(site, key))
    assert count(list("abcde")) == first
    assert selectors.request_segments(site.pk) == frozenset()

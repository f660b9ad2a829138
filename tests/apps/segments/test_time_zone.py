"""A site that moves to another time zone: days begin at other times for everybody at once."""

import pytest

from apps.access.models import Site
from apps.segments import explaining, live, previews, services
from apps.segments.models import LiveSet
from apps.segments.refresh import refresh_site
from apps.segments.tasks import REFRESH
from apps.work.models import Intent
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

TODAY = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count",
    "window": {"calendar": "day"}, "op": "gte", "value": 1,
}  # fmt: skip


@pytest.fixture
def site(db: None) -> Site:
    """A site with one live segment, whose first save has been followed."""
    made = make_site(zone="UTC")
    segment = services.create_segment(
        site_id=made.pk, key="today", name="Today", condition={"v": 1, "where": TODAY}, now=NOW
    )
    services.publish_segment(site_id=made.pk, segment_id=segment.pk, actor=None, now=NOW)
    refresh_site(site_id=made.pk, read_clock=lambda: NOW)
    made.save()
    Intent.objects.all().delete()
    return made


def number_of(site: Site) -> int:
    return LiveSet.objects.get(site=site).number


def test_another_zone_moves_the_live_set_and_asks_for_a_refresh(site: Site) -> None:
    before = number_of(site)
    assert live.live_set(site.pk).site_zone == "UTC"
    site.time_zone = "Asia/Kolkata"
    site.save()
    assert number_of(site) == before + 1
    assert live.live_set(site.pk).site_zone == "Asia/Kolkata"
    assert Intent.objects.filter(site_id=site.pk, kind=REFRESH).count() == 1


def test_another_name_of_a_site_changes_nothing(site: Site) -> None:
    before = number_of(site)
    site.name = "Shop"
    site.save()
    assert number_of(site) == before
    assert not Intent.objects.filter(site_id=site.pk).exists()


def test_a_zone_written_past_the_models_is_noticed_by_the_consumers(site: Site) -> None:
    known = live.live_set(site.pk)
    Site.objects.filter(pk=site.pk).update(time_zone="Europe/Paris")
    again = live.live_set(site.pk)
    assert again is not known and again.site_zone == "Europe/Paris"
    Site.objects.filter(pk=site.pk).update(time_zone="Nowhere/Land")
    assert live.live_set(site.pk).site_zone == "UTC"
    assert live.live_set(site.pk) is live.live_set(site.pk)


@pytest.mark.django_db
def test_why_somebody_is_in_is_told_by_the_days_of_the_site() -> None:
    """At noon of UTC it is one o'clock of the next day in Auckland."""
    hour_ms = 3_600_000
    for zone, hours_ago, meets in (
        ("UTC", 2, True),
        ("Pacific/Auckland", 2, False),
        ("Pacific/Auckland", 0.5, True),
    ):
        there = make_site(zone=zone)
        seen = [Happened(NOW_MS - int(hours_ago * hour_ms), "Product Viewed")]
        person = make_profile(there, seen)
        draft = previews.draft_of(there.pk, {"v": 1, "where": TODAY})
        found = explaining.explain(draft, person.pk, now=NOW)
        assert found is not None
        assert found.meets is meets, (zone, hours_ago)
        assert found.line.found == ("1" if meets else "0")

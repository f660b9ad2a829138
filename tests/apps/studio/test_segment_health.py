"""Segment health: whether a segment stays itself, is one kind of people, and converts otherwise."""

import random
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.studies.coherence import WINDOW, area, study
from apps.segments.studies.cohorts import MONTH, months_of
from apps.work import clock
from tests.apps.recommendations.world import Seen, make_profile, make_site, store

pytestmark = pytest.mark.django_db
THEN = timedelta(days=200)


@pytest.fixture
def site() -> Site:
    return make_site()


def publish(site: Site, key: str) -> Segment:
    condition = {"v": 1, "where": {"kind": "trait", "name": key, "op": "eq", "value": True}}
    now = clock.now()
    made = services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=condition, now=now
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=now)
    return made


def put(
    segment: Segment, people: list[UUID], *, since=THEN, until: timedelta | None = None
) -> None:
    now = clock.now()
    version = SegmentVersion.objects.get(segment=segment)
    Membership.objects.bulk_create(
        Membership(
            site_id=segment.site_id, segment=segment, version=version, profile_id=one,
            since=now - since, left_at=None if until is None else now - until,
        )
        for one in people
    )  # fmt: skip


def fill(site: Site) -> tuple[list[UUID], list[UUID]]:
    """People who come often and buy often; and others who do neither."""
    now, chance, events = clock.now(), random.Random(7), []
    keen = [make_profile(site, last_seen_at=now) for _ in range(120)]
    others = [make_profile(site, last_seen_at=now) for _ in range(120)]
    for profile_id in [*keen, *others]:
        is_keen = profile_id in keen
        for _ in range(chance.randint(8, 12) if is_keen else chance.randint(1, 4)):
            at = now - WINDOW - timedelta(days=chance.uniform(0.1, 28))
            events.append(Seen(profile_id, at, name="Page Viewed", category="hats"))
        if chance.random() < (0.5 if is_keen else 0.1):
            events.append(Seen(profile_id, now - timedelta(days=5), name="Order Completed"))
    store(site, events)
    return keen, others


def test_an_area_is_the_chance_to_have_more() -> None:
    assert area([3, 4], [1, 2]) == 1.0
    assert area([1, 2], [1, 2]) == 0.5
    assert area([1], [1, 1, 2, 0]) == 0.5


def test_months_tell_who_stayed(site: Site) -> None:
    segment = publish(site, "pro")
    people = [make_profile(site) for _ in range(40)]
    put(segment, people[:20])
    put(segment, people[20:], until=MONTH + timedelta(days=10))  # within the month before the last
    *_, before, last = months_of([segment.pk], now=clock.now())[segment.pk]
    assert (before.before, before.after, before.stayed) == (40, 20, 20)
    assert (before.jaccard, before.retention) == (0.5, 0.5)
    assert (last.before, last.after, last.jaccard) == (20, 20, 1.0)


def test_a_segment_is_told_by_behaviour_and_by_its_conversion(site: Site) -> None:
    keen, _ = fill(site)
    segment, copy = publish(site, "keen"), publish(site, "copy")
    put(segment, keen)
    put(copy, keen[:110])
    found = study(site.pk, [segment.pk, copy.pk], goal="Order Completed", now=clock.now())
    assert found.people == 240
    health = found.segments[0]
    assert health.behaviour == "events in 30 days"
    assert health.is_more
    assert health.auc == 1.0
    assert health.members is not None
    assert health.others is not None
    assert health.members.is_apart(health.others)
    assert [(one.left, one.right) for one in found.merges] == [(0, 1)]


def test_a_segment_of_two_kinds_of_people_is_proposed_to_be_split(site: Site) -> None:
    keen, others = fill(site)
    segment = publish(site, "all")
    put(segment, [*keen[:80], *others[:80]])
    (health,) = study(site.pk, [segment.pk], goal="Order Completed", now=clock.now()).segments
    assert health.split is not None
    words, _, above, below = health.split
    assert words in {"events in 30 days", "days with a visit in 30 days"}
    assert above.share > below.share


def test_the_page_tells_it_in_words_and_no_small_number(client: Client, site: Site) -> None:
    client.force_login(User.objects.create_superuser("root"))
    url = reverse("admin:audience_health")
    assert "No segment has members yet" in client.get(url).content.decode()
    keen, others = fill(site)
    segment, small = publish(site, "keen"), publish(site, "small")
    put(segment, keen)
    put(small, others[:4])
    SegmentVersion.objects.update(state=SegmentVersion.State.LIVE, size=120)
    said = client.get(url, {"goal": "Order Completed", "count": "1"}).content.decode()
    assert "more events in 30 days" in said
    assert "converts otherwise" in said
    assert "too few people" in said
    assert "&lt;10" in said
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(url).status_code == 403


def test_points_are_fitted_into_the_form_from_who_converted(client: Client, site: Site) -> None:
    client.force_login(User.objects.create_superuser("root"))
    now, chance, events = clock.now(), random.Random(2), []
    for number in range(200):
        profile_id = make_profile(site, last_seen_at=now)
        adds = number % 2 == 0
        name = "Product Added" if adds else "Page Viewed"
        events.append(Seen(profile_id, now - timedelta(days=9), name=name))
        if chance.random() < (0.6 if adds else 0.15):
            events.append(Seen(profile_id, now - timedelta(days=2), name="Order Completed"))
    store(site, events)
    url = reverse("admin:audience_scores")
    asked = {"kind0": "event", "name0": "Product Added", "enter": "10", "leave": "5"}
    said = client.post(url, {**asked, "fit": "1", "conversion": "Order Completed"})
    (_, points, people, _, others, _) = said.context["fitted"][0]
    assert points > 15
    assert (people, others) == ("100", "100")
    assert said.context["rows"][0]["weight"] == f"{points:g}"
    assert "Where the points come from" in said.content.decode()
    refused = client.post(url, {**asked, "fit": "1", "conversion": "Never Sent"})
    assert "Too little to fit with" in refused.content.decode()

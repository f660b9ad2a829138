"""Who is affected by a breach: by segment, by source, by time; and that it was asked is logged."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import AuditEntry, Source
from apps.events.models import Event
from apps.pipeline import fold
from apps.privacy import breach
from apps.profiles.models import Identity
from apps.segments.models import Segment
from apps.segments.refresh import refresh_site
from apps.work import clock
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import NOW, World
from tests.apps.privacy.test_processing import BASE, as_role

DAY = timedelta(days=1)


def view(who: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "messageId": str(uuid7()), "anonymousId": who,
        "properties": {"category": "blouses"},
    } | fields  # fmt: skip


@pytest.fixture
def shop(world: World) -> Iterator[World]:
    """Two visitors of the web, one of them known; one through another source, the day before."""
    clock.replace(lambda: NOW)
    world.hero()
    refresh_site(site_id=world.site.pk)
    other = access.create_source(
        site_id=world.site.pk, name="app", kind="server", consent_mode="assumed", now=NOW
    )
    key = access.issue_key(source_id=other.pk, kind="sk", now=NOW)[1]
    identify = view("a1", type="identify", userId="u1")
    assert world.post("/v1/batch", {"batch": [view("a1"), identify]}, key=world.sk)
    world.post("/v1/batch", {"batch": [view("a2", properties={})]}, key=world.sk)
    world.post("/v1/batch", {"batch": [view("a3")]}, key=key)
    while fold.fold_once(now=NOW) is not fold.NOTHING:
        pass
    Event.objects.filter(source_id=other.pk).update(received_at=NOW - DAY)
    yield world
    clock.replace(None)


def people(scope: breach.Scope) -> set[str]:
    ids = {who.removeprefix("prf_") for who, _ in breach.ids_of(scope)}
    found = breach.affected_by(scope)
    assert found.people == len(ids)
    rows = Identity.objects.exclude(kind="user_id").values_list("profile_id", "value")
    return {value for profile_id, value in rows if profile_id.hex in ids}


def test_each_part_narrows_who_is_affected(shop: World) -> None:
    site = shop.site.pk
    app = Source.objects.get(name="app").pk
    blouses = Segment.objects.get(key="blouses").pk
    assert people(breach.Scope(site)) == {"a1", "a2", "a3"}
    assert people(breach.Scope(site, source_id=app)) == {"a3"}
    assert people(breach.Scope(site, segment_id=blouses)) == {"a1", "a3"}
    assert people(breach.Scope(site, since=NOW - DAY / 2)) == {"a1", "a2"}
    assert people(breach.Scope(site, until=NOW - DAY / 2)) == {"a3"}
    assert people(breach.Scope(site, source_id=app, since=NOW - DAY / 2)) == set()
    assert people(breach.Scope(site, segment_id=blouses, until=NOW - DAY)) == set()
    assert breach.affected_by(breach.Scope(site)).known == 1
    assert people(breach.Scope(World("other").site.pk)) == set()


def test_the_list_asks_for_a_reason_and_is_logged_without_anybodys_name(shop: World) -> None:
    client = as_role("privacy_officer")
    page = client.get(f"{BASE}breach/?segment=&source=&known_at=2026-03-09T12:00").content.decode()
    assert "3 people are affected" in page
    assert "12 Mar 2026 12:00" in page
    refused = client.post(f"{BASE}breach/", {"site": "shop", "segment": ""})
    assert "Say what the list is for" in refused.content.decode()
    assert not AuditEntry.objects.filter(action="privacy.breach_listed").exists()
    answer = client.post(f"{BASE}breach/", {"site": "shop", "segment": "", "reason": "authority"})
    lines = answer.content.decode().splitlines()
    assert lines[0] == "profile,can be named"
    assert len(lines) == 4
    assert not {"a1", "u1", "a2"} & {part for line in lines for part in line.split(",")}
    entry = AuditEntry.objects.get(action="privacy.breach_listed")
    assert entry.detail["people"] == 3
    assert entry.detail["reason"] == "authority"


def test_a_time_that_ends_before_it_begins_is_refused(shop: World) -> None:
    client = as_role("privacy_officer")
    asked = "?segment=&since=2026-03-09T12:00&until=2026-03-08T12:00"
    page = client.get(f"{BASE}breach/{asked}").content.decode()
    assert "It is not after the beginning." in page
    assert "are affected" not in page


@pytest.mark.parametrize("typed", ["blouses", "Blouses", " BLOUSES "])
def test_a_segment_is_typed_by_its_key_or_name(shop: World, typed: str) -> None:
    client = as_role("privacy_officer")
    page = client.get(f"{BASE}breach/", {"segment": typed}).content.decode()
    assert "2 people are affected" in page
    said = {"site": "shop", "segment": typed, "reason": "exercise"}
    assert len(client.post(f"{BASE}breach/", said).content.decode().splitlines()) == 3
    blouses = Segment.objects.get(key="blouses")
    detail = AuditEntry.objects.get(action="privacy.breach_listed").detail
    assert detail["segment"] == str(blouses.pk)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("blous", "Did you mean one of these: blouses ("),
        ("trousers", "Leave it empty for everybody."),
        ("blouses\0", "Null characters are not allowed."),
    ],
    ids=["a part of one", "none", "a character that cannot be"],
)
def test_an_unknown_segment_is_said_and_nobody_is_counted_or_listed(
    shop: World, typed: str, answer: str
) -> None:
    World("other").segment("trousers")
    client = as_role("privacy_officer")
    page = client.get(f"{BASE}breach/", {"site": "shop", "segment": typed}).content.decode()
    assert answer in page
    assert "affected</h2>" not in page
    said = {"site": "shop", "segment": typed, "reason": "authority"}
    refused = client.post(f"{BASE}breach/", said)
    assert answer in refused.content.decode()
    assert not AuditEntry.objects.filter(action="privacy.breach_listed").exists()


def test_a_name_of_several_segments_asks_for_a_key_and_a_key_goes_before_a_name(
    shop: World,
) -> None:
    for key in ("one", "two"):
        shop.segment(key)
    Segment.objects.filter(key__in=["one", "two"]).update(name="Blouses")
    Segment.objects.filter(key="blouses").update(name="All")
    client = as_role("privacy_officer")
    page = client.get(f"{BASE}breach/", {"segment": "Blouses"}).content.decode()
    assert "2 people are affected" in page
    Segment.objects.filter(key="blouses").update(key="all")
    page = client.get(f"{BASE}breach/", {"segment": "Blouses"}).content.decode()
    assert "one (Blouses), two (Blouses). Type the key of one." in page


def test_nobody_who_may_not_see_people_gets_the_list(shop: World) -> None:
    said = {"site": "shop", "segment": "", "reason": "authority"}
    assert as_role("administrator").post(f"{BASE}breach/", said).status_code == 403

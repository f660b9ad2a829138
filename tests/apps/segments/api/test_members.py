"""Members in bulk, page by page."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.profiles.models import ProfileState
from apps.segments import members
from apps.segments.models import Segment, SegmentVersion
from tests.apps.delivery.conftest import World
from tests.apps.segments.api.conftest import (
    MINUTE,
    PRO,
    VIEWED,
    at,
    get,
    person,
    problem,
    published,
    read,
    refresh,
    viewer,
)
from tests.apps.segments.world import NOW


def ids(page: Any) -> list[str]:
    return [row["profileId"] for row in page["data"]]


def test_members_come_page_by_page_with_their_identities(world):
    known = {f"prf_{person(world, f'u{n}', plan='pro').hex}" for n in range(5)}
    published(world, "pros", PRO)
    refresh(world)
    found: list[str] = []
    cursor: dict[str, Any] = {"next": "", "has_more": True}
    while cursor["has_more"]:
        page = read(
            world, "/v1/segments/pros/members", limit=2, include="external_ids",
            **({"next": cursor["next"]} if cursor["next"] else {}),
        )  # fmt: skip
        found += ids(page)
        assert all(row["externalIds"][0]["type"] == "user_id" for row in page["data"])
        cursor = page["cursor"]
    assert (len(found), set(found)) == (5, known)
    assert "externalIds" not in read(world, "/v1/segments/pros/members")["data"][0]


def test_who_stays_is_met_once_whoever_comes_and_goes_between_pages(world):
    people = sorted(person(world, f"u{n}", plan="pro") for n in range(8))
    published(world, "pros", PRO)
    refresh(world)
    first = read(world, "/v1/segments/pros/members", limit=4)
    gone = people[1], people[6]
    for profile_id in gone:
        ProfileState.objects.filter(pk=profile_id).update(traits={})
    came = person(world, "new", plan="pro")
    refresh(world)
    second = read(world, "/v1/segments/pros/members", next=first["cursor"]["next"])
    assert not second["cursor"]["has_more"]
    met = ids(first) + ids(second)
    assert len(met) == len(set(met))
    stayed = {f"prf_{one.hex}" for one in people if one not in gone}
    assert stayed <= set(met) <= stayed | {f"prf_{one.hex}" for one in (*gone, came)}


def test_bulk_and_changes_together_miss_nobody(world):
    people = [person(world, f"u{n}", plan="pro") for n in range(3)]
    published(world, "pros", PRO)
    refresh(world)
    page = read(world, "/v1/segments/pros/members")
    known = set(ids(page))
    ProfileState.objects.filter(pk=people[0]).update(traits={})
    came = person(world, "new", plan="pro")
    refresh(world)
    changes = read(world, "/v1/segments/changes", cursor=page["cursor"]["changes"])
    for row in changes["data"]:
        (known.add if row["type"] == "entered" else known.discard)(row["profileId"])
    assert known == {f"prf_{one.hex}" for one in (*people[1:], came)}
    assert {row["late"] for row in changes["data"]} == {False}
    nothing = read(world, "/v1/segments/changes", cursor=changes["cursor"]["next"])
    assert (nothing["data"], nothing["cursor"]["has_more"]) == ([], False)


def test_who_has_left_by_time_is_no_member_before_the_timer_has_fired(world):
    viewer(world, "u1", 4)
    stays = viewer(world, "u2", 1)
    published(world, "viewers", VIEWED)
    refresh(world)
    at(NOW + 7 * MINUTE)
    page = read(world, "/v1/segments/viewers/members")
    assert ids(page) == [f"prf_{stays.hex}"]
    assert page["data"][0]["validUntil"] == "2026-03-02T12:09:00.000Z"


def test_members_that_are_not_kept_are_refused(world):
    mobile = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    published(world, "mobile", mobile)
    published(world, "building", PRO)
    assert problem(get(world, "/v1/segments/nobody/members")) == (404, "segment_not_found")
    assert problem(get(world, "/v1/segments/building/members")) == (422, "segment_not_kept")
    refresh(world)
    assert problem(get(world, "/v1/segments/mobile/members")) == (422, "segment_not_kept")
    hidden = Segment.objects.create(
        site=world.site, number=99, key="hid", name="h", draft={}, is_hidden=True, created_at=NOW
    )
    assert problem(get(world, f"/v1/segments/{hidden.key}/members")) == (404, "segment_not_found")


def test_nobody_reads_another_sites_segments(world):
    other = World(key="other")
    published(world, "pros", PRO)
    refresh(world)
    assert problem(get(other, "/v1/segments/pros/members")) == (404, "segment_not_found")
    assert read(other, "/v1/segments")["data"] == []
    assert read(other, "/v1/segments/changes")["data"] == []


def test_a_member_page_is_a_few_statements_however_many_members(world):
    for n in range(30):
        person(world, f"u{n}", plan="pro")
    segment = published(world, "pros", PRO)
    refresh(world)
    with CaptureQueriesContext(connection) as queries:
        page = members.members_page(segment, after="", limit=20, now=NOW, with_ids=True)
    assert (len(queries), len(page.rows)) == (1, 20)
    assert SegmentVersion.objects.get(segment=segment).state == "live"

"""Segments over HTTP: who is in them, read in bulk and by changes, and lists filled by files."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from apps.profiles.identities import add
from apps.profiles.models import ProfileState
from apps.segments import members, services
from apps.segments.models import ListMember, ListUpload, Membership, Segment, SegmentVersion
from apps.segments.refresh import refresh_site
from apps.segments.stays import encode_stays
from apps.work import clock, feed
from apps.work.services import record_change
from tests.apps.delivery.conftest import World
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
MINUTE = timedelta(minutes=1)
VIEWED = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "10m"},
    "op": "gte", "value": 1,
}  # fmt: skip


@pytest.fixture
def world(db: None) -> Iterator[World]:
    clock.replace(lambda: NOW)
    yield World()
    clock.replace(None)


def at(moment: Any) -> None:
    clock.replace(lambda: moment)


def get(world: World, path: str, *, key: str = "", etag: str = "", **query: Any) -> HttpResponse:
    headers = {"Authorization": f"Bearer {key or world.sk}"}
    if etag:
        headers["If-None-Match"] = etag
    return world.client.get(path, query, headers=headers)


def read(world: World, path: str, **query: Any) -> Any:
    response = get(world, path, **query)
    assert response.status_code == 200, response.content
    return response.json()


def post(world: World, path: str, body: bytes = b"", **headers: str) -> HttpResponse:
    given = {"Authorization": f"Bearer {world.sk}", **headers}
    return world.client.post(path, body, content_type="text/csv", headers=given)


def published(world: World, key: str, node: object, **fields: Any) -> Segment:
    made = services.create_segment(
        site_id=world.site.pk, key=key, name=key.title(), condition={"v": 1, "where": node},
        now=NOW, **fields,
    )  # fmt: skip
    services.publish_segment(site_id=world.site.pk, segment_id=made.pk, actor=None, now=NOW)
    return made


def person(world: World, user: str, **traits: Any) -> UUID:
    profile = make_profile(world.site, traits=traits)
    add({(world.site.pk, "user_id", user): profile.pk}, now=NOW)
    ProfileState.objects.filter(pk=profile.pk).update(identities=[f"user_id:{user}"])
    return profile.pk


def viewer(world: World, user: str, minutes_ago: int) -> UUID:
    profile = make_profile(world.site, [Happened(NOW_MS - minutes_ago * 60_000, "Product Viewed")])
    add({(world.site.pk, "user_id", user): profile.pk}, now=NOW)
    return profile.pk


def refresh(world: World) -> None:
    refresh_site(site_id=world.site.pk, read_clock=clock.now)


def problem(response: HttpResponse) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


# One person


def test_a_membership_says_until_when_it_holds_and_ends_then_without_any_timer(world):
    viewer(world, "u1", 4)
    published(world, "viewers", VIEWED)
    refresh(world)
    (row,) = read(world, "/v1/profiles/user_id:u1/segments")["data"]
    assert row == {
        "key": "viewers", "enteredAt": "2026-03-02T12:00:00.000Z",
        "validUntil": "2026-03-02T12:06:00.000Z", "source": "rule",
    }  # fmt: skip
    at(NOW + 6 * MINUTE - timedelta(milliseconds=1))
    assert len(read(world, "/v1/profiles/user_id:u1/segments")["data"]) == 1
    at(NOW + 6 * MINUTE)
    assert read(world, "/v1/profiles/user_id:u1/segments")["data"] == []
    assert Membership.objects.get(left_at=None), "no timer has fired"


def test_a_forecast_that_has_run_out_is_answered_by_evaluation(world):
    profile_id = viewer(world, "u1", 4)
    segment = published(world, "viewers", VIEWED)
    refresh(world)
    start = NOW_MS - 60_000
    for stay, expected in (
        ((True, start, None, None, start), ["viewers"]),
        ((False, start, True, NOW_MS, None), ["viewers"]),
    ):
        ProfileState.objects.filter(pk=profile_id).update(
            memberships=encode_stays({segment.number: stay})
        )
        rows = read(world, "/v1/profiles/user_id:u1/segments")["data"]
        assert [row["key"] for row in rows] == expected
        assert rows[0]["validUntil"] == "2026-03-02T12:06:00.000Z"
    at(NOW + 6 * MINUTE)
    assert read(world, "/v1/profiles/user_id:u1/segments")["data"] == []


def test_an_etag_answers_304_until_something_changes(world):
    viewer(world, "u1", 4)
    published(world, "viewers", VIEWED)
    refresh(world)
    first = get(world, "/v1/profiles/user_id:u1/segments")
    etag = first.headers["ETag"]
    at(NOW + MINUTE)
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        again = get(world, "/v1/profiles/user_id:u1/segments", etag=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
    at(NOW + 6 * MINUTE)
    changed = get(world, "/v1/profiles/user_id:u1/segments", etag=etag)
    assert changed.status_code == 200 and changed.headers["ETag"] != etag


def test_reading_one_person_is_two_statements(world):
    viewer(world, "u1", 4)
    published(world, "viewers", VIEWED)
    refresh(world)
    read(world, "/v1/profiles/user_id:u1/segments")
    with CaptureQueriesContext(connection) as queries:
        read(world, "/v1/profiles/user_id:u1/segments")
    assert len(queries) <= 2


def test_what_a_list_or_a_model_put_there_says_so(world):
    person(world, "u1", **{"list.press": True, "score.churn": 0.75})
    published(world, "press", {"kind": "list", "key": "press"}, kind=Segment.Kind.LIST)
    published(world, "leaving", {"kind": "model", "name": "churn", "op": "gte", "value": 0.5})
    refresh(world)
    rows = {row["key"]: row for row in read(world, "/v1/profiles/user_id:u1/segments")["data"]}
    assert (rows["press"]["source"], "score" in rows["press"]) == ("manual", False)
    assert (rows["leaving"]["source"], rows["leaving"]["score"]) == ("model", 0.75)


def test_an_instant_in_the_past_shows_what_was(world):
    viewer(world, "u1", 4)
    published(world, "viewers", VIEWED)
    refresh(world)
    at(NOW + 10 * MINUTE)
    refresh(world)
    path = "/v1/profiles/user_id:u1/segments"
    then = {
        minutes: read(world, path, at=(NOW + minutes * MINUTE).isoformat())["data"]
        for minutes in (-1, 0, 5, 6)
    }
    assert {minutes: len(rows) for minutes, rows in then.items()} == {-1: 0, 0: 1, 5: 1, 6: 0}
    assert then[5][0]["validUntil"] == "2026-03-02T12:06:00.000Z"
    assert read(world, path, at="2030-01-01T00:00:00Z")["data"] == []


def test_an_archived_segment_is_nobodys_at_once(world):
    viewer(world, "u1", 4)
    segment = published(world, "viewers", VIEWED)
    refresh(world)
    services.archive_segment(site_id=world.site.pk, segment_id=segment.pk, actor=None, now=NOW)
    assert read(world, "/v1/profiles/user_id:u1/segments")["data"] == []


# All segments


def test_the_list_says_how_many_and_how_fresh(world):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    services.create_segment(
        site_id=world.site.pk, key="draft", name="Draft", condition={"v": 1, "where": PRO}, now=NOW
    )
    refresh(world)
    draft, pros = read(world, "/v1/segments")["data"]
    assert (draft["key"], draft["state"], draft["size"], draft["asOf"]) == (
        "draft", "draft", None, None,
    )  # fmt: skip
    assert (pros["state"], pros["version"], pros["size"]) == ("live", 1, 1)
    assert pros["tags"] == ["segment:pros"]
    assert (pros["asOf"], pros["lagSeconds"]) == ("2026-03-02T12:00:00.000Z", 0.0)
    page = read(world, "/v1/segments", limit=1)
    assert page["cursor"] == {"has_more": True, "next": "draft", "limit": 1}
    assert [row["key"] for row in read(world, "/v1/segments", next="draft")["data"]] == ["pros"]


def test_one_broken_segment_does_not_stop_the_others(world):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    broken = published(world, "broken", PRO | {"value": "x"})
    refresh(world)
    broken.versions.update(condition={"v": 1, "where": {"kind": "unheard of"}})
    assert len(read(world, "/v1/segments")["data"]) == 2
    assert len(read(world, "/v1/segments/pros/members")["data"]) == 1


# Members


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


# Changes


def test_changes_are_told_of_one_segment_or_all_with_merges(world):
    one, other = person(world, "u1", plan="pro"), person(world, "u2", age=70)
    published(world, "pros", PRO)
    published(world, "old", {"kind": "trait", "name": "age", "op": "gte", "value": 65})
    refresh(world)
    record_change(
        "profile.merged", site_id=world.site.pk, profile_id=one, payload={"loser": str(other)},
        now=NOW,
    )  # fmt: skip
    rows = read(world, "/v1/segments/changes", include="external_ids")["data"]
    assert {(row["type"], row.get("segment")) for row in rows} == {
        ("entered", "pros"), ("entered", "old"), ("merged", None),
    }  # fmt: skip
    merged = rows[-1]
    assert (merged["profileId"], merged["into"]) == (f"prf_{other.hex}", f"prf_{one.hex}")
    assert merged["externalIds"] == [{"type": "user_id", "id": "u1"}]
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    only = read(world, "/v1/segments/changes", segment="old")["data"]
    assert {row.get("segment") for row in only} == {"old", None}
    paged = read(world, "/v1/segments/changes", limit=1)
    assert paged["cursor"]["has_more"] and paged["cursor"]["next"] == paged["data"][0]["id"]
    latest = read(world, "/v1/segments/changes", cursor="latest")
    assert (latest["data"], latest["cursor"]["next"]) == ([], rows[-1]["id"])


def test_a_late_change_is_marked(world):
    profile_id = person(world, "u1")
    record_change(
        "membership.entered", site_id=world.site.pk, profile_id=profile_id, now=NOW,
        payload={"segment": "pros", "late": True},
    )  # fmt: skip
    (row,) = read(world, "/v1/segments/changes")["data"]
    assert row["late"] is True


def test_erased_people_are_in_no_change(world):
    profile_id = person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    refresh(world)
    from apps.work.services import forget_in_feed

    forget_in_feed(profile_id)
    assert read(world, "/v1/segments/changes")["data"] == []


@pytest.fixture
def writer(world: World) -> Iterator[Any]:
    """Another process in the middle of writing to the feed."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    other = psycopg2.connect(**parameters)
    yield other
    other.rollback()
    other.close()


def told(writer: Any, world: World, profile_id: UUID, segment: str) -> None:
    with writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)"
            " VALUES (%s, %s, 'membership.entered', %s, %s)",
            [str(world.site.pk), NOW, str(profile_id), json.dumps({"segment": segment})],
        )


@pytest.mark.django_db(transaction=True)
def test_a_line_that_is_committed_late_is_not_lost(world, writer, monkeypatch):
    monkeypatch.setattr(feed, "PATIENCE_S", 0.02)
    one, other = person(world, "u1"), person(world, "u2")
    start = feed.newest()
    for profile_id, segment in ((one, "first"), (other, "second")):
        record_change(
            "membership.entered", site_id=world.site.pk, profile_id=profile_id, now=NOW,
            payload={"segment": segment},
        )  # fmt: skip
        if segment == "first":
            told(writer, world, one, "slow")
    page = read(world, "/v1/segments/changes", cursor=start)
    assert [row["segment"] for row in page["data"]] == ["first"]
    again = read(world, "/v1/segments/changes", cursor=page["cursor"]["next"])
    assert again["data"] == []
    writer.commit()
    rest = read(world, "/v1/segments/changes", cursor=again["cursor"]["next"])
    assert [row["segment"] for row in rest["data"]] == ["slow", "second"]


@pytest.mark.django_db(transaction=True)
def test_a_number_that_nobody_used_is_passed_over(world, writer):
    one = person(world, "u1")
    told(writer, world, one, "given up")
    writer.rollback()
    record_change(
        "membership.entered", site_id=world.site.pk, profile_id=one, now=NOW,
        payload={"segment": "second"},
    )  # fmt: skip
    assert [row["segment"] for row in read(world, "/v1/segments/changes")["data"]] == ["second"]


# Refusals


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/segments", {"limit": "0"}),
        ("/v1/segments", {"limit": "101"}),
        ("/v1/segments", {"next": "a\0b"}),
        ("/v1/segments/pros/members", {"limit": "1001"}),
        ("/v1/segments/pros/members", {"next": "nonsense"}),
        ("/v1/segments/changes", {"cursor": "-1"}),
        ("/v1/segments/changes", {"cursor": "9" * 30}),
        ("/v1/segments/changes", {"cursor": "99999999999"}),
        ("/v1/segments/changes", {"limit": "x"}),
        ("/v1/profiles/user_id:u1/segments", {"at": "never"}),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_what_cannot_be_read_is_refused(world, path, query):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    refresh(world)
    assert problem(get(world, path, **query)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path",
    ["/v1/segments", "/v1/segments/changes", "/v1/segments/pros/members",
     "/v1/profiles/user_id:u1/segments", f"/v1/lists/press/uploads/{UUID(int=7)}"],
    ids=["list", "changes", "members", "person", "upload"],
)  # fmt: skip
def test_only_secret_keys_read(world, path):
    assert problem(get(world, path, key=world.pk)) == (403, "forbidden")
    assert problem(world.client.get(path)) == (401, "unauthorized")
    headers = {"Authorization": f"Bearer {world.sk}", "Origin": "https://shop.example"}
    assert problem(world.client.get(path, headers=headers)) == (403, "secret_key_in_browser")


def test_answers_are_limited_and_never_kept_by_a_cache(world):
    response = get(world, "/v1/segments/changes")
    assert response.headers["RateLimit-Policy"].startswith('"segments";q=')
    assert response.headers["Cache-Control"] == "no-store"
    world.source.rate_per_s, world.source.burst_s = 1, 1
    world.source.save()
    codes = {get(world, "/v1/segments/changes").status_code for _ in range(5)}
    assert codes == {200, 429}
    assert get(world, "/v1/segments/").status_code in {200, 429}, "no redirect"


# Lists


def uploaded(
    world: World, body: bytes, path: str = "/v1/lists/press/uploads", **headers: str
) -> Any:
    response = post(world, path, body, **headers)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def press(world: World) -> None:
    from apps.segments import lists

    lists.create_list(site_id=world.site.pk, key="press", name="Press", actor=None, now=NOW)


def test_a_file_fills_a_list_and_says_what_became_of_it(world, press):
    path = "/v1/lists/press/uploads?mode=replace&fileName=crm%2Fpress.csv"
    body = "\ufeffkind,value\r\nuser_id,u1\r\nuser_id,=1+1\r\nuser_id,u2\r\n".encode()
    made = uploaded(world, body, path)
    assert (made["rows"], made["refused"], made["added"]) == (3, 1, 2)
    assert (made["fileName"], made["mode"], made["state"]) == ("press.csv", "replace", "applying")
    assert made["faults"] == [
        {"line": 3, "code": "formula", "detail": "The value is a formula for spreadsheets."}
    ]
    assert read(world, f"/v1/lists/press/uploads/{made['id']}") == made
    upload = ListUpload.objects.get()
    assert upload.uploaded_by is None and upload.uploaded_with
    undone = post(world, f"/v1/lists/press/uploads/{made['id']}/undo").json()
    assert undone["state"] == "undone"
    assert not ListMember.objects.filter(removed_by=None).exists()


def test_a_file_may_be_compressed(world, press):
    body = gzip.compress(b"user_id\n" + b"".join(b"u%d\n" % n for n in range(20_000)))
    assert uploaded(world, body, **{"Content-Encoding": "gzip"})["added"] == 20_000


def test_files_that_are_none_are_refused(world, press, monkeypatch):
    path = "/v1/lists/press/uploads"
    assert problem(post(world, path, b"")) == (422, "invalid_file")
    assert problem(post(world, path, b"\0\0\0")) == (422, "invalid_file")
    assert problem(post(world, f"{path}?mode=guess", b"user_id\nu1")) == (400, "invalid_request")
    broken = gzip.compress(b"user_id\nu1\n")[:-9]
    assert problem(post(world, path, broken, **{"Content-Encoding": "gzip"}))[0] == 400
    assert problem(post(world, path, b"user_id", **{"Content-Encoding": "br"}))[0] == 400
    assert problem(post(world, "/v1/lists/none/uploads", b"user_id\nu1")) == (
        404, "list_not_found",
    )  # fmt: skip
    from apps.segments import api

    monkeypatch.setattr(api, "MAX_FILE", 1_000)
    assert problem(post(world, path, b"user_id\n" + b"u" * 1_000)) == (413, "payload_too_large")
    bomb = gzip.compress(b"u" * 1_000_000)
    assert len(bomb) < 1_000_000 / 500
    monkeypatch.setattr(api, "MAX_FILE", 100_000)
    assert problem(post(world, path, bomb, **{"Content-Encoding": "gzip"})) == (
        413, "payload_too_large",
    )  # fmt: skip
    assert not ListUpload.objects.exists()


def test_uploads_are_found_in_their_own_list_only(world, press):
    made = uploaded(world, b"user_id\nu1\n")
    other = World(key="other")
    path = f"/v1/lists/press/uploads/{made['id']}"
    assert problem(get(other, path)) == (404, "list_not_found")
    assert problem(post(world, f"/v1/lists/press/uploads/{ListUpload().pk}/undo")) == (
        404, "upload_not_found",
    )  # fmt: skip
    uploaded(world, b"user_id\nu2\n")
    assert problem(post(world, f"{path}/undo")) == (409, "upload_not_latest")


def test_a_member_page_is_a_few_statements_however_many_members(world):
    for n in range(30):
        person(world, f"u{n}", plan="pro")
    segment = published(world, "pros", PRO)
    refresh(world)
    with CaptureQueriesContext(connection) as queries:
        page = members.members_page(segment, after="", limit=20, now=NOW, with_ids=True)
    assert (len(queries), len(page.rows)) == (1, 20)
    assert SegmentVersion.objects.get(segment=segment).state == "live"

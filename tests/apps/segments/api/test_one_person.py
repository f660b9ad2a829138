"""Who one person is a member of, until when, and as it was."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.profiles.models import ProfileState
from apps.segments import services
from apps.segments.models import Membership, Segment
from apps.segments.stays import encode_stays
from tests.apps.segments.api.conftest import (
    MINUTE,
    VIEWED,
    at,
    get,
    person,
    published,
    read,
    refresh,
    viewer,
)
from tests.apps.segments.world import NOW, NOW_MS


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

"""Who came and who left, read on from a cursor."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import connection

from apps.work import feed
from apps.work.services import record_change
from tests.apps.delivery.conftest import World
from tests.apps.segments.api.conftest import PRO, person, published, read, refresh
from tests.apps.segments.world import NOW


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

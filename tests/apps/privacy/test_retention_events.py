"""Events whose time is over, what was made of them, people without activity, files of models."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import override_settings

from apps.access.models import Site
from apps.consent.models import Tombstone
from apps.events import journal, partitions
from apps.events import retention as event_retention
from apps.events.models import Event
from apps.pipeline import fold
from apps.predictions import artifacts
from apps.predictions.models import ModelSpec, ModelVersion
from apps.privacy.models import RequestSubject
from apps.profiles.models import Identity, Profile, ProfileState, TraitChange
from apps.segments.models import Membership
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World, _new_process  # noqa: F401
from tests.apps.privacy.keeping import (
    DAY,
    a_choice,
    a_request,
    keep_for,
    moments,
    run,
    send,
    view,
)


@pytest.fixture
def world(db: None) -> Iterator[World]:
    clock.replace(lambda: NOW)
    partitions.forget()  # those of a test that was rolled back are not there any more
    made = World()
    yield made
    clock.replace(None)
    partitions.forget()


# Events and what is made of them


def tables() -> set[str]:
    return {month.table for month in event_retention.months()}


def events_of(site: Site) -> int:
    return Event.objects.filter(site_id=site.pk).count()


@pytest.mark.django_db(transaction=True)
def test_a_month_that_is_over_for_every_site_goes_as_a_whole(world: World) -> None:
    keep_for(world.site, 3_000)
    send(world, view(NOW - 500 * DAY), view(NOW - 2 * DAY))
    old = NOW - 500 * DAY
    table = f"events_event_{old:%Y%m}"
    assert table in tables()
    keep_for(world.site, 395)
    (outcome,) = run("events")
    assert outcome.removed.partitions == 1
    assert table not in tables()
    assert events_of(world.site) == 1
    assert outcome.oldest_left == NOW - 2 * DAY
    # Made anew as if it had never been there.
    partitions.ensure_partitions([(old.year, old.month)])
    assert table in tables()


@pytest.mark.django_db(transaction=True)
def test_of_a_month_that_another_site_keeps_only_the_rows_go(world: World) -> None:
    other = World("other")
    for one in (world, other):
        keep_for(one.site, 3_000)
        send(one, view(NOW - 500 * DAY), view(NOW - 2 * DAY))
    keep_for(world.site, 395)
    mine, theirs = run("events")
    assert (mine.removed.partitions, theirs.removed.partitions) == (0, 0)
    assert (events_of(world.site), events_of(other.site)) == (1, 2)
    keep_for(other.site, 395)
    assert sum(one.removed.partitions for one in run("events")) == 1
    assert events_of(other.site) == 1


def test_the_default_partition_is_swept_too(world: World) -> None:
    keep_for(world.site, 20_000)
    with connection.cursor() as cursor:
        send(world, view(NOW - 2 * DAY))
        cursor.execute(
            "INSERT INTO events_event SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'occurred_at', '1999-05-05T00:00:00Z', 'message_id', 'old'))).* FROM events_event e"
            " LIMIT 1"
        )
        cursor.execute("SELECT count(*) FROM events_event_default WHERE occurred_at < '2000-01-01'")
        assert cursor.fetchone()[0] == 1
    keep_for(world.site, 395)
    run("events")
    assert events_of(world.site) == 1


@pytest.mark.parametrize("keeps_more", [False, True], ids=["month-dropped", "rows-deleted"])
@pytest.mark.django_db(transaction=True)
def test_after_events_are_gone_segments_say_the_same_live_and_counted(
    world: World, keeps_more: bool
) -> None:
    keep_for(world.site, 3_000)
    if keeps_more:
        keep_for(World("other").site, 3_000)
    world.hero()
    counted = world.segment(
        "twice",
        {"v": 1, "where": {"kind": "event", "name": "Product Viewed", "aggregate": "count",
                           "window": "ever", "op": "gte", "value": 2}},
    )  # fmt: skip
    refresh_site(site_id=world.site.pk)
    old, new = NOW - 500 * DAY, NOW - 2 * DAY
    send(world, view(old, anonymousId="a1"), view(new, anonymousId="a1"))
    send(world, view(old, anonymousId="a2"))
    send(world, view(new, anonymousId="a3"), view(new - DAY, anonymousId="a3"))
    assert inside(counted.pk) == {"a1", "a3"}
    before = {who: ProfileState.objects.get(profile_id=who).event_count for who in people()}
    assert sorted(before.values()) == [1, 2, 2]

    keep_for(world.site, 395)
    run("events")
    while fold.fold_due(now=NOW):
        pass
    live = {key: inside(segment) for key, segment in segments(world).items()}
    assert live == {"twice": {"a3"}, "blouses": {"a1", "a3"}}
    refresh_site(site_id=world.site.pk)
    assert {key: inside(segment) for key, segment in segments(world).items()} == live
    rows = {row.unit_id: row for row in ProfileState.objects.filter(site_id=world.site.pk)}
    assert {who: row.event_count for who, row in rows.items()} == {"a1": 1, "a2": 0, "a3": 2}
    assert rows["a1"].first_seen_at == new
    assert rows["a2"].first_seen_at is None


def people() -> list[UUID]:
    return list(Profile.objects.values_list("pk", flat=True))


def segments(world: World) -> dict[str, UUID]:
    from apps.segments.models import Segment

    return dict(Segment.objects.filter(site=world.site).values_list("key", "pk"))


def inside(segment: UUID) -> set[str]:
    ids = Membership.objects.filter(segment_id=segment, left_at=None).values("profile_id")
    return set(Identity.objects.filter(profile_id__in=ids).values_list("value", flat=True))


def test_what_was_set_aside_and_what_a_journal_refused_goes_too(
    world: World, tmp_path: Path
) -> None:
    old, young = moments(395)
    with connection.cursor() as cursor:
        for at in (old, young):
            cursor.execute(
                "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
                " VALUES (-1, %s, %s, %s, '{}')",
                [str(world.site.pk), str(world.source.pk), at],
            )
    with override_settings(JOURNAL_DIR=tmp_path):
        place = journal.directory()
        place.mkdir(parents=True)
        for name, at in (("old", old), ("young", young)):
            file = place / f"{name}{journal.REFUSED}"
            file.write_bytes(b"x")
            os.utime(file, (at.timestamp(), at.timestamp()))
        run("events")
        assert [path.stem for path in place.iterdir()] == ["young"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT received_at FROM events_inbox")
        assert cursor.fetchall() == [(young,)]


# People and their traits


def test_who_was_not_here_for_long_is_forgotten_and_may_come_back_as_somebody_new(
    world: World,
) -> None:
    keep_for(world.site, 3_000)
    send(world, view(NOW - 400 * DAY, anonymousId="idle"), view(NOW - 5 * DAY, anonymousId="here"))
    Profile.objects.update(created_at=NOW - 500 * DAY)
    old = Identity.objects.get(value="idle").profile_id
    (outcome,) = run("profiles")
    assert outcome.removed.notes == {"people": 1}
    assert set(Identity.objects.values_list("value", flat=True)) == {"here"}
    assert not Event.objects.filter(profile_id=old).exists()
    assert Tombstone.objects.count() == 0
    send(world, view(NOW, anonymousId="idle"))
    assert Identity.objects.get(value="idle").profile_id != old


def test_who_chose_asked_or_is_restricted_stays(world: World) -> None:
    ids = {}
    for name in ("idle", "chose", "asked", "restricted"):
        ids[name] = world.person(("anonymous_id", name)).profile_id
    Profile.objects.update(created_at=NOW - 500 * DAY)
    a_choice(world, NOW - 5 * DAY, profile_id=ids["chose"], digest="x")
    a_request("verifying", is_ended=False)(world, NOW)
    RequestSubject.objects.update(profile_id=ids["asked"])
    ProfileState.objects.filter(profile_id=ids["restricted"]).update(holds=2)
    run("profiles")
    left = set(Identity.objects.values_list("value", flat=True))
    assert left == {"chose", "asked", "restricted"}


def test_earlier_values_of_a_trait_go_and_since_when_it_is_as_it_is_stays(world: World) -> None:
    row = world.person(("anonymous_id", "a1"))
    told = [
        (900, "free"), (800, "silver"), (700, "gold"), (600, "gold"), (100, "gold"), (50, "free"),
    ]  # fmt: skip
    for days, value in told:
        at = NOW - days * DAY
        TraitChange.objects.create(
            profile_id=row.profile_id, key="plan", value=value, source="identify",
            observed_at=at, received_at=at, consent_epoch=0, message_id=f"m{days}",
        )  # fmt: skip
    from apps.profiles.services import changed_at

    before = changed_at([(row.profile_id, "plan")])
    run("traits")
    left = TraitChange.objects.order_by("observed_at").values_list("message_id", flat=True)
    assert list(left) == ["m700", "m600", "m100", "m50"]
    assert changed_at([(row.profile_id, "plan")]) == before
    run("traits")
    assert TraitChange.objects.count() == 4


# Models


def test_files_of_models_go_after_90_days_or_when_there_are_four_but_not_the_one_that_scores(
    world: World, tmp_path: Path
) -> None:
    with override_settings(ARTIFACT_DIR=tmp_path):
        spec = ModelSpec.objects.create(
            site=world.site, key="m", name="M", created_at=NOW, target_event="Order Completed"
        )
        ages = {"champion": 200, "old": 120, "one": 30, "two": 20, "three": 10}
        for number, (name, days) in enumerate(ages.items(), start=1):
            version = ModelVersion.objects.create(
                spec=spec, number=number, artifact_sha256="", feature_names=[], calibration={},
                lineage={}, card={"name": name}, trained_at=NOW - timedelta(days=days),
                state="champion" if name == "champion" else "candidate",
            )  # fmt: skip
            artifacts.store(version.pk, "tree")
        run("artifacts")
        kept = ModelVersion.objects.filter(deleted_at=None).values_list("card__name", flat=True)
        assert set(kept) == {"champion", "two", "three"}
        assert ModelVersion.objects.count() == 5, "cards stay"


@pytest.mark.django_db(transaction=True)
def test_a_month_that_somebody_reads_for_long_waits_for_the_next_run_and_nobody_waits_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_retention, "_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(event_retention, "PAUSE_S", 0.01)
    keep_for(world.site, 3_000)
    send(world, view(NOW - 500 * DAY))
    keep_for(world.site, 395)
    reads, may_end = Signal(), Signal()

    def reading() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events_event")
            reads.set()
            may_end.wait(30)
        connection.close()

    reader = Thread(target=reading)
    reader.start()
    assert reads.wait(10)
    (outcome,) = run("events")
    assert (outcome.state, outcome.removed.partitions) == ("partly", 0)
    may_end.set()
    reader.join(10)
    (outcome,) = run("events")
    assert (outcome.state, outcome.removed.partitions) == ("done", 1)

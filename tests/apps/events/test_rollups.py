"""A closed day has no event that is neither counted nor marked, whoever was writing meanwhile."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from apps.events import rollups
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site, store_events

MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
YESTERDAY_MS = NOW_MS - 86_400_000


def marked() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id FROM events_rollupmark")
        return [profile_id for (profile_id,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
def test_a_day_is_not_closed_while_a_transaction_may_still_add_to_it(monkeypatch):
    monkeypatch.setattr(rollups, "LONGEST_S", 0.3)
    site = make_site()
    profile = make_profile(site)
    written, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                store_events(site, profile.pk, [Happened(YESTERDAY_MS, "A")])
                written.set()
                may_commit.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(30)
        assert rollups.begin_closing(site.pk, MIDNIGHT) is False
    finally:
        may_commit.set()
        writer.join()
    assert rollups.begin_closing(site.pk, MIDNIGHT) is True
    assert marked() == [], "it was committed before the day counts as closed, so it is counted"
    store_events(site, profile.pk, [Happened(YESTERDAY_MS, "A")])
    assert marked() == [profile.pk]


@pytest.mark.django_db
def test_closing_never_goes_back():
    site = make_site()
    profile = make_profile(site)
    rollups.begin_closing(site.pk, MIDNIGHT)
    rollups.begin_closing(site.pk, MIDNIGHT - timedelta(days=3))
    store_events(site, profile.pk, [Happened(YESTERDAY_MS, "A")])
    assert marked() == [profile.pk]


@pytest.mark.django_db
def test_a_site_that_counts_nothing_marks_nobody():
    profile = make_profile(make_site())
    store_events(make_site(), profile.pk, [Happened(YESTERDAY_MS, "A")])
    assert marked() == []


@pytest.mark.django_db
def test_moved_events_mark_both_who_had_and_who_has_them():
    site = make_site()
    old, new = make_profile(site, [Happened(YESTERDAY_MS, "A")]), make_profile(site)
    rollups.begin_closing(site.pk, MIDNIGHT)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET profile_id = %s WHERE profile_id = %s",
            [str(new.pk), str(old.pk)],
        )
    assert set(marked()) == {old.pk, new.pk}

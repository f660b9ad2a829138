"""Sums of days are right at every moment: closed with care, marked by triggers, gone in time."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from apps.consent import withdrawing
from apps.consent.types import Purpose
from apps.events import feature_marks, retention
from apps.predictions import day_tasks, days, days_kept, feature_words, features, services
from apps.predictions.domain.feature_parts import PARTS, kept_columns
from apps.profiles.holders import holders
from apps.profiles.state import lock as lock_states
from apps.work import clock
from apps.work.models import Intent
from tests.apps.predictions.busy import Crowd
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
YESTERDAY = MIDNIGHT - timedelta(hours=5)


@pytest.fixture
def site(db: None):
    return make_site()


def rows_of(profile_id: UUID) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, n, starts FROM predictions_featureday WHERE profile_id = %s ORDER BY day",
            [str(profile_id)],
        )
        return cursor.fetchall()


def marked() -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id FROM events_featuremark")
        return {profile_id for (profile_id,) in cursor.fetchall()}


def day_of(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_a_visit_that_goes_on_over_midnight_is_one_visit_and_two_days(site):
    who = make_profile(site)
    late = MIDNIGHT - timedelta(days=1, minutes=5)
    store(site, [Seen(who, late + timedelta(minutes=n)) for n in (0, 3, 6, 9)])
    days.fill(site.pk, now=NOW)
    assert rows_of(who) == [(day_of(late), 2, 1), (day_of(late) + 1, 2, 0)]


def test_today_is_not_closed_nor_is_yesterday_right_after_midnight(site):
    who = make_profile(site)
    store(site, [Seen(who, NOW), Seen(who, YESTERDAY)])
    early = days.fill(site.pk, now=MIDNIGHT + timedelta(minutes=1))
    assert early.closed_day == day_of(YESTERDAY) and rows_of(who) == []
    late = days.fill(site.pk, now=NOW)
    assert late.closed_day == day_of(NOW) and rows_of(who) == [(day_of(YESTERDAY), 1, 1)]


def test_a_site_without_models_marks_nobody_and_costs_no_row(site):
    store(site, [Seen(make_profile(site), YESTERDAY)])
    assert marked() == set()


def test_what_is_not_in_a_closed_day_marks_nobody(site):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    days.fill(site.pk, now=NOW)
    store(site, [Seen(who, NOW)])
    assert marked() == set()


def test_only_the_days_that_changed_are_counted_again(site):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY - timedelta(days=n)) for n in range(9)])
    days.fill(site.pk, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE predictions_featureday SET n = 77")
    store(site, [Seen(who, YESTERDAY - timedelta(days=4))])
    assert days.fill(site.pk, now=NOW).repaired == 1
    # The day after as well: a visit may go on over midnight.
    assert [n for _, n, _ in rows_of(who)] == [77, 77, 77, 77, 2, 1, 77, 77, 77]
    assert days.differing(site.pk) == 2 * 7


@pytest.mark.django_db(transaction=True)
def test_a_day_is_not_closed_while_a_transaction_may_still_add_to_it(monkeypatch):
    monkeypatch.setattr(feature_marks, "LONGEST_S", 0.3)
    site = make_site()
    who = make_profile(site)
    written, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                store(site, [Seen(who, YESTERDAY)])
                written.set()
                may_commit.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(30)
        assert days.fill(site.pk, now=NOW).closed_day == 0, "its writer is still at it"
    finally:
        may_commit.set()
        writer.join()
    days.fill(site.pk, now=NOW)
    assert rows_of(who) == [(day_of(YESTERDAY), 1, 1)] and days.differing(site.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_a_fill_that_was_broken_off_goes_on_where_it_was(monkeypatch):
    site = make_site()
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY - timedelta(days=n)) for n in range(6)])

    def stop(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        days.fill(site.pk, now=NOW, progress=stop)
    assert len(rows_of(who)) == 3
    store(site, [Seen(who, YESTERDAY - timedelta(days=5)), Seen(who, YESTERDAY)])
    done = days.fill(site.pk, now=NOW)
    assert done.days == 3 and days.differing(site.pk) == 0
    assert [n for _, n, _ in rows_of(who)] == [2, 1, 1, 1, 1, 2]


def test_who_is_erased_leaves_no_sum_even_if_a_fill_writes_some_again(site):
    crowd = Crowd.gathered(site, 5)
    crowd.live(days=5)
    days.fill(site.pk, now=NOW)
    who = crowd.people[0]
    kept = rows_of(who)
    assert kept
    for holder in holders():
        if holder.name in ("events", "feature marks", "feature days"):
            holder.erase(who)
    assert rows_of(who) == [] and who not in marked()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM predictions_featureday")
        assert cursor.fetchone()[0] > 0, "others stay"


@pytest.mark.django_db(transaction=True)
def test_the_marks_stay_while_somebody_counts_so_that_what_is_written_again_goes():
    site = make_site()
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    days.fill(site.pk, now=NOW)
    counting, may_end = threading.Event(), threading.Event()

    def count() -> None:
        try:
            with transaction.atomic():
                feature_marks.lock(site.pk)
                counting.set()
                may_end.wait(30)
        finally:
            connection.close()

    other = threading.Thread(target=count)
    other.start()
    try:
        assert counting.wait(30)
        with transaction.atomic():
            for holder in holders():
                if holder.name in ("events", "feature marks", "feature days"):
                    holder.erase(who)
        assert rows_of(who) == [] and marked() == {who}
    finally:
        may_end.set()
        other.join()
    days.fill(site.pk, now=NOW)
    assert rows_of(who) == [] and marked() == set()


@pytest.mark.parametrize(
    ("purpose", "goes"),
    [(Purpose.MODEL_TRAINING, True), (Purpose.PERSONALIZATION, True), (Purpose.TRIGGERS, False)],
    ids=lambda value: str(value),
)
def test_who_takes_back_what_models_rest_on_loses_their_sums_at_once(site, purpose, goes):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    days.fill(site.pk, now=NOW)
    (row,) = lock_states([who])
    row.denied = int(purpose)
    withdrawing.take_back(row, int(purpose), now=NOW)
    assert (rows_of(who) == []) is goes
    # The stamps of the past follow; then there is nothing to count for models any more.
    row.consent_epoch = 9
    taken = withdrawing.TakenBack(site.pk, who, int(purpose), 9, NOW + timedelta(hours=1))
    withdrawing.clear(row, taken)
    days.fill(site.pk, now=NOW)
    assert (rows_of(who) == []) is goes and days.differing(site.pk) == 0


def test_what_a_restriction_suspends_stays_and_is_not_read(site):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    days.fill(site.pk, now=NOW)
    (row,) = lock_states([who])
    withdrawing.suspend(row, now=NOW)
    assert len(rows_of(who)) == 1


def test_a_month_that_goes_as_a_whole_takes_its_sums_with_it(site):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY), Seen(who, YESTERDAY - timedelta(days=3))])
    days.fill(site.pk, now=NOW)
    with connection.cursor() as cursor:
        # As a drop of the month would: no trigger sees it.
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM events_event WHERE occurred_at < %s", [MIDNIGHT - timedelta(2)])
        cursor.execute("ALTER TABLE events_event ENABLE TRIGGER USER")
        cursor.execute("UPDATE profiles_profilestate SET first_seen_at = %s", [NOW - timedelta(9)])
    retention.settle(site.pk, NOW - timedelta(days=1))
    assert marked() == {who}
    days.fill(site.pk, now=NOW)
    assert rows_of(who) == [(day_of(YESTERDAY), 1, 1)] and days.differing(site.pk) == 0


def test_another_time_zone_has_all_days_counted_anew(site):
    who = make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    spec = services.create_spec(
        site_id=site.pk, key="k", name="K", target_event="A", active_days=9, window_days=9, now=NOW
    )
    days.fill(site.pk, now=NOW)
    evening = features.rows_of(spec, ["evening_share"], [who], as_of=NOW)[1]
    site.time_zone = "America/Los_Angeles"
    site.save(update_fields=["time_zone"])
    before = features.rows_of(spec, ["evening_share"], [who], as_of=NOW)[1]
    done = days.fill(site.pk, now=NOW)
    after = features.rows_of(spec, ["evening_share"], [who], as_of=NOW)[1]
    assert done.days == 1 and (evening, after) == (1.0, 0.0)
    assert before == 1.0, "until then the zone of the sums counts, from the events too"


def test_words_of_fewer_than_five_people_get_no_place(site):
    people = [make_profile(site) for _ in range(5)]
    store(site, [Seen(who, YESTERDAY, category="all") for who in people])
    store(site, [Seen(who, YESTERDAY, name="Own", category="own") for who in people[:4]])
    days.fill(site.pk, now=NOW)
    words = feature_words.kept(site.pk).words
    assert (words.names, words.categories) == (("Product Viewed",), ("all",))


def test_a_site_has_a_bounded_number_of_words(site):
    people = [make_profile(site) for _ in range(5)]
    store(
        site,
        [Seen(who, YESTERDAY, name=f"E{n:02}", category=f"c{n:02}")
         for who in people for n in range(40)],
    )  # fmt: skip
    days.fill(site.pk, now=NOW)
    words = feature_words.kept(site.pk).words
    assert len(words.names) == len(words.categories) == feature_words.MOST
    assert days.differing(site.pk) == 0


def test_every_part_has_a_column(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0"
            " AND attrelid = 'predictions_featureday'::regclass"
        )
        columns = dict(cursor.fetchall())
    assert {key: columns.get(key) for key in PARTS} == {k: p.kind for k, p in PARTS.items()}
    kept = {key for key, _ in kept_columns(3, 3)}
    assert columns.keys() == kept | {"site_id", "profile_id", "day"}


def test_the_command_fills_and_fails_when_a_sum_is_not_what_the_events_say(site, capsys):
    who = make_profile(site)
    store(site, [Seen(who, clock.now() - timedelta(days=3))])
    services.create_spec(site_id=site.pk, key="k", name="K", target_event="A", now=NOW)
    call_command("fill_features", "--site", site.key, "--check")
    assert "0 sums of a person's day differ" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("UPDATE predictions_featureday SET n = 9 WHERE profile_id = %s", [str(who)])
    with pytest.raises(CommandError, match="2 sums"):
        call_command("fill_features", "--site", site.key, "--check")
    with pytest.raises(CommandError, match="No site"):
        call_command("fill_features", "--site", "nowhere")


def test_the_schedule_asks_for_sites_with_models_only(site, db):
    make_site()
    services.create_spec(site_id=site.pk, key="k", name="K", target_event="A", now=NOW)
    day_tasks.fill_features()
    asked = Intent.objects.filter(kind=day_tasks.FILL)
    assert [one.site_id for one in asked] == [site.pk]


def test_sums_are_not_shown_by_themselves_and_belong_to_nobody_else(site):
    who, other = make_profile(site), make_profile(site)
    store(site, [Seen(who, YESTERDAY)])
    days.fill(site.pk, now=NOW)
    assert list(days_kept.HOLDER.export(who)) == []
    assert days_kept.HOLDER.reassign(who, other) == 1
    assert rows_of(who) == rows_of(other) == []

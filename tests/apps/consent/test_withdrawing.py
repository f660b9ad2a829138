"""Taking consent back: at once nothing derived is left, then the past goes, and stays gone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.consent import holds
from apps.consent.types import Purpose
from apps.consent.withdrawing import CLEAR
from apps.decisions.notices import STREAM
from apps.events.models import Event
from apps.pipeline import fold
from apps.profiles import state
from apps.profiles.models import Trait, TraitChange
from apps.segments import refresh as refreshing
from apps.segments.members import members_page
from apps.segments.models import Membership, Segment
from apps.work import clock
from apps.work.models import ChangeFeed, Intent
from apps.work.redis import connection as redis
from tests.apps.consent.conftest import Chooser, tick
from tests.apps.consent.taking_back import (
    DEVICE,
    choose,
    clear_all,
    fold_all,
    history_of,
    inside,
    open_shop,
    personal_events,
    profile_of,
    reason,
    refresh,
    row_of,
    send,
    stamps,
    told,
    view,
)
from tests.apps.delivery.conftest import NOW

PERSONALIZATION = int(Purpose.PERSONALIZATION)


@pytest.fixture
def known(shop: Chooser) -> Chooser:
    """A visitor who looked at blouses, told their name, and is in the segment."""
    open_shop(shop)
    send(shop, view(context=DEVICE), told(plan="gold"))
    fold_all()
    assert (inside(shop), reason(shop)) == ({"blouses"}, "TARGETING_MATCH")
    return shop


def test_who_takes_personalization_back_is_in_no_segment_when_they_are_answered(
    known: Chooser,
) -> None:
    known.choose(personalization=False)

    row = row_of()
    assert (inside(known), row.memberships, row.history, row.caps) == (set(), b"", b"", b"")
    assert row.traits == {}
    assert not Membership.objects.filter(profile_id=row.profile_id).exists()


def test_whoever_follows_the_members_is_told_that_they_are_out(known: Chooser) -> None:
    known.choose(personalization=False)
    left = ChangeFeed.objects.filter(kind="membership.left", profile_id=profile_of())
    assert [line.payload["segment"] for line in left] == ["blouses"]
    assert left[0].payload["quiet"] is True


def test_the_past_loses_the_purpose_and_keeps_what_another_allows(known: Chooser) -> None:
    assert personal_events() == 2
    known.choose(personalization=False)
    clear_all()

    assert personal_events() == 0
    assert len(stamps()) == 2  # measurement was not refused
    assert not any(stamp & PERSONALIZATION for stamp in stamps())
    profile_id = profile_of()
    assert not Trait.objects.filter(profile_id=profile_id).exists()
    assert not TraitChange.objects.filter(profile_id=profile_id).exists()


def test_what_nothing_allows_any_more_is_deleted(known: Chooser) -> None:
    known.choose(personalization=False, analytics=False, advertising=False, sale=False)
    clear_all()
    assert not Event.objects.exists()
    assert row_of().event_count == 0


def test_taking_measurement_back_leaves_what_personalization_may_read(known: Chooser) -> None:
    known.choose(analytics=False)
    clear_all()
    assert personal_events() == 2
    assert (inside(known), reason(known)) == ({"blouses"}, "TARGETING_MATCH")


def test_taking_advertising_back_takes_its_identifier_off_stored_events(known: Chooser) -> None:
    assert Event.objects.filter(context__device__advertisingId="ad-7").exists()
    known.choose(advertising=False)
    clear_all()
    assert not Event.objects.filter(context__device__has_key="advertisingId").exists()
    assert Event.objects.filter(context__device__type="desktop").exists()
    assert inside(known) == {"blouses"}


@pytest.mark.parametrize("is_cleared_before", [True, False], ids=["cleared", "not yet cleared"])
def test_a_later_yes_brings_nothing_back(known: Chooser, is_cleared_before: bool) -> None:
    known.choose(personalization=False)
    if is_cleared_before:
        clear_all()
    known.choose(personalization=True)
    fold_all()
    refresh(known)

    assert (personal_events(), history_of(), inside(known)) == (0, 0, set())
    assert reason(known) == "DEFAULT"
    assert row_of().traits == {}


def test_what_comes_after_the_yes_counts(known: Chooser) -> None:
    known.choose(personalization=False)
    known.choose(personalization=True)
    send(known, view(), told(plan="silver"))
    fold_all(NOW + timedelta(seconds=1))
    assert (history_of(), inside(known)) == (2, {"blouses"})
    assert row_of().traits["plan"][0] == "silver"


def test_a_clearing_that_comes_late_leaves_what_was_collected_under_the_new_yes(
    known: Chooser,
) -> None:
    choose(known, "a1", {"personalization": False}, now=tick())
    choose(known, "a1", {"personalization": True}, now=tick())
    tick()
    send(known, view())
    fold_all()
    assert personal_events() == 1
    assert Intent.objects.filter(kind=CLEAR).count() == 2
    clear_all(clock.now())
    assert personal_events() == 1


def test_an_event_that_waited_through_a_no_and_a_yes_is_not_personal(known: Chooser) -> None:
    send(known, view(), told(plan="platinum"))  # still in the inbox
    known.choose(personalization=False)
    known.choose(personalization=True)
    fold_all()

    assert (personal_events(), history_of(), inside(known)) == (0, 0, set())
    assert len(stamps()) == 4  # kept for measurement
    assert row_of().traits == {}


def test_a_refresh_that_had_seen_them_inside_does_not_put_them_back(known: Chooser) -> None:
    cut = refreshing._take_cut(known.world.site.pk, clock.to_ms(NOW))
    known.choose(personalization=False)
    refreshing._settle_all(cut.table.candidates(), lambda: NOW, refreshing.no_progress)
    refreshing._drop_cut()
    assert (inside(known), row_of().memberships) == (set(), b"")


def test_sql_and_the_live_path_leave_the_same_people_out(known: Chooser) -> None:
    # As a row looks that a version of before has written: refused, and in a segment all the same.
    stays = row_of().memberships
    known.world.change(profile_of(), denied=PERSONALIZATION, memberships=stays)
    assert row_of().memberships
    refresh(known)
    assert (inside(known), row_of().memberships) == (set(), b"")


def test_who_was_never_asked_is_in_a_segment_only_where_the_site_vouches(shop: Chooser) -> None:
    open_shop(shop)
    send(shop, view())
    fold_all()
    assert inside(shop) == {"blouses"}

    type(shop.source).objects.update(consent_mode="required")
    refresh(shop)
    assert inside(shop) == set()

    shop.choose(personalization=True, analytics=True)
    fold_all()
    assert inside(shop) == {"blouses"}  # what was collected before was vouched for


def test_members_and_their_number_follow_a_withdrawal(known: Chooser) -> None:
    known.choose(personalization=False)
    segment = Segment.objects.get(key="blouses")
    assert members_page(segment, after="", limit=10, now=NOW).rows == []


def test_a_restriction_takes_out_of_use_and_its_end_brings_all_back(known: Chooser) -> None:
    site_id, profile_id = known.world.site.pk, profile_of()
    holds.put(site_id, profile_id, "restricted", reason_code="art_18", now=NOW)
    assert (inside(known), reason(known)) == (set(), "NO_CONSENT")
    assert personal_events() == 2

    holds.lift(site_id, profile_id, "restricted", reason_code="art_18", now=NOW)
    fold_all()
    assert (inside(known), reason(known)) == ({"blouses"}, "TARGETING_MATCH")


def test_an_objection_is_a_withdrawal(known: Chooser) -> None:
    holds.put(known.world.site.pk, profile_of(), "objected", reason_code="art_21", now=NOW)
    clear_all()
    assert (inside(known), reason(known), personal_events()) == (set(), "NO_CONSENT", 0)


def test_an_event_for_measurement_alone_moves_no_segment(shop: Chooser) -> None:
    open_shop(shop)
    shop.choose(personalization=False)
    send(shop, view(), told(plan="gold"))
    assert fold_all() == 2
    assert (history_of(), row_of().traits, personal_events()) == (0, {}, 0)
    assert row_of().event_count == 2

    shop.choose(personalization=True)
    fold_all()
    refresh(shop)
    assert (inside(shop), reason(shop)) == (set(), "DEFAULT")


def test_a_merge_keeps_out_whom_one_side_refuses(known: Chooser) -> None:
    send(known, view("b1"))
    fold_all()
    assert inside(known, "b1") == {"blouses"}
    known.choose(personalization=False)
    send(known, {**told("b1"), "userId": "user-a1"})
    fold_all()
    assert profile_of("b1") == profile_of("a1")
    assert inside(known, "b1") == set()
    assert reason(known, anonymousId="b1") == "NO_CONSENT"


def feed_of_entries() -> list[Any]:
    return list(ChangeFeed.objects.filter(kind="membership.entered", profile_id__isnull=False))


def test_the_feed_forgets_that_they_ever_came_in(known: Chooser) -> None:
    assert feed_of_entries()
    known.choose(personalization=False)
    ChangeFeed.objects.update(at=NOW - timedelta(days=1))
    clear_all()
    assert not feed_of_entries()


def test_the_row_can_be_folded_on_while_the_past_waits_to_be_cleared(known: Chooser) -> None:
    known.choose(personalization=False)
    send(known, view())
    assert fold.fold_once(now=NOW).events == 1
    clear_all()
    assert [stamp & PERSONALIZATION for stamp in stamps()] == [0, 0, 0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM profiles_profilestate WHERE cardinality(inside) > 0")
        assert cursor.fetchone() == (0,)
    assert state.read([profile_of()])[0].event_count == 3


@pytest.mark.parametrize("how", ["a refusal", "a restriction", "an objection"])
def test_stream_processes_are_told_of_it_with_the_commit(known: Chooser, how: str) -> None:
    """The notice is in the log that each of them reads before whoever asked is answered."""
    profile_id = profile_of()
    if how == "a refusal":
        known.choose(personalization=False)
    else:
        hold: holds.Name = "restricted" if how == "a restriction" else "objected"
        holds.put(known.world.site.pk, profile_id, hold, reason_code="art", now=NOW)
    entries: list[Any] = list(redis().xrevrange(STREAM, count=1) or ())
    assert profile_id.bytes in b"".join(entries[0][1].values())

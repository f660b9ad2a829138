"""A refresh finds every member, with what becomes of it later, and only writes what differs."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.access.models import Site
from apps.events import history as histories
from apps.profiles.models import Due, Profile, ProfileState
from apps.profiles.services import look_at
from apps.profiles.signals import states_changing
from apps.segments import auditing, live, refresh, services
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.work import clock
from apps.work.models import ChangeFeed, Intent
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site, store_events

MINUTE_MS = 60_000


def viewed(op: str = "gte", value: object = 2, window: object = "ever") -> dict[str, object]:
    """A condition on the number of products viewed."""
    where = {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "count",
        "window": window,
        "op": op,
        "value": value,
    }
    return {"v": 1, "where": where}


def views(*minutes_ago: float, device: int = 1) -> list[Happened]:
    return [
        Happened(NOW_MS - int(ago * MINUTE_MS), "Product Viewed", {"category": "hats"}, device)
        for ago in minutes_ago
    ]


def published(site: Site, condition: dict[str, object], key: str = "viewers") -> Segment:
    segment = services.create_segment(
        site_id=site.pk, key=key, name=key, condition=condition, now=NOW
    )
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    return segment


def refreshed(site: Site, at: datetime = NOW) -> refresh.Refreshed:
    return refresh.refresh_site(site_id=site.pk, read_clock=lambda: at)


def members(segment: Segment) -> set[UUID]:
    rows = Membership.objects.filter(segment=segment, left_at=None)
    return set(rows.values_list("profile_id", flat=True))


def stays(profile: Profile) -> live.Stays:
    return live.decode_stays(bytes(ProfileState.objects.get(pk=profile.pk).memberships))


@pytest.fixture
def site(transactional_db: None) -> Site:
    return make_site()


def test_a_published_segment_has_its_members_after_the_refresh(site):
    often, once = make_profile(site, views(5, 6)), make_profile(site, views(5))
    segment = published(site, viewed())
    assert segment.versions.get().state == SegmentVersion.State.BUILDING
    assert members(segment) == set()

    done = refreshed(site)

    version = segment.versions.get()
    assert (version.state, version.size) == (SegmentVersion.State.LIVE, 1)
    assert members(segment) == {often.pk}
    assert stays(often) == {segment.number: (True, None, None, None, NOW_MS)}
    assert stays(once) == {}
    assert (done.profiles, done.entered, done.left, done.promoted) == (2, 1, 0, 1)
    change = ChangeFeed.objects.get(profile_id=often.pk)
    assert change.kind == "membership.entered"
    assert change.payload == {"segment": "viewers", "number": segment.number, "quiet": True}


def test_publishing_asks_for_the_refresh_in_the_same_transaction(site):
    published(site, viewed())
    intent = Intent.objects.get(kind="segments.refresh")
    assert intent.site_id == site.pk


def test_a_second_refresh_changes_nothing(site):
    profile = make_profile(site, views(5, 6))
    segment = published(site, viewed())
    refreshed(site)
    version = ProfileState.objects.get(pk=profile.pk).version
    feed = ChangeFeed.objects.count()

    done = refreshed(site, NOW + timedelta(seconds=1))

    assert (done.entered, done.left, done.promoted) == (0, 0, 0)
    assert ProfileState.objects.get(pk=profile.pk).version == version
    assert ChangeFeed.objects.count() == feed
    assert members(segment) == {profile.pk}


def test_a_window_that_will_empty_is_forecast_and_timed(site):
    profile = make_profile(site, views(5, 6))
    segment = published(site, viewed(window={"last": "10m"}))
    refreshed(site)
    ends_ms = NOW_MS + 4 * MINUTE_MS
    assert stays(profile)[segment.number][:4] == (True, ends_ms, False, None)
    assert clock.to_ms(Due.objects.get(pk=profile.pk).due_at) == ends_ms

    refreshed(site, clock.from_ms(ends_ms))

    assert members(segment) == set()
    stay = Membership.objects.get(segment=segment)
    assert clock.to_ms(stay.left_at) == ends_ms
    assert not Due.objects.filter(pk=profile.pk).exists()


def test_who_will_enter_as_time_passes_is_timed_though_outside_now(site):
    condition = {
        "v": 1,
        "where": {
            "kind": "event",
            "name": "Product Viewed",
            "aggregate": "recency",
            "window": "ever",
            "op": "gte",
            "value": "30m",
        },
    }
    profile = make_profile(site, views(5))
    segment = published(site, condition)
    refreshed(site)
    assert members(segment) == set()
    assert stays(profile) == {segment.number: (False, NOW_MS + 25 * MINUTE_MS, True, None, None)}
    assert clock.to_ms(Due.objects.get(pk=profile.pk).due_at) == NOW_MS + 25 * MINUTE_MS


def test_a_session_segment_ends_with_the_session(site):
    here = make_profile(site, views(40, 20, 5))
    two_devices = make_profile(site, [*views(10, 8, device=1), *views(2, device=2)])
    gone = make_profile(site, views(31, 32))
    segment = published(site, viewed(window="session"))
    refreshed(site)
    assert members(segment) == {here.pk}
    assert stays(here)[segment.number][1] == NOW_MS + 25 * MINUTE_MS
    assert stays(two_devices) == stays(gone) == {}


def test_a_profile_with_more_history_than_its_row_holds_is_counted_whole(site):
    profile = make_profile(site, views(*range(1, 131)))
    segment = published(site, viewed(value=130, window={"last": "3h"}))
    refreshed(site)
    assert members(segment) == {profile.pk}
    assert stays(profile)[segment.number][1] == NOW_MS + 50 * MINUTE_MS


def test_what_sql_cannot_hold_exactly_is_answered_by_the_live_path(site):
    profile = make_profile(site, [Happened(NOW_MS - 1, "Order Completed", {"total": 10**200})])
    total = {
        "kind": "event",
        "name": "Order Completed",
        "aggregate": "sum",
        "of": "total",
        "window": "ever",
        "op": "gt",
        "value": 5,
    }
    segment = published(site, {"v": 1, "where": total})
    refreshed(site)
    assert members(segment) == {profile.pk}


def test_nested_segments_follow_the_one_they_stand_on(site):
    buyer = make_profile(site, views(5, 6), traits={"plan": "pro"})
    make_profile(site, views(5, 6), traits={"plan": "free"})
    base = published(site, viewed())
    nested = {
        "all": [
            {"kind": "segment", "key": "viewers"},
            {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"},
        ]
    }
    inner = published(site, {"v": 1, "where": nested}, "pro-viewers")
    refreshed(site)
    assert members(inner) == {buyer.pk}

    base.draft = viewed(value=3)
    base.save(update_fields=["draft"])
    services.publish_segment(site_id=site.pk, segment_id=base.pk, actor=None, now=NOW)
    assert members(inner) == {buyer.pk}, "the old version serves until the new one is ready"
    refreshed(site)
    assert members(base) == members(inner) == set()


def test_an_archived_segment_loses_its_members(site):
    profile = make_profile(site, views(5, 6))
    segment = published(site, viewed())
    refreshed(site)
    services.archive_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    refreshed(site)
    assert members(segment) == set()
    assert stays(profile) == {}


def test_other_sites_are_left_alone(site):
    other = make_site()
    stranger = make_profile(other, views(5, 6))
    segment = published(site, viewed())
    published(other, viewed())
    refreshed(site)
    assert members(segment) == set()
    assert not Membership.objects.filter(profile=stranger).exists()


def test_a_lost_membership_is_repaired_by_the_refresh_after_the_audit(site):
    profile = make_profile(site, views(5, 6))
    segment = published(site, viewed())
    refreshed(site)
    Membership.objects.all().delete()
    assert auditing.audit_memberships(site.pk) == 1
    refreshed(site)
    assert members(segment) == {profile.pk}
    assert auditing.audit_memberships(site.pk) == 0


def test_members_of_a_segment_that_can_no_longer_be_read_are_left_alone(site):
    profile = make_profile(site, views(5, 6))
    whole, broken = published(site, viewed()), published(site, viewed(), "broken")
    refreshed(site)
    SegmentVersion.objects.filter(segment=broken).update(condition={"v": 1, "where": {"kind": "?"}})
    again = refreshed(site, NOW + timedelta(minutes=1))
    assert (again.evaluated, again.left) == (0, 0)
    assert members(whole) == members(broken) == {profile.pk}


def test_a_membership_that_nobody_found_is_closed_by_the_refresh_after_the_audit(site):
    profile = make_profile(site, views(5))
    published(site, viewed())
    high = [published(site, viewed(value=9), f"segment-{n}") for n in range(70)][-1]
    refreshed(site)
    Membership.objects.create(
        site=site, segment=high, version=high.versions.get(), profile=profile, since=NOW
    )
    assert auditing.audit_memberships(site.pk) == 1
    refreshed(site)
    assert members(high) == set()
    assert auditing.audit_memberships(site.pk) == 0


def test_copies_are_marked_before_the_commit(site):
    profile = make_profile(site, views(5, 6))
    published(site, viewed())
    heard: list[tuple[bool, UUID, int]] = []

    def receiver(sender, rows, **kwargs):
        heard.extend((connection.in_atomic_block, row.profile_id, row.version) for row in rows)

    states_changing.connect(receiver)
    refreshed(site)
    assert heard == [(True, profile.pk, 2)]


def test_who_was_to_be_looked_at_whole_still_is_after_a_refresh_asked_some_segments(site):
    profile = make_profile(site, views(5, 6), traits={"plan": "free"})
    pro = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}}
    published(site, pro, "pro")
    passing = published(site, viewed(window={"last": "10m"}), "passing")
    refreshed(site)
    look_at([profile.pk], now=NOW)

    refreshed(site, NOW + timedelta(minutes=4))

    assert members(passing) == set()
    assert Due.objects.get(pk=profile.pk).due_at == NOW


def test_a_profile_written_while_the_new_version_was_computed_is_looked_at_again(site, monkeypatch):
    """The fold of an event that arrives between the snapshot and the switch knows the old set."""
    profile = make_profile(site, views(5))
    segment = published(site, viewed())
    promote = refresh._promote

    def event_then_promote(*args):
        store_events(site, profile.pk, views(1))
        state = ProfileState.objects.get(pk=profile.pk)
        state.version += 1
        # As the fold leaves it: with the new event, and nothing about the building version.
        state.history = b""
        happenings = histories.load(profile.pk, frozenset(), since_ms=None, limit=None)
        state.history = histories.encode(happenings)
        state.save(update_fields=["version", "history"])
        return promote(*args)

    monkeypatch.setattr(refresh, "_promote", event_then_promote)
    refreshed(site)
    assert members(segment) == {profile.pk}


def test_one_pass_answers_many_segments_with_few_statements(site, django_assert_max_num_queries):
    for _ in range(30):
        make_profile(site, views(5, 6))
    for n in range(20):
        published(site, viewed(value=n % 3 + 1), f"segment-{n}")
    with django_assert_max_num_queries(96):  # 20 versions go live by three statements each
        refreshed(site)
    with django_assert_max_num_queries(20):
        refreshed(site)


def test_a_refresh_of_what_changed_looks_at_nobody_else(site):
    here, elsewhere = make_profile(site, views(60)), make_profile(site, views(60))
    segment = published(site, viewed())
    refreshed(site)
    for profile in (here, elsewhere):
        store_events(site, profile.pk, views(1 if profile is here else 70))
        kept = histories.load(profile.pk, frozenset(), since_ms=None, limit=None)
        ProfileState.objects.filter(pk=profile.pk).update(history=histories.encode(kept))

    done = refresh.refresh_changed(
        site_id=site.pk, since=NOW - timedelta(minutes=5), read_clock=lambda: NOW
    )

    assert (done.profiles, done.entered) == (1, 1)
    assert members(segment) == {here.pk}
    refreshed(site)
    assert members(segment) == {here.pk, elsewhere.pk}, "the whole refresh misses nobody"


def test_what_came_in_before_midnight_is_among_what_changed_just_after_it(site):
    profile = make_profile(site, views(5))
    segment = published(site, viewed())
    refreshed(site)
    store_events(site, profile.pk, views(1))
    tomorrow = NOW + timedelta(hours=13)
    refresh.refresh_changed(
        site_id=site.pk, since=NOW - timedelta(minutes=2), read_clock=lambda: tomorrow
    )
    assert members(segment) == {profile.pk}


def test_events_written_past_the_consumer_are_mended_by_the_command(site, capsys):
    profile, other = make_profile(site, views(5)), make_profile(site, views(5))
    segment = published(site, viewed())
    refreshed(site)
    store_events(site, profile.pk, views(1))

    call_command("refresh_segments", site=site.key, received_since=NOW - timedelta(minutes=2))

    assert members(segment) == {profile.pk}
    assert "1 profiles asked, 1 evaluated, 1 entered" in capsys.readouterr().out
    assert stays(other) == {}
    with pytest.raises(CommandError, match="no instant with a time zone"):
        call_command("refresh_segments", "--received-since", "yesterday")


def test_a_late_event_on_a_closed_day_is_among_what_changed(site):
    day = 24 * 60
    profile = make_profile(site, views(4 * day))
    segment = published(site, viewed(window={"last": "30d"}))
    refreshed(site)
    assert members(segment) == set()
    store_events(site, profile.pk, views(3 * day))
    kept = histories.load(profile.pk, frozenset(), since_ms=None, limit=None)
    ProfileState.objects.filter(pk=profile.pk).update(history=histories.encode(kept))
    refresh.refresh_changed(site_id=site.pk, since=NOW, read_clock=lambda: NOW)
    assert members(segment) == {profile.pk}


def test_only_the_segments_that_differ_are_evaluated_and_the_other_stays_remain(site):
    profile = make_profile(site, views(5, 6))
    lasting = published(site, viewed(), "lasting")
    passing = published(site, viewed(window={"last": "10m"}), "passing")
    refreshed(site)
    before = stays(profile)[lasting.number]

    refreshed(site, NOW + timedelta(minutes=4))

    assert members(lasting) == {profile.pk}
    assert members(passing) == set()
    assert stays(profile) == {lasting.number: before}


def test_more_segments_than_one_word_has_bits(site):
    profile = make_profile(site, views(5, 6))
    segments = [published(site, viewed(value=n % 3 + 1), f"segment-{n}") for n in range(70)]
    refreshed(site)
    inside = [segment for segment in segments if members(segment) == {profile.pk}]
    assert len(inside) == len([n for n in range(70) if n % 3 < 2])
    Membership.objects.filter(segment=inside[-1]).delete()
    auditing.audit_memberships(site.pk)
    assert refreshed(site).entered == 1

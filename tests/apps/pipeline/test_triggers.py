"""Triggers fire for what somebody has just done: once, within limits, and for nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import Source
from apps.consent.types import Purpose
from apps.decisions import notices
from apps.pipeline import triggering
from apps.pipeline.triggering import Follower
from apps.profiles.holders import holders
from apps.profiles.models import ProfileState
from apps.rules import firing, retention
from apps.rules.models import Firing, Trigger
from apps.segments import live, refresh
from apps.segments import services as segments
from apps.work.models import Intent
from apps.work.redis import exchange
from tests.apps.pipeline.conftest import NOW, World, identify
from tests.apps.pipeline.triggered import BROWSES, Watched

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def told() -> list[notices.Trigger]:
    """The triggers in what open pages were told so far."""
    entries = exchange(("XRANGE", notices.STREAM, "-", "+"))[0]
    assert isinstance(entries, list)
    found: list[notices.Trigger] = []
    for entry_id, fields in entries:
        pairs = dict(zip(fields[::2], fields[1::2], strict=True))
        found += notices.read(entry_id, pairs).triggers
    return [one for one in found if one.key]


def test_whoever_comes_into_the_segment_sets_it_off_once(world: World) -> None:
    watched = Watched(world)
    watched.comes_in("a1")
    assert watched.outcomes() == ["fired"]
    (notice,) = told()
    assert notice.profile == world.profile_of("anonymous_id", "a1").bytes
    assert (notice.key, notice.message) == ("browsing", '{"show": "help"}')

    watched.act(NOW + MINUTE)
    Follower().act(NOW + MINUTE)
    assert watched.outcomes() == ["fired"]


def test_leaving_sets_off_a_trigger_that_asks_for_it_and_no_other(world: World) -> None:
    watched = Watched(world, on=Trigger.On.LEFT)
    watched.comes_in("a1")
    assert watched.outcomes() == []
    watched.goes_by_itself(NOW + 11 * MINUTE)
    assert watched.outcomes() == ["fired"]


def test_what_is_known_more_than_five_minutes_late_fires_nothing(world: World) -> None:
    watched = Watched(world)
    watched.comes_in("late", NOW, read_at=NOW + timedelta(minutes=5, seconds=2))
    assert watched.outcomes() == []
    watched.comes_in("just-in-time", NOW + HOUR, read_at=NOW + HOUR + timedelta(minutes=4))
    assert watched.outcomes() == ["fired"]


def test_lines_that_were_read_late_fire_nothing(world: World) -> None:
    """The consumer was away: what happened meanwhile is no reason to act any more."""
    watched = Watched(world)
    for seconds in (2, 1):
        watched.sees("a1", NOW - timedelta(seconds=seconds), folded_at=NOW)
    watched.act(NOW + timedelta(minutes=6))
    assert watched.outcomes() == []


def test_the_first_members_of_a_new_version_fire_nothing(world: World) -> None:
    watched = Watched(world)
    watched.sees("a1", NOW - timedelta(seconds=1), folded_at=NOW)
    one_view = {"v": 1, "where": {**BROWSES["where"], "value": 1}}
    segments.change_draft(
        site_id=world.site.id, segment_id=watched.segment.pk, condition=one_view, now=NOW,
        actor=None,
    )  # fmt: skip
    segments.publish_segment(
        site_id=world.site.id, segment_id=watched.segment.pk, actor=None, now=NOW
    )
    entered = refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW).entered
    assert entered == 1
    watched.act(NOW)
    assert watched.outcomes() == []

    watched.sees("a2", NOW, folded_at=NOW)
    watched.act(NOW)
    assert watched.outcomes() == ["fired"]


def test_a_merge_that_puts_somebody_into_the_segment_fires_nothing(world: World) -> None:
    watched = Watched(world)
    watched.sees("phone", NOW - timedelta(seconds=3), folded_at=NOW)
    watched.sees("laptop", NOW - timedelta(seconds=2), folded_at=NOW)
    world.fold(identify(3500, "phone", "u1"), now=NOW)
    world.fold(identify(3501, "laptop", "u1"), now=NOW)
    stays = live.decode_stays(world.state_of("user_id", "u1").memberships)
    assert stays[watched.segment.number][0] is True
    watched.act(NOW)
    assert watched.outcomes() == []


def test_who_has_refused_personalization_is_left_alone(world: World) -> None:
    watched = Watched(world)
    watched.sees("a1", NOW - timedelta(minutes=20), folded_at=NOW)
    ProfileState.objects.update(denied=int(Purpose.PERSONALIZATION))
    watched.comes_in("a1")
    assert watched.outcomes() == []  # they come into no segment
    assert told() == []


def test_who_has_refused_triggers_alone_comes_in_and_sets_nothing_off(world: World) -> None:
    watched = Watched(world)
    watched.sees("a1", NOW - timedelta(minutes=20), folded_at=NOW)
    ProfileState.objects.update(denied=int(Purpose.TRIGGERS))
    watched.comes_in("a1")
    stays = live.decode_stays(world.state_of("anonymous_id", "a1").memberships)
    assert stays[watched.segment.number][0] is True
    assert (watched.outcomes(), told()) == (["no_consent"], [])


def test_where_consent_is_asked_for_nobody_fires_before_they_have_said_yes(world: World) -> None:
    watched = Watched(world, webhook_address="https://example.com/hook")
    Source.objects.update(consent_mode=Source.ConsentMode.REQUIRED)
    watched.sees("a1", NOW - timedelta(minutes=20), folded_at=NOW)
    watched.comes_in("a1")
    assert watched.outcomes() == []
    assert not Intent.objects.filter(kind="webhook.deliver").exists()
    ProfileState.objects.update(granted=int(Purpose.PERSONALIZATION))
    watched.goes_by_itself(NOW + timedelta(minutes=11))
    watched.comes_in("a1", NOW + timedelta(minutes=20))
    assert watched.outcomes() == ["fired"]


def test_who_stays_long_enough_sets_it_off_and_who_turns_back_does_not(world: World) -> None:
    watched = Watched(world, for_ms=8 * 60_000)
    watched.comes_in("stays")
    watched.comes_in("leaves", NOW - 4 * MINUTE)
    assert watched.outcomes() == ["waiting", "waiting"]
    watched.act(NOW + 3 * MINUTE)
    watched.goes_by_itself(NOW + 6 * MINUTE)
    assert sorted(watched.outcomes()) == ["fired", "waiting"]


def test_a_wait_ends_with_the_stay(world: World) -> None:
    watched = Watched(world, for_ms=30 * 60_000)
    watched.comes_in("a1")
    watched.goes_by_itself(NOW + 11 * MINUTE)
    assert watched.outcomes() == ["turned_back"]
    watched.act(NOW + HOUR)
    assert watched.outcomes() == ["turned_back"]


def test_a_visitor_sets_it_off_as_often_as_is_allowed(world: World) -> None:
    watched = Watched(world, most=2, window_ms=3 * 3_600_000)
    for hour in range(5):
        watched.comes_in("a1", NOW + hour * HOUR)
        watched.goes_by_itself(NOW + hour * HOUR + 11 * MINUTE)
    assert watched.outcomes() == ["fired", "fired", "capped", "fired", "fired"]


def test_after_a_firing_there_is_a_pause(world: World) -> None:
    watched = Watched(world, cooldown_ms=90 * 60_000)
    for hour in range(3):
        watched.comes_in("a1", NOW + hour * HOUR)
        watched.goes_by_itself(NOW + hour * HOUR + 11 * MINUTE)
    assert watched.outcomes() == ["fired", "cooling", "fired"]


def test_a_trigger_that_fires_too_much_pauses_itself(world: World) -> None:
    watched = Watched(world, most_per_minute=2)
    for number in range(4):
        for seconds in (2, 1):
            watched.sees(f"a{number}", NOW - timedelta(seconds=seconds), folded_at=NOW)
    watched.act(NOW)
    assert sorted(watched.outcomes()) == ["fired", "fired", "held", "held"]
    watched.trigger.refresh_from_db()
    assert watched.trigger.paused_at == NOW
    watched.comes_in("late-comer", NOW + HOUR)
    assert len(watched.outcomes()) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"is_enabled": False},
        {"starts_at": NOW + MINUTE},
        {"ends_at": NOW - MINUTE},
    ],
    ids=["off", "not-yet", "over"],
)
def test_a_trigger_that_is_not_on_hears_nothing(world: World, fields: dict[str, Any]) -> None:
    watched = Watched(world, **fields)
    watched.comes_in("a1")
    assert watched.outcomes() == []


def test_a_firing_with_an_address_asks_for_one_call(world: World) -> None:
    watched = Watched(world, webhook_address="https://example.com/hook")
    watched.comes_in("a1")
    (firing,) = Firing.objects.all()
    (intent,) = Intent.objects.filter(kind="webhook.deliver")
    assert intent.payload == {"firing": str(firing.pk)}
    assert firing.webhook == "waiting"


def test_firings_are_a_persons_data(world: World) -> None:
    watched = Watched(world)
    watched.comes_in("a1")
    watched.comes_in("b1")
    one, other = (world.profile_of("anonymous_id", name) for name in ("a1", "b1"))
    (holder,) = [holder for holder in holders() if holder.name == "rules"]
    assert [row["outcome"] for row in holder.export(one)] == ["fired"]
    assert holder.reassign(one, other) == 1
    assert len(list(holder.export(other))) == 2
    assert holder.erase(other) == 2
    assert not Firing.objects.exists()


def test_firings_are_forgotten_after_a_year(world: World) -> None:
    watched = Watched(world)
    watched.comes_in("a1")
    assert retention.prune_firings(NOW + timedelta(days=364)) == 0
    assert retention.prune_firings(NOW + timedelta(days=366)) == 1


def test_a_line_that_cannot_be_read_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time, until the one that is to blame is known, and left out."""
    watched = Watched(world)
    for who in ("a1", "spoilt", "a2"):
        for seconds in (2, 1):
            watched.sees(who, NOW - timedelta(seconds=seconds), folded_at=NOW)
    spoilt = world.profile_of("anonymous_id", "spoilt")
    take = firing.take

    def stumbling(told: Any, *rest: Any, **more: Any) -> Any:
        if any(line.profile_id == spoilt for line in told):
            raise ValueError("spoilt")
        return take(told, *rest, **more)

    monkeypatch.setattr(firing, "take", stumbling)
    monkeypatch.setattr(triggering, "RETRY_S", 0.0)
    monkeypatch.setattr(triggering, "EVERY_S", 0.0)
    for _ in range(8):
        watched.follower.look(NOW)
    assert watched.outcomes() == ["fired", "fired"]

"""A merge undone: two people as if they had never been joined, whatever came before and after."""

from uuid import UUID

import pytest
from django.db import connection

from apps.access.models import AuditEntry
from apps.consent import holds
from apps.consent.models import ConsentEvent
from apps.consent.types import Hold, Purpose
from apps.decisions.models import DecisionRecord
from apps.events import history
from apps.events.types import Accepted
from apps.pipeline.splitting import split_profile
from apps.profiles import splitting
from apps.profiles.errors import CannotUndo
from apps.profiles.holders import holders
from apps.profiles.models import Identity, MergeRecord, Profile, ProfileState, Trait, TraitChange
from apps.segments import refresh
from apps.segments.models import Membership
from apps.work.ids import uuid7
from apps.work.models import ChangeFeed
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.pipeline.joined import LATER, alias, counted, inside, publish, say, undo


def test_both_have_their_own_again_and_what_came_since(world: World) -> None:
    world.fold(event(1, anonymous_id="a1", message_id="m1"))
    world.fold(identify(2, None, "ann", plan="pro"))
    older, younger = (world.profile_of("anonymous_id", "a1"), world.profile_of("user_id", "ann"))
    world.fold(identify(3, "a1", "ann", city="Rome"))
    world.fold(
        event(4, anonymous_id="a1", message_id="m4"), event(5, user_id="ann", message_id="m5")
    )

    undo(world)

    assert world.profile_of("anonymous_id", "a1") == older
    assert world.profile_of("user_id", "ann") == younger
    device, ann = world.state_of("anonymous_id", "a1"), world.state_of("user_id", "ann")
    assert world.events_of("anonymous_id", "a1") == ["m1", "m4"]
    assert world.events_of("user_id", "ann")[-1] == "m5"
    assert (device.event_count, ann.event_count) == (2, 3)
    assert device.trait_values() == {}
    assert ann.trait_values() == {"plan": "pro", "city": "Rome"}
    assert (device.unit_id, ann.unit_id) == ("a1", "ann")
    assert (device.merged_into, ann.merged_into) == (None, None)
    assert Profile.objects.get(pk=younger).merged_into is None
    assert len(history.decode(ann.history).happenings) == 3
    assert set(Trait.objects.values_list("profile_id", "key")) == {
        (younger, "plan"), (younger, "city"),
    }  # fmt: skip


def test_the_same_identify_does_not_join_them_again(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    undo(world)

    world.fold(identify(10, "a1", "ann"), event(11, anonymous_id="a1", message_id="alone"))
    world.fold(alias(12, "a1", "ann"))

    assert world.profile_of("anonymous_id", "a1") != world.profile_of("user_id", "ann")
    assert world.events_of("anonymous_id", "a1")[-1] == "alone"
    assert not Identity.objects.filter(is_shared=True).exists()
    assert MergeRecord.objects.count() == 1


def test_nobody_joins_them_by_a_third(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    undo(world)
    world.fold(event(4, anonymous_id="a2"))

    world.fold(alias(10, "a2", "ann"), alias(11, "a1", "ann"), alias(12, "a1", "a2"))

    assert world.profile_of("anonymous_id", "a2") == world.profile_of("user_id", "ann")
    assert world.profile_of("anonymous_id", "a1") != world.profile_of("user_id", "ann")
    # Undone in turn, each is kept from whom it was kept from.
    undo(world)
    one, two, ann = (
        world.profile_of(*name)
        for name in (("anonymous_id", "a1"), ("anonymous_id", "a2"), ("user_id", "ann"))
    )
    assert splitting.are_apart([one], [ann]) and splitting.are_apart([two], [ann])
    assert not splitting.are_apart([one], [two])


def test_merges_are_undone_in_turn_the_latest_first(world: World) -> None:
    for number in (1, 2, 3):
        world.fold(event(number, user_id=f"u{number}", message_id=f"m{number}"))
    world.fold(alias(4, "u2", "u1"))
    world.fold(alias(5, "u3", "u1"))
    first, second = MergeRecord.objects.order_by("pk")

    with pytest.raises(CannotUndo, match=f"Undo first: merge {second.pk}"):
        split_profile(merge_id=first.pk, actor=None, reason="A mistake.", now=LATER)
    undo(world)
    undo(world)

    for number in (1, 2, 3):
        assert world.state_of("user_id", f"u{number}").unit_id == f"u{number}"
        assert f"m{number}" in world.events_of("user_id", f"u{number}")
    with pytest.raises(CannotUndo, match="already"):
        split_profile(merge_id=first.pk, actor=None, reason="A mistake.", now=LATER)


def test_an_undo_says_why_and_leaves_its_traces(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    record = MergeRecord.objects.get()

    for reason in ("", "  ", "x" * 201):
        with pytest.raises(CannotUndo, match="Say why"):
            split_profile(merge_id=record.pk, actor=None, reason=reason, now=LATER)
    undo(world, reason="Two people.")

    record.refresh_from_db()
    assert (record.undone_at, record.undone_reason) == (LATER, "Two people.")
    (entry,) = AuditEntry.objects.filter(action="profiles.merge_undone")
    assert entry.detail["winner"] == str(record.winner_id) and "reason" not in entry.detail
    line = ChangeFeed.objects.get(kind="profile.split")
    assert line.payload == {"loser": str(record.loser_id), "merge": record.pk}


def test_a_merge_from_before_anything_was_kept_cannot_be_undone(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    MergeRecord.objects.update(kept=None)

    with pytest.raises(CannotUndo, match="before Attune kept"):
        undo(world)


def test_segments_are_each_ones_own_again_and_stays_go_on(world: World) -> None:
    publish(world, "looks", counted("gte", 2))
    publish(world, "looks-much", counted("gte", 4))
    for number in range(2):
        world.fold(event(number, anonymous_id="a1"))
        world.fold(event(number + 10, user_id="ann"))
    younger = world.profile_of("user_id", "ann")
    world.fold(identify(20, "a1", "ann"))
    assert inside(world, world.state_of("user_id", "ann")) == {"looks", "looks-much"}

    undo(world)

    for name in (("anonymous_id", "a1"), ("user_id", "ann")):
        assert inside(world, world.state_of(*name)) == {"looks"}
        rows = Membership.objects.filter(profile_id=world.profile_of(*name), left_at=None)
        assert [row.segment.key for row in rows] == ["looks"]
    (stay,) = Membership.objects.filter(profile_id=younger)
    assert stay.since < LATER, "the stay of before the merge goes on"
    lines = ChangeFeed.objects.filter(profile_id=younger).order_by("id")
    assert [line.kind for line in lines] == [
        "membership.entered", "consent.changed", "membership.entered",
    ]  # fmt: skip


def test_holds_and_residence_of_before_are_their_own_and_a_hold_of_meanwhile_is_both(
    world: World,
) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    say(world, "user_id", "ann", personalization=True)
    device, ann = (world.profile_of(*one) for one in (("anonymous_id", "a1"), ("user_id", "ann")))
    site_id = world.site.id
    holds.put(site_id, device, "objected", reason_code="art_21", now=NOW)
    ProfileState.objects.filter(pk=ann).update(residence="US-CA")
    world.fold(identify(3, "a1", "ann"))
    joint = world.state_of("user_id", "ann")
    assert (joint.holds, joint.residence) == (Hold.OBJECTED, "US-CA")
    holds.put(site_id, joint.profile_id, "restricted", reason_code="art_18", now=NOW)

    undo(world)

    apart = [world.state_of("anonymous_id", "a1"), world.state_of("user_id", "ann")]
    assert [row.holds for row in apart] == [Hold.OBJECTED | Hold.RESTRICTED, Hold.RESTRICTED]
    assert [row.residence for row in apart] == ["", "US-CA"]
    assert apart[1].granted == Purpose.PERSONALIZATION
    assert apart[1].consent_until_ms == world.state_of("user_id", "ann").consent_until_ms > 0


def test_a_no_of_before_is_its_own_and_a_no_of_meanwhile_is_both(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    say(world, "anonymous_id", "a1", sale=False, advertising=True)
    say(world, "user_id", "ann", personalization=True, functional=True)
    world.fold(identify(3, "a1", "ann"))
    say(world, "user_id", "ann", functional=False, advertising=True)
    say(world, "anonymous_id", "a1", personalization=False)
    say(world, "anonymous_id", "a1", functional=True)

    undo(world)

    device, ann = world.state_of("anonymous_id", "a1"), world.state_of("user_id", "ann")
    assert device.denied == Purpose.SALE | Purpose.PERSONALIZATION
    assert device.granted == Purpose.ADVERTISING | Purpose.FUNCTIONAL
    assert ann.denied == Purpose.FUNCTIONAL | Purpose.PERSONALIZATION
    assert ann.granted == Purpose.ADVERTISING
    for row in (device, ann):
        newest = ConsentEvent.objects.filter(profile_id=row.profile_id).order_by("epoch").last()
        assert newest is not None
        assert (newest.granted_after, newest.denied_after) == (row.granted, row.denied)
    said = ConsentEvent.objects.filter(profile_id=ann.profile_id)
    assert [entry.method for entry in said.order_by("epoch", "pk")] == ["api", "api", "split"]
    assert device.consent_epoch == ann.consent_epoch


def test_groups_scores_of_the_other_and_lists_do_not_stay(world: World) -> None:
    def group(at_s: float, user: str, group_id: str) -> Accepted:
        return event(at_s, type="group", name="Group", user_id=user, group_id=group_id, traits={})

    world.fold(group(1, "ann", "acme"), group(2, "bob", "initech"))
    world.fold(alias(3, "bob", "ann"))
    world.fold(group(4, "bob", "hooli"))
    assert world.state_of("user_id", "ann").trait_values()["edge.member_of"] == [
        "acme", "hooli", "initech",
    ]  # fmt: skip

    undo(world)

    own = {
        user: world.state_of("user_id", user).trait_values()["edge.member_of"]
        for user in ("ann", "bob")
    }
    assert own == {"ann": ["acme"], "bob": ["hooli", "initech"]}
    told = TraitChange.objects.filter(key="edge.member_of").order_by("observed_at")
    assert [change.value for change in told] == [["acme"], ["initech"], ["hooli", "initech"]]
    rows = Trait.objects.filter(key="edge.member_of").order_by("observed_at")
    assert [row.value for row in rows] == [["acme"], ["hooli", "initech"]]


def test_records_of_decisions_go_back_those_of_meanwhile_stay(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    older, younger = (world.profile_of("anonymous_id", "a1"), world.profile_of("user_id", "ann"))

    def decided(profile_id: UUID) -> UUID:
        made = DecisionRecord.objects.create(
            site_id=world.site.id, request_id="r", profile_id=profile_id, source_id=uuid7(),
            snapshot=1, at=NOW, placements={}, took_us=1,
        )  # fmt: skip
        return made.pk

    before = decided(younger)
    world.fold(identify(3, "a1", "ann"))
    meanwhile = decided(older)

    undo(world)

    assert DecisionRecord.objects.get(pk=before).profile_id == younger
    assert DecisionRecord.objects.get(pk=meanwhile).profile_id == older


def test_a_device_of_several_people_keeps_the_time_of_each(world: World) -> None:
    world.fold(
        event(1, user_id="cat"),
        identify(2, "tv", "ann"), event(3, anonymous_id="tv", message_id="anns"),
        identify(4, "tv", "bob"), event(5, anonymous_id="tv", message_id="bobs"),
        identify(6, "tv", "cat"), event(7, anonymous_id="tv", message_id="cats"),
    )  # fmt: skip
    before = {user: world.events_of("user_id", user) for user in ("ann", "bob", "cat")}
    world.fold(alias(8, "bob", "ann"))
    assert set(before["bob"]) <= set(world.events_of("user_id", "ann"))

    undo(world)

    after = {user: world.events_of("user_id", user)[: len(before[user])] for user in before}
    assert after == before
    assert world.profile_of("anonymous_id", "tv") == world.profile_of("user_id", "cat")
    world.fold(event(5.5, anonymous_id="tv", message_id="late"))
    assert "late" in world.events_of("user_id", "bob")


def test_a_device_that_came_since_goes_with_its_user(world: World) -> None:
    world.fold(event(1, user_id="ann"), event(2, user_id="bob"))
    world.fold(alias(3, "bob", "ann"))
    world.fold(identify(4, "phone", "bob"), event(5, anonymous_id="phone", message_id="m5"))
    world.fold(identify(6, "desk", "ann"), identify(8, "desk", "bob"))
    world.fold(event(7, anonymous_id="desk", message_id="m7"))
    world.fold(event(9, anonymous_id="desk", message_id="m9"))

    undo(world)

    assert world.profile_of("anonymous_id", "phone") == world.profile_of("user_id", "bob")
    assert {"m5", "m9"} <= set(world.events_of("user_id", "bob"))
    assert "m7" in world.events_of("user_id", "ann")


def test_three_found_to_be_one_in_one_batch_are_told_apart_again(world: World) -> None:
    for number, user in enumerate(("u1", "u2", "u3")):
        world.fold(event(number, user_id=user, message_id=f"m{number}"))
        say(world, "user_id", user, **dict.fromkeys(("sale", "functional")[:number], False))
    before = [world.state_of("user_id", f"u{n}") for n in (1, 2, 3)]
    world.fold(alias(4, "u2", "u1"), alias(5, "u3", "u2"))
    assert MergeRecord.objects.count() == 2

    undo(world)
    undo(world)

    for row in before:
        again = world.state_of("user_id", row.unit_id)
        assert (again.profile_id, again.denied) == (row.profile_id, row.denied)
        assert world.events_of("user_id", row.unit_id)[0] == row.last_message_id


def test_an_erased_person_is_not_brought_back(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    world.fold(event(2, user_id="ann"))
    world.fold(identify(3, "a1", "ann"))
    record = MergeRecord.objects.get()
    for holder in reversed(holders()):
        holder.erase(record.winner_id)

    with pytest.raises(CannotUndo):
        split_profile(merge_id=record.pk, actor=None, reason="A mistake.", now=LATER)


def rolled_up(profile_id: UUID) -> list[object]:
    """What is counted of closed days."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (to_jsonb(r) - 'profile_id')::text FROM events_rollup r"
            " WHERE profile_id = %s ORDER BY 1",
            [str(profile_id)],
        )
        return list(cursor.fetchall())


def test_what_is_counted_of_closed_days_is_each_ones_own_again(world: World) -> None:
    publish(world, "looks", counted("gte", 3))
    for day in (3, 4, 5):
        world.fold(event(-86_400 * day, anonymous_id="a1"), event(-86_400 * day, user_id="ann"))
    world.fold(event(-86_400 * 6, user_id="ann"))

    def counted_now() -> list[object]:
        refresh.refresh_site(site_id=world.site.id, read_clock=lambda: LATER)
        names = (("anonymous_id", "a1"), ("user_id", "ann"))
        return [rolled_up(world.profile_of(*name)) for name in names]

    before = counted_now()
    assert all(before) and before[0] != before[1]
    world.fold(identify(3, "a1", "ann"))
    assert counted_now()[0] not in before

    undo(world)

    assert counted_now() == before
    for name in (("anonymous_id", "a1"), ("user_id", "ann")):
        assert inside(world, world.state_of(*name)) == {"looks"}

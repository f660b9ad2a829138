"""The live path against the oracle: what the consumer wrote is what the events mean.

Late and batched arrivals, two devices and events of the user alone; asked at the fold's own time
and, by what the stays foretell, at later instants without another event.
"""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.events.types import Accepted
from apps.profiles.models import Due, Identity, ProfileState
from apps.profiles.state import words_of
from apps.segments import refresh
from apps.segments import services as segments
from apps.segments.models import Membership, SegmentVersion
from apps.segments.stays import decode_stays, is_inside
from apps.work import clock
from engine.facts import NO_DEVICE, Facts, Happening, TraitMeta
from tests.apps.pipeline.conftest import NOW, START_MS, World, event, world
from tests.apps.pipeline.test_language import ADDED, BOUGHT, CONDITIONS, VIEWED
from tests.engine import oracle

__all__ = ["world"]  # the fixture

NOW_MS = clock.to_ms(NOW)
AHEAD_MS = (0, 1, 60_000, 300_000, 600_000, 1_200_000, 1_800_000, 2_400_000, 86_400_000)

_people = count()


@pytest.fixture
def numbers(world: World) -> dict[str, int]:
    """One live segment of every kind: number by key."""
    found: dict[str, int] = {}
    for key, where in CONDITIONS.items():
        made = segments.create_segment(
            site_id=world.site.id,
            key=key,
            name=key,
            condition={"v": 1, "where": where},
            now=NOW,
        )
        segments.publish_segment(site_id=world.site.id, segment_id=made.pk, actor=None, now=NOW)
        found[key] = made.number
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)
    return found


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """What a person did within an hour, and batches of it in some order of arrival."""
    seconds = st.one_of(st.integers(0, 3500), st.sampled_from([0, 600, 1200, 1800, 3000, 3599]))
    made = []
    for at_s in sorted(draw(st.lists(seconds, min_size=1, max_size=10))):
        name = draw(st.sampled_from([VIEWED, VIEWED, ADDED, BOUGHT, "Identify"]))
        fields = {"at_s": at_s, "name": name, "device": draw(st.sampled_from(["x", "y", None]))}
        if name == "Identify":
            fields["plan"] = draw(st.sampled_from(["pro", "free"]))
        else:
            value = draw(st.sampled_from([5, 10, 20]))
            fields["properties"] = {"category": draw(st.sampled_from("ab")), "value": value}
        made.append(fields)
    order = draw(st.permutations(range(len(made))))
    cuts = sorted(draw(st.sets(st.integers(1, len(made)), max_size=3)))
    pairs = zip([0, *cuts], [*cuts, len(made)], strict=True)
    return made, [list(order[start:end]) for start, end in pairs if start < end]


def accepted(made: list[dict[str, Any]], person: str) -> list[Accepted]:
    found = []
    for place, fields in enumerate(made):
        device = fields["device"]
        given_: dict[str, Any] = {
            "user_id": person,
            "anonymous_id": device and f"{person}-{device}",
            # The order of events of one second.
            "message_id": f"{person}-{place:03}",
            "name": fields["name"],
        }
        if "plan" in fields:
            given_ |= {"type": "identify", "traits": {"plan": fields["plan"]}}
        else:
            given_["properties"] = fields["properties"]
        found.append(event(fields["at_s"], **given_))
    return found


def devices_of(world: World, person: str) -> dict[str | None, int]:
    """The numbers of their devices: by which came in first, which is what breaks ties."""
    found = Identity.objects.filter(site=world.site, value__startswith=f"{person}-")
    numbered: dict[str | None, int] = {one.value.rsplit("-", 1)[1]: one.pk for one in found}
    return {None: NO_DEVICE, **numbered}


def facts_of(made: list[dict[str, Any]], devices: dict[str | None, int]) -> Facts:
    history, traits, changed_ms = [], dict[str, object](), None
    for fields in made:
        at_ms = START_MS + fields["at_s"] * 1000
        device = devices[fields["device"]]
        history.append(Happening(at_ms, fields["name"], device, fields.get("properties", {})))
        if "plan" in fields and traits.get("plan") != fields["plan"]:
            traits["plan"], changed_ms = fields["plan"], at_ms
    meta = {"plan": TraitMeta(changed_ms=changed_ms)} if traits else {}
    return Facts(traits, history, trait_meta=meta)


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(life=lives())
def test_the_consumer_answers_as_the_oracle(
    world: World, numbers: dict[str, int], life: tuple[list[dict[str, Any]], list[list[int]]]
) -> None:
    made, batches = life
    person = f"oracle-{next(_people)}"
    arriving = accepted(made, person)
    for batch in batches:
        world.fold(*(arriving[place] for place in batch))
    stays = decode_stays(world.state_of("user_id", person).memberships)

    facts = facts_of(made, devices_of(world, person))
    for key, number in numbers.items():
        for ahead_ms in AHEAD_MS:
            said = is_inside(stays.get(number), NOW_MS + ahead_ms)
            if said is not None:  # None: not foretold that far
                meant = oracle.truth(CONDITIONS[key], facts, NOW_MS + ahead_ms, CONDITIONS)
                assert said is (meant is True), (key, ahead_ms)


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(life=lives(), passed_ms=st.sampled_from(AHEAD_MS))
def test_a_refresh_finds_and_foretells_what_the_oracle_does(
    world: World,
    numbers: dict[str, int],
    life: tuple[list[dict[str, Any]], list[list[int]]],
    passed_ms: int,
) -> None:
    """No timer has fired since the last event. Then again, as if all segments were new."""
    with connection.cursor() as cursor:  # a fold limits the transaction that it is in
        cursor.execute("SET LOCAL transaction_timeout = 0")
    made, batches = life
    person = f"refreshed-{next(_people)}"
    arriving = accepted(made, person)
    for batch in batches:
        world.fold(*(arriving[place] for place in batch))
    profile_id = world.profile_of("user_id", person)
    now_ms = NOW_MS + passed_ms
    facts = facts_of(made, devices_of(world, person))
    _assert_refreshed(world, numbers, profile_id, facts, now_ms)

    ProfileState.objects.filter(pk=profile_id).update(memberships=b"", inside=[])
    Due.objects.filter(pk=profile_id).delete()
    Membership.objects.filter(profile_id=profile_id).delete()
    SegmentVersion.objects.update(refreshed_at=None)
    _assert_refreshed(world, numbers, profile_id, facts, now_ms)


def _assert_refreshed(
    world: World, numbers: dict[str, int], profile_id: UUID, facts: Facts, now_ms: int
) -> None:
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: clock.from_ms(now_ms))
    row = ProfileState.objects.get(pk=profile_id)
    stays = decode_stays(bytes(row.memberships))
    for key, number in numbers.items():
        for ahead_ms in AHEAD_MS:
            said = is_inside(stays.get(number), now_ms + ahead_ms)
            if said is not None:  # None: not foretold that far
                meant = oracle.truth(CONDITIONS[key], facts, now_ms + ahead_ms, CONDITIONS)
                assert said is (meant is True), (key, ahead_ms)
    inside = {number for number, stay in stays.items() if stay[0]}
    assert words_of(sorted(inside)) == list(row.inside)
    open_ = Membership.objects.filter(profile_id=profile_id, left_at=None)
    assert set(open_.values_list("segment__number", flat=True)) == inside
    ends = {key: stays[number][1] for key, number in numbers.items() if number in stays}
    foretold = {key: end for key, end in ends.items() if end is not None}
    due = [clock.to_ms(one.due_at) for one in Due.objects.filter(pk=profile_id)]
    assert due == ([min(foretold.values())] if foretold else [])
    assert {key: now_ms - end for key, end in foretold.items() if end <= now_ms} == {}

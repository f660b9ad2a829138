"""Whatever happens to people - joins, shared devices, forgetting, a no - what is kept of them is
what their retained events and traits say when they are read again from the start."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.consent import services as consent
from apps.consent.withdrawing import CLEAR
from apps.events import fold as event_fold
from apps.events import history
from apps.pipeline import fold
from apps.pipeline.person import Person
from apps.profiles import selectors, state
from apps.profiles.holders import holders
from apps.profiles.models import Identity, ProfileState, Trait
from apps.profiles.state import StateRow
from apps.segments import live, refresh
from apps.segments import services as segments
from apps.segments.models import Membership
from apps.segments.stays import Stays, decode_stays, is_inside
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from engine.conditions.evaluate import truth
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.test_language import CONDITIONS, POLICIES, told

Json = dict[str, Any]

CONSENTED: dict[str, Json] = {
    "may-advertise": {"kind": "consent", "purpose": "advertising"},
    "may-not-sell": {"not": {"kind": "consent", "purpose": "sale"}},
    "keen-and-may": {
        "all": [
            {"kind": "segment", "key": "keen"},
            {"kind": "consent", "purpose": "personalization"},
        ]
    },
}


@pytest.fixture
def world(db: None) -> World:
    event_fold._observed.clear()
    return World()


@pytest.fixture
def language(world: World) -> dict[str, int]:
    """Segments of every kind, live: number by key."""
    numbers: dict[str, int] = {}
    all_of: dict[str, tuple[Json, Json]] = {
        key: (where, {}) for key, where in (CONDITIONS | CONSENTED).items()
    } | POLICIES
    for key, (where, policy) in all_of.items():
        made = segments.create_segment(
            site_id=world.site.id,
            key=key,
            name=key,
            condition={"v": 1, "where": where},
            policy=policy,
            now=NOW,
        )
        segments.publish_segment(site_id=world.site.id, segment_id=made.pk, actor=None, now=NOW)
        numbers[key] = made.number
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)
    return numbers


NAMES = ["Product Viewed", "Product Viewed", "Product Added", "Order Completed"]
DEVICES, USERS = "xyz", "uvw"


@st.composite
def deeds(draw: st.DrawFn) -> Json:
    """One thing that happens to somebody, as plain data."""
    at_s = draw(st.integers(0, 3_500))
    device, user = draw(st.sampled_from(DEVICES)), draw(st.sampled_from(USERS))
    kind = draw(
        st.sampled_from(["event"] * 8 + ["login"] * 3 + ["alias", "choice", "choice", "forget"])
    )
    deed: Json = {"kind": kind, "at_s": at_s, "device": device, "user": user}
    if kind == "event":
        deed["name"] = draw(st.sampled_from(NAMES))
        deed["is_known"] = draw(st.booleans())
        deed["properties"] = {
            "category": draw(st.sampled_from("ab")),
            "value": draw(st.sampled_from([5, 10, 20])),
        }
    elif kind == "login":
        deed["plan"] = draw(st.sampled_from(["pro", "free", None]))
    elif kind == "choice":
        purpose = st.sampled_from(["analytics", "advertising", "sale", "personalization"])
        deed["purpose"], deed["yes"] = draw(purpose), draw(st.booleans())
    elif kind == "forget":
        deed["who"] = draw(st.sampled_from([("anonymous_id", device), ("user_id", user)]))
    return deed


def forget(world: World, kind: str, value: str) -> None:
    """Erase a person as a request for it does: every holder, downstream first."""
    found = Identity.objects.filter(site=world.site, kind=kind, value=value).first()
    if found is None:
        return
    with transaction.atomic():
        for holder in reversed(holders()):
            for one in selectors.ids_of_person(found.profile_id):
                holder.erase(one)


def do(world: World, deed: Json, name: str) -> None:
    """Carry out one deed; what it names is this example's own."""
    device, user = f"{name}{deed['device']}", f"{name}{deed['user']}"
    common: Json = {"message_id": f"{name}-{deed['number']}"}
    match deed["kind"]:
        case "event":
            owner = user if deed["is_known"] else None
            world.fold(
                event(
                    deed["at_s"],
                    anonymous_id=device,
                    user_id=owner,
                    name=deed["name"],
                    properties=deed["properties"],
                    **common,
                )
            )
        case "login":
            said: Json = {"type": "identify", "name": "Identify", "traits": {"plan": deed["plan"]}}
            world.fold(event(deed["at_s"], anonymous_id=device, user_id=user, **said, **common))
        case "alias":
            said = {"type": "alias", "name": "Alias", "previous_id": device}
            world.fold(event(deed["at_s"], user_id=user, **said, **common))
        case "choice":
            consent.record_choice(
                site_id=world.site.id,
                source_id=world.source.id,
                identities=[("anonymous_id", device)],
                purposes={deed["purpose"]: deed["yes"]},
                method="api",
                policy_version="1",
                gpc=False,
                signals={},
                client_at=None,
                regime="gdpr",
                now=NOW,
            )
        case "forget":
            kind, value = deed["who"]
            forget(world, kind, f"{name}{value}")


def people(world: World, name: str) -> list[StateRow]:
    """The state rows of an example's living people."""
    ids = Identity.objects.filter(site=world.site, value__startswith=name)
    living = ProfileState.objects.filter(
        pk__in=ids.values("profile_id"), merged_into=None
    ).values_list("pk", flat=True)
    return state.read(living)


def recomputed(world: World, profile_id: UUID, now_ms: int) -> tuple[StateRow, Stays]:
    """The state of a person read again from events, from nothing. It is not kept."""
    with transaction.atomic():
        (row,) = state.lock([profile_id])
        row.memberships = b""
        person = Person(row, live.live_set(world.site.id))
        person.reload(recount=True)
        person.evaluate(now_ms)
        return row, decode_stays(row.memberships)


def assert_is_what_is_retained(
    world: World, language: dict[str, int], row: StateRow, now_ms: int
) -> None:
    stays = decode_stays(row.memberships)
    again, fresh = recomputed(world, row.profile_id, now_ms)
    for key, number in language.items():
        for at_ms in (now_ms, now_ms + 600_000, now_ms + 1_500_000):
            was, read = told(stays, number, at_ms), told(fresh, number, at_ms)
            # Beyond what was followed a stay says nothing.
            if None not in (was[0], read[0]):
                assert was == read, (key, at_ms - now_ms)
    assert (row.event_count, row.first_seen_ms, row.last_seen_ms) == (
        again.event_count,
        again.first_seen_ms,
        again.last_seen_ms,
    )
    kept = history.decode(row.history).happenings
    assert [one.at_ms for one in kept] == [
        one.at_ms for one in history.decode(again.history).happenings
    ]
    traits = dict(Trait.objects.filter(profile_id=row.profile_id).values_list("key", "value"))
    assert row.trait_values() == {k: v for k, v in traits.items() if v is not None}
    inside = {number for number in language.values() if is_inside(stays.get(number), now_ms)}
    recorded = Membership.objects.filter(profile_id=row.profile_id, left_at=None)
    assert set(recorded.values_list("segment__number", flat=True)) == inside
    _assert_plainly_true(world, row, inside, now_ms)


def _assert_plainly_true(world: World, row: StateRow, inside: set[int], now_ms: int) -> None:
    """What needs no memory is asked of the events table and of the plainest evaluator."""
    definitions = live.live_set(world.site.id)
    facts = live.near_facts(
        definitions,
        unit_id=row.unit_id,
        traits=row.traits,
        history=history.load(row.profile_id, definitions.properties, since_ms=None, limit=None),
        consent=(row.granted, row.denied),
    )
    # Who refuses personalization is in no segment, not in one for who has done nothing either.
    may_be_placed = live.may_be_placed(row, definitions, now_ms)
    for definition in definitions.definitions:
        if definition.latched is None and not definition.reads.segments:
            verdict = may_be_placed and truth(definition.node, facts, now_ms) is True
            assert verdict is (definition.number in inside), definition.key


_examples = count()
# A device refuses, and becomes one person with another that had said something of itself.
REFUSES: Json = {
    "kind": "choice", "at_s": 0, "device": "x", "user": "u",
    "purpose": "personalization", "yes": False,
}  # fmt: skip
LOGS_IN_TWICE: list[Json] = [
    {"kind": "login", "at_s": 0, "device": device, "user": "u", "plan": "pro"} for device in "yx"
]


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=st.lists(deeds(), min_size=3, max_size=14))
@example(story=[REFUSES, *LOGS_IN_TWICE])
@example(story=[REFUSES, *LOGS_IN_TWICE, {**REFUSES, "yes": True}])
def test_what_is_kept_is_what_is_retained(
    world: World, language: dict[str, int], story: list[Json]
) -> None:
    # Each example alone, at the same time of the same day: nothing of it is kept.
    with transaction.atomic():
        with connection.cursor() as cursor:  # a fold limits the transaction that it is in
            cursor.execute("SET LOCAL transaction_timeout = 0")
        live_through(world, language, story)
        transaction.set_rollback(True)


def live_through(world: World, language: dict[str, int], story: list[Json]) -> None:
    name = f"e{next(_examples)}"
    for number, deed in enumerate(story):
        do(world, {**deed, "number": number}, name)
    clear_what_was_taken_back()
    for minutes in (0, 5, 10, 15, 20, 30, 45, 60):
        now = NOW + timedelta(minutes=minutes)
        while fold.fold_due(now=now):
            continue
        if minutes in (0, 60):
            assert_all_is_retained(world, language, name, now)


def clear_what_was_taken_back() -> None:
    """Have the worker clear the past of purposes that were taken back, as it does in seconds."""
    waiting = Intent.objects.filter(kind=CLEAR, state=Intent.State.WAITING, run_after__lte=NOW)
    for intent_id in list(waiting.order_by("created_at").values_list("pk", flat=True)):
        assert perform(intent_id, now=NOW)


def assert_all_is_retained(
    world: World, language: dict[str, int], name: str, now: datetime
) -> None:
    """Of an example's people; and a refresh of the whole site, by SQL, finds nothing to change."""
    now_ms = clock.to_ms(now)
    for row in people(world, name):
        assert_is_what_is_retained(world, language, row, now_ms)
    refreshed = refresh.refresh_site(site_id=world.site.id, read_clock=lambda: now)
    assert (refreshed.entered, refreshed.left) == (0, 0)
    for row in people(world, name):
        assert_is_what_is_retained(world, language, row, now_ms)

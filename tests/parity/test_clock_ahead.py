"""Under a clock that was wrong: what is dated in the future counts when its time has come.

The live path, its timers and the refresh by SQL are held against the oracle, which looks at the
events up to an instant and at nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.pipeline import fold
from apps.profiles.models import Due
from apps.segments import refresh
from apps.segments.foreseeing import CLOCKS_APART_MS
from apps.segments.models import Membership
from apps.segments.stays import decode_stays, is_inside
from apps.work import clock
from engine.facts import Facts
from tests.apps.pipeline.conftest import START_MS, World, world
from tests.apps.pipeline.test_language import (
    CONDITIONS,
    VIEWED,
    assert_same,
    events_of,
    happened,
    language,
    stays_of,
)
from tests.engine import oracle
from tests.parity.test_live_path import accepted, devices_of, facts_of, lives, numbers

__all__ = ["language", "numbers", "world"]  # the fixtures

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LATER_MS = (0, 1, MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, 24 * HOUR_MS)
STEPS = 60  # deadlines that a life of ten events is followed through
UNLIMITED = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Followed:
    """One person of a world, held against the oracle at one instant after the other."""

    def __init__(self, world: World, numbers: dict[str, int], person: str) -> None:
        self.world, self.numbers, self.person = world, numbers, person

    @property
    def id(self) -> UUID:
        return self.world.profile_of("user_id", self.person)

    def holds(self, facts: Facts, now_ms: int) -> None:
        """The stays are right, now and as far as they foretell; a refresh moves nothing.

        Not asked just before an event: that may count at once.
        """
        if any(0 < one.at_ms - now_ms <= CLOCKS_APART_MS for one in facts.history):
            return
        self._says(facts, now_ms)
        before = self._recorded()
        assert before == self._meant(facts, now_ms)
        refresh.refresh_site(site_id=self.world.site.id, read_clock=lambda: clock.from_ms(now_ms))
        assert self._recorded() == before
        self._says(facts, now_ms)

    def _says(self, facts: Facts, now_ms: int) -> None:
        stays = decode_stays(self.world.state_of("user_id", self.person).memberships)
        for key, number in self.numbers.items():
            for later_ms in LATER_MS:
                said = is_inside(stays.get(number), now_ms + later_ms)
                if said is not None:  # None: not foretold that far
                    meant = oracle.truth(CONDITIONS[key], facts, now_ms + later_ms, CONDITIONS)
                    assert said is (meant is True), (key, later_ms)

    def _recorded(self) -> set[int]:
        open_ = Membership.objects.filter(profile_id=self.id, left_at=None)
        return set(open_.values_list("segment__number", flat=True))

    def _meant(self, facts: Facts, now_ms: int) -> set[int]:
        return {
            number
            for key, number in self.numbers.items()
            if oracle.truth(CONDITIONS[key], facts, now_ms, CONDITIONS) is True
        }

    def due_ms(self) -> int | None:
        due = Due.objects.filter(pk=self.id).first()
        return None if due is None else clock.to_ms(due.due_at)


def fire_timers(now_ms: int) -> None:
    while fold.fold_due(now=clock.from_ms(now_ms)):
        continue


_people = iter(range(1_000_000))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@UNLIMITED
@given(life=lives(), now_s=st.integers(0, 3600))
def test_an_event_of_the_future_counts_when_its_time_has_come(
    world: World,
    numbers: dict[str, int],
    life: tuple[list[dict[str, Any]], list[list[int]]],
    now_s: int,
) -> None:
    """All of it was stored under a clock that was ahead, up to an hour."""
    made, batches = life
    one = Followed(world, numbers, f"ahead-{next(_people)}")
    now_ms = START_MS + now_s * 1000
    arriving = accepted(made, one.person)
    for batch in batches:
        world.fold(*(arriving[place] for place in batch), now=clock.from_ms(now_ms))

    facts = facts_of(made, devices_of(world, one.person))
    one.holds(facts, now_ms)
    for _ in range(STEPS):
        due_ms = one.due_ms()
        if due_ms is None:
            break
        assert due_ms > now_ms
        now_ms = due_ms
        fire_timers(now_ms)
        one.holds(facts, now_ms)
    assert one.due_ms() is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@UNLIMITED
@given(
    life=lives(),
    clocks_s=st.lists(st.integers(-3600, 7200), min_size=4, max_size=4),
    right_s=st.integers(0, 3600),
)
def test_the_first_event_after_a_wrong_clock_puts_everything_right(
    world: World,
    numbers: dict[str, int],
    life: tuple[list[dict[str, Any]], list[list[int]]],
    clocks_s: list[int],
    right_s: int,
) -> None:
    """Each batch was folded, and each timer fired, under another clock than the right one."""
    made, batches = life
    one = Followed(world, numbers, f"wrong-{next(_people)}")
    arriving = accepted(made, one.person)
    for batch, clock_s in zip(batches, clocks_s, strict=False):
        wrong_ms = START_MS + clock_s * 1000
        world.fold(*(arriving[place] for place in batch), now=clock.from_ms(wrong_ms))
        fire_timers(wrong_ms)

    now_ms = START_MS + right_s * 1000
    last = {"at_s": right_s, "name": VIEWED, "device": "x"}
    last |= {"properties": {"category": "a", "value": 5}}
    # Of one second the order is that of the message ids.
    [event] = accepted([last], one.person)
    event.message_id = f"{one.person}-zzz"
    world.fold(event, now=clock.from_ms(now_ms))

    known = sorted([*made, last], key=lambda fields: fields["at_s"])
    one.holds(facts_of(known, devices_of(world, one.person)), now_ms)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@UNLIMITED
@given(case=happened(), now_s=st.integers(0, 3600), is_late=st.booleans())
def test_stays_that_remember_come_to_the_same(
    world: World,
    language: dict[str, int],
    case: tuple[list[dict[str, Any]], list[list[int]]],
    now_s: int,
    is_late: bool,
) -> None:
    """Of one person all is known ahead of its time, of the other it comes in time."""
    made, batches = case
    one, other = f"early-{next(_people)}", f"timely-{next(_people)}"
    early = events_of(made, one)
    for batch in batches:
        now = clock.from_ms(START_MS + now_s * 1000)
        world.fold(*(early[place] for place in batch), now=now)
    for single in events_of(made, other):
        if not is_late:
            fire_timers(single.occurred_ms)
        world.fold(single, now=clock.from_ms(single.occurred_ms))
    # Timers that fire in time, or all of them an hour late.
    for second in range(3600 if is_late else now_s, 3601, 60):
        now = clock.from_ms(START_MS) + timedelta(seconds=second)
        fire_timers(clock.to_ms(now))
    fire_timers(START_MS + HOUR_MS)

    assert_same(language, stays_of(world, one), stays_of(world, other))

"""Budgets of caps against a naive list, and under many hands at once, on a real Redis."""

import multiprocessing
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.decisions import cap_counts, caps, generation, hot_state, hot_wire
from apps.decisions.cap_counts import Showing
from apps.decisions.caps import Carried, Chain, Holder
from apps.decisions.types import HotProfile
from apps.work import clock
from engine.capping import CapDoc, FatigueDoc, allows

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
START_MS = clock.to_ms(NOW)
LATER_MS = START_MS + 600_000  # this generation is old enough
SITE = "5" * 32
CAPS = (
    CapDoc(1, "two", most=2),
    CapDoc(2, "window", most=3, window_ms=300_000),
    CapDoc(3, "pause", cooldown_ms=60_000),
    CapDoc(4, "tired", fatigue=FatigueDoc(200_000, 0.3, 0.0, 0.45)),
)
_numbers = count()


@pytest.fixture
def since(transactional_db: None) -> Iterator[None]:
    """A generation that has served for long enough."""
    clock.replace(lambda: NOW)
    generation.forget()
    hot_wire.drop()
    hot_wire.close_circuit()
    generation.check()
    yield
    clock.replace(None)


@dataclass
class Drawn:
    """One reservation as the naive list keeps it."""

    token: bytes
    caps: Sequence[int]
    at_ms: int
    is_shown: bool = False
    is_folded: bool = False
    touched_ms: int = 0


@dataclass
class Visitor:
    """A profile, its folded section, and a naive list of all that was ever drawn."""

    profile: HotProfile
    drawn: list[Drawn] = field(default_factory=list)

    @property
    def holder(self) -> Holder:
        return Holder(SITE, "", self.profile.profile_id)

    def times(self, number: int, now_ms: int) -> list[int]:
        return sorted(
            one.at_ms
            for one in self.drawn
            if number in one.caps and (one.is_shown or now_ms - one.at_ms < 120_000)
        )

    def expected(self, chain: Chain, now_ms: int) -> int:
        ended = [one for one in self.drawn if not one.is_shown and now_ms - one.at_ms >= 120_000]
        again = [one for one in self.drawn if one.token == chain.token and one not in ended]
        self.drawn = [one for one in self.drawn if one.token != chain.token or one in again]
        for place, candidate in enumerate(chain.candidates):
            numbers = [cap.number for cap in candidate]
            if not numbers:
                return place
            if again:
                if list(again[0].caps) == numbers and now_ms - again[0].touched_ms < 120_000:
                    return place
            elif all(allows(cap, self.times(cap.number, now_ms), now_ms) for cap in candidate):
                self.drawn.append(Drawn(chain.token, numbers, now_ms, touched_ms=now_ms))
                return place
        raise AssertionError("the last candidate draws on nothing")


def visitor() -> Visitor:
    return Visitor(HotProfile(uuid4().bytes, "u", 0, 1, 0, 0, b"", {}, [], 0, []))


def token() -> bytes:
    return next(_numbers).to_bytes(8, "big")


candidates = st.lists(st.sampled_from(CAPS), min_size=1, max_size=2, unique_by=lambda c: c.number)
steps = st.one_of(
    st.tuples(
        st.just("decide"),
        st.integers(0, 1),
        st.lists(st.lists(candidates, min_size=1, max_size=3), min_size=1, max_size=3),
    ),
    st.tuples(st.just("retry"), st.integers(0, 1), st.integers(0, 9)),
    st.tuples(st.just("expose"), st.integers(0, 1), st.integers(0, 9)),
    st.tuples(st.just("release"), st.integers(0, 1), st.integers(0, 9)),
    st.tuples(st.just("fold"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("wait"), st.just(0), st.sampled_from([1, 30_000, 60_000, 119_999, 700_000])),
    st.tuples(st.just("merge"), st.just(0), st.just(0)),
)


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told=st.lists(steps, min_size=5, max_size=30))
def test_budgets_are_those_of_a_naive_list(since: None, told: list[tuple[str, int, Any]]):
    people = [visitor(), visitor()]
    now_ms = LATER_MS
    step_to(now_ms)
    for step, who, what in told:
        person = people[min(who, len(people) - 1)]
        some = person.drawn[what] if isinstance(what, int) and what < len(person.drawn) else None
        if step == "wait":
            now_ms += what
            step_to(now_ms)
        elif step == "decide":
            decide(person, [Chain(token(), [*turn, []]) for turn in what], now_ms)
        elif step == "fold":
            fold(person)
        elif step == "merge" and len(people) == 2:
            winner, loser = people
            merge(winner, loser, now_ms)
            people = [winner]
        elif some is None:
            continue
        elif step == "retry":
            numbers = {cap.number: cap for cap in CAPS}
            again = Chain(some.token, [[numbers[number] for number in some.caps], []])
            # Afterwards somebody else's call, so that nothing was drawn twice.
            decide(person, [again, Chain(token(), [[CAPS[0]], []])], now_ms)
        elif step == "expose":
            expose(person, some, now_ms)
        elif step == "release" and not some.is_shown:
            assert caps.release(person.holder, [some.token], now_ms)
            person.drawn.remove(some)


def step_to(now_ms: int) -> None:
    clock.replace(lambda: clock.from_ms(now_ms))


def decide(person: Visitor, chains: Sequence[Chain], now_ms: int) -> None:
    picked = caps.reserve(person.holder, person.profile, chains, now_ms)
    assert picked is not None
    assert [one.place for one in picked] == [person.expected(one, now_ms) for one in chains]


def expose(person: Visitor, seen: Drawn, now_ms: int) -> None:
    showing = Showing(max(seen.at_ms, now_ms - 5), seen.token, seen.caps)
    assert caps.confirm(person.holder, [(showing, seen.token)], now_ms)
    if not seen.is_shown:
        seen.is_shown, seen.at_ms, seen.touched_ms = True, showing.at_ms, now_ms


def fold(person: Visitor) -> None:
    fresh = [one for one in person.drawn if one.is_shown and not one.is_folded]
    showings = [Showing(one.at_ms, one.token, one.caps) for one in fresh]
    person.profile.caps = cap_counts.added(person.profile.caps, showings)
    for one in fresh:
        one.is_folded = True


def merge(winner: Visitor, loser: Visitor, now_ms: int) -> None:
    hot_state._send(
        lambda prefix: [Carried(loser.holder, winner.profile.profile_id, now_ms).command(prefix)]
    )
    closed = caps.reserve(loser.holder, loser.profile, [Chain(token(), [[CAPS[0]], []])], now_ms)
    assert closed is None
    winner.profile.caps = cap_counts.merged(winner.profile.caps, loser.profile.caps)
    winner.drawn += loser.drawn


@pytest.mark.parametrize("wrong_ms", [121_000, -121_000], ids=["ahead", "behind"])
def test_a_process_whose_clock_is_wrong_ends_nobodys_reservation(since: None, wrong_ms: int):
    step_to(LATER_MS)
    person, once = visitor(), CapDoc(9, "once", most=1)
    seen = []
    for asked_ms in (LATER_MS, LATER_MS + wrong_ms, LATER_MS + wrong_ms + 1, LATER_MS + 2):
        picked = caps.reserve(person.holder, None, [Chain(token(), [[once], []])], asked_ms)
        seen.append(None if picked is None else picked[0].place)
    assert seen == [0, 1, 1, 1]


def test_a_reservation_lives_by_the_servers_clock(since: None):
    clock.replace(None)
    key = generation.prefix(generation.current()) + b"since"
    hot_wire.ask(hot_wire.command("SET", key, "0"), 1)
    person, now_ms = visitor(), clock.now_ms()
    for asked_ms in (now_ms, now_ms + 121_000, now_ms - 121_000):
        chain = Chain(token(), [[CapDoc(9, "once", most=1)], []])
        picked = caps.reserve(person.holder, None, [chain], asked_ms)
        assert picked is not None and picked[0].place == (0 if asked_ms == now_ms else 1)


@pytest.mark.slow
def test_400_hands_on_one_visitor_never_reserve_or_show_more_than_the_cap(since: None):
    person = visitor()
    context = multiprocessing.get_context("fork")
    number = generation.current()
    for now_ms in (LATER_MS, LATER_MS + 1_000, LATER_MS + 130_000, LATER_MS + 260_000):
        step_to(now_ms)
        queue: Any = context.Queue()
        workers = [
            context.Process(target=_crowd, args=(person.profile, now_ms, seed, number, queue))
            for seed in range(2)
        ]
        for worker in workers:
            worker.start()
        answers = [answer for _ in workers for answer in queue.get(timeout=120)]
        for worker in workers:
            worker.join()
        assert len(answers) == 400 and None not in [place for place, _ in answers]
        for place, drawn in answers:
            if place == 0:
                person.drawn.append(drawn)
        assert len(person.times(1, now_ms)) <= 2
        if now_ms in (LATER_MS, LATER_MS + 130_000):
            assert len(person.times(1, now_ms)) == 2


def _crowd(profile: HotProfile, now_ms: int, seed: int, number: int, queue: Any) -> None:
    """200 threads of one process that all ask at once; every second that is served shows it."""
    generation._known = number  # as a process knows it that has served before
    answers: list[tuple[int | None, Drawn]] = []
    gate = threading.Barrier(200)

    def one(number: int) -> None:
        name = random.Random(f"{seed} {number} {now_ms}").randbytes(8)
        holder = Holder(SITE, "", profile.profile_id)
        with hot_wire.patiently():
            hot_wire.wire().is_fresh = False  # this thread has checked the server before
            gate.wait(60)
            picked = caps.reserve(holder, profile, [Chain(name, [[CAPS[0]], []])], now_ms)
            drawn = Drawn(name, [1], now_ms)
            if picked is not None and picked[0].place == 0 and number % 2:
                drawn.is_shown = caps.confirm(holder, [(Showing(now_ms, name, [1]), name)], now_ms)
        answers.append((None if picked is None else picked[0].place, drawn))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(answers)

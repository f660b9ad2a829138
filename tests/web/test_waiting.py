"""How long the queue before an event loop is, and whose turn it is."""

import asyncio
from collections import deque
from collections.abc import Callable

from config.lateness import Lateness
from config.turns import Turns


class Loop:
    """A queue and a clock; everything that is taken up takes a while."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ready: deque[tuple[Callable[[], None], float]] = deque()
        self.lateness = Lateness(lambda call: self.ready.append((call, 0.0)), lambda: self.now)
        self.told: list[float] = []

    def request(self, takes_s: float) -> None:
        self.ready.append((lambda: self.told.append(self.lateness.seconds()), takes_s))

    def run(self) -> None:
        while self.ready:
            call, takes_s = self.ready.popleft()
            call()
            self.now += takes_s


def test_after_a_rest_nothing_has_waited() -> None:
    loop = Loop()
    for _ in range(3):
        loop.request(0.001)
        loop.run()
        loop.now += 60.0
    assert loop.told == [0.0, 0.0, 0.0]


def test_what_stands_behind_others_has_waited_for_them_and_no_longer() -> None:
    loop = Loop()
    for _ in range(10):
        loop.request(0.01)
    loop.run()
    assert [round(seconds, 3) for seconds in loop.told] == [round(n * 0.01, 3) for n in range(10)]


def test_a_steady_stream_is_never_late() -> None:
    loop = Loop()
    for _ in range(200):
        loop.request(0.004)
        loop.request(0.004)
        loop.run()
    assert max(loop.told) < 0.03


def test_a_queue_that_is_never_empty_shows_its_length() -> None:
    loop = Loop()
    for _ in range(100):
        loop.request(0.01)
    for _ in range(300):  # one comes for one that goes
        call, takes_s = loop.ready.popleft()
        call()
        loop.now += takes_s
        if takes_s:
            loop.request(0.01)
    assert all(0.9 <= seconds <= 2.1 for seconds in loop.told[150:])


def test_between_two_turns_whatever_is_ready_goes_first() -> None:
    order: list[str] = []

    async def event(turns: Turns, name: str) -> None:
        await turns.wait()
        order.append(name)

    async def decision(name: str) -> None:
        order.append(name)

    async def all_at_once() -> None:
        turns = Turns()
        events = [asyncio.create_task(event(turns, f"event {n}")) for n in range(3)]
        await asyncio.sleep(0)
        later = [asyncio.create_task(decision(f"decision {n}")) for n in range(3)]
        await asyncio.gather(*events, *later)

    asyncio.run(all_at_once())
    assert order.index("decision 2") < order.index("event 1") < order.index("event 2")


def test_a_turn_says_how_long_it_was_waited_for() -> None:
    times = iter([10.0, 13.0])

    async def one() -> float:
        return await Turns(lambda: next(times)).wait(0.5)

    assert asyncio.run(one()) == 3.5


def test_who_leaves_the_queue_holds_up_nobody() -> None:
    async def two() -> float:
        turns = Turns()
        first = asyncio.create_task(turns.wait())
        second = asyncio.create_task(turns.wait())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(two()) >= 0.0

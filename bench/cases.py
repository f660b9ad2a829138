"""What is measured: each case asserts its answers first, then runs in rounds beside the floors."""

import itertools
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench import calls, world
from bench.calls import BATCH, EXPOSED, Calls
from bench.load import Client, Ran, WrongAnswer
from bench.record import Record
from bench.stack import Stack

CONNECTIONS: Final = 8
# Long enough for what runs beside the requests (the decision log's batches) to be counted.
SETTLING_S: Final = 0.6
FASTEST_PER_S: Final = 6_000  # requests that are sent once
FASTEST_BATCHES_PER_S: Final = 1_200
EVENTS_PER_S: Final = 500
PROBE_POLL_S: Final = 0.001
PROBE_PAUSE_S: Final = 0.02
PROBE_WITHIN_S: Final = 10.0
DRAINED_WITHIN_S: Final = 300.0
MADE_AT_ONCE: Final = 200  # batches of a stream


@dataclass(slots=True)
class Case:
    """One side of the comparison.

    Attributes:
        prepare: makes the requests of a round of so many seconds, before the clock runs. Requests
            that cannot be sent twice are as many as any machine could answer.
        per: what an answer counts for: CPU is per request, or per event of a batch.
        after: looks at what a round left behind, given its number of answers.
    """

    name: str
    client: Client
    prepare: Callable[[float], Iterator[bytes]]
    check: Callable[[bytes], bool]
    per: int = 1
    after: Callable[[int], None] = field(default=lambda answers: None)


def measure(stack: Stack, case: Case, seconds: float) -> dict[str, float]:
    """Run one round of a case and return its figures."""
    requests = case.prepare(seconds)
    before = stack.cpu_us()
    ran = case.client.run(requests, seconds=seconds, check=case.check)
    time.sleep(SETTLING_S)
    used = used_since(before, stack, ran.answers * case.per)
    case.after(ran.answers)
    return {
        **used,
        "per_s": ran.answers * case.per / ran.seconds,
        "p50_ms": ran.percentile(0.5),
        "p99_ms": ran.percentile(0.99),
    }


def used_since(before: Mapping[str, float], stack: Stack, count: int) -> dict[str, float]:
    """Return the CPU microseconds for each of `count`: "cpu_us" in all, "web_us" and so on apart.

    Processes that this case does not ask use next to nothing and are counted all the same.
    """
    used = {name: (now - before[name]) / count for name, now in stack.cpu_us().items()}
    return {"cpu_us": sum(used.values())} | {f"{name}_us": us for name, us in used.items()}


class Bench:
    """One run's cases against one site."""

    def __init__(self, stack: Stack, site: world.Site, record: Record, visitors: int) -> None:
        self.stack, self.site, self.record, self.visitors = stack, site, record, visitors
        self.calls = Calls(stack.web_port, site.key)
        self.web = Client(stack.web_port, CONNECTIONS)
        self.floor = Client(stack.floor_port, CONNECTIONS)
        self.decided = 0
        # Visitors of their own: the stream must not change what they look at.
        self.probed = [visitors + number for number in range(20)]
        self._notes = itertools.count()

    def load_visitors(self) -> None:
        """Bring the visitors in through the API, and wait until the consumer has folded them."""
        self.load(self.calls.pasts(self.visitors))

    def load(self, batches: list[bytes]) -> None:
        """Send batches of fresh events, and wait until the consumer has folded them."""
        sent = sum(batch.count(b'"messageId"') for batch in batches)
        accepted: list[int] = []
        self.web.run(iter(batches), keep=lambda body: accepted.append(_accepted(body)))
        _expect(sum(accepted) == sent, f"{sum(accepted)} of {sent} events were accepted")
        self.record.wait_until_folded(DRAINED_WITHIN_S)
        stored = self.record.events()
        _expect(stored == sent, f"{stored} of {sent} accepted events were stored")

    def floors(self) -> list[Case]:
        """The bare view, floor R, and a decision written by hand."""
        port = self.stack.floor_port
        by_visitor = {
            path: [calls.floor(port, f"/{path}?u={n}") for n in range(self.visitors)]
            for path in ("bare", "redis", "decide")
        }
        first = {path: self.floor.ask(asked[0]) for path, asked in by_visitor.items()}
        _expect(json.loads(first["redis"])["name"] == "Ann", "floor R answers the state")
        _expect(len(json.loads(first["decide"])["slots"]) == 4, "the reference decides")

        def case(name: str, path: str) -> Case:
            asked = by_visitor[path]
            return Case(name, self.floor, lambda seconds: itertools.cycle(asked), _is_long)

        return [
            case("floor: bare view", "bare"),
            case("floor R: one GET", "redis"),
            case("reference decision", "decide"),
        ]

    def decide(self) -> Case:
        """Warm visitors ask for all placements. Every visitor is asked for and checked first."""
        asked = [self.calls.decide(number) for number in range(self.visitors)]
        answers = [json.loads(self.web.ask(request)) for request in asked]
        self.decided += len(asked)
        for number, answer in enumerate(answers):
            _check_answer(number, answer["placements"])
        for placement in world.PLACEMENTS[:3]:
            shown = {answer["placements"][placement]["variant"] for answer in answers}
            _expect(len(shown) >= 3, f"{placement} differs by visitor, not only {shown}")
        rows = {answer["placements"]["home.row"]["html"] for answer in answers}
        _expect(len(rows) >= 10, "the row differs by visitor")
        return Case(
            "decide", self.web, lambda seconds: itertools.cycle(asked), _has_all, after=self._logged
        )

    def decide_unkept(self) -> Case:
        """The same with a fact that no call had before: no Liquid is answered from memory."""

        def requests(seconds: float) -> Iterator[bytes]:
            built = [
                self.calls.decide(n % self.visitors, facts={"note": f"note {next(self._notes)}"})
                for n in range(round(seconds * FASTEST_PER_S))
            ]
            return iter(built)

        return Case("decide, every template run", self.web, requests, _has_all, after=self._logged)

    def exposures(self) -> Case:
        """Four decisions of one visitor were seen."""
        ids = []
        for number in range(self.visitors):
            placements = json.loads(self.web.ask(self.calls.decide(number)))["placements"]
            ids.append([one["decisionId"] for one in placements.values()])
        self.decided += self.visitors

        def requests(seconds: float) -> Iterator[bytes]:
            count = round(seconds * FASTEST_PER_S)
            return iter([self.calls.exposures(ids[n % len(ids)]) for n in range(count)])

        return Case(
            f"exposures, POST of {EXPOSED}", self.web, requests,
            lambda body: b'"accepted":4' in body,
            after=lambda answers: self._stored(answers * EXPOSED),
        )  # fmt: skip

    def accept(self) -> Case:
        """Batches of 20 fresh events; the consumer is stopped."""
        return Case(
            f"accept, batches of {BATCH}", self.web,
            lambda seconds: iter(
                self.calls.views(round(seconds * FASTEST_BATCHES_PER_S), self.visitors)
            ),
            lambda body: b'"accepted":20,' in body,
            per=BATCH,
            after=lambda answers: self._stored(answers * BATCH),
        )  # fmt: skip

    def fold(self, batches: int, each: int) -> dict[str, float]:
        """Accept and fold at saturation: everything that an event costs until hot state knows."""
        stored = self.record.events()
        requests = self.calls.views(batches, self.visitors, each=each)
        before = self.stack.cpu_us()
        start = time.perf_counter()
        self.web.run(iter(requests), check=lambda body: b'"accepted":20,' in body)
        self.record.wait_until_folded(DRAINED_WITHIN_S)
        seconds = time.perf_counter() - start
        time.sleep(SETTLING_S)
        events = batches * BATCH
        used = used_since(before, self.stack, events)
        _expect(self.record.events() - stored == events, "every accepted event was stored once")
        return {**used, "per_s": events / seconds}

    def latency(self, probes: int, per_s: float = EVENTS_PER_S) -> list[float]:
        """Return, in ms, how long after its acknowledgement an event was seen by a decision.

        Beside a steady stream of events, each probe looks at another category than before, and is
        over when the hero is that category's.
        """
        client = Client(self.stack.web_port, 1)
        sender = Stream(self.stack.web_port, self.site.key, self.visitors, per_s)
        sender.start()
        try:
            time.sleep(1.0)
            found = [self._probe(client, number) for number in range(probes)]
        finally:
            sent, late_ms = sender.stop()
            client.close()
        _expect(sent > 0, "the stream ran beside the probes")
        _expect(late_ms < 1000, f"the stream fell {late_ms:.0f} ms behind")
        self.record.wait_until_folded(DRAINED_WITHIN_S)
        return found

    def _probe(self, client: Client, number: int) -> float:
        visitor = self.probed[number % len(self.probed)]
        category = world.CATEGORIES[number // len(self.probed) % len(world.CATEGORIES)]
        expected = f'"variant":"{category}"'.encode()
        asked = self.calls.decide(visitor, placements=["home.hero"])
        _expect(expected not in client.ask(asked), "the probe changes the hero")
        _expect(_accepted(client.ask(self.calls.view(visitor, category, number))) == 1, "accepted")
        acknowledged = time.perf_counter()
        while (now := time.perf_counter()) < acknowledged + PROBE_WITHIN_S:
            if expected in client.ask(asked):
                time.sleep(PROBE_PAUSE_S)
                return (now - acknowledged) * 1000
            time.sleep(PROBE_POLL_S)
        raise WrongAnswer(f"A view was not seen within {PROBE_WITHIN_S:.0f} s.")

    def _logged(self, answers: int) -> None:
        """Every decision is in the log."""
        self.decided += answers
        _expect(
            self.record.decisions_reach(self.decided),
            f"{self.record.decisions()} of {self.decided} decisions were logged",
        )

    def _stored(self, events: int) -> None:
        """What was accepted lies in the inbox; it is taken out, for it would never be folded."""
        waiting = self.record.take_waiting()
        _expect(waiting == events, f"{waiting} of {events} accepted events were stored")


class Stream:
    """So many events a second in batches, from a process of its own."""

    def __init__(self, port: int, key: str, visitors: int, per_s: float) -> None:
        self._period_s = BATCH / per_s
        context = multiprocessing.get_context("fork")
        self._is_over = context.Event()
        self._mine, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=self._send, args=(port, key, visitors, theirs), daemon=True
        )

    def start(self) -> None:
        self._process.start()

    def stop(self) -> tuple[int, float]:
        """End it; return (batches sent, the most that one was late in ms)."""
        self._is_over.set()
        outcome: tuple[int, float] = (0, 0.0)
        if self._mine.poll(30):
            outcome = self._mine.recv()
        self._process.join(30)
        return outcome

    def _send(self, port: int, key: str, visitors: int, outcome: Any) -> None:
        made, client = Calls(port, key), Client(port, 1)
        period_s = self._period_s
        start, sent, latest_s = time.perf_counter(), 0, 0.0
        batches = itertools.chain.from_iterable(
            made.views(MADE_AT_ONCE, visitors, first=first)
            for first in itertools.count(0, MADE_AT_ONCE)
        )
        while not self._is_over.is_set():
            due = start + sent * period_s
            left = due - time.perf_counter()
            if left > 0:
                time.sleep(left)
            latest_s = max(latest_s, -left)
            client.ask(next(batches))
            sent += 1
        outcome.send((sent, latest_s * 1000))


def _check_answer(number: int, placements: dict[str, Any]) -> None:
    """One visitor's page is right: all placements, this visitor's name, six items."""
    _expect(list(placements) == list(world.PLACEMENTS), f"four placements: {placements}")
    name = world.name_of(number)
    for placement in ("home.hero", "home.greeting"):
        _expect(name in placements[placement]["html"], f"{name} is greeted: {placements}")
    row = placements["home.row"]
    _expect(row["html"].count("<li>") == world.ITEMS_SHOWN, f"six items: {row}")
    reasons = {one["reason"] for one in placements.values()}
    _expect(reasons <= {"TARGETING_MATCH", "DEFAULT"}, f"no trouble: {reasons}")


def _is_long(body: bytes) -> bool:
    return len(body) >= 200


def _has_all(body: bytes) -> bool:
    return body.count(b'"decisionId"') == len(world.PLACEMENTS) and b'"ERROR"' not in body


def _accepted(body: bytes) -> int:
    accepted: int = json.loads(body)["accepted"]
    return accepted


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise WrongAnswer(what)


__all__ = ["Bench", "Case", "Ran", "Stream", "measure"]

"""What the hot path's bars are about, beyond the cases of `bench.cases`."""

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from bench import calls, world
from bench.calls import BATCH, EXPOSED
from bench.cases import FASTEST_BATCHES_PER_S, FASTEST_PER_S, Bench, Case, Stream, used_since
from bench.hot import open_loop
from bench.hot.world import past_of
from bench.load import Ran, WrongAnswer
from bench.record import Record
from bench.stack import Stack

LOOKED_AT: Final = 2_000  # visitors whose answer is checked before anything is timed
EXPOSING: Final = 2_000
COLD: Final = 1_000
BUDGETS_WITHIN_S: Final = 200
COLD_PER_S: Final = 100
BESIDE_PER_S: Final = 100  # decisions beside events
DECIDED_REASONS: Final = {"TARGETING_MATCH", "DEFAULT", "SPLIT"}


class HotBench(Bench):
    """One run's cases against the site of `bench.hot.world`."""

    def __init__(self, stack: Stack, site: world.Site, record: Record, visitors: int) -> None:
        super().__init__(stack, site, record, visitors)
        self.asked = [self.calls.decide(number) for number in range(visitors)]
        self._turn = itertools.count()

    def load_visitors(self) -> None:
        """Bring the visitors in through the API, and wait until the consumer has folded them."""
        self.load(self.calls.pasts(self.visitors, past_of))

    def choose_probed(self) -> None:
        """Probe with visitors who see what they look at: an experiment decides for some others."""
        self.probed = [
            number
            for number in range(self.visitors, self.visitors + 40)
            if b'"SPLIT"' not in self.web.ask(self.calls.decide(number, placements=["home.hero"]))
        ]
        self.decided += 40

    def check_answers(self) -> None:
        """Ask for some visitors: rules, segments, experiments and the cap all have a say."""
        self._wait_for_budgets()
        step = max(1, self.visitors // LOOKED_AT)
        reasons: set[str] = set()
        capped = 0
        for request in self.asked[::step]:
            placements = json.loads(self.web.ask(request))["placements"]
            self.decided += 1
            reasons |= {one["reason"] for one in placements.values()}
            capped += placements["home.banner"]["reason"] == "TARGETING_MATCH"
        if reasons != DECIDED_REASONS or not capped:
            raise WrongAnswer(f"Decisions are for {reasons}, {capped} of them capped.")

    def _wait_for_budgets(self) -> None:
        """A store that has just begun gives no budgets out: it may have been emptied."""
        asked = [self.calls.decide(n, placements=["home.banner"]) for n in range(50)]
        deadline = time.monotonic() + BUDGETS_WITHIN_S
        while time.monotonic() < deadline:
            answers = [self.web.ask(request) for request in asked]
            self.decided += len(asked)
            if not any(b'"CAPPED"' in answer for answer in answers):
                return
            time.sleep(2)
        raise WrongAnswer("Budgets are withheld for too long.")

    def decide(self) -> Case:
        """All visitors in turn, all warm, four placements each."""
        return Case(
            "decide", self.web, lambda seconds: self.in_turn(), is_decided, after=self._count
        )

    def in_turn(self) -> Iterator[bytes]:
        """The visitors' questions, going on where the last round ended."""
        while True:
            yield self.asked[next(self._turn) % self.visitors]

    def exposures(self) -> Case:
        """Four decisions of one visitor were seen."""
        ids = []
        for request in self.asked[:EXPOSING]:
            placements = json.loads(self.web.ask(request))["placements"]
            ids.append([one["decisionId"] for one in placements.values()])
        self.decided += len(ids)

        def requests(seconds: float) -> Iterator[bytes]:
            count = round(seconds * FASTEST_PER_S)
            return iter([self.calls.exposures(ids[n % len(ids)]) for n in range(count)])

        return Case(
            f"exposures, POST of {EXPOSED}", self.web, requests,
            lambda body: b'"accepted":4' in body,
            after=lambda answers: self._stored(answers * EXPOSED),
        )  # fmt: skip

    def accept_single(self) -> Case:
        """One event a request; the consumer is stopped."""

        def requests(seconds: float) -> Iterator[bytes]:
            count = round(seconds * FASTEST_PER_S)
            return iter([self.calls.view(n % self.visitors, "shoes", n % 99) for n in range(count)])

        return Case(
            "accept, one event a request", self.web, requests,
            lambda body: b'"accepted":1,' in body, after=self._stored,
        )  # fmt: skip

    def accept_again(self) -> Case:
        """Batches that arrived before: each is sent once, unmeasured, while it is prepared."""

        def requests(seconds: float) -> Iterator[bytes]:
            made = self.calls.views(round(seconds * FASTEST_BATCHES_PER_S), self.visitors)
            self.web.run(iter(made), check=lambda body: b'"accepted":20,' in body)
            self.record.take_waiting()
            return iter(made)

        return Case(
            "accept, a batch resent", self.web, requests,
            lambda body: b'"duplicates":20,' in body, per=BATCH,
            after=lambda answers: self._stored(0),
        )  # fmt: skip

    def by_the_clock(self, per_s: float, seconds: float) -> tuple[Ran, Ran]:
        """Decisions and floor R at the same rate, one after the other: (decisions, floor)."""
        count = int(per_s * seconds)
        floor = [calls.floor(self.stack.floor_port, f"/redis?u={n}") for n in range(1_000)]
        ran = open_loop.run(
            self.web, self.in_turn(), per_s=per_s, seconds=seconds, check=is_decided
        )
        self._count(count)
        least = open_loop.run(
            self.floor, itertools.cycle(floor), per_s=per_s, seconds=seconds,
            check=lambda body: len(body) >= 200,
        )  # fmt: skip
        return ran, least

    def cold(self) -> tuple[Ran, Ran]:
        """Visitors whose hot state is gone, at a modest rate; and floor R at the same."""
        from apps.decisions import generation, hot_state, hot_wire
        from apps.profiles.models import Identity

        names = [world.visitor(number) for number in range(COLD)]
        found = dict(
            Identity.objects.filter(
                site_id=self.site.id, kind="anonymous_id", value__in=names
            ).values_list("value", "profile_id")
        )
        prefix = generation.prefix(generation.current())
        keys = [hot_state.state_key(prefix, found[name].hex) for name in names]
        with hot_wire.patiently():
            hot_wire.ask(b"".join(hot_wire.command("UNLINK", key) for key in keys), len(keys))
        seconds = COLD / COLD_PER_S
        ran = open_loop.run(
            self.web, iter(self.asked[:COLD]), per_s=COLD_PER_S, seconds=seconds, check=is_decided
        )
        self._count(COLD)
        floor = [calls.floor(self.stack.floor_port, f"/redis?u={n}") for n in range(COLD)]
        least = open_loop.run(
            self.floor, iter(floor), per_s=COLD_PER_S, seconds=seconds,
            check=lambda body: len(body) >= 200,
        )  # fmt: skip
        return ran, least

    def keep_up(self, per_s: float, seconds: float, decide_us: float) -> dict[str, Any]:
        """Events at a steady rate beside decisions: their CPU, how late they were, what was left.

        Args:
            decide_us: what a decision costs, taken off.
        """
        stored = self.record.events()
        sender = Stream(self.stack.web_port, self.site.key, self.visitors, per_s)
        before, began = self.stack.cpu_us(), time.perf_counter()
        sender.start()
        beside = open_loop.run(
            self.web, self.in_turn(), per_s=BESIDE_PER_S, seconds=seconds, check=is_decided
        )
        batches, late_ms = sender.stop()
        ended = time.perf_counter()
        self.record.wait_until_folded(300)
        drained_s = time.perf_counter() - ended
        used = used_since(before, self.stack, 1)
        events = batches * BATCH
        self._count(beside.answers)
        if self.record.events() - stored != events:
            raise WrongAnswer("Not every accepted event was stored once.")
        return {
            "per_s": events / (ended - began),
            "cpu_us": (used["cpu_us"] - beside.answers * decide_us) / events,
            "with_decisions": {name: us / events for name, us in used.items()},
            "late_ms": late_ms,
            "drained_s": drained_s,
            "decide_p50_ms": beside.percentile(0.5),
            "decide_p99_ms": beside.percentile(0.99),
        }

    def _count(self, answers: int) -> None:
        self.decided += answers


def is_decided(body: bytes) -> bool:
    """Whether a body decides every placement, and none of them with trouble."""
    return body.count(b'"decisionId"') == len(world.PLACEMENTS) and b'"ERROR"' not in body

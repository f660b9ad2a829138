"""A shop whose clock stands until a test moves it: events in by HTTP, offers out by HTTP."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.content import services as content
from apps.delivery import exposure_log
from apps.events import fold as event_fold
from apps.events.models import Inbox
from apps.pipeline import fold
from apps.pipeline.consumer import Consumer
from apps.profiles.models import Due, Identity
from apps.rules import services as rules
from apps.segments import services as segments
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.work import clock
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import NOW_MS, World, forget_everything

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A condition of a segment, or of a rule, and how members of the segment come and go."""

    key: str
    where: Json
    policy: Json = field(default_factory=dict)
    is_rule: bool = False


SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
IDLE = 30 * MINUTE  # of a session
PLACEMENT = "home.hero"
WITHIN_S = 60.0  # the consumer does its work within; generous, because nothing is timed here


class Shop:
    """One shop and one visitor, a1.

    Attributes:
        fires: the consumer runs beside the test, and its timers with it. Else batches are folded
            as they come and no timer ever fires: answers are what was forecast.
        at_ms: what the clock says.
    """

    def __init__(self, world: World, *, fires: bool) -> None:
        self.world = world
        self.site_id: UUID = world.site.pk
        self.fires = fires
        self.at_ms = NOW_MS
        self._is_closing = threading.Event()
        self._offer = ""

    def now(self) -> datetime:
        return clock.from_ms(self.at_ms)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Run the clock, and the consumer if timers are to fire."""
        clock.replace(self.now)
        consumer = Consumer(should_stop=self._is_closing.is_set)
        thread = threading.Thread(target=consumer.run, daemon=True)
        if self.fires:
            thread.start()
        try:
            yield
        finally:
            self._is_closing.set()
            if self.fires:
                thread.join(WITHIN_S)
                assert not thread.is_alive(), "the consumer did not stop"

    # What editors do

    def segment(self, key: str, where: Json, **policy: Any) -> Segment:
        """Publish a segment and find its members."""
        made = segments.create_segment(
            site_id=self.site_id,
            key=key,
            name=key,
            condition={"v": 1, "where": where},
            policy=policy,
            now=self.now(),
        )
        segments.publish_segment(
            site_id=self.site_id, segment_id=made.pk, actor=None, now=self.now()
        )
        refresh_site(site_id=self.site_id, read_clock=self.now)
        return made

    def case(self, case: Case) -> Segment:
        """Publish the segment of a case."""
        return self.segment(case.key, case.where, **case.policy)

    def show(self, key: str, template: str = "<p>For you</p>") -> None:
        """Show an offer to the members of a segment in the one placement, by a rule."""
        self._offer = key
        self.rule({"kind": "segment", "key": key}, template)

    def rule(self, where: Json, template: str = "<p>For you</p>") -> None:
        """Show an offer where a condition holds, to everybody else the default."""
        block = content.create_block(site_id=self.site_id, key="hero")
        content.create_variant(
            block=block, key="everyone", is_default=True, template="<p>Welcome</p>"
        )
        content.create_variant(block=block, key="offer", template=template)
        content.create_placement(site_id=self.site_id, key=PLACEMENT, block=block)
        rules.create_rule(
            site_id=self.site_id,
            key="offer",
            placement_key=PLACEMENT,
            variant_key="offer",
            condition={"v": 1, "where": where},
        )
        self.publish()

    def publish(self) -> None:
        self.world.publish()
        refresh_site(site_id=self.site_id, read_clock=self.now)
        forget_everything()

    # What happens

    def go(self, at_ms: int) -> None:
        """Move the clock; timers that are due then have fired afterwards, if timers fire."""
        assert at_ms >= self.at_ms, "time goes one way"
        self.at_ms = at_ms
        self.settle()

    def after(self, ms: int) -> None:
        self.go(self.at_ms + ms)

    def send(self, *events: Json) -> None:
        """Send a batch with the write key, now, and have it folded."""
        answer = self.world.post("/v1/batch", {"batch": list(events)})
        assert answer.status_code == 200, answer.content
        assert answer.json()["rejected"] == []
        self.settle()

    def track(self, name: str, at_ms: int | None = None, **properties: Any) -> None:
        """The visitor does something, now or (late) at another instant."""
        self.send(self.event(name, at_ms, **properties))

    def event(self, name: str, at_ms: int | None = None, **properties: Any) -> Json:
        moment = clock.from_ms(self.at_ms if at_ms is None else at_ms)
        return {
            "type": "track",
            "event": name,
            "anonymousId": "a1",
            "messageId": str(uuid7()),
            "timestamp": moment.isoformat(),
            "properties": properties,
        }

    def wake(self) -> None:
        """Look at whoever somebody asks to be looked at now: a worker's news, not a forecast."""
        if not self.fires:
            fold.fold_due(now=self.now())
        self.settle()

    def settle(self) -> None:
        """Return when all that was sent is folded, and nobody is due."""
        if not self.fires:
            while fold.fold_once(now=self.now()) is not fold.NOTHING:
                continue
            return
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            waiting = Inbox.objects.exclude(part=event_fold.ASIDE)
            if not waiting.exists() and not Due.objects.filter(due_at__lte=self.now()):
                return
            time.sleep(0.005)
        raise AssertionError("the consumer has not done its work")

    # What sites are told

    def decide(self, anonymous_id: str = "a1", **body: Any) -> Json:
        """The one placement, as the page of a visitor is told with the public key."""
        answer = self.world.ask(PLACEMENT, anonymousId=anonymous_id, **body)
        found: Json = answer["placements"][PLACEMENT]
        return found

    def seen(self, decision: Json) -> None:
        """The visitor sees what was decided."""
        exposure = {"decisionId": decision["decisionId"], "id": str(uuid7())}
        answer = self.world.post("/v1/exposures", {"exposures": [exposure]})
        assert answer.json()["accepted"] == 1, answer.content
        exposure_log.flush()
        self.settle()

    def memberships(self, anonymous_id: str = "a1", **query: Any) -> dict[str, Json]:
        """The segments of a visitor by key, as a server is told with the secret key."""
        answer = self.world.client.get(
            f"/v1/profiles/anonymous_id:{anonymous_id}/segments",
            query,
            headers={"Authorization": f"Bearer {self.world.sk}"},
        )
        assert answer.status_code in (200, 404), answer.content
        return {row["key"]: row for row in answer.json().get("data", [])}

    def is_offered(self) -> bool:
        """Whether the page shows the offer; what servers are told must be the same."""
        decision, listed = self.decide(), self.memberships()
        is_offered: bool = decision["variant"] == "offer"
        # Two changes are foretold; past them the page gets the default, and is told why.
        fitting = {"TARGETING_MATCH"} if is_offered else {"DEFAULT", "STALE"}
        assert decision["reason"] in fitting - ({"STALE"} if self.fires else set())
        if self._offer:
            assert is_offered is (self._offer in listed)
        if is_offered and self._offer:
            assert listed[self._offer]["validUntil"] == decision["validUntil"]
        return is_offered

    def assert_flips(self, at_ms: int, *, to: bool) -> None:
        """Without an event, the offer comes or goes at this millisecond and not another.

        It is foretold, and where timers fire it is written down at the instant itself.
        """
        self.go(at_ms - 1)
        assert self.is_offered() is not to
        assert self.decide()["validUntil"] == told(at_ms)
        self.go(at_ms)
        assert self.is_offered() is to
        self.go(at_ms + 1)
        assert self.is_offered() is to
        if self.fires and self._offer:
            assert self.changed_at(self._offer) == at_ms

    def changed_at(self, key: str, anonymous_id: str = "a1") -> int:
        """The instant at which the visitor last came into a segment or left it, as recorded."""
        row = Membership.objects.filter(
            profile_id=self.profile_id(anonymous_id), segment__key=key
        ).latest("since")
        return clock.to_ms(row.left_at or row.since)

    def profile_id(self, value: str = "a1") -> UUID:
        return Identity.objects.get(site_id=self.site_id, value=value).profile_id

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())


def told(at_ms: int) -> str:
    """An instant as answers tell it."""
    return clock.from_ms(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Conditions


def count(name: str, window: object, op: str, value: object, *where: Json, **more: Any) -> Json:
    """How many events there are of a name."""
    return {
        "kind": "event",
        "name": name,
        "where": list(where),
        "aggregate": "count",
        "window": window,
        "op": op,
        "value": value,
        **more,
    }


def having(property_name: str, value: object, op: str = "eq") -> Json:
    """A filter of events."""
    return {"property": property_name, "op": op, "value": value}


def dwell(on: str, window: object, op: str, value: str, *where: Json) -> Json:
    leaf: Json = {"kind": "dwell", "on": on, "window": window, "op": op, "value": value}
    return {**leaf, "where": list(where)} if where else leaf


def both(*nodes: Json) -> Json:
    return {"all": list(nodes)}


def inside(key: str) -> Json:
    return {"kind": "segment", "key": key}

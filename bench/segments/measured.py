"""What is measured of a shop full of segments: each side beside the floor, in turn."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.profiles.state import uuid_array
from apps.segments import live, refresh, rollups, services
from apps.segments.definitions import LiveDefinitions
from apps.segments.refresh_cut import CutTable
from apps.segments.sql.statement import OpenSource
from apps.segments.types import Refreshed
from apps.work import clock
from bench import processors
from bench.report import Bar
from bench.segments import conditions, data

SEGMENTS: Final = 50
# What passes between two refreshes, with no timer running: about 1 % of the profiles flip.
STEP: Final = timedelta(minutes=20)
RECENT: Final = timedelta(minutes=5)
CHANGED_PROFILES: Final = 2_000
EVENTS_EACH: Final = 5

Found = dict[str, list[dict[str, float]]]

FLOOR: Final = "bare GROUP BY profile_id"
FULL: Final = "refresh, 50 segments"
ONE, FIFTY, HUNDRED = "answers, 1 segment", "answers, 50 segments", "answers, 100 segments"
DELTA: Final = "10,000 changed events"
NEW: Final = "a new segment, counted"


class WrongAnswer(Exception):
    """Two ways to the same answer differ."""


@dataclass(slots=True)
class Shop:
    """A made site and the servers it lies in."""

    servers: Sequence[int]
    site_id: UUID
    now: datetime = data.NOW
    rounds: Found = field(default_factory=dict)

    @classmethod
    def made(cls, servers: Sequence[int], size: data.Size) -> "Shop":
        """Make the shop, publish its segments and find their first members."""
        say(f"Making {size.profiles:,} profiles and {size.events:,} events ...")
        shop = cls(servers, data.make_shop(size))
        documents = conditions.segments(SEGMENTS)
        say("Folding the past into state rows ...")
        data.fill_histories(shop.site_id, _defined(documents).properties)
        for key, document in documents.items():
            shop.publish(key, document)
        say("Finding the first members ...")
        shop.refresh()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
        return shop

    def publish(self, key: str, document: conditions.Json) -> None:
        """Publish a segment."""
        made = services.create_segment(
            site_id=self.site_id, key=key, name=key, condition=document, now=self.now
        )
        services.publish_segment(site_id=self.site_id, segment_id=made.pk, actor=None, now=self.now)

    def refresh(self) -> Refreshed:
        """Refresh everything as of the shop's clock."""
        return refresh.refresh_site(site_id=self.site_id, read_clock=lambda: self.now)

    def measure(self, rounds: int) -> Found:
        """Run all sides in turn so many times; return the figures of each round by side."""
        self.check()
        fifty = live.live_set(self.site_id)
        hundred = self._hundred()
        typical = fifty.definitions[1]  # two counts over seven days
        one = dataclasses.replace(
            fifty, definitions=(typical,), broken=_numbers(self.site_id) - {typical.number}
        )
        for number in range(rounds):
            say(f"Round {number + 1} of {rounds} ...")
            self.now += STEP
            self._time(FLOOR, self._floor)
            self._time(FULL, self._refreshed)
            self._time(ONE, lambda: self._answered(one))
            self._time(FIFTY, lambda: self._answered(fifty))
            self._time(HUNDRED, lambda: self._answered(hundred))
            self._happen(number)
            self._time(DELTA, self._changed)
        self._time(NEW, self._new)
        return self.rounds

    def _time(self, name: str, side: Callable[[], dict[str, float]]) -> None:
        before, own, began = self._cpu_s(), time.process_time(), time.perf_counter()
        more = side()
        found = {
            "wall_s": time.perf_counter() - began,
            "postgres_s": self._cpu_s() - before,
            "python_s": time.process_time() - own,
            **more,
        }
        found["cpu_s"] = found["postgres_s"] + found["python_s"]
        self.rounds.setdefault(name, []).append(found)

    def _cpu_s(self) -> float:
        return sum(map(processors.cpu_us, self.servers)) / 1e6

    def check(self) -> None:
        """Compare the answers over what is kept with those over the events alone.

        Raises:
            WrongAnswer: they differ.
        """
        say("Comparing with the answers of the events alone ...")
        definitions = live.live_set(self.site_id)
        digests = [
            self._digest(definitions, source)
            for source in (None, rollups.kept(self.site_id).source(self.site_id))
        ]
        if digests[0] != digests[1]:
            raise WrongAnswer("What is kept answers otherwise than the events do.")

    def _digest(self, definitions: LiveDefinitions, source: OpenSource | None) -> str:
        with transaction.atomic(), connection.cursor() as cursor:
            CutTable(self.site_id, definitions, (), source).fill(clock.to_ms(self.now))
            cursor.execute(
                "SELECT md5(string_agg(profile_id::text || d0, ',' ORDER BY profile_id))"
                " FROM segments_cut"
            )
            found: str = cursor.fetchone()[0]
        return found

    # The sides

    def _floor(self) -> dict[str, float]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT profile_id, count(*) FROM events_event GROUP BY profile_id"
                " OFFSET 1000000000"
            )
        return {}

    def _refreshed(self) -> dict[str, float]:
        done = self.refresh()
        return {"changed": done.evaluated, "entered": done.entered, "left": done.left}

    def _answered(self, definitions: LiveDefinitions) -> dict[str, float]:
        source = rollups.kept(self.site_id).source(self.site_id)
        with transaction.atomic():
            CutTable(self.site_id, definitions, (), source).fill(clock.to_ms(self.now))
        return {}

    def _changed(self) -> dict[str, float]:
        done = refresh.refresh_changed(
            site_id=self.site_id, since=self.now - RECENT, read_clock=lambda: self.now
        )
        if done.profiles < CHANGED_PROFILES:
            raise WrongAnswer(f"{done.profiles} changed profiles were found.")
        return {"profiles": done.profiles, "changed": done.evaluated}

    def _new(self) -> dict[str, float]:
        """Counting and answers; writing its first members costs what it has of them."""
        node = _defined({"fresh": conditions.FRESH})
        nodes = [d.node for d in live.live_set(self.site_id).definitions]
        rollups.prepare(self.site_id, [*nodes, node.definitions[0].node], clock.to_ms(self.now))
        return self._answered(dataclasses.replace(node, broken=_numbers(self.site_id)))

    def _hundred(self) -> LiveDefinitions:
        return _defined(conditions.segments(2 * SEGMENTS))

    def _happen(self, number: int) -> None:
        """Have visitors do something in the last minutes, unseen by the live path; untimed."""
        first = number * CHANGED_PROFILES
        properties = live.live_set(self.site_id).properties
        with connection.cursor() as cursor:
            cursor.execute(
                _HAPPEN,
                {
                    "site": str(self.site_id),
                    "first": first,
                    "profiles": CHANGED_PROFILES,
                    "events": EVENTS_EACH,
                    "since": self.now - RECENT,
                    "round": number,
                },
            )
            only = [profile_id for (profile_id,) in cursor.fetchall()]
        data.fill_histories(self.site_id, properties, only=uuid_array(set(only)))


_HAPPEN = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, message_id,
  occurred_at, original_at, received_at, properties, consent_epoch, purposes)
SELECT s.site_id, s.profile_id, 1, s.site_id, 1,
  CASE WHEN n %% 2 = 0 THEN 'Page Viewed' WHEN hashtext(s.profile_id::text) %% 7 = n
    THEN 'Product Added' ELSE 'Product Viewed' END,
  'later-' || %(round)s || '-' || s.profile_id || '-' || n,
  %(since)s::timestamptz + n * interval '40 seconds', NULL,
  %(since)s::timestamptz + n * interval '40 seconds',
  '{"category": "shoes", "price": 40, "revenue": 60.5}', 0, 63
FROM (SELECT site_id, profile_id FROM profiles_profilestate WHERE site_id = %(site)s
  ORDER BY profile_id OFFSET %(first)s LIMIT %(profiles)s) s, generate_series(1, %(events)s) n
RETURNING profile_id
"""


def _defined(documents: dict[str, conditions.Json]) -> LiveDefinitions:
    rows = [(n, key, document) for n, (key, document) in enumerate(documents.items(), 1)]
    return live.define(0, rows, "UTC")


def _numbers(site_id: UUID) -> frozenset[int]:
    return frozenset(d.number for d in live.live_set(site_id).definitions)


def say(text: str) -> None:
    """Tell what is being done."""
    print(text, flush=True)


# Figures


def _median(found: Found, side: str, name: str = "cpu_s") -> float:
    return statistics.median(one[name] for one in found[side])


def _ratio(found: Found, side: str, other: str, name: str = "cpu_s") -> float:
    """The median of the ratios round by round; of a side measured once, to the other's median."""
    if len(found[side]) != len(found[other]):
        return _median(found, side, name) / _median(found, other, name)
    return statistics.median(
        mine[name] / theirs[name] for mine, theirs in zip(found[side], found[other], strict=True)
    )


def table(found: Found) -> str:
    """Return the medians of every side."""
    lines = [f"{'':<28}{'CPU s':>9}{'x floor':>9}{'Postgres':>9}{'Python':>9}{'wall s':>9}"]
    for side in found:
        cells = (
            _median(found, side),
            _ratio(found, side, FLOOR),
            *(_median(found, side, name) for name in ("postgres_s", "python_s", "wall_s")),
        )
        lines.append(f"{side:<28}" + "".join(f"{cell:>9.3f}" for cell in cells))
    return "\n".join(lines)


def bars(found: Found) -> list[Bar]:
    """Return what the run is judged by."""
    return [
        Bar(
            "refresh of 50 segments, 1 % written", _ratio(found, FULL, FLOOR), 2.5, True, "x floor"
        ),
        Bar("50 segments to one", _ratio(found, FIFTY, ONE), 2.0, True, "x one"),
        Bar("100 segments to 50, shared leaves", _ratio(found, HUNDRED, FIFTY), 1.15, True, "x 50"),
        Bar("10,000 changed events, by the delta", _ratio(found, DELTA, FULL), 0.1, True, "x full"),
    ]

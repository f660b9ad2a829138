"""What editors and senders can bring in: spoilt events, dear segments, many publications."""

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.faults.harm import Brought
from tests.faults.load import CATEGORIES, message_id, visitor
from tests.faults.running import RunningStack

BATCHES = 16
EVENTS = 20  # in a batch, of which one is at fault
PART_STEP = 64 // BATCHES
ALL_PURPOSES = 63

# What no code of ours would write: an unknown kind, a character that no text in Postgres has, too
# few fields.
_CULPRITS: tuple[dict[int, Any] | list[Any], ...] = ({0: "nonsense"}, {1: "nul \0"}, ["track"])
# Bodies of which nothing can be saved.
_UNREADABLE = ("{", "[]", '{"v":99,"e":[]}', "")


def events(stack: RunningStack, seconds: float) -> Brought:
    """Batches in the inbox with one bad event each, and some that cannot be read at all.

    Returns the ids of the good ones among their events.
    """
    [(site, source)] = stack.rows(
        "SELECT s.id, o.id FROM access_site s JOIN access_source o ON o.site_id = s.id"
        " WHERE s.key = 'bench' LIMIT 1"
    )
    brought: list[str] = []
    for number in range(BATCHES):
        for body in _bodies(number, brought):
            stack.rows(
                "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
                " VALUES (%s, %s, %s, now(), %s)",
                [number * PART_STEP, site, source, body],
            )
        time.sleep(seconds / BATCHES)
    return brought


def _bodies(number: int, brought: list[str]) -> Iterator[str]:
    """A batch with one bad event in it, and one that cannot be read; the good ids are noted."""
    now_ms = time.time_ns() // 1_000_000
    batch: list[Any] = [_view(number * EVENTS + place, now_ms) for place in range(EVENTS)]
    place = number % EVENTS
    culprit = _CULPRITS[number % len(_CULPRITS)]
    good = [event[4] for event in batch[:place] + batch[place + 1 :]]
    if isinstance(culprit, dict):
        for field, value in culprit.items():
            batch[place][field] = value
    else:
        batch[place] = culprit
    yield json.dumps({"v": 1, "r": now_ms, "s": None, "c": None, "e": batch})
    brought += good
    yield _UNREADABLE[number % len(_UNREADABLE)]


def _view(number: int, now_ms: int) -> list[Any]:
    """An accepted view as it lies in the inbox: see apps/events/types.py."""
    properties = {"category": CATEGORIES[number % len(CATEGORIES)], "price": 20 + number % 90}
    who = visitor(number)
    return [
        "track", "Product Viewed", now_ms, None, message_id(), who, None, properties, None, {},
        0, ALL_PURPOSES, 0,
    ]  # fmt: skip


def publishing(stack: RunningStack, seconds: float) -> None:
    """What an editor does who cannot let go."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        stack.site("publish", f"{time.time_ns():x}-{number}")


def segments(stack: RunningStack, seconds: float) -> None:
    """A segment as dear as an editor can make one, and one whose condition nobody can read."""
    began = time.monotonic()
    stack.site("poison")
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def without_segments(stack: RunningStack) -> None:
    """Archive them."""
    stack.site("unpoison")

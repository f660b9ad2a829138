"""What conditions may be asked about one visitor: traits, history, memberships, the request."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

Scalar: TypeAlias = str | int | float | bool

SESSION_IDLE_MS = 1_800_000  # a gap this long on a device ends its session: 30 minutes

NO_DEVICE = 0

_at_ms = attrgetter("at_ms")


class TraitMeta(NamedTuple):
    """Where a trait's value came from. Times in ms; None: not known."""

    observed_ms: int | None = None
    changed_ms: int | None = None
    source: str | None = None
    confidence: float | None = None


class Happening(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event as conditions see it.

    Attributes:
        at_ms: when it occurred, Unix milliseconds.
        name: event name ("Product Viewed"); pages are "Page Viewed", screens "Screen Viewed".
        device: the anonymous identity it came from, because sessions are per device; NO_DEVICE
            when the event named a user only.
        properties: only those that live conditions read. Null properties are left out.
    """

    at_ms: int
    name: str
    device: int
    properties: dict[str, Scalar] = {}


class NamedHistory(Protocol):
    """A history that already knows its events by name, so that nobody walks over all of them.

    A sequence of `Happening` as `Facts.history` asks, and in addition:

    Attributes:
        by_name: event name -> its events, in order. A name that did not happen is left out.
        places: event name -> the indexes of these events in the history.

    Both may be filled as they are asked: only `get(name, default)` is called.
    """

    by_name: Mapping[str, list[Happening]]
    places: Mapping[str, list[int]]


class GrowingHistory(NamedHistory, Protocol):
    """A named history to which events are only ever appended, in place.

    Attributes:
        grown: what was worked out of the events so far, under the keys of `Facts.cache`: whoever
            put it there goes on with what has been appended since. Facts that share such a history
            are asked one after the other, in the order of its growth.
    """

    grown: dict[str, Any]


@dataclass(slots=True)
class Facts:
    """Everything one evaluation may read. Treat as immutable: derived indexes are kept in `cache`.

    Attributes:
        traits: name -> JSON value. Null counts as missing.
        history: ascending by `at_ms`; the sequence itself gives the total order. It may be a
            `NamedHistory` or a `GrowingHistory`.
        complete_from_ms: None when the history holds every event of the profile, else it holds
            every event with `at_ms` >= this (see `scope.covers`).
        memberships: segment key -> is a member now. An absent key is not a member.
        context: facts of the request by dotted name ("page.url"). Empty on the live path.
        unit_id: the bucketing key of the profile or visitor.
        trait_meta: trait name -> when and by whom it was observed.
        consents: purpose -> the recorded choice; an absent purpose was never answered.
        site_zone: IANA name of the site's time zone, a valid one.
    """

    traits: Mapping[str, object] = field(default_factory=dict)
    history: Sequence[Happening] = ()
    complete_from_ms: int | None = None
    memberships: Mapping[str, bool] = field(default_factory=dict)
    context: Mapping[str, object] = field(default_factory=dict)
    unit_id: str = ""
    trait_meta: Mapping[str, TraitMeta] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    site_zone: str = "UTC"
    # Shared by all conditions asked of these facts: match once, compare many times.
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def as_of(self, now_ms: int) -> Facts:
        """Return the facts without the events after `now_ms`; these facts when there are none."""
        history = self.history
        if not history or history[-1].at_ms <= now_ms:
            return self
        kept: tuple[int, Facts] | None = self.cache.get("as_of")
        if kept is not None and kept[0] == now_ms:
            return kept[1]
        past = Facts(
            traits=self.traits,
            history=history[: bisect_right(history, now_ms, key=_at_ms)],
            complete_from_ms=self.complete_from_ms,
            memberships=self.memberships,
            context=self.context,
            unit_id=self.unit_id,
            trait_meta=self.trait_meta,
            consents=self.consents,
            site_zone=self.site_zone,
        )
        self.cache["as_of"] = (now_ms, past)
        return past


_NO_EVENTS: list[Happening] = []
_NO_PLACES: list[int] = []


def named(facts: Facts, name: str) -> list[Happening]:
    """The events of a name, in order. Not to be changed."""
    by_name: Mapping[str, list[Happening]] | None = facts.cache.get("by_name")
    if by_name is None:
        by_name = getattr(facts.history, "by_name", None)
        if by_name is None:
            by_name = _events_by_name(facts.history)
        facts.cache["by_name"] = by_name
    return by_name.get(name, _NO_EVENTS)


def places(facts: Facts, name: str) -> list[int]:
    """The indexes in the history of the events of a name, ascending. Not to be changed."""
    by_name: Mapping[str, list[int]] | None = facts.cache.get("places")
    if by_name is None:
        by_name = getattr(facts.history, "places", None)
        if by_name is None:
            by_name = _places_by_name(facts.history)
        facts.cache["places"] = by_name
    return by_name.get(name, _NO_PLACES)


def grown(facts: Facts) -> dict[str, Any] | None:
    """Where results that grow with the history are kept (`GrowingHistory`); None: nowhere."""
    found: dict[str, Any] | None = getattr(facts.history, "grown", None)
    return found


def _events_by_name(history: Sequence[Happening]) -> dict[str, list[Happening]]:
    found: dict[str, list[Happening]] = {}
    for event in history:
        of_name = found.get(event.name)
        if of_name is None:
            found[event.name] = [event]
        else:
            of_name.append(event)
    return found


def _places_by_name(history: Sequence[Happening]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, event in enumerate(history):
        of_name = found.get(event.name)
        if of_name is None:
            found[event.name] = [i]
        else:
            of_name.append(i)
    return found


def flatten(nested: Mapping[str, object]) -> dict[str, object]:
    """Turn a nested JSON object into dotted names, nulls left out.

    Example: {"page": {"url": "/a", "title": None}, "ok": 1} -> {"page.url": "/a", "ok": 1}.
    Lists stay values. Depth is bounded by the JSON decoder's own limit.
    """
    return dict(_dotted(nested, ""))


def _dotted(nested: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, value

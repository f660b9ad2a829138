"""What conditions may be asked about one visitor: traits, history, memberships, the request."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

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


@dataclass(slots=True)
class Facts:
    """Everything one evaluation may read. Treat as immutable: derived indexes are kept in `cache`.

    Attributes:
        traits: name -> JSON value. Null counts as missing.
        history: ascending by `at_ms`; the sequence itself gives the total order.
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

"""What published templates read of computed traits, kept in the state row as the trait `computed`.

Its value is an object, {"ltv": 120.5}: templates find `traits.computed.ltv` among the traits, and
an answer costs no statement more. It is worked out again when an event of the person can have
changed it, at each of their deadlines, and with their next event once it is an hour old.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import msgspec

from apps.events import history as histories
from apps.events.history import Wanted
from apps.profiles.parts import instant
from apps.profiles.state import TraitEntry
from apps.segments import selectors
from apps.segments.models import ComputedTrait
from apps.segments.reading import Reads, joint_reach, joint_wanted, reads_of
from apps.work import clock
from engine.conditions.computed import parse_computed
from engine.conditions.evaluate import trace
from engine.conditions.nodes import Aggregate, EventLeaf
from engine.conditions.parse_events import event_comparison
from engine.conditions.scope import covers
from engine.conditions.trace_words import found_text
from engine.errors import InvalidCondition
from engine.facts import Facts

logger = logging.getLogger(__name__)

TRAIT: Final = "computed"  # of the state row, and in templates: traits.computed.<key>
FRESH_MS: Final = 3_600_000

_Paths = Iterable[Sequence[str]]


@dataclass(frozen=True)
class KeptTraits:
    """The computed traits that a site's templates read, by key, and what they take to work out.

    Attributes:
        mark: differs where the definitions do.
    """

    leaves: Mapping[str, EventLeaf]
    mark: str

    @cached_property
    def wanted(self) -> Wanted:
        """The properties of events that they read."""
        return joint_wanted(self._reads.values())

    def behind(
        self,
        known: TraitEntry | None,
        names: Collection[str],
        now_ms: int,
        *,
        is_due: bool = False,
    ) -> Collection[str]:
        """Return the keys to work out again, now that events of these names have come.

        Args:
            known: what the state row says.
            is_due: time has brought us here: what a moving window holds may be other than it was.
        """
        # Not old, and not of a clock that was ahead.
        if known is None or known[2] != self.mark or not 0 <= now_ms - known[1] < FRESH_MS:
            return self.leaves.keys()
        if is_due:
            return [key for key, reads in self._reads.items() if _is_moving(reads)]
        if self._names.isdisjoint(names) and not (names and self._any_event):
            return ()
        return [
            key
            for key, reads in self._reads.items()
            if reads.any_event or not reads.names.isdisjoint(names)
        ]

    def entry(
        self,
        known: TraitEntry | None,
        keys: Collection[str],
        facts: Facts,
        properties: histories.Properties,
        profile_id: UUID,
        now_ms: int,
    ) -> TraitEntry:
        """Work them out. At most one statement, where the facts do not reach far enough.

        Args:
            known: what the state row says; those that are not among `keys` stay as they are there.
            properties: what the live set keeps of events; `wanted` is among it.

        Returns the entry of the trait, as of when all of it was last worked out. Ages are the
        instants that they are counted from; what there is nothing to work out from is left out.
        """
        is_whole = len(keys) == len(self.leaves) or known is None
        values = {} if is_whole or known is None else {**known[0]}
        at_ms = now_ms if is_whole or known is None else known[1]
        reads = [self._reads[key] for key in keys]
        enough = _far_enough(facts, reads, properties, profile_id, now_ms).as_of(now_ms)
        for key in keys:
            values.pop(key, None)
            leaf = self.leaves[key]
            try:
                value = told(leaf, measured(leaf, enough, now_ms), now_ms)
            except Exception:  # one trait must not stop the person's events
                logger.exception("segments.computed_failed", extra={"trait": key})
                continue
            if value is not None:
                values[key] = value
        return (values, at_ms, self.mark, at_ms, TRAIT, None)

    @cached_property
    def _reads(self) -> dict[str, Reads]:
        return {key: reads_of(leaf) for key, leaf in self.leaves.items()}

    @cached_property
    def _any_event(self) -> bool:
        return any(reads.any_event for reads in self._reads.values())

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for reads in self._reads.values() for name in reads.names)


def _is_moving(reads: Reads) -> bool:
    return bool(reads.reach.last_ms or reads.reach.session)


def _far_enough(
    facts: Facts,
    reads: Sequence[Reads],
    properties: histories.Properties,
    profile_id: UUID,
    now_ms: int,
) -> Facts:
    """These facts, or the same with as much history as is read."""
    needed = joint_reach(reads)
    if covers(facts, needed, now_ms):
        return facts
    # A session has no fixed length, so it is read like `ever`.
    is_bounded = not (needed.ever or needed.session)
    names = {name for one in reads for name in one.names}
    loaded = histories.load(
        profile_id,
        properties,
        since_ms=now_ms - needed.last_ms + 1 if is_bounded else None,
        limit=histories.MAX_FAR,
        names=None if any(one.any_event for one in reads) else names,
    )
    return replace(
        facts, history=loaded.happenings, complete_from_ms=loaded.complete_from_ms, cache={}
    )


def kept_traits(definitions: Mapping[str, Any]) -> KeptTraits | None:
    """Read the definitions that a live set notes, by key; None where there are none.

    One that this version cannot read is left out: it must not stop the others.
    """
    leaves = {}
    for key, definition in sorted(definitions.items()):
        try:
            leaves[key] = asked(parse_computed(definition))
        except InvalidCondition:
            logger.exception("segments.broken_computed", extra={"trait": key})
    if not leaves:
        return None
    return KeptTraits(leaves, f"{crc32(msgspec.json.encode(definitions, order='sorted')):08x}")


def asked(leaf: EventLeaf) -> EventLeaf:
    """The leaf with a comparison that its aggregate has; what is found does not depend on it."""
    for fields in ({"op": "is_set"}, {"op": "gte", "value": 0}, {"op": "gte", "value": "1d"}):
        try:
            op, value = event_comparison(leaf.aggregate, fields, "")
        except InvalidCondition:
            continue
        return replace(leaf, op=op, value=value)
    raise AssertionError(f"no comparison fits {leaf.aggregate}")


def measured(leaf: EventLeaf, facts: Facts, now_ms: int) -> Any:
    """What an `asked` leaf comes to; ages in ms, None where there is nothing to work it out from.

    Pure. `facts` must reach far enough.
    """
    return trace(leaf, facts, now_ms).value


def told(leaf: EventLeaf, value: Any, now_ms: int) -> Any:
    """The value as templates get it: an age as the instant it is counted from, which stays so."""
    if value is None or leaf.aggregate is not Aggregate.RECENCY:
        return value
    return instant(clock.from_ms(now_ms - int(value)))


def in_words(leaf: EventLeaf, value: Any) -> str:
    """The value as people read it: 1,234.5, “hats”, 2 d 5 h, nothing."""
    if isinstance(value, float) and leaf.aggregate is not Aggregate.RECENCY:
        return f"{value:,.10g}"
    return found_text(value, "ms" if leaf.aggregate is Aggregate.RECENCY else None)


# What templates read


def definitions_read(site_id: UUID, paths: _Paths) -> dict[str, Any]:
    """The definitions of the computed traits that templates read, by key. At most one query.

    A template that reads all traits reads these too, where the site has any.
    """
    keys = selectors.computed_keys_read(paths)
    if keys is not None and not keys:
        return {}
    rows = ComputedTrait.objects.filter(site_id=site_id)
    if keys is not None:
        rows = rows.filter(key__in=keys)
    return dict(rows.order_by("key").values_list("key", "definition"))

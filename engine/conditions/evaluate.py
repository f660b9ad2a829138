"""Decide whether facts satisfy a condition: True, False, or None for unknown.

This is the meaning of the language, written to be read; `compile` is the same made fast. A missing
fact makes a comparison unknown, whatever the operator, and unknown stays unknown under `not`: an
unknown country is neither France nor "a country other than France". Counts, sums, memberships and
shares are always known. At the root unknown is not a match. SQL's NULL has the same table.

Events after `now_ms` are ignored, and no event is assumed to follow: a verdict then changes only
because time passes, first at its `valid_until_ms`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.conditions import absences, aggregates, dwell, plain_leaves, scores, sequences
from engine.conditions.answers import FOREVER, Finder, Finding, Moments, Truth
from engine.conditions.compile import part_of
from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    AbsenceLeaf,
    All,
    AnyOf,
    AtLeast,
    DwellLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    Group,
    Leaf,
    ListLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    parts_of,
)
from engine.facts import Facts

MAX_EVIDENCE = 5  # events named per leaf of a trace, the newest


def truth(node: Node, facts: Facts, now_ms: int) -> Truth:
    """Return the verdict at an instant. Never raises for a parsed condition."""
    return _truth(node, facts.as_of(now_ms), now_ms)


def _truth(node: Node, facts: Facts, now_ms: int) -> Truth:
    finder = FINDERS.get(type(node))
    if finder is not None:
        return finder(node, facts, now_ms).verdict
    return combined(node, [_truth(part, facts, now_ms) for part in parts_of(node)])


def combined(node: Node, verdicts: list[Truth]) -> Truth:
    """The verdict of a group from those of its parts (Kleene's three-valued logic)."""
    match node:
        case All():
            return kleene_and(verdicts)
        case AnyOf():
            return kleene_or(verdicts)
        case NoneOf():
            return kleene_not(kleene_or(verdicts))
        case Not():
            return kleene_not(verdicts[0])
        case AtLeast(k, _):
            if verdicts.count(True) >= k:
                return True
            return False if len(verdicts) - verdicts.count(False) < k else None
        case Nested():
            return verdicts[0] is True
    raise AssertionError(f"no evaluator for {type(node).__name__}")


def kleene_and(verdicts: Iterable[Truth]) -> Truth:
    found = set(verdicts)
    return False if False in found else None if None in found else True


def kleene_or(verdicts: Iterable[Truth]) -> Truth:
    found = set(verdicts)
    return True if True in found else None if None in found else False


def kleene_not(verdict: Truth) -> Truth:
    return None if verdict is None else not verdict


def _meant(finders: dict[type, Finder], moments: dict[type, Moments]) -> None:
    """Register the leaves that mean another leaf; `lowered` returns all others as they are."""
    for kind in LOWERED:
        own_finder, own_moments = finders.get(kind), moments.get(kind)

        def find(leaf: Any, facts: Facts, now_ms: int, own: Finder | None = own_finder) -> Finding:
            meant = lowered(leaf)
            if type(meant) is not type(leaf):
                return FINDERS[type(meant)](meant, facts, now_ms)
            assert own is not None
            return own(leaf, facts, now_ms)

        def changes(
            leaf: Any, facts: Facts, now_ms: int, own: Moments | None = own_moments
        ) -> set[int]:
            meant = lowered(leaf)
            if type(meant) is not type(leaf):
                known = MOMENTS.get(type(meant))
                return known(meant, facts, now_ms) if known is not None else set()
            return own(leaf, facts, now_ms) if own is not None else set()

        finders[kind], moments[kind] = find, changes


LOWERED = (ExposureLeaf, ExperimentLeaf, AbsenceLeaf, DwellLeaf, ListLeaf, RelationLeaf)

_KINDS = (plain_leaves, aggregates, sequences, absences, dwell, scores)

FINDERS: dict[type, Finder] = {}
# Leaves whose answer changes as time passes: the instants at which it may.
MOMENTS: dict[type, Moments] = {}
for _kind in _KINDS:
    FINDERS |= _kind.FINDERS
    MOMENTS |= _kind.MOMENTS
_meant(FINDERS, MOMENTS)


# Time


MAX_WALKED = 200_000  # events looked at for one instant of a trace


def leaf_valid_until(node: Leaf, facts: Facts, now_ms: int) -> int | None:
    """The first instant after now at which this leaf's verdict differs, None for never."""
    changes = MOMENTS.get(type(node))
    if changes is None:
        return None
    moments = sorted(moment for moment in changes(node, facts, now_ms) if moment > now_ms)
    if len(moments) * len(facts.history) > MAX_WALKED:
        # The closure says the same without evaluating the leaf at each of them.
        until_ms = part_of(node)(facts, now_ms)[1]
        return None if until_ms == FOREVER else until_ms
    verdict = FINDERS[type(node)](node, facts, now_ms).verdict
    for moment in moments:
        if FINDERS[type(node)](node, facts, moment).verdict is not verdict:
            return moment
    return None


# Trace


@dataclass(frozen=True, slots=True)
class Trace:
    """Why one node answered as it did; the children of a group in the editor's order.

    Attributes:
        value: what was found (None: nothing); for groups None.
        threshold: what the editor asked for; for groups None.
        evidence: (index in the history, at_ms) of the newest events used, at most MAX_EVIDENCE.
        valid_until_ms: the verdict holds before this instant if nothing happens; None: for ever.
    """

    node: Node
    verdict: Truth
    value: object = None
    threshold: object = None
    evidence: tuple[tuple[int, int], ...] = ()
    valid_until_ms: int | None = None
    parts: tuple[Trace, ...] = ()


def trace(node: Node, facts: Facts, now_ms: int) -> Trace:
    """Return the evaluation with everything it met. The same evaluation as `truth`."""
    return _trace(node, facts.as_of(now_ms), now_ms)


def _trace(node: Node, facts: Facts, now_ms: int) -> Trace:
    if not isinstance(node, Group | Nested):
        found = FINDERS[type(node)](node, facts, now_ms)
        return Trace(
            node,
            found.verdict,
            found.value,
            _threshold(node),
            tuple((i, facts.history[i].at_ms) for i in found.evidence[-MAX_EVIDENCE:]),
            leaf_valid_until(node, facts, now_ms),
        )
    parts = tuple(_trace(part, facts, now_ms) for part in parts_of(node))
    verdict = combined(node, [part.verdict for part in parts])
    return Trace(
        node, verdict, valid_until_ms=_group_valid_until(node, verdict, parts), parts=parts
    )


def _threshold(node: Node) -> object:
    match node:
        case PercentLeaf(_, start, end):
            return (start, end)
        case SegmentLeaf():
            return True
    return getattr(node, "value", None)


def _group_valid_until(node: Node, verdict: Truth, parts: tuple[Trace, ...]) -> int | None:
    """A group holds while each part holds; one part that settles it alone is enough."""
    settles = {All: False, AnyOf: True, NoneOf: True}.get(type(node))
    if settles is not None:
        alone = [part.valid_until_ms for part in parts if part.verdict is settles]
        if alone:
            return None if None in alone else max(moment for moment in alone if moment is not None)
    return min((p.valid_until_ms for p in parts if p.valid_until_ms is not None), default=None)

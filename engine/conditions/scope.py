"""What a condition reads, so that only that is loaded, and where each part can be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import get_args

from engine.conditions.canonical import digest
from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    ANY_EVENT,
    AbsenceLeaf,
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    ContextLeaf,
    DwellLeaf,
    DwellOn,
    EventLeaf,
    FactOf,
    HistoryLeaf,
    Leaf,
    ListLeaf,
    Match,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    RelationLeaf,
    ScoreLeaf,
    SegmentLeaf,
    SequenceLeaf,
    TraitLeaf,
    Window,
    WindowKind,
    parts_of,
)
from engine.conditions.plain_leaves import EDGE_TRAIT, LIST_TRAIT, MODEL_TRAIT
from engine.conditions.reach import Reach, covers, leaf_reach
from engine.errors import InvalidCondition

__all__ = [
    "HIDDEN_PREFIX",
    "Reach",
    "consent_purposes",
    "context_names",
    "covers",
    "event_leaves",
    "event_names",
    "event_properties",
    "history_leaves",
    "inline_segments",
    "leaves_of",
    "matches_of",
    "needs_any_event",
    "reach",
    "reads_request",
    "reads_zone",
    "segment_keys",
    "split_history",
    "trait_names",
    "windows_of",
]

HIDDEN_PREFIX = "auto:"  # keys of the segments that keep the history part of a rule
MAX_NESTING = 12  # segments within segments

PAGE_VIEWED = "Page Viewed"
PAGE_EVENTS = (PAGE_VIEWED, "Page Heartbeat", "Page Left")
PAGE_VIEW_ID = "page_view_id"
ACTIVE_MS = "active_ms"
ZONE_TRAIT = "timezone"

_HISTORY = get_args(HistoryLeaf)
_MOVED_BY_ANY = frozenset({WindowKind.SESSION, WindowKind.VISIT, WindowKind.PAGE_VIEW})


def leaves_of(node: Node) -> Iterator[Leaf]:
    """Every leaf below a node, those of inlined segments included."""
    parts = parts_of(node)
    if not parts and not isinstance(node, All | AnyOf | NoneOf | Not | AtLeast | Nested):
        yield node
    for part in parts:
        yield from leaves_of(part)


def event_leaves(node: Node) -> Iterator[EventLeaf]:
    """The event leaves alone; `history_leaves` are all that look at events."""
    return (leaf for leaf in leaves_of(node) if isinstance(leaf, EventLeaf))


def history_leaves(node: Node) -> Iterator[HistoryLeaf]:
    """Every leaf that events answer."""
    return (leaf for leaf in leaves_of(node) if isinstance(leaf, _HISTORY))


def windows_of(leaf: Leaf) -> tuple[Window, ...]:
    """The windows in which a leaf looks at events."""
    match lowered(leaf):
        case (
            EventLeaf(window=window)
            | SequenceLeaf(window=window)
            | AbsenceLeaf(window=window)
            | DwellLeaf(window=window)
        ):
            return (window,)
        case ScoreLeaf(events):
            return tuple(source.window for source in events)
    return ()


def matches_of(leaf: Leaf) -> tuple[Match, ...]:
    """Every match whose events a leaf reads, those of its windows included.

    None for leaves without history, and for time in a session, which every event prolongs.
    """
    since = [window.since for window in windows_of(leaf) if window.since is not None]
    return (*_own_matches(lowered(leaf)), *since)


def _own_matches(leaf: Leaf) -> Iterator[Match]:
    match leaf:
        case EventLeaf():
            yield leaf.match
            if leaf.over is not None:
                yield leaf.over
        case SequenceLeaf(steps):
            yield from (step.match for step in steps)
            yield from (gap.match for gap in leaf.without)
        case AbsenceLeaf(without, _, after):
            yield without
            if after is not None:
                yield after
        case DwellLeaf(DwellOn.PAGE | DwellOn.SITE):
            # Views that the filters refuse are read too: the first of a page decides.
            yield from (Match(name) for name in PAGE_EVENTS)
            if leaf.where:
                yield Match(PAGE_VIEWED, leaf.where)
        case ScoreLeaf(events):
            yield from (source.match for source in events)


def event_names(node: Node) -> frozenset[str]:
    """The names of the events read; `ANY_EVENT` among them where all are."""
    return frozenset(match.name for leaf in leaves_of(node) for match in matches_of(leaf))


def event_properties(node: Node) -> frozenset[str]:
    """The event properties read by filters, aggregates, keys, binds and page views."""
    found: set[str] = set()
    for leaf in leaves_of(node):
        found.update(test.property for match in matches_of(leaf) for test in match.where)
        if any(window.kind is WindowKind.PAGE_VIEW for window in windows_of(leaf)):
            found.add(PAGE_VIEW_ID)
        found.update(_own_properties(lowered(leaf)))
    return frozenset(found)


def _own_properties(leaf: Leaf) -> Iterator[str]:
    match leaf:
        case EventLeaf():
            yield from () if leaf.of is None else (leaf.of,)
            yield from (of for _, of in leaf.bind)
        case SequenceLeaf():
            yield from leaf.by
            yield from (of for _, _, of in leaf.bind)
        case AbsenceLeaf():
            yield from leaf.by
        case DwellLeaf(DwellOn.PAGE | DwellOn.SITE):
            yield from (PAGE_VIEW_ID, ACTIVE_MS)
        case ScoreLeaf(events):
            yield from (source.of for source in events if source.of is not None)


def needs_any_event(leaf: Leaf) -> bool:
    """May every event change this leaf, whatever its name?

    Any event prolongs a session, opens a visit or a page view, or comes between two steps.
    """
    if any(window.kind in _MOVED_BY_ANY for window in windows_of(leaf)):
        return True
    if any(match.name == ANY_EVENT for match in matches_of(leaf)):
        return True
    return isinstance(leaf, SequenceLeaf) and (leaf.is_strict or leaf.in_session)


def trait_names(node: Node) -> frozenset[str]:
    """The traits read: named by the editor, or kept for lists, models, edges and time zones."""
    return frozenset(name for leaf in leaves_of(node) for name in _traits_of(leaf))


def _traits_of(leaf: Leaf) -> Iterator[str]:
    match leaf:
        case TraitLeaf(name):
            yield name
        case ListLeaf(key):
            yield LIST_TRAIT + key
        case ModelLeaf(name):
            yield MODEL_TRAIT + name
        case RelationLeaf(kind):
            yield EDGE_TRAIT + kind
        case ScoreLeaf():
            yield from (source.test.name for source in leaf.traits)
    if any(window.is_visitor_zone for window in windows_of(leaf)):
        yield ZONE_TRAIT


def reads_zone(node: Node) -> bool:
    """Does some window begin at midnight where the visitor is (trait `timezone`)?"""
    return any(window.is_visitor_zone for leaf in leaves_of(node) for window in windows_of(leaf))


def reads_site_zone(node: Node) -> bool:
    """Can the answer be another where the site's midnight is another instant?

    It stands in for the visitor's own, too, where that is not known.
    """
    for leaf in leaves_of(node):
        if any(window.kind is WindowKind.CALENDAR for window in windows_of(leaf)):
            return True
        whole = lowered(leaf)
        if isinstance(whole, EventLeaf) and whole.aggregate in _BY_DAYS:
            return True
    return False


_BY_DAYS = (Aggregate.DAYS_ACTIVE, Aggregate.STREAK)


def consent_purposes(node: Node) -> frozenset[str]:
    return frozenset(leaf.purpose for leaf in leaves_of(node) if isinstance(leaf, ConsentLeaf))


def context_names(node: Node) -> frozenset[str]:
    """The facts of the request that are read, by context leaves and by filters."""
    found = {leaf.name for leaf in leaves_of(node) if isinstance(leaf, ContextLeaf)}
    return frozenset(found | {name for leaf in leaves_of(node) for name in _facts_of(leaf)})


def _facts_of(leaf: Leaf) -> Iterator[str]:
    for match in matches_of(leaf):
        yield from (test.value.name for test in match.where if isinstance(test.value, FactOf))


def segment_keys(node: Node) -> frozenset[str]:
    """The segments whose membership is read, or was before it was inlined."""
    found: set[str] = set()
    if isinstance(node, SegmentLeaf | Nested):
        found.add(node.key)
    for part in parts_of(node):
        found |= segment_keys(part)
    return frozenset(found)


def reach(node: Node) -> Reach:
    """How far back the condition looks."""
    found = Reach()
    for leaf in leaves_of(node):
        found |= leaf_reach(leaf)
    return found


def reads_request(node: Node, request_segments: Set[str] = frozenset()) -> bool:
    """Can this only be answered while a request is there?

    `request_segments` are the keys of segments that themselves depend on the request.
    """
    return any(
        isinstance(leaf, ContextLeaf)
        or any(True for _ in _facts_of(leaf))
        or (isinstance(leaf, SegmentLeaf) and leaf.key in request_segments)
        for leaf in leaves_of(node)
    )


def split_history(
    node: Node, request_segments: Set[str] = frozenset()
) -> tuple[Node, dict[str, Node]]:
    """Split a condition into what the request answers and hidden segments that the live path keeps.

    Each maximal part that reads events and nothing of the request becomes a segment leaf with the
    key "auto:<12 hex digits>". Returns the request condition and the parts by key.

    The root of the result is true exactly when the root of `node` is. A membership is never
    unknown, so below a negation the segment keeps the negated part: "no known view" stays apart
    from "viewed, but not so".
    """
    hidden: dict[str, Node] = {}

    def keep(part: Node) -> SegmentLeaf:
        key = HIDDEN_PREFIX + digest(part)[:12]
        hidden[key] = part
        return SegmentLeaf(key)

    def split(part: Node, upright: bool) -> Node:
        if isinstance(part, Nested):
            return SegmentLeaf(part.key)
        if not any(True for _ in history_leaves(part)):
            return part
        if not reads_request(part, request_segments):
            return keep(part) if upright else Not(keep(Not(part)))
        match part:
            case All(parts):
                return All(tuple(split(child, upright) for child in parts))
            case AnyOf(parts):
                return AnyOf(tuple(split(child, upright) for child in parts))
            case AtLeast(k, parts):
                return AtLeast(k, tuple(split(child, upright) for child in parts))
            case NoneOf(parts):
                return NoneOf(tuple(split(child, not upright) for child in parts))
            case Not(child):
                return Not(split(child, not upright))
        return (
            part  # a leaf with a filter that reads the request: it answers from the newest events
        )

    return split(node, True), hidden


def inline_segments(node: Node, segments: Mapping[str, Node]) -> Node:
    """Put the conditions of other segments in the place of their leaves, as deep as they nest.

    The result answers by itself, with honest instants: a member only for ten more minutes makes
    the condition that asks for it last ten minutes too. Keys not in `segments` stay leaves.

    Raises:
        InvalidCondition: a segment contains itself, or they nest too deep; the path is the chain
            of keys.
    """
    return _Inliner(segments).inlined(node, ())[0]


class _Inliner:
    """One inlining: each segment is built once, however often it is named."""

    def __init__(self, segments: Mapping[str, Node]) -> None:
        self.segments = segments
        self.done: dict[str, tuple[Nested, int]] = {}

    def inlined(self, node: Node, chain: tuple[str, ...]) -> tuple[Node, int]:
        """Return the node and how deep segments nest in it."""
        match node:
            case SegmentLeaf(key) if key in self.segments:
                return self.segment(key, chain)
            case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
                found = [self.inlined(part, chain) for part in parts]
                whole = tuple(part for part, _ in found)
                return replace(node, parts=whole), max((deep for _, deep in found), default=0)
            case Not(part):
                inner, deep = self.inlined(part, chain)
                return Not(inner), deep
            case Nested(key, part):
                inner, deep = self.inlined(part, chain)
                return Nested(key, inner), deep
            case _:
                return node, 0

    def segment(self, key: str, chain: tuple[str, ...]) -> tuple[Nested, int]:
        if key in chain:
            raise InvalidCondition(" > ".join((*chain, key)), "a segment contains itself")
        known = self.done.get(key)
        if len(chain) + (known[1] if known else 1) > MAX_NESTING:
            path = " > ".join((*chain, key))
            raise InvalidCondition(path, f"segments nest at most {MAX_NESTING} deep")
        if known is None:
            inner, deep = self.inlined(self.segments[key], (*chain, key))
            known = self.done[key] = (Nested(key, inner), deep + 1)
        return known

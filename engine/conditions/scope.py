"""What a condition reads, so that only that is loaded, and where each part can be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from engine.conditions.canonical import digest
from engine.conditions.nodes import (
    All,
    AnyOf,
    AtLeast,
    ContextLeaf,
    EventLeaf,
    Leaf,
    Nested,
    Node,
    NoneOf,
    Not,
    SegmentLeaf,
    TraitLeaf,
    WindowKind,
    parts_of,
)
from engine.errors import InvalidCondition
from engine.facts import SESSION_IDLE_MS, Facts

HIDDEN_PREFIX = "auto:"  # keys of the segments that keep the history part of a rule


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a condition looks. All falsy: it needs no history.

    Attributes:
        ever: some leaf counts the whole history.
        session: some leaf counts the current session, however long it is.
        last_ms: the widest rolling window, 0 when there is none.
    """

    ever: bool = False
    session: bool = False
    last_ms: int = 0

    def __bool__(self) -> bool:
        return self.ever or self.session or self.last_ms > 0

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            self.ever or other.ever,
            self.session or other.session,
            max(self.last_ms, other.last_ms),
        )


def leaves_of(node: Node) -> Iterator[Leaf]:
    """Every leaf below a node, those of inlined segments included."""
    parts = parts_of(node)
    if not parts and not isinstance(node, All | AnyOf | NoneOf | Not | AtLeast | Nested):
        yield node
    for part in parts:
        yield from leaves_of(part)


def event_leaves(node: Node) -> Iterator[EventLeaf]:
    return (leaf for leaf in leaves_of(node) if isinstance(leaf, EventLeaf))


def event_names(node: Node) -> frozenset[str]:
    return frozenset(leaf.name for leaf in event_leaves(node))


def event_properties(node: Node) -> frozenset[str]:
    """The event properties read by filters and aggregates."""
    found = {leaf.of for leaf in event_leaves(node) if leaf.of is not None}
    found.update(test.property for leaf in event_leaves(node) for test in leaf.where)
    return frozenset(found)


def trait_names(node: Node) -> frozenset[str]:
    return frozenset(leaf.name for leaf in leaves_of(node) if isinstance(leaf, TraitLeaf))


def context_names(node: Node) -> frozenset[str]:
    return frozenset(leaf.name for leaf in leaves_of(node) if isinstance(leaf, ContextLeaf))


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
    for leaf in event_leaves(node):
        window = leaf.window
        found |= Reach(window.kind is WindowKind.EVER, window.kind is WindowKind.SESSION, window.ms)
    return found


def covers(facts: Facts, needed: Reach, now_ms: int) -> bool:
    """Does the loaded history hold everything that a condition of this reach can see at now?

    False means: load more events before evaluating; the evaluators take the history as it is.
    """
    held_from = facts.complete_from_ms
    if held_from is None or not needed:
        return True
    if needed.ever or (needed.last_ms and now_ms - needed.last_ms + 1 < held_from):
        return False
    return not needed.session or _holds_session(facts.as_of(now_ms), held_from, now_ms)


def _holds_session(facts: Facts, held_from_ms: int, now_ms: int) -> bool:
    """An event just before the held part could still belong to the session."""
    history = facts.history
    if not history:
        return now_ms - (held_from_ms - 1) >= SESSION_IDLE_MS
    device, start = history[-1].device, history[-1].at_ms
    if now_ms - start >= SESSION_IDLE_MS:
        return True
    for event in reversed(history):
        if event.device == device:
            if start - event.at_ms >= SESSION_IDLE_MS:
                return True
            start = event.at_ms
    return start - (held_from_ms - 1) >= SESSION_IDLE_MS


def reads_request(node: Node, request_segments: Set[str] = frozenset()) -> bool:
    """Can this only be answered while a request is there?

    `request_segments` are the keys of segments that themselves depend on the request.
    """
    return any(
        isinstance(leaf, ContextLeaf)
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
        if not any(True for _ in event_leaves(part)):
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
            case Nested(key, _):
                return SegmentLeaf(key)
        raise AssertionError("a leaf reads either events or the request")

    return split(node, True), hidden


def inline_segments(node: Node, segments: Mapping[str, Node]) -> Node:
    """Put the conditions of other segments in the place of their leaves, as deep as they nest.

    The result answers by itself, with honest instants: a member only for ten more minutes makes
    the condition that asks for it last ten minutes too. Keys not in `segments` stay leaves.

    Raises:
        InvalidCondition: a segment contains itself; the path is the chain of keys.
    """
    return _inlined(node, segments, ())


def _inlined(node: Node, segments: Mapping[str, Node], chain: tuple[str, ...]) -> Node:
    match node:
        case SegmentLeaf(key) if key in segments:
            if key in chain:
                raise InvalidCondition(" > ".join((*chain, key)), "a segment contains itself")
            return Nested(key, _inlined(segments[key], segments, (*chain, key)))
        case All(parts):
            return All(tuple(_inlined(part, segments, chain) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_inlined(part, segments, chain) for part in parts))
        case NoneOf(parts):
            return NoneOf(tuple(_inlined(part, segments, chain) for part in parts))
        case AtLeast(k, parts):
            return AtLeast(k, tuple(_inlined(part, segments, chain) for part in parts))
        case Not(part):
            return Not(_inlined(part, segments, chain))
        case _:
            return node

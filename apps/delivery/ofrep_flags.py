"""The flags that a publication offers: placements, feature flags, and its segments as yes or no."""

from typing import Final, NamedTuple

from apps.content.types import SEGMENT_PREFIX, is_key
from apps.decisions.selectors import Served
from engine.conditions.nodes import ContextLeaf, Node, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.snapshot import CompiledPlacement, CompiledSegment, CompiledSnapshot

MAX_FLAGS: Final = 500
# The one fact of a request that says something about the visitor.
_VISITOR_FACT: Final = "visitor"


class Flag(NamedTuple):
    """One flag.

    Attributes:
        value_type: boolean, string, integer, float or object.
        is_public: a publishable key may read it.
        asks_who: its value depends on the visitor, so that it has none without a targetingKey.
        segment: the key of the segment, for `segment.<key>`.
    """

    key: str
    value_type: str
    is_public: bool
    asks_who: bool
    segment: str | None = None


class Catalogue:
    """All flags of one publication by key, each kind together: feature flags come first."""

    __slots__ = ("flags", "public", "shown")

    def __init__(self, compiled: CompiledSnapshot) -> None:
        found = sorted(
            (_of_placement(compiled, placement) for placement in compiled.placements.values()),
            key=lambda flag: (compiled.placements[flag.key].block.doc.kind != "flag", flag.key),
        )
        found += (
            Flag(SEGMENT_PREFIX + key, "boolean", False, _asks_who(compiled, segment), key)
            for key, segment in sorted(compiled.segments.items())
            if not segment.doc.hidden and is_key(SEGMENT_PREFIX + key)
        )
        self.flags: dict[str, Flag] = {}
        for flag in found:
            self.flags.setdefault(flag.key, flag)
        self.shown = list(self.flags.values())
        self.public = [flag for flag in self.shown if flag.is_public]

    def find(self, key: str, kind: str) -> Flag | None:
        """Return the flag of a key if a key of this kind may read it."""
        flag = self.flags.get(key)
        return flag if flag is not None and (flag.is_public or kind == "sk") else None

    def visible(self, kind: str) -> list[Flag]:
        """Return what a key of this kind may read, at most MAX_FLAGS."""
        return (self.shown if kind == "sk" else self.public)[:MAX_FLAGS]


def catalogue_of(served: Served) -> Catalogue:
    """Return the flags of a publication; worked out once in each process."""
    found: Catalogue | None = served.prepared.get(Catalogue)
    if found is None:
        found = served.prepared[Catalogue] = Catalogue(served.compiled)
    return found


def _of_placement(compiled: CompiledSnapshot, placement: CompiledPlacement) -> Flag:
    block = placement.block.doc
    is_flag = block.kind == "flag"
    return Flag(
        placement.key,
        (block.value_type or "object") if is_flag else "object",
        # What a page shows is meant for whoever looks at it; a flag says so itself.
        block.client_visible or not is_flag,
        _depends_on_visitor(compiled, placement),
    )


def _depends_on_visitor(compiled: CompiledSnapshot, placement: CompiledPlacement) -> bool:
    """Whether two visitors who send the same request may be answered differently."""
    tagged = placement.block.tagged
    if not placement.doc.enabled:
        return False
    if placement.choice is None and not (placement.rules or placement.experiment or tagged):
        return False
    # A held-out visitor gets the default whatever the request says.
    is_held_out = any(one.is_about(placement.key) for one in compiled.holdouts)
    if is_held_out or placement.experiment is not None or placement.choice is not None:
        return True
    return (
        any(rule.experiment or rule.caps or _reads(compiled, rule.node) for rule in placement.rules)
        or any(placement.tagged_caps)
        or any(_asks_who(compiled, segment) for segment, _ in tagged)
    )


def _asks_who(compiled: CompiledSnapshot, segment: CompiledSegment) -> bool:
    document = segment.doc.request_condition
    return document is None or _reads(compiled, parse_condition(document))


def _reads(compiled: CompiledSnapshot, node: Node) -> bool:
    """Whether a condition reads anything about the visitor, not of the request alone."""
    for leaf in leaves_of(node):
        match leaf:
            case ContextLeaf(name):
                if name == _VISITOR_FACT:
                    return True
            case SegmentLeaf(key):
                if _asks_who(compiled, compiled.segments[key]):
                    return True
            case _:
                return True
    return False

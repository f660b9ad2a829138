"""A publication that nobody has published, complete enough to decide by. Nothing is written."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.decisions.selectors import Served
from apps.rules.selectors import split_conditions
from apps.segments.selectors import conditions_in_force
from engine.compiling import compile_snapshot
from engine.conditions.evaluate import truth
from engine.conditions.nodes import Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import inline_segments, leaves_of, segment_keys
from engine.facts import Facts
from engine.snapshot import SegmentDoc, SnapshotDoc

# Numbers of segments that do not exist yet: far above those that a site gives.
_FIRST: Final = 1_000_000


class Drafted(NamedTuple):
    """A document that could serve.

    Attributes:
        hidden: what publishing would make of parts of rules, by the number it has in the document:
            nobody is recorded as a member of these yet.
    """

    document: SnapshotDoc
    hidden: Mapping[int, Node]

    @property
    def served(self) -> Served:
        """It, compiled. Compiling takes a hundred times what a decision does.

        Raises:
            InvalidSnapshot: it contradicts itself.
        """
        return Served(compile_snapshot(self.document))


def with_hidden(
    site_id: UUID, document: SnapshotDoc, parts: Mapping[str, Node] | None = None
) -> Drafted:
    """Add the hidden segments that the document's rules name and that do not exist yet.

    Args:
        parts: what these would ask, by key; None: as the site's drafts say.

    Raises:
        InvalidCondition: a rule of the drafts has none any more.
    """
    known = {segment.key for segment in document.segments}
    named: set[str] = set()
    for rule in document.rules:
        named |= segment_keys(parse_condition(rule.condition))
    if named <= known:
        return Drafted(document, {})
    published = conditions_in_force(site_id)
    if parts is None:
        parts = split_conditions(site_id).hidden
    hidden: dict[int, Node] = {}
    added: list[SegmentDoc] = []
    for key, node in sorted(parts.items()):
        if key in named and key not in known:
            number = _FIRST + len(added)
            hidden[number] = node
            no_profile = _holds_for_nobody_known(inline_segments(node, published))
            added.append(SegmentDoc(number, key, hidden=True, no_profile=no_profile))
    segments = [*document.segments, *added]
    return Drafted(msgspec.structs.replace(document, segments=segments), hidden)


def _holds_for_nobody_known(node: Node) -> bool:
    """Its verdict on an empty history; a share is of units, and nobody's is known."""
    if any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(node)):
        return False
    return truth(node, Facts(), 0) is True

"""The rules that can be asked about, as publications: a condition, the drafts, what serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.decisions.selectors import Served
from apps.delivery.drafted import with_hidden
from apps.segments.selectors import gated_in_force, meant, request_keys, snapshot_documents
from apps.studio.candidates import DRAFTS, NoCandidate, candidate_of, serving
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.snapshot import BlockDoc, RuleDoc, SnapshotDoc

ALWAYS: Final = "always"
CONDITION: Final = "condition"
SERVING: Final = "serving"
_RULE: Final = "what-if"


@dataclass(frozen=True, slots=True)
class OtherPublication:
    """A publication to decide by. `hidden`: see `drafted.with_hidden`."""

    served: Served
    hidden: Mapping[int, Node]


def publication_of(
    site_id: UUID, placement: str, policy: Mapping[str, Any]
) -> OtherPublication | None:
    """Return the publication that acts as a rule; None for one that always shows one variant.

    Raises:
        NoCandidate, PersonalizationError: there is none (`candidates.why_not` words it).
    """
    match policy:
        case {"what": "always"}:
            return None
        case {"what": "serving"}:
            return OtherPublication(serving(site_id), {})
        case {"what": "drafts"}:
            drafted = candidate_of(site_id, {"what": DRAFTS}).drafted
            return OtherPublication(drafted.served, drafted.hidden)
        case {
            "what": "condition",
            "condition": condition,
            "variant": str(variant),
            "otherwise": str(otherwise),
        }:
            return _by_condition(site_id, placement, condition, (variant, otherwise))
    raise NoCandidate("Choose a rule to ask about.")


def variants_of(site_id: UUID, placement: str) -> tuple[list[str], str] | None:
    """Return the keys of a placement's variants as it serves, and the default's; None: no such."""
    found = serving(site_id).compiled.placements.get(placement)
    if found is None:
        return None
    return sorted(found.block.variants), found.block.default.key


def _by_condition(
    site_id: UUID, placement: str, condition: Mapping[str, Any], variants: tuple[str, str]
) -> OtherPublication:
    document = serving(site_id).compiled.doc
    place = next((one for one in document.placements if one.key == placement), None)
    block_key = placement if place is None else place.block
    block = next((one for one in document.blocks if one.key == block_key), None)
    if block is None or not set(variants) <= {one.key for one in block.variants}:
        raise NoCandidate("This placement does not show these variants any more.")
    whole = meant(site_id, parse_condition(condition))
    published = gated_in_force(site_id)
    absent = sorted(segment_keys(whole) - published.keys())
    if absent:
        raise NoCandidate(f"The condition names the segment '{absent[0]}', not published yet.")
    node, hidden = split_history(whole, request_keys(published))
    alone = SnapshotDoc(
        document.site_id,
        document.number,
        document.published_at_ms,
        placements=[] if place is None else [msgspec.structs.replace(place, enabled=True, caps=[])],
        blocks=[_plain(block, variants[1])],
        segments=snapshot_documents(site_id),
        rules=[RuleDoc(_RULE, placement, variants[0], to_json(node))],
    )
    drafted = with_hidden(site_id, alone, hidden)
    return OtherPublication(drafted.served, drafted.hidden)


def _plain(block: BlockDoc, default: str) -> BlockDoc:
    """The block with another default, and nothing of its own that chooses a variant."""
    replace = msgspec.structs.replace
    variants = [
        replace(one, segments=[], caps=[], starts_at_ms=None, ends_at_ms=None)
        for one in block.variants
    ]
    return replace(block, variants=variants, default=default, caps=[])

"""Blocks for e-mail, each in a placement of its own that no page can ask for."""

import dataclasses
from collections.abc import Mapping
from typing import Final

from apps.decisions.selectors import Served
from apps.delivery.previewing.types import place_of
from engine.capping import CapDoc
from engine.snapshot import CompiledBlock, CompiledPlacement, CompiledVariant, PlacementDoc

EMAIL: Final = "email"
_WITH_EMAIL: Final = "with blocks for e-mail"  # of Served.prepared


def with_email(served: Served) -> Served:
    """Return a publication in which each block for e-mail has a placement of its own.

    Pages are never answered from it.
    """
    known: Served | None = served.prepared.get(_WITH_EMAIL)
    if known is None:
        compiled = served.compiled
        alone = {
            place_of(key): _alone(block, compiled.caps)
            for key, block in compiled.blocks.items()
            if block.default.doc.channel == EMAIL
        }
        more = dataclasses.replace(compiled, placements={**compiled.placements, **alone})
        known = served.prepared[_WITH_EMAIL] = Served(more, served.digest, served.docs)
    return known


def _alone(block: CompiledBlock, caps: Mapping[int, CapDoc]) -> CompiledPlacement:
    def drawn(variant: CompiledVariant) -> tuple[CapDoc, ...]:
        if variant is block.default:
            return ()
        numbers = dict.fromkeys([*variant.doc.caps, *block.doc.caps])
        return tuple(caps[number] for number in numbers)

    place = PlacementDoc(key=place_of(block.key), block=block.key)
    tagged = tuple(drawn(variant) for _, variant in block.tagged)
    return CompiledPlacement(place, place.key, block, (), None, tagged)

"""Reads of the draft: the documents that a publication freezes, and what would be refused."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.content.capping import cap_document, cap_ids, caps_of
from apps.content.documents import (
    DraftedBlocks,
    block_documents,
    blocks_of,
    collisions,
    drafted_blocks,
    drafted_placements,
    placement_documents,
    problems,
)
from apps.content.domain.reading import paths_of
from apps.content.domain.sandbox import Path
from apps.content.errors import InvalidTemplate
from apps.content.models import Block, BlockType, Cap, Placement, Theme, Variant
from engine.capping import CapDoc
from engine.snapshot import BlockDoc

__all__ = [
    "DraftedBlocks",
    "block_documents",
    "block_types_of",
    "blocks_like",
    "blocks_of",
    "cap_documents",
    "cap_ids",
    "caps_of",
    "collisions",
    "drafted_blocks",
    "drafted_placements",
    "find_block",
    "find_placement",
    "find_variant",
    "placement_documents",
    "placements_like",
    "problems",
    "segments_for_tagging",
    "sites_with_caps",
    "themes_of",
    "value_paths",
]


def cap_documents(site_id: UUID) -> list[CapDoc]:
    """Return the site's caps by number. One query."""
    return [cap_document(cap) for cap in caps_of(site_id).order_by("number")]


def sites_with_caps(site_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return which of the sites have a cap. One query, none for no sites."""
    if not site_ids:
        return frozenset()
    rows = Cap.objects.filter(site_id__in=site_ids).order_by().values_list("site_id", flat=True)
    return frozenset(rows.distinct())


def themes_of(site_id: UUID | None) -> QuerySet[Theme]:
    """Return the site's themes that are in use, by name. One query."""
    if site_id is None:
        return Theme.objects.none()
    return Theme.objects.filter(site_id=site_id, archived_at=None).order_by("name")


def block_types_of(site_id: UUID | None) -> QuerySet[BlockType]:
    """Return the site's types of blocks that are in use, by name. One query."""
    if site_id is None:
        return BlockType.objects.none()
    return BlockType.objects.filter(site_id=site_id, archived_at=None).order_by("name")


def placements_like(site_id: UUID, text: str, most: int) -> list[tuple[str, str]]:
    """Return (key, name) of placements in use whose key or name holds the text, by key. One query.

    Args:
        text: letters of either case; empty finds all.
        most: of the answer.
    """
    return _like(Placement.objects.filter(site_id=site_id), text, most)


def blocks_like(site_id: UUID, text: str, most: int) -> list[tuple[str, str]]:
    """Return the same of blocks."""
    return _like(Block.objects.filter(site_id=site_id), text, most)


def _like(rows: QuerySet[Any], text: str, most: int) -> list[tuple[str, str]]:
    found = rows.filter(Q(key__icontains=text) | Q(name__icontains=text), archived_at=None)
    return list(found.order_by("key").values_list("key", "name")[:most])


def find_block(site_id: UUID, key: str) -> Block | None:
    """Return the site's block of this key, an archived one too: its key is taken. One query."""
    return Block.objects.filter(site_id=site_id, key=key).first()


def find_placement(site_id: UUID, key: str) -> Placement | None:
    """Return the site's placement of this key, unless it is archived. One query."""
    rows = Placement.objects.filter(site_id=site_id, key=key, archived_at=None)
    return rows.select_related("block").first()


def find_variant(site_id: UUID, block_key: str, key: str) -> Variant | None:
    """Return the variant of the site's block, unless it or its block is archived. One query."""
    rows = Variant.objects.filter(
        block__site_id=site_id, block__key=block_key, block__archived_at=None, archived_at=None
    )
    return rows.filter(key=key).select_related("block").first()


class VariantNow(NamedTuple):
    """A variant as its draft is now, as far as others refer to it."""

    key: str
    block_id: UUID
    is_archived: bool


def variants_now(ids: Collection[str]) -> dict[str, VariantNow]:
    """Return the variants of these ids that there are, by id as text. One query."""
    rows = Variant.objects.filter(pk__in=ids).values_list("pk", "key", "block_id", "archived_at")
    return {
        str(pk): VariantNow(key, block, archived is not None) for pk, key, block, archived in rows
    }


def segments_for_tagging(site_id: UUID | None) -> QuerySet[Any]:
    """Return the site's segments that a variant can be tagged with, by name."""
    # The model belongs to the app below and is reached through our own relation to it.
    segments = Variant._meta.get_field("segments").related_model._default_manager
    return segments.filter(site_id=site_id, is_hidden=False, is_archived=False).order_by("name")


def value_paths(blocks: Iterable[BlockDoc]) -> dict[str, set[Path]]:
    """The paths of the values that published templates and fields read, by "block / variant".

    Pure. What cannot be read any more reads nothing: it is not rendered either.
    """
    found = {}
    for block in blocks:
        for variant in block.variants:
            with suppress(InvalidTemplate):
                found[f"{block.key} / {variant.key}"] = paths_of(variant)
    return found

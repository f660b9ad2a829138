"""What of the content uses what, asked before it is archived. Archived things use nothing."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from apps.content.models import Asset, Block, Placement, Theme, Translation, Variant
from apps.segments.types import Usage, UsageHolder

BLOCK_PAGE = "admin:content_block_change"
PLACEMENT_PAGE = "admin:content_placement_change"
THEME_PAGE = "admin:content_theme_change"


def used_by(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the blocks, variants, placements and themes that use an object. At most four queries.

    Kinds that content does not know are used by nothing here.
    """
    match kind:
        case "segment":
            tagged = _variants(site_id).filter(segments=object_id)
            themes = Theme.objects.filter(
                site_id=site_id, segments=object_id, archived_at__isnull=True
            )
            return [*_of_variants(tagged), *_of_themes(themes)]
        case "block":
            return _of_placements(_placements(site_id).filter(block_id=object_id))
        case "theme":
            return _of_variants(_variants(site_id).filter(theme_id=object_id))
        case "cap":
            blocks = _blocks(site_id).filter(caps=object_id).order_by("name")
            return [
                *_of_variants(_variants(site_id).filter(caps=object_id)),
                *(Usage("block", one.name, BLOCK_PAGE, one.pk) for one in blocks),
                *_of_placements(_placements(site_id).filter(caps=object_id)),
            ]
        case "blocktype":
            blocks = _blocks(site_id).filter(type_id=object_id).order_by("name")
            return [Usage("block", one.name, BLOCK_PAGE, one.pk) for one in blocks]
        case "asset":
            return _showing(site_id, object_id)
        case _:
            return []


HOLDER = UsageHolder("content", used_by)


def _showing(site_id: UUID, asset_id: UUID) -> list[Usage]:
    """Variants whose texts hold the address of a picture, or name it; translations too."""
    asset = Asset.objects.filter(site_id=site_id, pk=asset_id).first()
    if asset is None:
        return []
    named = f'"asset": "{asset.key}"'
    holding = (
        Q(as_text__contains=asset.digest)
        | Q(template__contains=asset.digest)
        | Q(as_text__contains=named)
    )
    text = Cast("fields", TextField())
    translated = (
        Translation.objects.filter(variant__block__site_id=site_id)
        .annotate(as_text=text)
        .filter(holding)
    )
    own = _variants(site_id).annotate(as_text=text)
    return _of_variants(own.filter(holding | Q(pk__in=translated.values("variant_id"))))


def _variants(site_id: UUID) -> QuerySet[Variant]:
    return Variant.objects.filter(
        block__site_id=site_id, archived_at__isnull=True, block__archived_at__isnull=True
    )


def _blocks(site_id: UUID) -> QuerySet[Block]:
    return Block.objects.filter(site_id=site_id, archived_at__isnull=True)


def _placements(site_id: UUID) -> QuerySet[Placement]:
    return Placement.objects.filter(site_id=site_id, archived_at__isnull=True)


def _of_variants(rows: QuerySet[Variant]) -> list[Usage]:
    found = rows.select_related("block").order_by("block__name", "name").distinct()
    return [
        Usage("variant", f"{one.block.name} / {one.name}", BLOCK_PAGE, one.block_id)
        for one in found
    ]


def _of_placements(rows: Iterable[Any]) -> list[Usage]:
    return [
        Usage("placement", one.key, PLACEMENT_PAGE, one.pk)
        for one in sorted(rows, key=lambda one: one.key)
    ]


def _of_themes(rows: Iterable[Any]) -> list[Usage]:
    return [
        Usage("theme", one.name, THEME_PAGE, one.pk)
        for one in sorted(rows, key=lambda one: one.name)
    ]

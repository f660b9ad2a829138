"""Reads of the draft: the documents that a publication freezes, and what would be refused."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from apps.content.capping import cap_document, cap_ids, caps_of
from apps.content.checks import colliding_keys, publishable_content
from apps.content.domain.reading import paths_of
from apps.content.domain.sandbox import Path
from apps.content.errors import FieldError, InvalidContent, InvalidTemplate
from apps.content.models import Block, Cap, Placement, Variant
from apps.segments.types import Usage
from engine.capping import CapDoc
from engine.snapshot import BlockDoc, PlacementDoc, VariantDoc
from engine.templating import TemplatePart

__all__ = [
    "block_documents",
    "blocks_of",
    "cap_documents",
    "cap_ids",
    "caps_of",
    "find_block",
    "find_placement",
    "find_variant",
    "placement_documents",
    "problems",
    "segments_for_tagging",
    "sites_with_caps",
    "value_paths",
    "variants_tagged_with",
]


def placement_documents(site_id: UUID) -> list[PlacementDoc]:
    """Return the site's placements that a block fills, by key. Two queries."""
    rows = Placement.objects.filter(site_id=site_id, block__isnull=False).order_by("key")
    return [
        PlacementDoc(
            key=placement.key,
            block=placement.block.key,  # type: ignore[union-attr]  # asked for above
            enabled=placement.is_enabled,
            caps=_numbers(placement),
        )
        for placement in rows.select_related("block").prefetch_related("caps")
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


def block_documents(site_id: UUID) -> list[BlockDoc]:
    """Return all blocks of the site with their variants, by key. Six queries.

    Variants carry the versions that `services.freeze_versions` gave them.

    Raises:
        InvalidContent: something cannot be published; every reason is in `errors`.
    """
    documents, errors = _documents(site_id)
    if errors:
        raise InvalidContent(errors)
    return documents


def problems(site_id: UUID) -> list[FieldError]:
    """Return what would make a publication of this site's content refused. Eight queries."""
    return _documents(site_id)[1]


def blocks_of(site_id: UUID) -> QuerySet[Block]:
    """Return the site's blocks by key: variants, their segments, caps. Five queries."""
    variants = Variant.objects.order_by("-priority", "key").prefetch_related("segments", "caps")
    return (
        Block.objects.filter(site_id=site_id)
        .order_by("key")
        .prefetch_related("caps", Prefetch("variants", queryset=variants))
    )


def find_block(site_id: UUID, key: str) -> Block | None:
    """Return the site's block of this key. One query."""
    return Block.objects.filter(site_id=site_id, key=key).first()


def find_placement(site_id: UUID, key: str) -> Placement | None:
    """Return the site's placement of this key. One query."""
    return Placement.objects.filter(site_id=site_id, key=key).select_related("block").first()


def find_variant(site_id: UUID, block_key: str, key: str) -> Variant | None:
    """Return the variant of the site's block. One query."""
    return (
        Variant.objects.filter(block__site_id=site_id, block__key=block_key, key=key)
        .select_related("block")
        .first()
    )


def segments_for_tagging(site_id: UUID | None) -> QuerySet[Any]:
    """Return the site's segments that a variant can be tagged with, by name."""
    # The model belongs to the app below and is reached through our own relation to it.
    segments = Variant._meta.get_field("segments").related_model._default_manager
    return segments.filter(site_id=site_id, is_hidden=False, is_archived=False).order_by("name")


def variants_tagged_with(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the site's variants tagged with a segment. One query; none of other kinds."""
    if kind != "segment":
        return []
    rows = Variant.objects.filter(block__site_id=site_id, segments=object_id)
    return [
        Usage("variant", f"{variant.block.name} / {variant.name}")
        for variant in rows.select_related("block").order_by("block__name", "name")
    ]


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


def _documents(site_id: UUID) -> tuple[list[BlockDoc], list[FieldError]]:
    documents: list[BlockDoc] = []
    errors: list[FieldError] = []
    for block in blocks_of(site_id):
        variants: list[VariantDoc] = []
        default = None
        # Sorted by priority: the compiled form keeps this order between equals.
        for variant in block.variants.all():
            try:
                variants.append(_variant_document(block, variant))
            except InvalidContent as error:
                errors.extend(_placed(block, variant, error))
            if variant.is_default:
                default = variant.key
        if default is None:
            errors.append(
                {
                    "pointer": f"/blocks/{block.key}",
                    "code": "default_missing",
                    "detail": f"The block '{block.key}' has no default variant.",
                }
            )
            continue
        documents.append(_block_document(block, variants, default))
    errors.extend(colliding_keys(placement_documents(site_id), documents))
    return documents, errors


def _block_document(block: Block, variants: list[VariantDoc], default: str) -> BlockDoc:
    is_list = block.kind == Block.Kind.RECOMMENDATIONS
    return BlockDoc(
        key=block.key,
        kind=block.kind,  # type: ignore[arg-type]  # choices hold it to the literal
        variants=variants,
        default=default,
        value_type=block.value_type or None,  # type: ignore[arg-type]  # as above
        client_visible=block.is_client_visible,
        purpose=block.purpose,  # type: ignore[arg-type]  # as above
        recommender=block.recommender or None,
        limit=block.item_limit if is_list else 0,
        cacheable=block.is_cacheable,
        caps=_numbers(block),
    )


def _variant_document(block: Block, variant: Variant) -> VariantDoc:
    fields, template = publishable_content(
        block, fields=variant.fields, template=variant.template, value=variant.value
    )
    parts: list[TemplatePart] | None = None if template.parts is None else list(template.parts)
    return VariantDoc(
        key=variant.key,
        version=variant.version,
        segments=sorted(
            segment.number for segment in variant.segments.all() if not segment.is_archived
        ),
        priority=variant.priority,
        fields=fields,
        template=parts,
        liquid=template.liquid,
        value=variant.value,
        caps=_numbers(variant),
    )


def _numbers(capped: Block | Placement | Variant) -> list[int]:
    return sorted(cap.number for cap in capped.caps.all())


def _placed(block: Block, variant: Variant, error: InvalidContent) -> list[FieldError]:
    """Return the errors of a variant as seen from the whole publication."""
    return [
        {
            "pointer": f"/blocks/{block.key}/variants/{variant.key}{item['pointer']}",
            "code": item["code"],
            "detail": f"{block.key} / {variant.key}: {item['detail']}",
        }
        for item in error.errors
    ]

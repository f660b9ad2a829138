"""The drafts in the form in which a publication freezes them, and what would be refused."""

from collections.abc import Collection, Iterator
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Prefetch, QuerySet

from apps.content.checks import (
    colliding_keys,
    given,
    publishable_content,
    said_by,
    unplaceable,
)
from apps.content.domain.fields import JSON, texts_in
from apps.content.domain.templates import Template
from apps.content.domain.themes import names_in, wider
from apps.content.errors import FieldError, InvalidContent
from apps.content.models import Block, Placement, Theme, Translation, Variant
from apps.work import clock
from engine.snapshot import BlockDoc, LocaleDoc, PlacementDoc, VariantDoc
from engine.templating import TemplatePart

_encode = msgspec.json.Encoder(order="deterministic").encode


class DraftedBlocks(NamedTuple):
    """Blocks as they would be published, and what stands against the others; by the block's id."""

    documents: list[tuple[UUID, BlockDoc]]
    refusals: list[tuple[UUID, FieldError]]


def blocks_of(site_id: UUID, ids: Collection[UUID] | None = None) -> QuerySet[Block]:
    """Return the site's blocks that are in use, by key, with all that is published of them.

    Six queries, and one for the segments of themes.

    Args:
        ids: of blocks; None: all.
    """
    # A document names their numbers: what they ask stays where it is.
    related = Variant._meta.get_field("segments").related_model
    segments = related._default_manager.only("number", "is_archived")
    variants = (
        Variant.objects.filter(archived_at=None)
        .select_related("theme")
        .order_by("-priority", "key")
        .prefetch_related(
            Prefetch("segments", queryset=segments),
            "caps",
            "translations",
            Prefetch("theme__segments", queryset=segments),
        )
    )
    blocks = Block.objects.filter(site_id=site_id, archived_at=None)
    if ids is not None:
        blocks = blocks.filter(pk__in=ids)
    return (
        blocks.select_related("site", "type")
        .order_by("key")
        .prefetch_related("caps", Prefetch("variants", queryset=variants))
    )


def drafted_blocks(site_id: UUID, ids: Collection[UUID] | None = None) -> DraftedBlocks:
    """Return the site's blocks as they would be published, and each refusal. Seven queries.

    A block with a refusal is not among the documents; an archived one is in neither. What blocks
    and placements may not have in common is told by `collisions`.

    Args:
        ids: of blocks; None: all.
    """
    documents: list[tuple[UUID, BlockDoc]] = []
    refusals: list[tuple[UUID, FieldError]] = []
    for block in blocks_of(site_id, ids):
        try:
            documents.append((block.pk, _block_document(block)))
        except InvalidContent as error:
            refusals.extend((block.pk, one) for one in error.errors)
    return DraftedBlocks(documents, refusals)


def block_documents(site_id: UUID, ids: Collection[UUID] | None = None) -> list[BlockDoc]:
    """Return blocks of the site with their variants, by key. Nine queries.

    Variants carry the versions that `services.freeze_versions` gave them.

    Args:
        ids: of blocks; None: all.

    Raises:
        InvalidContent: something cannot be published; every reason is in `errors`.
    """
    documents, refusals = drafted_blocks(site_id, ids)
    errors = [error for _, error in refusals]
    errors += collisions(site_id) if ids is None else []
    if errors:
        raise InvalidContent(errors)
    return [document for _, document in documents]


def problems(site_id: UUID) -> list[FieldError]:
    """Return what would make a publication of this site's content refused. Nine queries."""
    return [error for _, error in drafted_blocks(site_id).refusals] + collisions(site_id)


def collisions(site_id: UUID) -> list[FieldError]:
    """Return what blocks and placements may not have in common. Two queries."""
    flags = Block.objects.filter(site_id=site_id, archived_at=None, kind=Block.Kind.FLAG)
    rows = Placement.objects.filter(site_id=site_id, archived_at=None).exclude(block=None)
    pairs: list[tuple[str, str]] = []
    errors: list[FieldError] = []
    for placement in rows.select_related("block").order_by("key"):
        assert placement.block is not None  # asked for above
        pairs.append((placement.key, placement.block.key))
        problem = unplaceable(placement.block)
        if problem:
            detail = f"{placement.key}: {problem}"
            errors.append(_error(f"/placements/{placement.key}", detail, "invalid_content"))
    return colliding_keys(pairs, set(flags.values_list("key", flat=True))) + errors


def placement_documents(site_id: UUID, ids: Collection[UUID] | None = None) -> list[PlacementDoc]:
    """Return the site's placements that a block fills, by key. Two queries."""
    return [document for _, document in drafted_placements(site_id, ids)]


def drafted_placements(
    site_id: UUID, ids: Collection[UUID] | None = None
) -> list[tuple[UUID, PlacementDoc]]:
    """Return the site's placements in use that a block fills, by key, with their ids. Two queries.

    Args:
        ids: of placements; None: all.
    """
    rows = Placement.objects.filter(site_id=site_id, archived_at=None, block__isnull=False)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    return [
        (
            placement.pk,
            PlacementDoc(
                key=placement.key,
                block=placement.block.key,  # type: ignore[union-attr]  # asked for above
                enabled=placement.is_enabled,
                caps=_numbers(placement),
            ),
        )
        for placement in rows.order_by("key").select_related("block").prefetch_related("caps")
    ]


def messages_shown(variant: Variant) -> set[str]:
    """Return the names of the theme's messages that a variant and its translations show."""
    shown = _names_shown(variant.fields, variant.template)
    for one in variant.translations.all():
        shown |= _names_shown(one.fields, one.template)
    return shown


def _block_document(block: Block) -> BlockDoc:
    variants: list[VariantDoc] = []
    errors: list[FieldError] = []
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
        detail = f"The block '{block.key}' has no default variant."
        errors.append(_error(f"/blocks/{block.key}", detail, "default_missing"))
    if errors or default is None:
        raise InvalidContent(errors)
    is_list = block.kind == Block.Kind.RECOMMENDATIONS
    has_languages = len(block.site.locales) > 1 and block.kind != Block.Kind.FLAG
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
        locale=block.site.locales[0] if has_languages else "",
    )


def _variant_document(block: Block, variant: Variant) -> VariantDoc:
    if variant.theme is not None and variant.theme.archived_at is not None:
        detail = (
            f"The theme '{variant.theme.name}' is archived: take it off the variant, or bring it "
            "back."
        )
        raise InvalidContent([_error("/theme", detail, "invalid_content")])
    fields, template = publishable_content(
        block,
        fields=variant.fields,
        template=variant.template,
        value=variant.value,
        said=said_by(block, variant.theme),
    )
    return VariantDoc(
        key=variant.key,
        version=variant.version,
        segments=_tags(variant),
        priority=variant.priority,
        fields=fields,
        template=_parts(template),
        liquid=template.liquid,
        value=variant.value,
        caps=_numbers(variant),
        starts_at_ms=None if variant.starts_at is None else clock.to_ms(variant.starts_at),
        ends_at_ms=None if variant.ends_at is None else clock.to_ms(variant.ends_at),
        locales=_locales(block, variant, fields, template),
        channel=block.channel,  # type: ignore[arg-type]  # choices hold it to the literal
    )


def _tags(variant: Variant) -> list[int]:
    """The numbers of its own segments and its theme's; the default is for everybody else."""
    segments = list(variant.segments.all())
    if variant.theme is not None and not variant.is_default:
        segments += variant.theme.segments.all()
    return sorted({segment.number for segment in segments if not segment.is_archived})


def _locales(
    block: Block, variant: Variant, fields: dict[str, JSON], template: Template
) -> dict[str, LocaleDoc]:
    if block.kind == Block.Kind.FLAG:
        return {}
    told = {one.locale: one for one in variant.translations.all()}
    found: dict[str, LocaleDoc] = {}
    errors: list[FieldError] = []
    for locale in block.site.locales[1:]:
        chain = [told[one] for one in reversed(wider(locale)) if one in told]
        is_told = locale in told and bool(given(told[locale].fields) or told[locale].template)
        if not is_told and not _is_spoken(variant, chain, locale):
            continue
        try:
            found[locale] = _locale_document(block, variant, chain, locale, fields, template)
        except InvalidContent as error:
            errors.extend(_translated(locale, error))
    if errors:
        raise InvalidContent(errors)
    return found


def _is_spoken(variant: Variant, chain: list[Translation], locale: str) -> bool:
    """Does the theme say in this very language what the variant shows of it?"""
    theme: Theme | None = variant.theme
    if theme is None:
        return False
    shown = _names_shown(variant.fields, variant.template)
    for one in chain:
        shown |= _names_shown(one.fields, one.template)
    return any(locale in theme.messages.get(name, {}) for name in shown)


def _locale_document(
    block: Block,
    variant: Variant,
    chain: list[Translation],
    locale: str,
    own_fields: dict[str, JSON],
    own_template: Template,
) -> LocaleDoc:
    """What differs in one language: "de-CH" builds on "de", and that on the variant's own."""
    said: dict[str, JSON] = {}
    source = variant.template
    for one in chain:
        said |= given(one.fields)
        source = one.template if one.template.strip() else source
    fields, template = publishable_content(
        block,
        fields={**variant.fields, **said},
        template=source,
        value=None,
        said=said_by(block, variant.theme, locale),
        emptied=frozenset(said) & own_fields.keys(),
    )
    is_own = template == own_template
    return LocaleDoc(
        fields={
            name: value
            for name, value in fields.items()
            if name not in own_fields or _encode(value) != _encode(own_fields[name])
        },
        template=None if is_own else _parts(template),
        liquid=None if is_own else template.liquid,
    )


def _names_shown(fields: dict[str, JSON], template: str) -> set[str]:
    return names_in([*texts_in(fields), template])


def _parts(template: Template) -> list[TemplatePart] | None:
    return None if template.parts is None else list(template.parts)


def _numbers(capped: Block | Placement | Variant) -> list[int]:
    return sorted(cap.number for cap in capped.caps.all())


def _translated(locale: str, error: InvalidContent) -> Iterator[FieldError]:
    """The errors of a translation as seen from its variant."""
    for one in error.errors:
        yield _error(
            f"/translations/{locale}{one['pointer']}", f"in {locale}: {one['detail']}", one["code"]
        )


def _placed(block: Block, variant: Variant, error: InvalidContent) -> Iterator[FieldError]:
    """The errors of a variant as seen from the whole publication."""
    for one in error.errors:
        yield _error(
            f"/blocks/{block.key}/variants/{variant.key}{one['pointer']}",
            f"{block.key} / {variant.key}: {one['detail']}",
            one["code"],
        )


def _error(pointer: str, detail: str, code: str) -> FieldError:
    return {"pointer": pointer, "code": code, "detail": detail}

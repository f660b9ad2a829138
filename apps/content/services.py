"""Writes to the draft of what can be shown, for the admin's forms, the demo and tests alike."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.content.capping import cap_ids, create_cap
from apps.content.checks import check_block, check_placement, check_variant
from apps.content.defaulting import make_default
from apps.content.documents import messages_shown
from apps.content.domain.fields import JSON
from apps.content.errors import refused
from apps.content.models import Block, Placement, Variant
from apps.content.sharing import (
    create_block_type,
    create_theme,
    find_block_type,
    find_theme,
    segment_ids,
    update_block_type,
    update_theme,
)
from apps.content.translating import remove_translation, set_translation

__all__ = [
    "RENDERING",
    "content_digest",
    "create_block",
    "create_block_type",
    "create_cap",
    "create_placement",
    "create_theme",
    "create_variant",
    "freeze_versions",
    "make_default",
    "remove_translation",
    "set_translation",
    "update_block_type",
    "update_placement",
    "update_theme",
    "update_variant",
]

RENDERING = 1  # raised when the same draft would be published in another form
RAISED_AT_ONCE = 5_000

_RAISE = """
UPDATE content_variant v SET version = n.version, digest = n.digest, published_at = %s
FROM unnest(%s::uuid[], %s::int[], %s::text[]) AS n(id, version, digest) WHERE v.id = n.id
"""


@transaction.atomic
def create_block(
    *,
    site_id: UUID,
    key: str,
    name: str = "",
    kind: str = Block.Kind.CONTENT,
    schema: Sequence[Mapping[str, JSON]] = (),
    value_type: str = "",
    is_client_visible: bool = False,
    purpose: str = Block.Purpose.PERSONALIZATION,
    recommender: str = "",
    item_limit: int = 10,
    is_cacheable: bool = False,
    cap_keys: Sequence[str] = (),
    type_key: str = "",
    channel: str = Block.Channel.PAGE,
) -> Block:
    """Add a block to the draft.

    `schema` declares its fields: `[{"name": "headline", "type": "string", "required": true}]`. With
    a type it has the type's instead.

    Raises:
        InvalidContent: the key is taken, or the settings do not fit the kind.
    """
    if Block.objects.filter(site_id=site_id, key=key).exists():
        raise refused("/key", f"This site has a block '{key}' already.", "key_taken")
    block = Block(
        site_id=site_id,
        key=key,
        name=name or key,
        kind=kind,
        schema=[dict(field) for field in schema],
        value_type=value_type,
        is_client_visible=is_client_visible,
        purpose=purpose,
        recommender=recommender,
        item_limit=item_limit,
        is_cacheable=is_cacheable,
        type=find_block_type(site_id, type_key),
        channel=channel,
    )
    check_block(block)
    named = cap_ids(site_id, cap_keys)
    block.save(force_insert=True)
    block.caps.set(named)
    return block


@transaction.atomic
def create_variant(
    *,
    block: Block,
    key: str,
    name: str = "",
    priority: int = 0,
    is_default: bool = False,
    segment_keys: Sequence[str] = (),
    fields: Mapping[str, JSON] | None = None,
    template: str = "",
    value: JSON = None,
    cap_keys: Sequence[str] = (),
    theme_key: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Variant:
    """Add a variant to a block's draft, tagged with the segments of these keys.

    Raises:
        InvalidContent: the key or the place of the default is taken, a segment does not exist, or
            fields, template or value do not fit the block.
    """
    _refuse_taken(block, key, is_default)
    tags = segment_ids(block.site_id, segment_keys)
    theme = find_theme(block.site_id, theme_key)
    check_variant(
        block,
        key=key,
        fields=fields or {},
        template=template,
        value=value,
        is_default=is_default,
        is_tagged=bool(tags),
        is_capped=bool(cap_keys),
        starts_at=starts_at,
        ends_at=ends_at,
        theme=theme,
    )
    named = cap_ids(block.site_id, cap_keys)
    variant = Variant.objects.create(
        block=block,
        key=key,
        name=name or key,
        priority=priority,
        is_default=is_default,
        fields=dict(fields or {}),
        template=template,
        value=value,
        theme=theme,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    variant.segments.set(tags)
    variant.caps.set(named)
    return variant


def _refuse_taken(block: Block, key: str, is_default: bool) -> None:
    if block.variants.filter(key=key).exists():
        raise refused("/key", f"The block has a variant '{key}' already.", "key_taken")
    if is_default and block.variants.filter(is_default=True).exists():
        raise refused("/is_default", "The block has a default variant already.", "default_taken")


@transaction.atomic
def update_variant(
    *,
    variant_id: UUID,
    priority: int | None = None,
    segment_keys: Sequence[str] | None = None,
    fields: Mapping[str, JSON] | None = None,
    template: str | None = None,
    value: JSON = None,
    theme_key: str | None = None,
    schedule: tuple[datetime | None, datetime | None] | None = None,
) -> Variant:
    """Change a variant's draft; what is None stays as it is. Visitors see it after a publication.

    Args:
        theme_key: empty takes the theme off.
        schedule: from when and until when it may be shown; None in it: at once, never.

    Raises:
        InvalidContent: as `create_variant`.
    """
    variant = (
        Variant.objects.select_for_update(of=("self",))
        .select_related("block__site", "block__type", "theme")
        .get(pk=variant_id)
    )
    if priority is not None:
        variant.priority = priority
    if fields is not None:
        variant.fields = dict(fields)
    if template is not None:
        variant.template = template
    if value is not None:
        variant.value = value
    if theme_key is not None:
        variant.theme = find_theme(variant.block.site_id, theme_key)
    if schedule is not None:
        variant.starts_at, variant.ends_at = schedule
    tags = None if segment_keys is None else segment_ids(variant.block.site_id, segment_keys)
    check_variant(
        variant.block,
        key=variant.key,
        fields=variant.fields,
        template=variant.template,
        value=variant.value,
        is_default=variant.is_default,
        is_tagged=variant.segments.exists() if tags is None else bool(tags),
        starts_at=variant.starts_at,
        ends_at=variant.ends_at,
        theme=variant.theme,
    )
    changed = ["priority", "fields", "template", "value", "theme", "starts_at", "ends_at"]
    variant.save(update_fields=changed)
    if tags is not None:
        variant.segments.set(tags)
    return variant


@transaction.atomic
def create_placement(
    *,
    site_id: UUID,
    key: str,
    name: str = "",
    block: Block | None = None,
    is_enabled: bool = True,
    cap_keys: Sequence[str] = (),
) -> Placement:
    """Add a placement to the draft, filled by `block`.

    Raises:
        InvalidContent: the key is taken, or the block is another site's.
    """
    if Placement.objects.filter(site_id=site_id, key=key).exists():
        raise refused("/key", f"This site has a placement '{key}' already.", "key_taken")
    check_placement(key=key, site_id=site_id, block=block)
    named = cap_ids(site_id, cap_keys)
    placement = Placement.objects.create(
        site_id=site_id, key=key, name=name or key, block=block, is_enabled=is_enabled
    )
    placement.caps.set(named)
    return placement


@transaction.atomic
def update_placement(
    *,
    site_id: UUID,
    key: str,
    block: Block | None = None,
    is_enabled: bool | None = None,
) -> Placement:
    """Change a placement's draft; what is None stays as it is.

    Raises:
        InvalidContent: the block is another site's.
    """
    placement = Placement.objects.select_for_update().get(site_id=site_id, key=key)
    if block is not None:
        check_placement(key=key, site_id=site_id, block=block)
        placement.block = block
    if is_enabled is not None:
        placement.is_enabled = is_enabled
    placement.save(update_fields=["block", "is_enabled"])
    return placement


@transaction.atomic
def freeze_versions(
    *, site_id: UUID, now: datetime, block_ids: Collection[UUID] | None = None
) -> int:
    """Raise the version of every variant whose content is not what its version stands for.

    A publication calls this in its own transaction, before it reads the documents. Tags, priority
    and schedule are no content: they change who sees a version and when, not what it shows. Returns
    how many versions were raised. Three queries and one for all that changed.

    Args:
        block_ids: whose variants; None: all of the site.
    """
    changed = []
    variants = Variant.objects.select_for_update(of=("self",)).filter(
        block__site_id=site_id, block__archived_at=None, archived_at=None
    )
    if block_ids is not None:
        variants = variants.filter(block_id__in=block_ids)
    variants = variants.select_related("block__type", "theme").prefetch_related("translations")
    for variant in variants.order_by("pk"):
        digest = content_digest(variant)
        if digest == variant.digest:
            continue
        variant.version += 1
        variant.digest = digest
        variant.published_at = now
        changed.append(variant)
    # An expression for each row, as the ORM writes it, takes minutes for ten thousand blocks.
    with connection.cursor() as cursor:
        for begin in range(0, len(changed), RAISED_AT_ONCE):
            some = changed[begin : begin + RAISED_AT_ONCE]
            ids, versions = [str(one.pk) for one in some], [one.version for one in some]
            cursor.execute(_RAISE, [now, ids, versions, [one.digest for one in some]])
    return len(changed)


def content_digest(variant: Variant) -> str:
    """Return the SHA-256 of everything that a visitor could see of the variant.

    Computed from the draft alone, so a draft that is broken (its block's schema has changed since)
    has one too. No query when block, type, theme and translations are at hand.
    """
    schema = variant.block.fields_schema
    if isinstance(schema, list):  # hints are for editors
        schema = [_without_hint(field) for field in schema]
    seen: dict[str, Any] = {
        "rendering": RENDERING,
        "kind": variant.block.kind,
        "schema": schema,
        "fields": variant.fields,
        "template": variant.template,
        "value": variant.value,
    }
    # Only where there is something: what has been published before these came keeps its version.
    if variant.block.channel != Block.Channel.PAGE:
        seen["channel"] = variant.block.channel
    translations = {
        one.locale: [one.fields, one.template]
        for one in variant.translations.all()
        if one.fields or one.template
    }
    if translations:
        seen["translations"] = translations
    if variant.theme is not None:
        messages = variant.theme.messages
        said = {name: messages.get(name) for name in messages_shown(variant)}
        if said:
            seen["theme"] = said
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _without_hint(field: Any) -> Any:
    if not isinstance(field, dict):
        return field
    told = {name: value for name, value in field.items() if name != "help"}
    return {"required": False} | told  # forms write it out, services may leave it away


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of caps by name, for `stats_eval`."""
    from apps.content.domain.ops import OPS

    return OPS

"""Writes to the draft of what can be shown, for the admin's forms, the demo and tests alike."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.content.capping import cap_ids, create_cap
from apps.content.checks import check_block, check_placement, check_variant
from apps.content.domain.fields import JSON
from apps.content.errors import refused
from apps.content.models import Block, Placement, Variant
from apps.content.selectors import segments_for_tagging

__all__ = [
    "RENDERING",
    "content_digest",
    "create_block",
    "create_cap",
    "create_placement",
    "create_variant",
    "freeze_versions",
    "update_placement",
    "update_variant",
]

RENDERING = 1  # raised when the same draft would be published in another form


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
) -> Block:
    """Add a block to the draft.

    `schema` declares its fields: `[{"name": "headline", "type": "string", "required": true}]`.

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
) -> Variant:
    """Add a variant to a block's draft, tagged with the segments of these keys.

    Raises:
        InvalidContent: the key or the place of the default is taken, a segment does not exist, or
            fields, template or value do not fit the block.
    """
    if block.variants.filter(key=key).exists():
        raise refused("/key", f"The block has a variant '{key}' already.", "key_taken")
    if is_default and block.variants.filter(is_default=True).exists():
        raise refused("/is_default", "The block has a default variant already.", "default_taken")
    segment_ids = _segment_ids(block.site_id, segment_keys)
    check_variant(
        block,
        key=key,
        fields=fields or {},
        template=template,
        value=value,
        is_default=is_default,
        is_tagged=bool(segment_ids),
        is_capped=bool(cap_keys),
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
    )
    variant.segments.set(segment_ids)
    variant.caps.set(named)
    return variant


@transaction.atomic
def update_variant(
    *,
    variant_id: UUID,
    priority: int | None = None,
    segment_keys: Sequence[str] | None = None,
    fields: Mapping[str, JSON] | None = None,
    template: str | None = None,
    value: JSON = None,
) -> Variant:
    """Change a variant's draft; what is None stays as it is. Visitors see it after a publication.

    Raises:
        InvalidContent: as `create_variant`.
    """
    variant = (
        Variant.objects.select_for_update(of=("self",)).select_related("block").get(pk=variant_id)
    )
    if priority is not None:
        variant.priority = priority
    if fields is not None:
        variant.fields = dict(fields)
    if template is not None:
        variant.template = template
    if value is not None:
        variant.value = value
    if segment_keys is None:
        is_tagged = variant.segments.exists()
    else:
        segment_ids = _segment_ids(variant.block.site_id, segment_keys)
        is_tagged = bool(segment_ids)
    check_variant(
        variant.block,
        key=variant.key,
        fields=variant.fields,
        template=variant.template,
        value=variant.value,
        is_default=variant.is_default,
        is_tagged=is_tagged,
    )
    variant.save(update_fields=["priority", "fields", "template", "value"])
    if segment_keys is not None:
        variant.segments.set(segment_ids)
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
def freeze_versions(*, site_id: UUID, now: datetime) -> int:
    """Raise the version of every variant whose content is not what its version stands for.

    A publication calls this in its own transaction, before it reads the documents. Tags and
    priority are no content: they change who sees a version, not what it shows. Returns how many
    versions were raised. Two queries and one for all that changed.
    """
    changed = []
    variants = Variant.objects.select_for_update(of=("self",)).filter(block__site_id=site_id)
    for variant in variants.select_related("block").order_by("pk"):
        digest = content_digest(variant)
        if digest == variant.digest:
            continue
        variant.version += 1
        variant.digest = digest
        variant.published_at = now
        changed.append(variant)
    Variant.objects.bulk_update(changed, ["version", "digest", "published_at"], batch_size=500)
    return len(changed)


def content_digest(variant: Variant) -> str:
    """Return the SHA-256 of everything that a visitor could see of the variant.

    Computed from the draft alone, so a draft that is broken (its block's schema has changed since)
    has one too.
    """
    seen: dict[str, Any] = {
        "rendering": RENDERING,
        "kind": variant.block.kind,
        "schema": variant.block.schema,
        "fields": variant.fields,
        "template": variant.template,
        "value": variant.value,
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _segment_ids(site_id: UUID, keys: Sequence[str]) -> list[Any]:
    """Return the ids of the site's segments of these keys, or refuse the first that is missing."""
    found: dict[str, Any] = dict(
        segments_for_tagging(site_id).filter(key__in=keys).values_list("key", "pk")
    )
    for key in keys:
        if key not in found:
            raise refused("/segments", f"This site has no segment '{key}'.", "unknown_segment")
    return list(found.values())

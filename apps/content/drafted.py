"""The drafts of content one by one, as a publication would hold each, or why it cannot."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

from apps.content import documents
from apps.content.capping import cap_document, caps_of
from apps.content.checks import colliding_keys, unplaceable
from apps.content.errors import FieldError
from apps.content.models import Placement, Variant
from engine.capping import CapDoc
from engine.snapshot import BlockDoc, PlacementDoc

__all__ = [
    "Drafted",
    "colliding_keys",
    "drafted_blocks",
    "drafted_caps",
    "drafted_placements",
    "versions_of",
]

ContentDoc: TypeAlias = BlockDoc | PlacementDoc | CapDoc


class Drafted(NamedTuple):
    """One thing in use. `document` is None when it is refused, for the reasons in `errors`."""

    object_id: UUID
    key: str
    document: ContentDoc | None
    errors: list[FieldError]


def drafted_blocks(site_id: UUID, ids: Collection[UUID] | None = None) -> list[Drafted]:
    """Return the site's blocks that are in use; of `ids` only, where given. Eight queries."""
    made, refusals = documents.drafted_blocks(site_id, ids)
    found = [Drafted(object_id, document.key, document, []) for object_id, document in made]
    errors: dict[UUID, list[FieldError]] = {}
    for object_id, error in refusals:
        errors.setdefault(object_id, []).append(error)
    # The pointer begins with the block: /blocks/hero/variants/...
    found += [
        Drafted(object_id, own[0]["pointer"].split("/")[2], None, own)
        for object_id, own in errors.items()
    ]
    return found


def versions_of(site_id: UUID, keys: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the versions of the variants of blocks, by their keys. A query for every 500."""
    found: dict[str, dict[str, int]] = {}
    for begin in range(0, len(keys), 500):
        rows = Variant.objects.filter(
            block__site_id=site_id, block__key__in=keys[begin : begin + 500], archived_at=None
        )
        for block, key, version in rows.values_list("block__key", "key", "version"):
            found.setdefault(block, {})[key] = version
    return found


def drafted_placements(site_id: UUID, ids: Collection[UUID] | None = None) -> list[Drafted]:
    """Return the site's placements in use that a block fills. Two queries."""
    made = {document.key: document for document in documents.placement_documents(site_id, ids)}
    rows = Placement.objects.filter(site_id=site_id, archived_at=None, block__isnull=False)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    found = []
    for row in rows.select_related("block").order_by("key"):
        assert row.block is not None  # asked for above
        problem = unplaceable(row.block)
        errors: list[FieldError] = []
        if problem:
            detail = f"{row.key}: {problem}"
            errors.append(
                {"pointer": f"/placements/{row.key}", "code": "invalid_content", "detail": detail}
            )
        found.append(Drafted(row.pk, row.key, None if errors else made.get(row.key), errors))
    return found


def drafted_caps(site_id: UUID) -> list[Drafted]:
    """Return the site's caps by number. One query."""
    return [
        Drafted(cap.pk, cap.key, cap_document(cap), [])
        for cap in caps_of(site_id).order_by("number")
    ]

"""Out of use, yet kept: objects are archived instead of deleted, once nothing uses them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.access.services import record_audit
from apps.content.errors import InUse, RevisionNotFound, refused
from apps.content.models import Variant
from apps.content.revisions import Actor, changing, kind_named
from apps.segments.types import Usage, usages_of

VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class _Found:
    """A row to archive, and the object in whose history that is told."""

    row: Any
    kind: str
    object_id: UUID
    site_id: UUID


def archive(kind: str, object_id: UUID, actor: Actor, now: datetime) -> None:
    """Take an object of the draft out of use; visitors see it go with the next publication.

    Its key stays taken. Archiving twice is once.

    Raises:
        InUse: something still uses it; `usages` says what.
        InvalidContent: it is a block's default variant.
        RevisionNotFound: there is no such object.
    """
    found = _found(kind, object_id)
    row = found.row
    with changing(
        found.kind, found.object_id, actor=actor, now=now, note=f"Archived{_named(found)}"
    ):
        row.refresh_from_db()
        if row.archived_at is not None:
            return
        if getattr(row, "is_default", False):
            raise refused(
                "/is_default",
                "The default variant is what everybody else sees: make another one the default "
                "first.",
            )
        usages = usages_in_drafts(found.site_id, kind, object_id)
        if usages:
            raise InUse(str(row), usages)
        row.archived_at = now
        row.save(update_fields=["archived_at"])
        _audit("content.archived", found, kind, actor, now)


def unarchive(kind: str, object_id: UUID, actor: Actor, now: datetime) -> None:
    """Bring an archived object back into the draft, as it was.

    Raises:
        RevisionNotFound: there is no such object.
    """
    found = _found(kind, object_id)
    row = found.row
    with changing(
        found.kind, found.object_id, actor=actor, now=now, note=f"Brought back{_named(found)}"
    ):
        row.refresh_from_db()
        if row.archived_at is None:
            return
        row.archived_at = None
        row.save(update_fields=["archived_at"])
        _audit("content.unarchived", found, kind, actor, now)


def usages_in_drafts(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return what uses an object, each once. A few queries for each app that may use it."""
    return list(dict.fromkeys(usages_of(site_id, kind, object_id)))


def site_of(kind: str, object_id: UUID) -> UUID:
    """Return the site of an object that can be archived.

    Raises:
        RevisionNotFound: there is no such object.
    """
    return _found(kind, object_id).site_id


def can_archive(kind: str) -> bool:
    """Tell whether objects of a kind are archived here."""
    if kind == VARIANT:
        return True
    found = kind_named(kind)
    return found is not None and hasattr(found.model_class, "archived_at")


def _found(kind: str, object_id: UUID) -> _Found:
    if kind == VARIANT:
        variant = Variant.objects.select_related("block").filter(pk=object_id).first()
        if variant is None:
            raise RevisionNotFound(object_id)
        return _Found(variant, "block", variant.block_id, variant.block.site_id)
    known = kind_named(kind)
    if known is None or not can_archive(kind):
        raise RevisionNotFound(object_id)
    row: Any = known.model_class._base_manager.filter(pk=object_id).first()
    if row is None:
        raise RevisionNotFound(object_id)
    return _Found(row, kind, object_id, row.site_id)


def _named(found: _Found) -> str:
    """Which part of the object, where it is a part."""
    return f": {found.row}" if found.row.pk != found.object_id else ""


def _audit(action: str, found: _Found, kind: str, actor: Actor, now: datetime) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=found.site_id,
        target_kind=f"content.{kind}" if kind == VARIANT else found.row._meta.label_lower,
        target_id=str(found.row.pk),
        detail={"key": getattr(found.row, "key", "")},
        now=now,
    )

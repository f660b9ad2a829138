"""Every save of an editor's object, whole: kept, compared, merged and brought back.

Any app downstream registers its kinds; the rows are written in the transaction of the save and
numbered under the lock of the object's own row.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction

from apps.access.services import record_audit
from apps.content.domain.merging import Document, IsOpen, everywhere, merged
from apps.content.errors import EditConflict, RestoreRefused, RevisionNotFound
from apps.content.models import Revision

__all__ = [
    "Actor",
    "EditConflict",
    "Held",
    "Kind",
    "RevisionRow",
    "changing",
    "digest_of",
    "document_with",
    "documents_of",
    "has_been",
    "hold",
    "keep_as_found",
    "kind_named",
    "kind_of",
    "kinds",
    "register_kind",
    "restore",
    "revision_of",
    "revisions_of",
    "save_at",
    "save_revision",
    "undo",
]

Actor = AbstractBaseUser | None

MAX_NOTE = 200
MAX_BY = 150
FOUND = "Changed outside of these pages"
FIRST = "As it was before its history began"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object whose history is kept.

    Attributes:
        name: in addresses: "block".
        label: for people: "Block".
        model: its table: "content.block". The row has a `site`; `revision` and `archived_at` are
            kept up where it has them.
        document_of: (id) -> the object as JSON, the same for the same state.
        restore: writes a document over the object. Its row is locked.
        is_open: (path) -> an object in the document is made of fields that are merged one by one.
    """

    name: str
    label: str
    model: str
    document_of: Callable[[UUID], Document]
    restore: Callable[[UUID, Document, Actor, datetime], None]
    is_open: IsOpen = everywhere

    @property
    def model_class(self) -> type[models.Model]:
        return apps.get_model(self.model)

    @property
    def change_permission(self) -> str:
        app, model = self.model.split(".")
        return f"{app}.change_{model}"

    @property
    def view_permission(self) -> str:
        app, model = self.model.split(".")
        return f"{app}.view_{model}"

    @property
    def change_url(self) -> str:
        """The name of the page on which it is edited."""
        return f"admin:{self.model.replace('.', '_')}_change"


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One line of a history. `by` is the name of who saved it, empty for no person."""

    number: int
    by_id: int | None
    by: str
    at: datetime
    note: str
    digest: str


@dataclass(frozen=True, slots=True)
class Held:
    """An object whose row is locked until the transaction ends: what it is now."""

    kind: Kind
    object_id: UUID
    site_id: UUID
    document: Document
    digest: str
    number: int


_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Keep the history of a kind; called once from an app's ready()."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """Return the kinds, in the order of their names."""
    return [_kinds[name] for name in sorted(_kinds)]


def kind_named(name: str) -> Kind | None:
    """Return the kind of this name."""
    return _kinds.get(name)


def kind_of(model: type[models.Model]) -> Kind | None:
    """Return the kind whose rows are of this model."""
    label = model._meta.label_lower
    return next((kind for kind in _kinds.values() if kind.model == label), None)


def digest_of(document: Document) -> str:
    """Return the SHA-256 of a document, hex; members in any order."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def save_revision(
    *,
    site_id: UUID,
    kind: str,
    object_id: UUID,
    document: Document,
    expected: int | None,
    actor: Actor,
    note: str = "",
    now: datetime,
) -> Revision:
    """Keep a state of an object as its next revision. The same state twice is one revision.

    Args:
        expected: the number of the revision that the change began with; None: whichever is last.

    Raises:
        EditConflict: somebody else has saved since.
    """
    row = _lock(_kinds[kind], object_id)
    last = _last(kind, object_id)
    number = 0 if last is None else last.number
    if expected is not None and expected != number:
        base = _numbered(kind, object_id, expected)
        raise EditConflict(
            kind,
            object_id,
            None if base is None else base.document,
            None if last is None else last.document,
        )
    digest = digest_of(document)
    if last is not None and last.digest == digest:
        return last
    saved = Revision.objects.create(
        site_id=site_id,
        kind=kind,
        object_id=object_id,
        number=number + 1,
        document=document,
        digest=digest,
        note=note[:MAX_NOTE],
        by_id=None if actor is None else actor.pk,
        by_name="" if actor is None else actor.get_username()[:MAX_BY],
        at=now,
    )
    if hasattr(row, "revision"):
        type(row)._default_manager.filter(pk=object_id).update(revision=saved.number)
    return saved


def hold(kind: str, object_id: UUID, now: datetime) -> Held:
    """Lock an object until the transaction ends, and see that what it is now is in its history.

    What was written without a revision (by a service, a command or SQL) gets one here, so that
    nothing is ever overwritten unseen. A lock, a read of the object, one query and perhaps a write.

    Raises:
        RevisionNotFound: there is no such object.
    """
    found = _kinds[kind]
    row: Any = _lock(found, object_id)
    document = found.document_of(object_id)
    last = _last(kind, object_id)
    digest = digest_of(document)
    if last is None or last.digest != digest:
        last = save_revision(
            site_id=row.site_id,
            kind=kind,
            object_id=object_id,
            document=document,
            expected=None,
            actor=None,
            note=FIRST if last is None else FOUND,
            now=now,
        )
    return Held(found, object_id, row.site_id, document, digest, last.number)


def keep_as_found(kind: str, object_id: UUID, now: datetime) -> Held:
    """See that what an object is now is in its history; see `hold`."""
    with transaction.atomic():
        return hold(kind, object_id, now)


@contextmanager
def changing(
    kind: str,
    object_id: UUID,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    expected: str | None = None,
) -> Iterator[Held]:
    """Lock an object, let the body write its rows, and keep what came of it as a revision.

    Args:
        expected: the digest of the document that the change began with; None: any.

    Raises:
        EditConflict: somebody else has saved since.
    """
    with transaction.atomic():
        held = hold(kind, object_id, now)
        if expected is not None and expected != held.digest:
            base = document_with(kind, object_id, expected)
            raise EditConflict(kind, object_id, base, held.document)
        yield held
        save_revision(
            site_id=held.site_id,
            kind=kind,
            object_id=object_id,
            document=held.kind.document_of(object_id),
            expected=held.number,
            actor=actor,
            note=note,
            now=now,
        )


def restore(
    kind: str, object_id: UUID, number: int, *, actor: Actor, now: datetime, note: str = ""
) -> Revision:
    """Make an older state the draft again, as a new revision. What is served stays.

    Raises:
        RevisionNotFound: there is no such object or revision.
        RestoreRefused: the old state can no longer be written; with a sentence.
    """
    old = revision_of(kind, object_id, number)
    words = note or f"Restored from revision {number}"
    with changing(kind, object_id, actor=actor, now=now, note=words) as held:
        held.kind.restore(object_id, old.document, actor, now)
        record_audit(
            action="content.revision_restored",
            actor=actor,
            site_id=held.site_id,
            target_kind=held.kind.model,
            target_id=str(object_id),
            detail={"number": number},
            now=now,
        )
    last = _last(kind, object_id)
    assert last is not None, "it was held"
    return last


def undo(kind: str, object_id: UUID, number: int, *, actor: Actor, now: datetime) -> Revision:
    """Take one save back and keep what others have saved since, as a new revision.

    Raises:
        RevisionNotFound: there is no such object or revision, or none before it.
        RestoreRefused: somebody has changed the same fields since; with a sentence.
    """
    undone = revision_of(kind, object_id, number)
    earlier = revision_of(kind, object_id, number - 1)
    with changing(kind, object_id, actor=actor, now=now, note=f"Undid revision {number}") as held:
        found = merged(undone.document, held.document, earlier.document, held.kind.is_open)
        if found.clashes:
            raise RestoreRefused(
                "Somebody has changed the same fields since. Compare the revisions, and choose "
                "what to bring back."
            )
        held.kind.restore(object_id, found.document, actor, now)
    last = _last(kind, object_id)
    assert last is not None, "it was held"
    return last


def revisions_of(
    kind: str, object_id: UUID, limit: int = 50, before: int | None = None
) -> list[RevisionRow]:
    """Return the last revisions of an object, newest first, without documents. One query.

    Args:
        before: only those with a smaller number, for the pages after the first.
    """
    found = Revision.objects.filter(kind=kind, object_id=object_id)
    if before is not None:
        found = found.filter(number__lt=before)
    rows = found.defer("document").order_by("-number")[:limit]
    return [
        RevisionRow(
            row.number,
            row.by_id,
            row.by_name,
            row.at,
            row.note,
            row.digest,
        )
        for row in rows
    ]


def revision_of(kind: str, object_id: UUID, number: int) -> Revision:
    """Return one revision, whole. One query.

    Raises:
        RevisionNotFound
    """
    found = _numbered(kind, object_id, number)
    if found is None:
        raise RevisionNotFound(number)
    return found


def save_at(kind: str, object_id: UUID, at: datetime) -> int | None:
    """Return the number of the save that held at an instant; None: none is known. One query."""
    # What was there before a history began is its first save, whenever that was written.
    held = models.Q(at__lte=at) | models.Q(number=1, note=FIRST)
    rows = Revision.objects.filter(held, kind=kind, object_id=object_id).order_by("-number")
    return rows.values_list("number", flat=True).first()


def documents_of(kind: str, object_id: UUID, numbers: Collection[int]) -> dict[int, Document]:
    """Return the states of some revisions by their numbers. One query."""
    rows = Revision.objects.filter(kind=kind, object_id=object_id, number__in=numbers)
    return dict(rows.values_list("number", "document"))


def document_with(kind: str, object_id: UUID, digest: str) -> Document | None:
    """Return the state of this digest from the history, if it is there. One query."""
    rows = Revision.objects.filter(kind=kind, object_id=object_id, digest=digest)
    found = rows.order_by("-number").first()
    return None if found is None else found.document


def has_been(kind: str, object_id: UUID, digest: str) -> bool:
    """Tell whether a state of this digest is in the history. One query."""
    return Revision.objects.filter(kind=kind, object_id=object_id, digest=digest).exists()


def _lock(kind: Kind, object_id: UUID) -> Any:
    manager = kind.model_class._base_manager
    row = manager.select_for_update(of=("self",)).filter(pk=object_id).first()
    if row is None:
        raise RevisionNotFound(object_id)
    return row


def _last(kind: str, object_id: UUID) -> Revision | None:
    rows = Revision.objects.filter(kind=kind, object_id=object_id)
    return rows.order_by("-number").first()


def _numbered(kind: str, object_id: UUID, number: int) -> Revision | None:
    return Revision.objects.filter(kind=kind, object_id=object_id, number=number).first()

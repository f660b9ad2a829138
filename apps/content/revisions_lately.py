"""What was saved lately at a site, and what somebody has left unsaved: for the home page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.apps import apps
from django.db.models.fields.json import KeyTextTransform

from apps.content.models import Revision, Unsaved
from apps.content.revisions import kind_named
from apps.content.revisions_unsaved import NEW


@dataclass(frozen=True, slots=True)
class SavedLately:
    """One save. `name` is what the object was called then; admin:history shows the rest."""

    kind: str
    label: str
    object_id: UUID
    name: str
    number: int
    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class LeftUnsaved:
    """One form that somebody has typed into and not saved: of an object, or of a new one.

    `url_name` and `object_id` lead back to it: no id for a new one.
    """

    label: str
    name: str
    url_name: str
    object_id: UUID | None
    at: datetime


def saved_lately(site_id: UUID, limit: int = 10) -> list[SavedLately]:
    """Return the last saves of people at a site, the newest first. One query."""
    rows = (
        Revision.objects.filter(site_id=site_id)
        .exclude(by_name="")
        .annotate(called=KeyTextTransform("name", "document"))
        .defer("document")
        .order_by("-at")[:limit]
    )
    found = []
    for row in rows:
        kind = kind_named(row.kind)
        if kind is None:
            continue
        found.append(
            SavedLately(
                row.kind,
                kind.label,
                row.object_id,
                row.called or kind.label,
                row.number,
                row.by_name,
                row.at,
                row.note,
            )
        )
    return found


def left_unsaved(user_id: int, limit: int = 10) -> list[LeftUnsaved]:
    """Return the forms that somebody has not saved, the newest first, each object once.

    One query, and one for each model among them.
    """
    rows = Unsaved.objects.filter(user_id=user_id).defer("form").order_by("-at")[: 5 * limit]
    newest: dict[tuple[str, str], Unsaved] = {}
    for row in rows:
        newest.setdefault((row.kind, row.object_ref), row)
    wanted: dict[str, list[str]] = {}
    for label, ref in newest:
        if ref != NEW:
            wanted.setdefault(label, []).append(ref)
    names = {
        (label, str(one.pk)): str(one)
        for label, refs in wanted.items()
        for one in apps.get_model(label)._base_manager.filter(pk__in=refs)
    }
    found = []
    for (label, ref), row in list(newest.items())[:limit]:
        model, page = apps.get_model(label), f"admin:{label.replace('.', '_')}"
        words = str(model._meta.verbose_name)
        if ref == NEW:
            found.append(LeftUnsaved(words, f"a new {words}", f"{page}_add", None, row.at))
        elif (label, ref) in names:
            name = names[label, ref]
            found.append(LeftUnsaved(words, name, f"{page}_change", UUID(ref), row.at))
    return found

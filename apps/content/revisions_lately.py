"""What was saved lately at a site, and what somebody has left unsaved: for the home page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.apps import apps
from django.db.models.fields.json import KeyTextTransform

from apps.content.models import Revision, Unsaved
from apps.content.revisions import kind_named, kind_of
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

    Attributes:
        url_name, object_id: lead back to it; no id for a new one.
        saved_by: who else has saved the object since the form was opened; empty: nobody.
    """

    label: str
    name: str
    url_name: str
    object_id: UUID | None
    at: datetime
    saved_by: str = ""


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

    One query; two more, and one for each model among them, where there is any.
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
    others = _saved_by_others(user_id, [row for row in newest.values() if row.object_ref != NEW])
    found = []
    for (label, ref), row in list(newest.items())[:limit]:
        model, page = apps.get_model(label), f"admin:{label.replace('.', '_')}"
        words = str(model._meta.verbose_name)
        if ref == NEW:
            found.append(LeftUnsaved(words, f"a new {words}", f"{page}_add", None, row.at))
        elif (label, ref) in names:
            name = names[label, ref]
            by = others.get(UUID(ref), "")
            found.append(LeftUnsaved(words, name, f"{page}_change", UUID(ref), row.at, by))
    return found


def _saved_by_others(user_id: int, rows: Sequence[Unsaved]) -> dict[UUID, str]:
    """Return who else has saved these objects since the forms were opened. At most two queries.

    What a form started from enters the history with the first save after it.
    """
    bases = {UUID(row.object_ref): row.base for row in rows if row.base}
    if not bases:
        return {}
    kinds = {kind_of(apps.get_model(row.kind)) for row in rows}
    history = Revision.objects.filter(
        kind__in=[kind.name for kind in kinds if kind is not None], object_id__in=list(bases)
    )
    known = set(history.filter(digest__in=bases.values()).values_list("object_id", "digest"))
    last = history.order_by("object_id", "-number").distinct("object_id")
    return {
        object_id: by_name or "Somebody"
        for object_id, digest, by_id, by_name in last.values_list(
            "object_id", "digest", "by_id", "by_name"
        )
        if digest != bases[object_id]
        and by_id != user_id
        and (object_id, bases[object_id]) in known
    }

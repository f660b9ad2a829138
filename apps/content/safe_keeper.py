"""What a form's page is told of its keeping: what was typed before, and where its history is."""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.urls import reverse

from apps.content import revisions_unsaved
from apps.content.archiving import can_archive
from apps.content.revisions import Kind


@dataclass(frozen=True, slots=True)
class Keeper:
    """What the form's page needs to keep what is typed, and to lead to what was kept.

    Attributes:
        kind: the label of the model; ref: the id of the object, or "new".
        base: the digest of the object as the form shows it; empty for a new one.
        typed: unsaved forms that can be taken back.
        history, usage: addresses; empty where there are none.
        is_archived: the page only shows, and offers to bring the object back.
    """

    kind: str
    ref: str
    base: str
    tab: str
    user_id: int
    typed: list[revisions_unsaved.Typed]
    history: str = ""
    usage: str = ""
    is_archived: bool = False
    may_archive: bool = False


def keeper_of(
    model: type[models.Model],
    kind: Kind | None,
    row: Any,
    *,
    user_id: int,
    base: str,
    tab: str,
    may_change: bool,
) -> Keeper:
    """Return what the page of a form is told; `row` is None for a new object. At most one query."""
    label = model._meta.label_lower
    ref = revisions_unsaved.NEW if row is None else str(row.pk)
    is_archived = getattr(row, "archived_at", None) is not None
    typed = (
        revisions_unsaved.unsaved_of(user_id, label, ref) if may_change and not is_archived else []
    )
    history = usage = ""
    if kind is not None and row is not None:
        history = reverse("admin:history", args=[kind.name, row.pk])
        usage = reverse("admin:usage", args=[kind.name, row.pk])
    return Keeper(
        kind=label,
        ref=ref,
        base=base,
        tab=tab,
        user_id=user_id,
        typed=[one for one in typed if one.tab != tab or not tab],
        history=history,
        usage=usage,
        is_archived=is_archived,
        may_archive=may_change and kind is not None and can_archive(kind.name),
    )

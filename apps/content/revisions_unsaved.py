"""What editors have typed and not saved: kept from tab to tab, offered when the page is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import QueryDict

from apps.content.models import Unsaved

KEPT_FOR: Final = timedelta(days=30)
MAX_TABS: Final = 20  # of one person on one object; older ones give way
NEW: Final = "new"

# What is no content of a form: secrets, buttons, and the marks of this very machinery.
NOT_KEPT: Final = frozenset({"csrfmiddlewaretoken", "_unsaved", "_throw_away", "_tab"})

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Typed:
    """One tab's unsaved form. `base` is the digest of the object that the page had started from."""

    id: UUID
    at: datetime
    tab: str
    base: str


def keep_unsaved(
    *, user_id: int, kind: str, object_ref: str, tab: str, base: str, form: Pairs, now: datetime
) -> UUID:
    """Keep what a tab has typed, in the place of what it had before; return its id.

    At most four queries.

    Args:
        kind: the label of the model: "content.block".
        object_ref: the id of the object, or "new".
    """
    pairs = [[name, value] for name, value in form if name not in NOT_KEPT]
    row, is_new = Unsaved.objects.update_or_create(
        user_id=user_id,
        kind=kind,
        object_ref=object_ref,
        tab=tab,
        defaults={"base": base, "form": pairs, "at": now},
    )
    if is_new:
        rows = Unsaved.objects.filter(user_id=user_id, kind=kind, object_ref=object_ref)
        old = rows.order_by("-at").values("pk")[MAX_TABS:]
        Unsaved.objects.filter(pk__in=[one["pk"] for one in old]).delete()
    return row.pk


def unsaved_of(user_id: int, kind: str, object_ref: str) -> list[Typed]:
    """Return what somebody has typed into the forms of an object, the newest first. One query."""
    rows = Unsaved.objects.filter(user_id=user_id, kind=kind, object_ref=object_ref)
    return [Typed(row.pk, row.at, row.tab, row.base) for row in rows.defer("form").order_by("-at")]


def take_back(user_id: int, unsaved_id: UUID, tab: str) -> QueryDict | None:
    """Return a kept form as the browser would have sent it; from now on it is this tab's.

    At most three queries.
    """
    row = Unsaved.objects.filter(user_id=user_id, pk=unsaved_id).first()
    if row is None:
        return None
    if tab and tab != row.tab:
        same = Unsaved.objects.filter(user_id=user_id, kind=row.kind, object_ref=row.object_ref)
        same.filter(tab=tab).delete()
        row.tab = tab
        row.save(update_fields=["tab"])
    data = QueryDict(mutable=True)
    for name, value in row.form:
        data.appendlist(name, value)
    data["_tab"] = row.tab
    return data


def throw_away(user_id: int, unsaved_id: UUID) -> None:
    """Forget one kept form. One query."""
    Unsaved.objects.filter(user_id=user_id, pk=unsaved_id).delete()


def forget_tab(*, user_id: int, kind: str, object_ref: str, tab: str) -> None:
    """Forget what a tab had typed: it is saved. One query."""
    rows = Unsaved.objects.filter(user_id=user_id, kind=kind, object_ref=object_ref)
    rows.filter(tab=tab).delete()


def prune(now: datetime) -> int:
    """Forget what has been left for 30 days; return how many."""
    return Unsaved.objects.filter(at__lt=now - KEPT_FOR).delete()[0]

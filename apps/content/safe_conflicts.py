"""Two people saved one object: what each wrote, on one page, and what is made of their choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.content import revisions
from apps.content.domain.merging import Document, Merged, at, differences, merged, with_values
from apps.content.errors import RestoreRefused
from apps.content.revisions import Actor, Held, Kind, revisions_of
from apps.content.revisions_words import Names, fields_between, names_of

BASE: Final = "_base"
SETTLE: Final = "_settle"
SALT: Final = "content.conflict"
KEPT_FOR_S: Final = 7 * 86_400
MINE, THEIRS = "mine", "theirs"
MAX_FIELDS: Final = 6


@dataclass(frozen=True, slots=True)
class Conflict:
    """A save that has to be asked about.

    Attributes:
        held: what is saved now.
        base: what the form had started from, None when that is not known.
        found: what both changes make, and where they clash.
        problem: why they could not be joined, where no single field says so.
    """

    held: Held
    base: Document | None
    found: Merged
    problem: str = ""


def conflict_page(
    request: HttpRequest, conflict: Conflict, context: Mapping[str, Any]
) -> HttpResponse:
    """Show what each wrote, field by field; 409. Posting it back is `settled`."""
    held, found = conflict.held, conflict.found
    names = names_of(held.kind, [found.document, held.document, conflict.base or {}])
    last = revisions_of(held.kind.name, held.object_id, 1)
    payload = {
        "user": request.user.pk,
        "id": str(held.object_id),
        "kind": held.kind.name,
        "theirs": held.digest,
        "document": found.document,
        "paths": [list(clash.path) for clash in found.clashes],
    }
    return TemplateResponse(
        request,
        "admin/studio/conflict.html",
        {
            **context,
            "title": f"Two changes of one {held.kind.label.lower()}",
            "kind": held.kind,
            "name": held.document.get("name", ""),
            "change_url": reverse(held.kind.change_url, args=[held.object_id]),
            "by": last[0].by if last else "",
            "at": last[0].at if last else None,
            "is_own": bool(last) and last[0].by_id == request.user.pk,
            "problem": conflict.problem,
            "knows_base": conflict.base is not None,
            "rows": _rows(conflict, names),
            "merged_count": _joined(conflict),
            "sealed": signing.dumps(payload, salt=SALT, compress=True),
            "settle": SETTLE,
            "tab": request.POST.get("_tab", ""),
        },
        status=409,
    )


def settled(
    request: HttpRequest, kind: Kind, object_id: UUID, actor: Actor, now: datetime
) -> tuple[Held, Conflict | None]:
    """Write what was chosen; return what it was before, and the next conflict if there is one.

    Raises:
        BadRequest: the page was not made by us, for this person and object.
    """
    payload = _opened(request, kind, object_id)
    theirs = revisions.document_with(kind.name, object_id, payload["theirs"])
    document: Document = payload["document"]
    chosen = {
        tuple(path): at(theirs or {}, tuple(path))
        for index, path in enumerate(payload["paths"])
        if request.POST.get(f"choice-{index}") == THEIRS
    }
    mine = with_values(document, chosen)
    try:
        with transaction.atomic():
            held = revisions.hold(kind.name, object_id, now)
            found = merged(theirs, held.document, mine, kind.is_open)
            if found.clashes:
                return held, Conflict(held, theirs, found)
            kind.restore(object_id, found.document, actor, now)
            revisions.save_revision(
                site_id=held.site_id,
                kind=kind.name,
                object_id=object_id,
                document=kind.document_of(object_id),
                expected=held.number,
                actor=actor,
                note="Chosen from two changes",
                now=now,
            )
    except RestoreRefused as error:
        whole = merged(None, held.document, mine, kind.is_open)
        return held, Conflict(held, None, whole, str(error))
    return held, None


def changed_meanwhile(held: Held, opened: str) -> SafeString:
    """Return what others have saved since a form was opened that cannot be saved as it is."""
    base = revisions.document_with(held.kind.name, held.object_id, opened)
    fields = [] if base is None else fields_between(held.kind, base, held.document)
    return format_html(
        'Somebody has changed {} since you opened this page: <a href="{}">see what</a>. What you '
        "typed is still here.",
        ", ".join(fields[:MAX_FIELDS]) or "it",
        reverse("admin:history", args=[held.kind.name, held.object_id]),
    )


def _opened(request: HttpRequest, kind: Kind, object_id: UUID) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = signing.loads(request.POST[SETTLE], salt=SALT, max_age=KEPT_FOR_S)
    except signing.BadSignature as error:
        raise BadRequest("This page is too old, or not ours.") from error
    own = (request.user.pk, kind.name, str(object_id))
    if (payload["user"], payload["kind"], payload["id"]) != own:
        raise BadRequest("This page was made for somebody else.")
    return payload


def _rows(conflict: Conflict, names: Names) -> list[dict[str, Any]]:
    return [
        {
            "words": names.path(clash.path),
            "base": names.value(clash.path, clash.base),
            "theirs": names.value(clash.path, clash.theirs),
            "mine": names.value(clash.path, clash.mine),
            "name": f"choice-{index}",
        }
        for index, clash in enumerate(conflict.found.clashes)
    ]


def _joined(conflict: Conflict) -> int:
    """How many of their changes are taken over as they are."""
    if conflict.base is None:
        return 0
    clashing = {clash.path for clash in conflict.found.clashes}
    theirs = differences(conflict.base, conflict.held.document, conflict.held.kind.is_open)
    return sum(one.path not in clashing for one in theirs)

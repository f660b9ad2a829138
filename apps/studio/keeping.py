"""Keeping what is typed: the JSON that forms send every few seconds, and who else has one open."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest

from apps.content import revisions, revisions_unsaved
from apps.content.safe_admin import SafeAdmin
from apps.studio import presence
from apps.studio.domain.ages import ago_words
from apps.studio.errors import NotYours, Unreadable
from apps.studio.pages import json_door
from apps.work import clock

MAX_NAME: Final = 200
MAX_PAIRS: Final = 20_000
MAX_TAB: Final = 40
TYPING_FOR: Final = timedelta(hours=12)


@json_door
def keep(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST {"user", "kind", "ref", "tab", "base", "form": [[name, value]]}: kept at once.

    `user` is whose page it is: somebody else may have logged in since.
    """
    _own(request, body)
    kind, ref = _asked(request, body)
    tab = body.get("tab")
    if not isinstance(tab, str) or not 0 < len(tab) <= MAX_TAB:
        raise Unreadable
    base = body.get("base")
    now = clock.now()
    row = revisions_unsaved.keep_unsaved(
        user_id=int(request.user.pk or 0),
        kind=kind,
        object_ref=ref,
        tab=_storable(tab),
        base=_storable(base[:64]) if isinstance(base, str) else "",
        form=_pairs(body.get("form")),
        now=now,
    )
    return {"id": str(row), "at": now.isoformat()}


@json_door
def seen(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST {"kind", "ref", "base"}: who else has the form open, and who has saved it since."""
    kind, ref = _asked(request, body)
    user, now = request.user, clock.now()
    if ref == revisions_unsaved.NEW:
        return {"others": [], "saved": None}
    return {
        "others": presence.seen(kind, ref, user, now),
        "saved": _saved_since(kind, ref, str(body.get("base", "")), user),
    }


def _saved_since(label: str, ref: str, base: str, user: Any) -> dict[str, Any] | None:
    """Who saved the object after the form was opened, and when; None: nobody."""
    kind = revisions.kind_of(apps.get_model(label))
    if kind is None or not base:
        return None
    last = revisions.revisions_of(kind.name, UUID(ref), 1)
    # What the form started from enters the history with the first save after it.
    if not last or last[0].digest == base or not revisions.has_been(kind.name, UUID(ref), base):
        return None
    name = "You" if last[0].by_id == user.pk else last[0].by or "Somebody"
    return {"by": name, "ago": ago_words(last[0].at, clock.now()), "number": last[0].number}


def _own(request: HttpRequest, body: Mapping[str, Any]) -> None:
    if str(body.get("user")) != str(request.user.pk):
        raise NotYours(request.user.get_username())


def _asked(request: HttpRequest, body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the model and the object that a script speaks of, if this role may change it."""
    label, ref = body.get("kind"), body.get("ref")
    model: type[models.Model] | None = None
    if isinstance(label, str) and label.count(".") == 1:
        try:
            model = apps.get_model(label)
        except LookupError:
            model = None
    # Only forms that say so: no page with people on it does.
    if model is None or not isinstance(admin.site._registry.get(model), SafeAdmin):
        raise Unreadable
    action = "add" if ref == revisions_unsaved.NEW else "change"
    app, name = model._meta.app_label, model._meta.model_name
    if not request.user.has_perm(f"{app}.{action}_{name}"):
        raise PermissionDenied
    if ref != revisions_unsaved.NEW:
        try:
            ref = str(UUID(str(ref)))
        except ValueError:
            raise Unreadable from None
    return model._meta.label_lower, ref


def _pairs(given: object) -> list[tuple[str, str]]:
    if not isinstance(given, list) or len(given) > MAX_PAIRS:
        raise Unreadable
    pairs: list[tuple[str, str]] = []
    for pair in given:
        if not (isinstance(pair, list) and len(pair) == 2):
            raise Unreadable
        name, value = pair
        if not (isinstance(name, str) and isinstance(value, str) and len(name) <= MAX_NAME):
            raise Unreadable
        # What the database cannot hold could not be saved either.
        pairs.append((_storable(name), _storable(value)))
    return pairs


def _storable(text: str) -> str:
    """Without NUL, and with a mark for half of a character: a field may cut an emoji in two."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()

"""The base of the editors' forms: nothing that somebody did there is ever lost.

A form remembers what it started from. Saving locks the object, writes what was posted, and compares
three states: what the form started from, what others have saved since, and what came of this save.
Disjoint changes are merged; a field that both changed is asked about; every state is a revision.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from apps.content import revisions, revisions_unsaved
from apps.content.archiving import can_archive
from apps.content.domain.merging import Document, merged
from apps.content.errors import RestoreRefused, RevisionNotFound
from apps.content.revisions import Held, Kind
from apps.content.safe_conflicts import (
    BASE,
    SETTLE,
    Conflict,
    changed_meanwhile,
    conflict_page,
    settled,
)
from apps.content.safe_keeper import keeper_of
from apps.content.safe_lists import NeverDeletes
from apps.work import clock

M = TypeVar("M", bound=models.Model)

TAB: Final = "_tab"
TAKE_BACK: Final = "_unsaved"
THROW_AWAY: Final = "_throw_away"
GONE: Final = (
    "Nothing was saved: a part that you wrote into was taken away while you were editing. What you "
    "typed is kept among your unsaved changes."
)


class _Conflicted(Exception):
    """Ends a save so that its transaction is undone; the page asks what is to be kept."""

    def __init__(self, conflict: Conflict) -> None:
        self.conflict = conflict
        super().__init__("conflict")


class _Gone(Exception):
    """Ends a save that wrote into a part that is gone by now: Django would leave it out."""


@dataclass
class _Saving:
    """What one request knows of the object it saves."""

    base: str = ""
    held: Held | None = None
    note: str = ""
    is_shown_again: bool = False
    archived: tuple[str, ...] = ()


class SafeAdmin(NeverDeletes[M]):
    """A form whose saves are kept, merged and undone, and whose objects are never deleted.

    Nothing more is needed of a subclass than that its overrides of `changeform_view`,
    `save_related`, `render_change_form` and `message_user` call these.
    """

    def __init__(self, model: type[M], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        assert not self.list_editable, "a list has no revisions: change rows through `changing`"

    # Opening and saving

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        saving = _of(request)
        kind, found = self.kept_kind, _uuid(object_id)
        if request.method == "POST" and (answer := self._other_buttons(request, kind, found)):
            return answer
        saving.base = request.POST.get(BASE, "") or _digest(kind, found)
        if request.method != "POST" or kind is None or found is None or saving.is_shown_again:
            return super().changeform_view(request, object_id, form_url, extra_context)
        try:
            with transaction.atomic():
                saving.held = _hold(kind, found)
                return super().changeform_view(request, object_id, form_url, extra_context)
        except _Conflicted as refused:
            self._keep_typed(request, found)
            return self._ask(request, refused.conflict)
        except _Gone:
            self._keep_typed(request, found)
            messages.error(request, GONE)
            return HttpResponseRedirect(request.get_full_path())

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not _of(request).is_shown_again:
            return form
        # Shown again as it was typed, and saved only when somebody presses the button for that.
        return type(form.__name__, (form,), {"is_valid": lambda self: False})

    def get_formset_kwargs(
        self, request: HttpRequest, obj: M, inline: Any, prefix: str
    ) -> dict[str, Any]:
        """With the parts that were archived while the form was open: they take what was typed."""
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        saving = _of(request)
        if saving.held is None:
            return given
        names = (one for one in request.POST if one.startswith(prefix) and one.endswith("-id"))
        sent = {found for found in map(_uuid, map(request.POST.get, names)) if found is not None}
        there = set(given["queryset"].filter(pk__in=sent).values_list("pk", flat=True))
        if gone := sent - there:
            given["queryset"] = inline.model._default_manager.filter(pk__in=sent)
            found = list(inline.model._default_manager.filter(pk__in=gone))
            if len(found) < len(gone):
                raise _Gone
            label = str(inline.model._meta.verbose_name).capitalize()
            saving.archived += tuple(f"{label} “{one}”" for one in found)
        return given

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After everything is written: compare it with what others saved, and keep it."""
        super().save_related(request, form, formsets, change)
        kind = self.kept_kind
        row: Any = form.instance
        if kind is not None:
            self._keep(request, kind, row)
        for name in _of(request).archived:
            messages.warning(
                request,
                f"{name} was archived while you were editing. What you wrote into it is saved in "
                "the archive.",
            )
        revisions_unsaved.forget_tab(
            user_id=_user_id(request),
            kind=self.model._meta.label_lower,
            object_ref=str(row.pk) if change else revisions_unsaved.NEW,
            tab=request.POST.get(TAB, ""),
        )

    def _keep(self, request: HttpRequest, kind: Kind, row: Any) -> None:
        saving, now = _of(request), clock.now()
        held = saving.held
        mine = kind.document_of(row.pk)
        if held is not None and saving.base not in ("", held.digest):
            base = revisions.document_with(kind.name, row.pk, saving.base)
            mine = self._merged(request, held, base, mine, now)
        revisions.save_revision(
            site_id=row.site_id,
            kind=kind.name,
            object_id=row.pk,
            document=mine,
            expected=None if held is None else held.number,
            actor=_user(request),
            note=saving.note,
            now=now,
        )

    def _merged(
        self,
        request: HttpRequest,
        held: Held,
        base: Document | None,
        mine: Document,
        now: datetime,
    ) -> Document:
        """Join this save with what others saved since the form was opened, or ask."""
        found = merged(base, held.document, mine, held.kind.is_open)
        if found.clashes:
            raise _Conflicted(Conflict(held, base, found))
        try:
            held.kind.restore(held.object_id, found.document, _user(request), now)
        except RestoreRefused as error:
            whole = merged(None, held.document, mine, held.kind.is_open)
            raise _Conflicted(Conflict(held, None, whole, str(error))) from error
        last = revisions.revisions_of(held.kind.name, held.object_id, 1)[0]
        _of(request).note = f"Merged with what {last.by or 'somebody'} saved meanwhile"
        if last.by_id == request.user.pk:
            said = "You had saved this in another tab."
        else:
            said = f"{capfirst(last.by or 'somebody')} had saved this while you were editing."
        messages.info(request, f"{said} The two changes are of different things: both are kept.")
        return held.kind.document_of(held.object_id)

    def _other_buttons(
        self, request: HttpRequest, kind: Kind | None, object_id: UUID | None
    ) -> HttpResponse | None:
        """Answer the buttons that do not save the form; None where one that does was pressed."""
        user_id = _user_id(request)
        if thrown := _uuid(request.POST.get(THROW_AWAY)):
            revisions_unsaved.throw_away(user_id, thrown)
            messages.success(request, "The unsaved changes were thrown away.")
            return HttpResponseRedirect(request.get_full_path())
        if wanted := _uuid(request.POST.get(TAKE_BACK)):
            tab = request.POST.get(TAB, "")
            typed = revisions_unsaved.take_back(user_id, wanted, tab)
            if typed is None:
                messages.error(request, "These unsaved changes are gone: they were saved or left.")
                return HttpResponseRedirect(request.get_full_path())
            request.POST = typed  # type: ignore[assignment]  # as Django's own UserAdmin does
            _of(request).is_shown_again = True
            messages.info(request, "This is what you had typed. Save it to keep it.")
        if kind is not None and object_id is not None and self._has_gone(kind, object_id):
            if BASE in request.POST and self.may_change(request):
                self._keep_typed(request, object_id)
            messages.error(
                request,
                "Somebody has archived this while you were editing. Nothing was saved; what you "
                "typed is kept, and can be taken back once the object is brought back.",
            )
            return HttpResponseRedirect(request.get_full_path())
        if SETTLE in request.POST and kind is not None and object_id is not None:
            return self._settle(request, kind, object_id)
        return None

    def _has_gone(self, kind: Kind, object_id: UUID) -> bool:
        rows = kind.model_class._base_manager.filter(pk=object_id)
        return can_archive(kind.name) and rows.filter(archived_at__isnull=False).exists()

    def _settle(self, request: HttpRequest, kind: Kind, object_id: UUID) -> HttpResponse:
        """Write what was chosen on the page of a conflict."""
        row: Any = self.get_object(request, str(object_id))
        if row is None or not self.has_change_permission(request, row):
            raise PermissionDenied
        now = clock.now()
        held, conflict = settled(request, kind, object_id, _user(request), now)
        if conflict is not None:
            return self._ask(request, conflict)
        row.refresh_from_db()
        _of(request).held = held
        revisions_unsaved.forget_tab(
            user_id=_user_id(request),
            kind=self.model._meta.label_lower,
            object_ref=str(object_id),
            tab=request.POST.get(TAB, ""),
        )
        self.message_user(request, f"Saved as you chose: {row}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse(kind.change_url, args=[object_id]))

    def _keep_typed(self, request: HttpRequest, object_id: UUID) -> None:
        """A form that could not be saved as it is stays among the unsaved changes."""
        pairs = [(name, text) for name, texts in request.POST.lists() for text in texts]
        revisions_unsaved.keep_unsaved(
            user_id=_user_id(request),
            kind=self.model._meta.label_lower,
            object_ref=str(object_id),
            tab=request.POST.get(TAB) or "conflict",
            base=request.POST.get(BASE, ""),
            form=[(name, str(text)) for name, text in pairs],
            now=clock.now(),
        )

    def _ask(self, request: HttpRequest, conflict: Conflict) -> HttpResponse:
        # What they saved may have been unknown to the history; the failed save took it out again.
        held = revisions.keep_as_found(
            conflict.held.kind.name, conflict.held.object_id, clock.now()
        )
        found = replace(conflict, held=held) if held.digest == conflict.held.digest else conflict
        return conflict_page(request, found, self.admin_site.each_context(request))

    # What the page shows

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        saving = _of(request)
        if not context.get("is_popup"):
            context["keeper"] = keeper_of(
                self.model,
                self.kept_kind,
                obj,
                user_id=_user_id(request),
                base=saving.base,
                tab=request.POST.get(TAB, ""),
                may_change=self.may_change(request),
            )
        if saving.is_shown_again:
            # Bound to what was typed, but not sent to be judged.
            context["adminform"].form._errors = ErrorDict()
            context["errors"] = []
        elif context.get("errors") and saving.held and saving.base not in ("", saving.held.digest):
            messages.warning(request, changed_meanwhile(saving.held, saving.base))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def message_user(
        self,
        request: HttpRequest,
        message: Any,
        level: Any = messages.INFO,
        extra_tags: str = "",
        fail_silently: bool = False,
    ) -> None:
        """Beside the word that an object was saved: a button that takes it back."""
        saved = self._last_saved(request) if level == messages.SUCCESS else None
        if saved is not None:
            message = format_html("{} {}", message, self._undo(request, saved))
        super().message_user(request, message, level, extra_tags, fail_silently)

    def _last_saved(self, request: HttpRequest) -> int | None:
        """The revision that this request made last, if it changed anything."""
        held = _of(request).held
        if held is None:
            return None
        last = revisions.revisions_of(held.kind.name, held.object_id, 1)
        return last[0].number if last and last[0].number > held.number else None

    def _undo(self, request: HttpRequest, number: int) -> SafeString:
        kind = self.kept_kind
        object_id = request.resolver_match.kwargs.get("object_id") if request.resolver_match else ""
        assert kind is not None and object_id, "only what has a history was saved"
        return format_html(
            '<form method="post" action="{}" class="undo">'
            '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
            '<input type="hidden" name="number" value="{}">'
            '<button type="submit" class="as-link">Undo</button></form>',
            reverse("admin:history_undo", args=[kind.name, unquote(object_id)]),
            get_token(request),
            number,
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Our page of revisions, where there is one."""
        kind, found = self.kept_kind, _uuid(object_id)
        if kind is None or found is None:
            return super().history_view(request, object_id, extra_context)
        return HttpResponseRedirect(reverse("admin:history", args=[kind.name, found]))


def _of(request: HttpRequest) -> _Saving:
    """What this request knows of its save, made when it is first asked for."""
    saving: _Saving | None = getattr(request, "_saving", None)
    if saving is None:
        saving = _Saving()
        request._saving = saving  # type: ignore[attr-defined]  # it lives as long as the request
    return saving


def _hold(kind: Kind, object_id: UUID) -> Held | None:
    try:
        return revisions.hold(kind.name, object_id, clock.now())
    except RevisionNotFound:
        return None  # the admin says so in its own way


def _digest(kind: Kind | None, object_id: UUID | None) -> str:
    """The digest of an object before its form is made: an older base is safe, a newer is not."""
    if kind is None or object_id is None:
        return ""
    if not kind.model_class._base_manager.filter(pk=object_id).exists():
        return ""
    return revisions.digest_of(kind.document_of(object_id))


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(unquote(str(text)))
    except ValueError:
        return None


def _user(request: HttpRequest) -> Any:
    return request.user


def _user_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)

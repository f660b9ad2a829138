"""The page of a breach: who is affected, counted at once, listed with a reason that is logged."""

import csv
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.access.models import Site, Source
from apps.access.services import record_audit
from apps.privacy import breach
from apps.privacy.chosen_site import chosen
from apps.privacy.segment_field import SegmentField
from apps.segments.models import Segment
from apps.work import clock

_VIEW = "profiles.view_people"


class _Moment(forms.DateTimeField):
    """A moment in UTC, typed in the browser's own field."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, **options)


class BreachForm(forms.Form):
    """What the breach has touched."""

    segment = SegmentField(
        help_text="Its key or name; empty for everybody. Whoever was in it during the time given"
        " below, or ever."
    )
    source = forms.ChoiceField(required=False, help_text="Whose events came in through it.")
    since = _Moment(label="From", help_text="UTC. When events came in.")
    until = _Moment(label="Before", help_text="UTC.")
    known_at = _Moment(
        label="Known since", help_text="UTC. The authority is to be told within 72 hours of it."
    )

    def __init__(self, site: Site, data: Any = None) -> None:
        """The choices are those of a site."""
        super().__init__(data)
        self._segment.site_id = site.pk
        sources = Source.objects.filter(site=site).order_by("name")
        self.fields["source"].choices = [  # type: ignore[attr-defined]
            ("", "Any source"), *((str(one.pk), one.name) for one in sources),
        ]  # fmt: skip

    @property
    def _segment(self) -> SegmentField:
        field = self.fields["segment"]
        assert isinstance(field, SegmentField)
        return field

    def segments_offered(self) -> list[Segment]:
        """A few to choose from: those that fit what was typed, else the first of the site."""
        typed = str(self["segment"].value() or "")[:120].replace("\0", "")
        return self._segment.offered(typed) or self._segment.offered()

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins."""
        said: dict[str, Any] = super().clean() or {}
        since, until = said.get("since"), said.get("until")
        if since and until and until <= since:
            self.add_error("until", "It is not after the beginning.")
        return said

    def scope(self, site_id: UUID) -> breach.Scope:
        """What was asked, once it is valid."""
        said = self.cleaned_data
        return breach.Scope(
            site_id=site_id,
            segment_id=said["segment"].pk if said["segment"] else None,
            source_id=UUID(said["source"]) if said["source"] else None,
            since=said["since"],
            until=said["until"],
        )


def page(request: HttpRequest) -> HttpResponse:
    """GET asks and counts; POST with a reason hands out the list and logs it."""
    if not request.user.has_perm(_VIEW):
        raise PermissionDenied
    picked = chosen(request)
    is_asked = request.method == "POST" or "segment" in request.GET
    data = request.POST if request.method == "POST" else request.GET
    form = BreachForm(picked.site, data if is_asked else None) if picked.site else None
    found, due_at, problem = None, None, ""
    if picked.site is not None and form is not None and is_asked and form.is_valid():
        scope = form.scope(picked.site.pk)
        if request.method == "POST":
            reason = request.POST.get("reason", "")
            if reason in dict(breach.REASONS):
                return _list(request, picked.site, scope, reason)
            problem = "Say what the list is for: it is logged."
        found, due_at = breach.affected_by(scope), _due(form.cleaned_data["known_at"])
    context = {
        **admin.site.each_context(request),
        "title": "Breach",
        "site": picked.site,
        "sites": picked.sites,
        "form": form,
        "found": found,
        "due_at": due_at,
        "is_late": due_at is not None and due_at < clock.now(),
        "reasons": breach.REASONS,
        "problem": problem,
        "asked": [(name, value) for name, value in data.items() if name in BreachForm.base_fields],
    }
    return TemplateResponse(request, "admin/privacy/breach.html", context)


def _due(known_at: datetime | None) -> datetime | None:
    return None if known_at is None else known_at + breach.NOTICE


def _list(request: HttpRequest, site: Site, scope: breach.Scope, reason: str) -> HttpResponse:
    found = breach.affected_by(scope)
    record_audit(
        action="privacy.breach_listed",
        actor=request.user if request.user.is_authenticated else None,
        site_id=site.pk,
        target_kind="access.site",
        target_id=str(site.pk),
        detail={"reason": reason, "people": found.people, **scope.as_detail()},
        now=clock.now(),
    )
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="affected-{site.key}.csv"'
    response["Cache-Control"] = "no-store"
    writer = csv.writer(response)
    writer.writerow(["profile", "can be named"])
    writer.writerows([who, "yes" if is_known else "no"] for who, is_known in breach.ids_of(scope))
    return response

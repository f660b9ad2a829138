"""One person at a time: found by an exact identity, every look audited.

What they told is masked until a reason is given, and then for a while; see apps/access/looks.py.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from apps.access import looks
from apps.access.site_staff import narrowed
from apps.profiles import admin_kinds as _admin_kinds  # noqa: F401 - registers its page
from apps.profiles import selectors, splitting
from apps.profiles.models import MergeRecord, Profile
from apps.profiles.parts import Asked, reader_of
from apps.work import clock
from apps.work.paging import BoundedPaginator

SHOWN = 20  # rows of each kind
MOST_SHOWN: Final = 500  # characters of a value
FOUND: Final = "id__in"


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin[Profile]):
    """Profiles. Nobody browses people: without an exact identity the list is empty."""

    list_display = ["id", "site", "identity_kinds", "event_count", "last_seen", "created_at"]
    list_select_related = ["site", "state"]
    ordering = ["-pk"]
    show_full_result_count = False
    paginator = BoundedPaginator
    fields = [
        "id", "site", "created_at", "identities", "seen", "consent", "traits", "computed",
        "segments", "events", "decisions", "merged_into", "merges",
    ]  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A profile begins with an event or a choice."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are erased everywhere at once, by a privacy request."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """With the addresses that find somebody, and that take a reason for looking closer."""
        view = self.admin_site.admin_view
        own = [
            path("find/", view(self.find), name="profiles_profile_find"),
            path("<uuid:profile_id>/reveal/", view(self.reveal), name="profiles_profile_reveal"),
        ]
        return [*own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        """List whom somebody has found by `find`; nobody else is."""
        return (queryset if request.GET.get(FOUND) else queryset.none()), False

    def find(self, request: HttpRequest) -> HttpResponse:
        """POST `who`: a whole identity or profile id; anything less finds nobody.

        Ours are the addresses it leads to: an identity would stay in logs and in the history.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        page = reverse("admin:profiles_profile_changelist")
        term = request.POST.get("who", "").strip()
        found: set[UUID] = set()
        if term and "\0" not in term:
            found = selectors.profiles_with(term)
            with suppress(ValueError):  # an identity then
                found.add(UUID(term.removeprefix("prf_")))
        rows = narrowed(request.user, Profile.objects.filter(pk__in=found))
        ids = sorted(str(pk) for pk in rows.values_list("pk", flat=True)[:SHOWN])
        if not ids:
            words = "Nobody here has that identity. It is matched whole, as it was sent."
            self.message_user(request, words, messages.WARNING)
            return redirect(page)
        return redirect(f"{page}?{FOUND}={','.join(ids)}")

    def reveal(self, request: HttpRequest, profile_id: UUID) -> HttpResponse:
        """POST `reason`: show the values of one person for a while."""
        profile = self.get_object(request, str(profile_id))
        if profile is None:
            raise Http404
        if request.method == "POST":
            if not looks.may_look(request):
                raise PermissionDenied
            reason = request.POST.get("reason", "")
            refused = looks.begin(
                request,
                site_id=profile.site_id,
                profile_id=profile_id,
                reason=reason,
                page="profile",
            )
            if refused:
                self.message_user(request, refused, messages.ERROR)
        return redirect("admin:profiles_profile_change", profile_id)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Profile | None:
        """With whether its values may be shown now."""
        profile = super().get_object(request, object_id, from_field)
        if profile is not None:
            profile.is_clear = looks.is_open(request, profile.pk)  # type: ignore[attr-defined]
        return profile

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one person, and write down who looked."""
        profile = self.get_object(request, object_id)
        more = dict(extra_context or {})
        if profile is not None and self.has_view_permission(request, profile):
            looks.note(request, site_id=profile.site_id, profile_id=profile.pk, page="profile")
            more |= {
                "may_look": looks.may_look(request),
                "minutes_left": looks.minutes_left(request, profile.pk),
                "least_reason": looks.LEAST_REASON,
                "most_reason": looks.MOST_REASON,
            }
        return super().change_view(request, object_id, form_url, more)

    @admin.display(description="Identities")
    def identity_kinds(self, profile: Profile) -> str:
        """How many of which kind; not their values."""
        counts: dict[str, int] = {}
        for kind in profile.identities.values_list("kind", flat=True):
            counts[kind] = counts.get(kind, 0) + 1
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "-"

    @admin.display(description="Identities")
    def identities(self, profile: Profile) -> str:
        """How many of which kind, and each with its value or a mask."""
        rows = profile.identities.order_by("pk").values_list("kind", "value")[:SHOWN]
        told = _table((kind, _said(profile, value)) for kind, value in rows)
        return format_html("<p>{}</p>{}", self.identity_kinds(profile), told)

    @admin.display(description="Events")
    def event_count(self, profile: Profile) -> int:
        """Events folded so far."""
        return profile.state.event_count if hasattr(profile, "state") else 0

    @admin.display(description="Last seen")
    def last_seen(self, profile: Profile) -> str:
        """The newest event."""
        at = profile.state.last_seen_at if hasattr(profile, "state") else None
        return "-" if at is None else date_format(localtime(at), "DATETIME_FORMAT")

    @admin.display(description="Seen")
    def seen(self, profile: Profile) -> str:
        """Events and their time."""
        return f"{self.event_count(profile):,} events, last {self.last_seen(profile)}"

    @admin.display(description="Traits")
    def traits(self, profile: Profile) -> str:
        """Names, values or masks, sources and times."""
        rows = profile.traits.order_by("key").values_list("key", "source", "observed_at")
        page = selectors.traits_of(_asked(profile))
        values = {row["key"]: row["value"] for row in page.rows}
        shown = [
            (key, f"{_said(profile, values.get(key))}: {source}, {_when(at)}")
            for key, source, at in rows[:SHOWN]
        ]
        count = format_html("<p>{} traits</p>", profile.traits.count())
        return format_html("{}{}", count, _table(shown))

    @admin.display(description="Computed")
    def computed(self, profile: Profile) -> str:
        """What was worked out from events, how, and since when templates have it."""
        rows = [(row["name"], _computed_words(row)) for row in _rows(profile, "computed")]
        return _table(rows)

    @admin.display(description="Segments")
    def segments(self, profile: Profile) -> str:
        """Where the person is now."""
        return _table(
            (row["key"], f"since {row['enteredAt']}") for row in _rows(profile, "segments")
        )

    @admin.display(description="Newest events")
    def events(self, profile: Profile) -> str:
        """What happened, without its properties."""
        rows = _rows(profile, "events")
        return _table((row["timestamp"], f"{row['type']}: {row['event']}") for row in rows)

    @admin.display(description="Consent")
    def consent(self, profile: Profile) -> str:
        """The newest entries of the ledger, and where all of them are."""
        rows = _rows(profile, "consent")
        words = (
            (row["at"], f"{row['kind']}: granted {_list(row['granted'])}; denied "
                        f"{_list(row['denied'])}")
            for row in rows
        )  # fmt: skip
        address = reverse("admin:consent_consentevent_changelist")
        link = format_html('<a href="{}?q={}">the whole ledger</a>', address, profile.pk)
        return format_html("{}{}", _table(words), link)

    @admin.display(description="Decisions")
    def decisions(self, profile: Profile) -> str:
        """The newest answers, and the page that explains them."""
        words = (
            (row["decidedAt"], "; ".join(
                f"{one['placement']}: {one['variant'] or '-'} ({one['reason']})"
                for one in row["placements"]
            ))
            for row in _rows(profile, "decisions")
        )  # fmt: skip
        link = format_html(
            '<a href="/admin/why/?profile={}">Why did this visitor see this?</a>', profile.pk
        )
        return format_html("{}{}", _table(words), link)

    @admin.display(description="Merges")
    def merges(self, profile: Profile) -> str:
        """Which profiles were found to be this person, and where that can be undone."""
        concerned = Q(winner=profile) | Q(loser=profile)
        records = MergeRecord.objects.filter(concerned).order_by("-pk")[:SHOWN]
        lines = []
        for record in records:
            words = f"merge {record.pk}: {record.loser_id} into {record.winner_id}"
            if record.undone_at is not None:
                lines.append((_when(record.at), f"{words}, undone {_when(record.undone_at)}"))
                continue
            address = reverse("admin:undo_merge", args=[record.pk])
            link = format_html('{} <a href="{}">Undo this merge</a>', words, address)
            lines.append((_when(record.at), link))
        apart = splitting.partners_of(profile.pk)
        kept = format_html_join(
            "", "<div>Kept apart from {}: no event joins them again.</div>", ((p,) for p in apart)
        )
        return format_html("{}{}", _table(lines), kept)


def _rows(profile: Profile, part: str) -> list[dict[str, Any]]:
    """The first rows of a part, from whichever app keeps it."""
    reader = reader_of(part)
    if reader is None:
        return []
    return reader(_asked(profile)).rows


def _asked(profile: Profile) -> Asked:
    return Asked(
        site_id=profile.site_id,
        profile_id=profile.pk,
        limit=SHOWN,
        after="",
        query={},
        now=clock.now(),
    )


def _computed_words(row: dict[str, Any]) -> str:
    told = row["toldAsOf"]
    as_of = f"; templates have it as of {told}" if told else ""
    return format_html(
        '{} {} <span class="quiet">{}, as of {}{}</span>',
        row["text"],
        row["unit"] if row["value"] is not None else "",
        row["words"],
        row["asOf"],
        as_of,
    )


def _said(profile: Profile, value: object) -> str:
    """A value as it may be shown now: clear for who has given a reason, else a mask."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:MOST_SHOWN] if getattr(profile, "is_clear", False) else masked(value)


def masked(value: object) -> str:
    """Return what tells nobody who somebody is, and whether something is there."""
    if isinstance(value, str) and value:
        kind = "text"
    else:
        kind = {bool: "yes or no", int: "number", float: "number"}.get(type(value), "value")
    return f"••••• ({kind})"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return format_html_join("", "<div><b>{}</b> {}</div>", rows) or "-"


def _when(at: Any) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")


def _list(names: list[str]) -> str:
    return ", ".join(names) or "nothing"

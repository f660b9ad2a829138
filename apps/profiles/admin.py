"""One person at a time: found by an exact identity, every look audited.

What they told and did is shown without its values; what is counted of it is shown.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from apps.access import services as access
from apps.profiles import selectors, splitting
from apps.profiles.models import MergeRecord, Profile
from apps.profiles.parts import Asked, reader_of
from apps.work import clock
from apps.work.paging import BoundedPaginator

SHOWN = 20  # rows of each kind


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin[Profile]):
    """Profiles. Nobody browses people: without an exact identity the list is empty."""

    list_display = ["id", "site", "identity_kinds", "event_count", "last_seen", "created_at"]
    list_select_related = ["site", "state"]
    search_fields = ["id"]
    search_help_text = "An exact identity, such as user_id:42 or a9f3..., or the id of a profile."
    ordering = ["-pk"]
    show_full_result_count = False
    paginator = BoundedPaginator
    fields = [
        "id", "site", "created_at", "identity_kinds", "seen", "consent", "traits", "computed",
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        """Match a whole identity or profile id; anything less finds nobody."""
        term = search_term.strip()
        if not term or "\0" in term:
            return queryset.none(), False
        found = selectors.profiles_with(term)
        with suppress(ValueError):  # an identity then
            found.add(UUID(term.removeprefix("prf_")))
        return queryset.filter(pk__in=found), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one person, and write down who looked."""
        profile = self.get_object(request, object_id)
        if profile is not None and self.has_view_permission(request, profile):
            access.record_audit(
                action="profiles.viewed",
                actor=request.user if request.user.is_authenticated else None,
                site_id=profile.site_id,
                target_kind="profiles.profile",
                target_id=str(profile.pk),
                now=clock.now(),
            )
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="Identities")
    def identity_kinds(self, profile: Profile) -> str:
        """How many of which kind; not their values."""
        counts: dict[str, int] = {}
        for kind in profile.identities.values_list("kind", flat=True):
            counts[kind] = counts.get(kind, 0) + 1
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "-"

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
        """Names, sources and times; values are for those who ask through the API."""
        rows = profile.traits.order_by("key").values_list("key", "source", "observed_at")
        shown = [(key, f"{source}, {_when(at)}") for key, source, at in rows[:SHOWN]]
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
    asked = Asked(
        site_id=profile.site_id,
        profile_id=profile.pk,
        limit=SHOWN,
        after="",
        query={},
        now=clock.now(),
    )
    return reader(asked).rows


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


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return format_html_join("", "<div><b>{}</b> {}</div>", rows) or "-"


def _when(at: Any) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")


def _list(names: list[str]) -> str:
    return ", ".join(names) or "nothing"

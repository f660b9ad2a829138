"""Publications and the decision log in the admin: read, and bring back an earlier publication."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.access.services import record_audit
from apps.consent.types import names_of
from apps.decisions import services
from apps.decisions.models import DecisionRecord, Publication
from apps.decisions.record_inputs import Inputs, unpacked
from apps.profiles import vault
from apps.work import clock
from apps.work.paging import BoundedPaginator
from engine.errors import PersonalizationError


class _ReadOnly:
    """Nothing here is typed in: rows come from publishing and from decisions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Publication)
class PublicationAdmin(_ReadOnly, admin.ModelAdmin[Publication]):
    """What served when; the greatest number of a site serves."""

    list_display = ["number", "site", "published_at", "published_by", "note", "restores"]
    list_filter = ["site"]
    list_select_related = ["site", "published_by"]
    search_fields = ["note"]
    ordering = ["-published_at"]
    fields = [
        "site", "number", "published_at", "published_by", "note", "restores", "contents", "digest",
    ]  # fmt: skip
    actions = ["bring_back"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Publication]:
        """Without the documents: they are large, and the list does not show them."""
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match and "object_id" in match.kwargs:
            return queryset
        return queryset.defer("document", "manifest")

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Who may bring a publication back."""
        return request.user.has_perm("decisions.publish_site")

    @admin.action(description="Serve this publication again", permissions=["publish"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Publication]) -> None:
        """Roll back to the one that is selected."""
        if queryset.count() != 1:
            self.message_user(request, "Select exactly one publication.", messages.ERROR)
            return
        wanted = queryset.get()
        try:
            current = services.rollback(
                site_id=wanted.site_id,
                number=wanted.number,
                actor=request.user if request.user.is_authenticated else None,
                now=clock.now(),
            )
        except PersonalizationError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, f"Publication {current.number} serves what {wanted.number} did.")

    @admin.display(description="Contents")
    def contents(self, publication: Publication) -> SafeString:
        """What is in it, counted; its own page names it."""
        counts = publication.counts
        said = ", ".join(
            f"{counts.get(kind, 0)} {kind}s" for kind in ("placement", "block", "rule", "segment")
        )
        link = reverse("admin:publication", args=[publication.number])
        return format_html('<a href="{}">{}</a>', link, said)


def read_lines(record: DecisionRecord) -> list[tuple[str, str]]:
    """Return what a record says was read, as (what, words); little where it was kept without."""
    facts = record.facts
    lines = [
        ("In segments", ", ".join(map(str, facts.get("segments", []))) or "none"),
        ("Of the request", _pairs(facts.get("context", {}))),
    ]
    if record.inputs is None:
        return [*lines, ("The rest", "is not kept")]
    try:
        inputs = unpacked(record.inputs, record.format)
    except ValueError as error:
        return [*lines, ("The rest", str(error))]
    granted, denied = (", ".join(names_of(bits)) for bits in (inputs.granted, inputs.denied))
    lines += [
        ("Consent", f"yes to {granted or 'nothing'}, no to {denied or 'nothing'}"),
        ("Allowed", _allowed(inputs)),
        ("Bucketed by", record.unit_id or "-"),
        ("Traits", _pairs({name: _told(value) for name, value in inputs.traits.items()})),
        (
            "Shown before",
            _pairs({f"cap {number}": shown for number, shown in inputs.shown.items()}),
        ),
        ("For templates", _pairs({".".join(path): value for path, value in inputs.paths})),
        ("Items", _pairs({key: items.decode() for key, items in inputs.items.items()})),
    ]
    return [(name, text) for name, text in lines if text]


def _allowed(inputs: Inputs) -> str:
    """The purposes that were allowed, and by which default for those who have not chosen."""
    if inputs.permitted is None:
        return "not kept in records of this age"
    how = {
        "declared": "where they say they live",
        "proxy": "where the request came from",
        "site": "as the site says",
        "unknown": "the place is not known",
    }
    names = ", ".join(names_of(inputs.permitted))
    place = f" {inputs.place}" if inputs.place else ""
    return f"{names}; by {inputs.regime}{place}, {how.get(inputs.regime_source, 'not kept')}"


def _told(value: Any) -> Any:
    """A trait for this page: one that is kept encrypted stays so."""
    return "encrypted" if vault.is_sealed(value) else value


def _pairs(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _arm(entry: Mapping[str, Any]) -> str:
    if not entry.get("experiment"):
        return ""
    share = entry.get("probability", 1.0)
    return f", experiment {entry['experiment']} arm {entry['arm']} ({share:.4g})"


# How good news a reason is: the colour of its badge. Others are plain.
_LEVELS = {
    "TARGETING_MATCH": "ok",
    "SPLIT": "ok",
    "NO_CONSENT": "info",
    "DISABLED": "info",
    "HOLDOUT": "info",
    "CAPPED": "info",
    "STALE": "warn",
    "ERROR": "bad",
}


@admin.register(DecisionRecord)
class DecisionRecordAdmin(_ReadOnly, admin.ModelAdmin[DecisionRecord]):
    """Why somebody saw what they saw. Found by request or profile id, never by a person's data.

    A record says what one person was shown and which segments they were in: it is for the roles
    that may see people, and opening one is audited. The others read the shares on the home page.
    """

    list_display = ["at", "shown", "reasons", "snapshot", "took", "asked_why"]
    search_fields = ["request_id", "profile_id"]
    search_help_text = "A request id (req_...) or a profile id, whole."
    ordering = ["-pk"]  # ids begin with the time, and have an index of their own
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    fields = [
        "at", "request_id", "site_id", "source_id", "profile_id", "snapshot", "shown", "reasons",
        "served", "was_read", "not_kept", "took", "explained", "replayed",
    ]  # fmt: skip
    readonly_fields = [
        "shown", "reasons", "served", "was_read", "not_kept", "took", "explained", "replayed",
    ]  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: DecisionRecord | None = None) -> bool:
        """For those who may also see profiles."""
        may_see_people = request.user.has_perm("profiles.view_profile")
        return may_see_people and super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In no menu of those who may not."""
        return self.has_view_permission(request)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one record, and leave word of the look at the person in it."""
        response = super().change_view(request, object_id, form_url, extra_context)
        record = self.get_object(request, object_id)
        if record is not None and record.profile_id is not None and response.status_code == 200:
            record_audit(
                action="profiles.viewed",
                actor=request.user if request.user.is_authenticated else None,
                site_id=record.site_id,
                target_kind="profiles.profile",
                target_id=str(record.profile_id),
                detail={"page": "decision", "request": record.request_id},
                now=clock.now(),
            )
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DecisionRecord], search_term: str
    ) -> tuple[QuerySet[DecisionRecord], bool]:
        """Match whole ids: a scan of the log for a part of one helps nobody."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("req_"):
            return queryset.filter(request_id=term), False
        try:
            return queryset.filter(profile_id=UUID(term)), False
        except ValueError:
            return queryset.none(), False

    @admin.display(description="Shown")
    def shown(self, record: DecisionRecord) -> str:
        """Placement: variant, for each."""
        return ", ".join(
            f"{one['placement']}: {one['variant'] or '-'}" for one in record.placements
        )

    @admin.display(description="Reasons")
    def reasons(self, record: DecisionRecord) -> SafeString:
        """The reason of each, with the rule if one decided."""
        return format_html_join(
            " ",
            '<span class="badge is-{}">{}{}</span>',
            (
                (
                    _LEVELS.get(one["reason"], "plain"),
                    one["reason"],
                    f" (rule {one['rule']})" if one["rule"] else "",
                )
                for one in record.placements
            ),
        )

    @admin.display(description="Served")
    def served(self, record: DecisionRecord) -> SafeString:
        """Each placement with the digest of what was shown, its experiment and arm."""
        return format_html_join(
            "",
            "<p>{}: {} version {}{}{}</p>",
            (
                (
                    one["placement"],
                    one["variant"] or "-",
                    one["version"],
                    _arm(one),
                    f", content {one['content']}" if one.get("content") else "",
                )
                for one in record.placements
            ),
        )

    @admin.display(description="Read")
    def was_read(self, record: DecisionRecord) -> SafeString:
        """All that the decision was made from, as it was kept."""
        return format_html_join(
            "", "<p><b>{}</b> {}</p>", ((name, text) for name, text in read_lines(record))
        )

    @admin.display(description="Not kept")
    def not_kept(self, record: DecisionRecord) -> str:
        """What was read and is not kept on purpose: a replay needs it from elsewhere."""
        return ", ".join(record.missing) or "-"

    @admin.display(description="Replay")
    def replayed(self, record: DecisionRecord) -> SafeString:
        """Where it is decided again."""
        return format_html(
            '<a class="button" href="{}">Decide it again and compare</a>',
            reverse("admin:replay_decision", args=[record.pk]),
        )

    @admin.display(description="Why")
    def explained(self, record: DecisionRecord) -> SafeString | str:
        """Where all of it is said in words."""
        if record.profile_id is None:
            return "nobody known"
        return format_html(
            '<a href="{}?profile={}">What this visitor was shown, and why</a>',
            reverse("admin:why"),
            record.profile_id,
        )

    @admin.display(description="Why")
    def asked_why(self, record: DecisionRecord) -> SafeString:
        """Where this one decision is explained."""
        return format_html('<a href="{}?record={}">Why?</a>', reverse("admin:why"), record.pk)

    @admin.display(description="Took", ordering="took_us")
    def took(self, record: DecisionRecord) -> str:
        """Time spent deciding and rendering."""
        return f"{record.took_us / 1000:.2f} ms"

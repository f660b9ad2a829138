"""Editors' pages for segments: the draft and what it says, who is in it, publish and archive."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.timezone import localtime

from apps.access import small_cells
from apps.segments import admin_computed as _admin_computed  # noqa: F401 - registers its pages
from apps.segments import admin_lists as _admin_lists  # noqa: F401 - registers its pages
from apps.segments import admin_personas as _admin_personas  # noqa: F401 - registers its pages
from apps.segments import admin_views, editor_asks, editor_views, fallbacks, services
from apps.segments.admin_form import SegmentForm
from apps.segments.admin_sites import BeginsAtSite
from apps.segments.admin_views import PUBLISH, actor_of
from apps.segments.editing import SEES_PEOPLE
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.publication_checks import offered_tags
from apps.segments.selectors import members_of
from apps.segments.standings import baseline_of, drift_of, has_moved_far
from apps.work import clock
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from engine.errors import InvalidCondition, PersonalizationError

SAMPLE = 20  # members shown
DETAILS = frozenset({"tags", "refresh_every_s", "fallback_for", "owner_note"})


@admin.register(Segment)
class SegmentAdmin(BeginsAtSite[Segment]):
    """Visible segments. They are archived, never deleted: numbers and keys are not used again."""

    form = SegmentForm
    list_display = ["name", "key", "site", "standing", "members", "freshness", "in_words"]
    list_display_links = ["name"]
    list_filter = ["site", "is_archived", "versions__state"]
    list_select_related = ["site"]
    search_fields = ["name", "key", "description"]
    ordering = ["site__name", "name"]
    list_per_page = 50
    actions = ["publish", "archive", "refresh", "add_fallback"]
    readonly_fields = [
        "in_words",
        "published_in_words",
        "standing",
        "members",
        "freshness",
        "sample",
        "conversion",
        "all_tags",
        "is_archived",
    ]
    fieldsets = [
        (
            None,
            {"fields": ["site", "key", "name", "description", "draft", "in_words", "draft_policy"]},
        ),
        (
            "Kept as",
            {
                "fields": [
                    "all_tags",
                    "tags",
                    "refresh_every_s",
                    "fallback_for",
                    "purpose",
                    "owner_note",
                ]
            },
        ),
        (
            "Published",
            {
                "fields": [
                    "published_in_words",
                    "standing",
                    "members",
                    "freshness",
                    "conversion",
                    "is_archived",
                ]
            },
        ),
        ("Members", {"fields": ["sample"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        """Hidden segments belong to publications; the newest versions come with each row.

        Members are counted of the segments on the page alone: of all, it takes seconds.
        """
        open_ones = Membership.objects.filter(segment=OuterRef("pk"), left_at=None)
        stays = open_ones.order_by().values("segment").annotate(n=Count("*")).values("n")
        current = SegmentVersion.objects.exclude(state=SegmentVersion.State.SUPERSEDED)
        return (
            super()
            .get_queryset(request)
            .filter(is_hidden=False)
            .prefetch_related(
                Prefetch(
                    "versions",
                    current.select_related("baseline").order_by("-number"),
                    "current",
                )
            )
            .annotate(open_stays=Coalesce(Subquery(stays), 0))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """The site and the key stay what they were: pages and state rows know them."""
        return [*self.readonly_fields, "site", "key"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Segment | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def get_urls(self) -> list[URLPattern]:
        """With the pages beside the form, and the JSON that editors of conditions ask for."""
        view = self.admin_site.admin_view
        own = [
            path("preview/", view(admin_views.preview), name="segments_segment_preview"),
            path("person/", view(admin_views.person), name="segments_segment_person"),
            path("changes/", view(admin_views.changes), name="segments_segment_changes"),
            path("versions/", view(admin_views.version_list), name="segments_segment_history_json"),
            path("editor/schema/", view(editor_views.schema), name="segments_segment_schema"),
            path("editor/live/", view(editor_views.live), name="segments_segment_live"),
            path("editor/values/", view(editor_asks.values), name="segments_segment_values"),
            path(
                "editor/proposals/", view(editor_asks.proposals), name="segments_segment_proposals"
            ),
            path("why/", view(editor_views.why_by_key), name="segments_segment_why_by_key"),
            path("<uuid:segment_id>/why/", view(editor_views.why), name="segments_segment_why"),
            path(
                "<uuid:segment_id>/publish/",
                view(admin_views.publish),
                name="segments_segment_publish",
            ),
            path(
                "<uuid:segment_id>/versions/",
                view(admin_views.history),
                name="segments_segment_versions",
            ),
        ]
        return [*own, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return False

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Who may put a draft in force, or take a segment out of use."""
        return request.user.has_perm(PUBLISH)

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        """Single members are shown to those who may see people."""
        found = super().get_fieldsets(request, obj)
        if request.user.has_perm(SEES_PEOPLE):
            return found
        return [one for one in found if "sample" not in one[1]["fields"]]

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        """Create through the service, which gives the number; change only what is the editor's."""
        now, actor = clock.now(), actor_of(request)
        if not change:
            made = services.create_segment(
                site_id=obj.site_id,
                key=obj.key,
                name=obj.name,
                description=obj.description,
                condition=obj.draft,
                policy=obj.draft_policy,
                actor=actor,
                now=now,
            )
            obj.pk, obj.number, obj.created_at = made.pk, made.number, made.created_at
            obj._state.adding = False
        else:
            obj.save(update_fields=["name", "description"])
        if change and {"draft", "draft_policy"}.intersection(form.changed_data):
            services.change_draft(
                site_id=obj.site_id,
                segment_id=obj.pk,
                condition=obj.draft,
                policy=obj.draft_policy,
                actor=actor,
                now=now,
            )
        if DETAILS.intersection(form.changed_data):
            services.change_details(
                site_id=obj.site_id,
                segment_id=obj.pk,
                tags=obj.tags,
                refresh_every_s=obj.refresh_every_s,
                fallback_for_id=obj.fallback_for_id,
                owner_note=obj.owner_note,
                actor=actor,
                now=now,
            )

    # Columns

    @admin.display(description="Draft, in words")
    def in_words(self, segment: Segment) -> str:
        """What the draft says."""
        return _words(segment.draft) if segment.draft else "-"

    @admin.display(description="Published, in words")
    def published_in_words(self, segment: Segment) -> str:
        """What the version that serves says."""
        live = _live(segment)
        return _words(live.condition) if live is not None else "-"

    @admin.display(description="State")
    def standing(self, segment: Segment) -> str:
        """Where the segment is between draft and live, and whether the draft is ahead."""
        if segment.is_archived:
            return "archived"
        versions = _current(segment)
        if not versions:
            return "draft, never published"
        newest = versions[0]
        drafted = (segment.draft, segment.draft_policy or {})
        ahead = "" if (newest.condition, newest.policy) == drafted else "; the draft differs"
        if newest.state == SegmentVersion.State.BUILDING:
            return f"version {newest.number}: finding its first members{ahead}"
        return f"version {newest.number} is live{ahead}"

    @admin.display(description="Members", ordering="open_stays")
    def members(self, segment: Segment) -> str:
        """How many profiles are in it now, as far as it is recorded."""
        live = _live(segment)
        if live is None:
            return "-"
        if live.refreshed_at is not None and live.size is None:
            return "depends on the request"
        size: int = segment.open_stays  # type: ignore[attr-defined]  # annotated above
        drift = drift_of(live, size)
        if not has_moved_far(live, size) or drift is None:
            return small_cells.words(size)
        return f"{size:,} ({drift:+.0%} since it was published: look again)"

    @admin.display(description="Last refreshed")
    def freshness(self, segment: Segment) -> str:
        """When all members were last recomputed; single visitors are kept up to date at once."""
        live = _live(segment)
        if live is None or live.refreshed_at is None:
            return "-"
        when = date_format(localtime(live.refreshed_at), "DATETIME_FORMAT")
        return f"{when}, took {live.refresh_ms or 0:,} ms"

    @admin.display(description="Conversion")
    def conversion(self, segment: Segment) -> str:
        """How members convert, beside everyone."""
        live = _live(segment)
        found = baseline_of(live) if live is not None else None
        if found is None or found.members_rate is None or found.everyone_rate is None:
            return "-"
        beside = f", {found.lift:+.0%}" if found.lift is not None else ""
        return (
            f"{found.members_rate:.1%} of members against {found.everyone_rate:.1%} of everyone"
            f"{beside}: {found.goal}, last {found.days} days"
        )

    @admin.display(description="Tags")
    def all_tags(self, segment: Segment) -> str:
        """What sites may ask for."""
        return ", ".join(offered_tags(segment.key, segment.tags))

    @admin.display(description="Newest members")
    def sample(self, segment: Segment) -> str:
        """A few profiles by id."""
        ids = members_of(segment.pk).values_list("profile_id", flat=True)[:SAMPLE]
        return format_html_join("", "<div>{}</div>", ((pk,) for pk in ids)) or "-"

    # Actions

    def response_change(self, request: HttpRequest, obj: Segment) -> HttpResponse:
        """ "Save and publish" leads on to what would change."""
        if "_publish" in request.POST:
            return redirect("admin:segments_segment_publish", obj.pk)
        return super().response_change(request, obj)

    @admin.action(description="Publish the draft", permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Freeze the draft; the version before serves until the new members are found."""
        for segment in queryset:
            try:
                version = services.publish_segment(
                    site_id=segment.site_id,
                    segment_id=segment.pk,
                    actor=actor_of(request),
                    now=clock.now(),
                )
            except PersonalizationError as error:
                self.message_user(request, f"{segment.name}: {error}", messages.ERROR)
            else:
                said = f"{segment.name}: version {version.number} is {version.get_state_display()}"
                self.message_user(request, said, messages.SUCCESS)

    @admin.action(description="Archive", permissions=["publish"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Take out of use; refused while something uses it."""
        for segment in queryset:
            try:
                services.archive_segment(
                    site_id=segment.site_id,
                    segment_id=segment.pk,
                    actor=actor_of(request),
                    now=clock.now(),
                )
            except PersonalizationError as error:
                self.message_user(request, f"{segment.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{segment.name}: archived", messages.SUCCESS)

    @admin.action(description="Add a segment for who has no score", permissions=["change"])
    def add_fallback(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Draft a segment for those of whom the model knows nothing, or nothing recent."""
        for segment in queryset:
            try:
                made = fallbacks.create_fallback(
                    site_id=segment.site_id,
                    segment_id=segment.pk,
                    actor=actor_of(request),
                    now=clock.now(),
                )
            except PersonalizationError as error:
                self.message_user(request, f"{segment.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{made.name}: drafted", messages.SUCCESS)

    @admin.action(description="Refresh all segments of the site", permissions=["change"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Ask for the scheduled refresh now."""
        for site_id in set(queryset.values_list("site_id", flat=True)):
            services.request_refresh(site_id, now=clock.now())
        self.message_user(request, "The refresh was asked for.", messages.SUCCESS)


def _words(condition: object) -> str:
    try:
        return people(parse_condition(condition))
    except InvalidCondition as error:
        return f"refused: {error}"


def _current(segment: Segment) -> list[SegmentVersion]:
    """The versions that are building or live, newest first."""
    found: list[SegmentVersion] = getattr(segment, "current", [])
    return found


def _live(segment: Segment) -> SegmentVersion | None:
    live = [v for v in _current(segment) if v.state == SegmentVersion.State.LIVE]
    return live[0] if live else None

"""Editors' pages for segments: the draft and what it says, who is in it, publish and archive."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.timezone import localtime

from apps.segments import services
from apps.segments.models import Segment, SegmentVersion
from apps.segments.selectors import members_of
from apps.work import clock
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition, PersonalizationError

SAMPLE = 20  # members shown

EXAMPLE = """{"v": 1, "where": {"kind": "event", "name": "Product Viewed", "aggregate": "count",
 "window": {"last": "10m"}, "op": "gte", "value": 3}}"""


class SegmentForm(forms.ModelForm[Segment]):
    """A segment's own fields; the draft is JSON, refused with the place and the problem."""

    draft = forms.JSONField(
        label="Condition",
        widget=forms.Textarea(attrs={"rows": 18, "cols": 90, "spellcheck": "false"}),
        help_text=f"JSON. For example: {EXAMPLE}",
    )

    class Meta:
        model = Segment
        fields = ["site", "key", "name", "description", "draft"]

    def clean_draft(self) -> Any:
        """Refuse what is no condition."""
        draft = self.cleaned_data["draft"]
        try:
            parse_condition(draft)
        except InvalidCondition as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error
        return draft


@admin.register(Segment)
class SegmentAdmin(admin.ModelAdmin[Segment]):
    """Visible segments. They are archived, never deleted: numbers and keys are not used again."""

    form = SegmentForm
    list_display = ["name", "key", "site", "standing", "members", "freshness", "in_words"]
    list_display_links = ["name"]
    list_filter = ["site", "is_archived", "versions__state"]
    list_select_related = ["site"]
    search_fields = ["name", "key", "description"]
    ordering = ["site__name", "name"]
    list_per_page = 50
    actions = ["publish", "archive", "refresh"]
    readonly_fields = [
        "in_words",
        "published_in_words",
        "standing",
        "members",
        "freshness",
        "sample",
        "is_archived",
    ]
    fieldsets = [
        (None, {"fields": ["site", "key", "name", "description", "draft", "in_words"]}),
        (
            "Published",
            {"fields": ["published_in_words", "standing", "members", "freshness", "is_archived"]},
        ),
        ("Members", {"fields": ["sample"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        """Hidden segments belong to publications; the newest versions come with each row."""
        current = SegmentVersion.objects.exclude(state=SegmentVersion.State.SUPERSEDED)
        return (
            super()
            .get_queryset(request)
            .filter(is_hidden=False)
            .prefetch_related(Prefetch("versions", current.order_by("-number"), "current"))
            .annotate(open_stays=Count("memberships", Q(memberships__left_at=None)))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """The site and the key stay what they were: pages and state rows know them."""
        return [*self.readonly_fields, "site", "key"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Segment | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        """Create through the service, which gives the number; change only what is the editor's."""
        now, actor = clock.now(), _actor(request)
        if not change:
            made = services.create_segment(
                site_id=obj.site_id,
                key=obj.key,
                name=obj.name,
                description=obj.description,
                condition=obj.draft,
                actor=actor,
                now=now,
            )
            obj.pk, obj.number, obj.created_at = made.pk, made.number, made.created_at
            obj._state.adding = False
            return
        obj.save(update_fields=["name", "description"])
        if "draft" in form.changed_data:
            services.change_draft(
                site_id=obj.site_id, segment_id=obj.pk, condition=obj.draft, actor=actor, now=now
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
        ahead = "" if newest.condition == segment.draft else "; the draft differs"
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
        return f"{segment.open_stays:,}"  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="Last refreshed")
    def freshness(self, segment: Segment) -> str:
        """When all members were last recomputed; single visitors are kept up to date at once."""
        live = _live(segment)
        if live is None or live.refreshed_at is None:
            return "-"
        when = date_format(localtime(live.refreshed_at), "DATETIME_FORMAT")
        return f"{when}, took {live.refresh_ms or 0:,} ms"

    @admin.display(description="Newest members")
    def sample(self, segment: Segment) -> str:
        """A few profiles by id."""
        ids = members_of(segment.pk).values_list("profile_id", flat=True)[:SAMPLE]
        return format_html_join("", "<div>{}</div>", ((pk,) for pk in ids)) or "-"

    # Actions

    @admin.action(description="Publish the draft", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Freeze the draft; the version before serves until the new members are found."""
        for segment in queryset:
            try:
                version = services.publish_segment(
                    site_id=segment.site_id,
                    segment_id=segment.pk,
                    actor=_actor(request),
                    now=clock.now(),
                )
            except PersonalizationError as error:
                self.message_user(request, f"{segment.name}: {error}", messages.ERROR)
            else:
                said = f"{segment.name}: version {version.number} is {version.get_state_display()}"
                self.message_user(request, said, messages.SUCCESS)

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Take out of use; refused while something uses it."""
        for segment in queryset:
            try:
                services.archive_segment(
                    site_id=segment.site_id,
                    segment_id=segment.pk,
                    actor=_actor(request),
                    now=clock.now(),
                )
            except PersonalizationError as error:
                self.message_user(request, f"{segment.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{segment.name}: archived", messages.SUCCESS)

    @admin.action(description="Refresh all segments of the site", permissions=["change"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Ask for the scheduled refresh now."""
        for site_id in set(queryset.values_list("site_id", flat=True)):
            services.request_refresh(site_id, now=clock.now())
        self.message_user(request, "The refresh was asked for.", messages.SUCCESS)


def _words(condition: object) -> str:
    try:
        return describe(parse_condition(condition))
    except InvalidCondition as error:
        return f"refused: {error}"


def _current(segment: Segment) -> list[SegmentVersion]:
    """The versions that are building or live, newest first."""
    found: list[SegmentVersion] = getattr(segment, "current", [])
    return found


def _live(segment: Segment) -> SegmentVersion | None:
    live = [v for v in _current(segment) if v.state == SegmentVersion.State.LIVE]
    return live[0] if live else None


def _actor(request: HttpRequest) -> services.Actor:
    user = request.user
    assert user.is_authenticated, "the admin lets nobody else in"
    return user

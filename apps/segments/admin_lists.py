"""Pages for uploaded lists: made, filled by a file, undone; never who is on them."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from apps.access import small_cells
from apps.segments import lists
from apps.segments.admin_sites import BeginsAtSite
from apps.segments.admin_views import actor_of
from apps.segments.list_files import MAX_ROWS
from apps.segments.models import ListMember, ListUpload, SegmentList
from apps.work import clock
from engine.errors import PersonalizationError

SHOWN = 20  # uploads


@admin.register(SegmentList)
class SegmentListAdmin(BeginsAtSite[SegmentList]):
    """Lists. Each comes with a segment of its key, and is taken out of use there."""

    list_display = ["name", "key", "site", "entries", "known"]
    list_filter = ["site"]
    list_select_related = ["site"]
    search_fields = ["name", "key"]
    ordering = ["site__name", "name"]
    fields = ["site", "key", "name", "purpose", "basis"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SegmentList]:
        """Entries are counted of the lists on the page alone."""
        counting = ListMember.objects.filter(segment_list=OuterRef("pk"), removed_by=None)
        return (
            super()
            .get_queryset(request)
            .annotate(
                entry_count=_number_of(counting),
                known_count=_number_of(counting.filter(profile__isnull=False)),
            )
        )

    def get_fields(self, request: HttpRequest, obj: SegmentList | None = None) -> list[Any]:
        return [
            "site",
            "key",
            "name",
            "purpose",
            "basis",
            *(["entries", "known", "uploads"] if obj else []),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: SegmentList | None = None
    ) -> list[str]:
        """The site and the key stay what they were: conditions and traits name them."""
        return ["site", "key", "entries", "known", "uploads"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: SegmentList | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: SegmentList | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SegmentList, form: Any, change: bool) -> None:
        """Create through the service, which makes the segment too."""
        if change:
            obj.save(update_fields=["name", "purpose", "basis"])
            return
        try:
            made = lists.create_list(
                site_id=obj.site_id,
                key=obj.key,
                name=obj.name,
                purpose=obj.purpose,
                basis=obj.basis,
                actor=actor_of(request),
                now=clock.now(),
            )
        except PersonalizationError as error:
            raise RefusedAtSave(str(error)) from error
        obj.pk, obj.created_at = made.pk, made.created_at
        obj._state.adding = False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A refusal leads back to the form, with its reason."""
        try:
            return super().add_view(request, form_url, extra_context)
        except RefusedAtSave as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:segments_segmentlist_add")

    def get_urls(self) -> list[URLPattern]:
        """With the pages that take a file and undo an upload."""
        view = self.admin_site.admin_view
        own = [
            path(
                "<uuid:list_id>/upload/",
                view(self.upload_view),
                name="segments_segmentlist_upload",
            ),
            path(
                "<uuid:list_id>/uploads/<uuid:upload_id>/undo/",
                view(self.undo_view),
                name="segments_segmentlist_undo",
            ),
        ]
        return [*own, *super().get_urls()]

    def upload_view(self, request: HttpRequest, list_id: UUID) -> HttpResponse:
        """A page that takes a file, and says what became of its rows."""
        found = self._list(request, list_id)
        upload, refused = None, ""
        if request.method == "POST":
            file = request.FILES.get("file")
            mode = request.POST.get("mode", "")
            if file is None or mode not in ListUpload.Mode.values:
                refused = "Choose a file, and what to do with it."
            else:
                try:
                    upload = lists.receive(
                        site_id=found.site_id,
                        key=found.key,
                        chunks=file.chunks(),
                        mode=mode,
                        origin=lists.Origin(file.name or "", actor_of(request)),
                        now=clock.now(),
                    )
                except PersonalizationError as error:
                    refused = str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Upload to {found.name}",
            "opts": self.opts,
            "found": found,
            "upload": upload,
            "refused": refused,
            "max_rows": MAX_ROWS,
        }
        return TemplateResponse(request, "admin/segments/upload.html", context)

    def undo_view(self, request: HttpRequest, list_id: UUID, upload_id: UUID) -> HttpResponse:
        """POST: take an upload back."""
        found = self._list(request, list_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            upload = lists.undo(
                site_id=found.site_id,
                key=found.key,
                upload_id=upload_id,
                actor=actor_of(request),
                now=clock.now(),
            )
        except PersonalizationError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{upload.file_name} is undone.", messages.SUCCESS)
        return redirect("admin:segments_segmentlist_change", found.pk)

    def _list(self, request: HttpRequest, list_id: UUID) -> SegmentList:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(SegmentList, pk=list_id)

    @admin.display(description="Entries", ordering="entry_count")
    def entries(self, found: SegmentList) -> str:
        """How many count now."""
        return small_cells.words(found.entry_count)  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="Of people known", ordering="known_count")
    def known(self, found: SegmentList) -> str:
        """How many have reached a profile; the others wait until somebody comes with that id."""
        return small_cells.words(found.known_count)  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="Uploads")
    def uploads(self, found: SegmentList) -> SafeString:
        """The newest files: who, when, what became of the rows, and how to undo the newest."""
        rows = list(found.uploads.select_related("uploaded_by").order_by("-number")[:SHOWN])
        undoable = next((one for one in rows if one.state != ListUpload.State.UNDONE), None)
        return format_html(
            '<table class="plain">{}</table>',
            format_html_join(
                "",
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                (
                    (
                        date_format(localtime(one.uploaded_at), "DATETIME_FORMAT"),
                        one.uploaded_by.get_username() if one.uploaded_by else "by an API key",
                        f"{one.file_name} ({one.mode}, sha256 {one.sha256[:12]}…)",
                        f"{one.rows:,} rows: {one.added:,} added, {one.removed:,} taken off, "
                        f"{one.refused:,} refused",
                        one.get_state_display(),
                        self._undo(one) if one is undoable and not one.is_final else "",
                    )
                    for one in rows
                ),
            ),
        )

    def _undo(self, upload: ListUpload) -> SafeString:
        address = reverse(
            "admin:segments_segmentlist_undo", args=[upload.segment_list_id, upload.pk]
        )
        # A form inside the admin's form is not allowed, so the button names its own address.
        return format_html(
            '<button type="submit" class="button" formaction="{}" formnovalidate>Undo</button>',
            address,
        )


def _number_of(entries: QuerySet[ListMember]) -> Coalesce:
    rows = entries.order_by().values("segment_list").annotate(n=Count("*")).values("n")
    return Coalesce(Subquery(rows), 0)


class RefusedAtSave(Exception):
    """The service refused what the form let through."""

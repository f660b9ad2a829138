"""Erasures and their certificates in the admin: how far one is, what it left, and the proof."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.decisions import signing
from apps.privacy import erasing
from apps.privacy.certificates import is_genuine
from apps.privacy.models.erasures import Certificate, Erasure, RecipientTelling
from apps.work.paging import BoundedPaginator
from apps.work.sealed_admin import SealedAdmin

_LEVELS = {"completed": "ok", "failed": "bad", "running": "info"}
_STEP_LEVELS = {"done": "ok", "failed": "bad", "running": "info", "waiting": "plain"}


@admin.register(Erasure)
class ErasureAdmin(admin.ModelAdmin[Erasure]):
    """Read only: an erasure is begun by a request and ends by itself."""

    list_display = ("started_at", "standing", "cause", "completed_at", "certificate", "site")
    list_filter = ("state", "cause", "site")
    list_select_related = ("site",)
    list_per_page = 50
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    change_form_template = "admin/privacy/erasure.html"
    fields = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand: a request is what begins one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    @admin.display(description="state", ordering="state")
    def standing(self, erasure: Erasure) -> SafeString:
        """The state in its colour."""
        level = _LEVELS.get(erasure.state, "plain")
        return format_html(
            '<span class="badge is-{}">{}</span>', level, erasure.get_state_display()
        )

    @admin.display(description="certificate")
    def certificate(self, erasure: Erasure) -> SafeString | str:
        """Where the proof is."""
        found = Certificate.objects.filter(erasure=erasure, kind="erasure").first()
        if found is None:
            return "not yet"
        address = reverse("admin:privacy_certificate_change", args=[found.pk])
        return format_html('<a href="{}">look at it</a>', address)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One erasure: its steps, whom it tells, which models are trained again."""
        erasure = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if erasure is not None:
            steps = [
                {"shown": one, "level": _STEP_LEVELS.get(one.state, "plain")}
                for one in erasing.progress(erasure.pk)
            ]
            context = {
                "erasure": erasure,
                "level": _LEVELS.get(erasure.state, "plain"),
                "steps": steps,
                "done": sum(one["shown"].state == "done" for one in steps),  # type: ignore[attr-defined]
                "is_running": erasure.state != Erasure.State.COMPLETED,
                "tellings": erasure.tellings.order_by("name"),
                "cuts": erasure.cuts.order_by("due_at"),
                "certificates": erasure.certificates.order_by("at"),
            }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )


@admin.register(Certificate)
class CertificateAdmin(SealedAdmin):
    """The sealed list of certificates; each can be read, checked and downloaded."""

    ledger = "certificates"
    list_display = ("at", "kind", "whole", "site")
    list_filter = ("kind", "site")
    list_select_related = ("site",)
    list_per_page = 50
    ordering = ("-at",)
    paginator = BoundedPaginator
    show_full_result_count = False
    change_form_template = "admin/privacy/certificate.html"
    fields = ()

    @admin.display(description="signature")
    def whole(self, certificate: Certificate) -> SafeString:
        """Whether the signature is of this body."""
        if is_genuine(certificate.body.encode(), certificate.jws, signing.key_set()):
            return format_html('<span class="badge is-ok">{}</span>', "genuine")
        return format_html('<span class="badge is-bad">{}</span>', "not of this body")

    def get_urls(self) -> list[URLPattern]:
        """With the two files."""
        files = path(
            "<uuid:pk>/certificate.<str:kind>",
            self.admin_site.admin_view(self.download),
            name="privacy_certificate_file",
        )
        return [files, *super().get_urls()]

    def download(self, request: HttpRequest, pk: UUID, kind: str) -> HttpResponse:
        """The body as it was signed, or its signature."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None or kind not in ("json", "jws"):
            raise Http404
        content = found.body if kind == "json" else found.jws
        kinds = {"json": "application/json", "jws": "application/jose"}
        answer = HttpResponse(content, content_type=kinds[kind])
        answer["Content-Disposition"] = f'attachment; filename="erasure-{pk}.{kind}"'
        return answer

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One certificate, in words."""
        found = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if found is not None:
            try:
                document = json.loads(found.body)
            except ValueError:
                document = {}
            context = {
                "certificate": found,
                "document": document if isinstance(document, dict) else {},
                "is_genuine": is_genuine(found.body.encode(), found.jws, signing.key_set()),
            }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )


@admin.register(RecipientTelling)
class RecipientTellingAdmin(admin.ModelAdmin[RecipientTelling]):
    """Who was told of what, and what came back. Read only but for who was told by hand."""

    list_display = ("name", "what", "state", "attempts", "told_at", "answer", "site")
    list_filter = ("state", "what", "site")
    list_select_related = ("site",)
    list_per_page = 50
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = ("name", "what", "state", "attempts", "told_at", "answer", "endpoint", "site")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

"""Django's admin with our home page, our menu, and the pages that belong to no single model."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from apps.access import second_factor_pages
from apps.access.site_admin import on_own_sites
from apps.access.site_staff import sites_of
from apps.studio import (
    duplicates,
    home,
    publishing,
    releases,
    replaying,
    segment_safety,
    segments_adapting,
    segments_exclusive,
    segments_overlap,
    segments_rfm,
    segments_scores,
    sites,
    tour_page,
    undoing,
    why,
)
from apps.studio.effect_addresses import effect_addresses
from apps.studio.experiments.addresses import experiment_addresses
from apps.studio.learning_addresses import learning_addresses
from apps.studio.navigation import navigation
from apps.studio.preview_addresses import preview_addresses
from apps.studio.rules_addresses import rules_addresses
from apps.studio.safety_addresses import safety_addresses


class StudioSite(admin.AdminSite):
    """The one admin site of a server. `apps.studio.apps` makes it Django's default."""

    site_title = "Attune"
    site_header = "Attune"
    index_title = "Home"
    site_url = None
    enable_nav_sidebar = False  # the menu is ours

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Our pages before Django's, whose last one catches everything."""
        own = [
            path("publish/", self.admin_view(publishing.publish), name="publish"),
            path("publications/", self.admin_view(publishing.publications), name="publications"),
            path(
                "publications/<int:number>/",
                self.admin_view(publishing.publication),
                name="publication",
            ),
            path("releases/", self.admin_view(releases.release_list), name="releases"),
            path("releases/<uuid:release_id>/", self.admin_view(releases.release), name="release"),
            path("tour/", self.admin_view(tour_page.start_tour), name="tour"),
            path("why/", self.admin_view(why.why), name="why"),
            # Open to whoever has shown a password: they look themselves.
            path("second-factor/", second_factor_pages.page, name="second_factor"),
            path(
                "second-factor/picture/",
                second_factor_pages.picture,
                name="second_factor_picture",
            ),
            *preview_addresses(self.admin_view),
            *rules_addresses(self.admin_view),
            *effect_addresses(self.admin_view),
            *safety_addresses(self.admin_view),
            *learning_addresses(self.admin_view),
            *experiment_addresses(self.admin_view),
            path(
                "decisions/<uuid:record_id>/replay/",
                self.admin_view(replaying.replayed),
                name="replay_decision",
            ),
            path("merges/<int:number>/undo/", self.admin_view(undoing.undo), name="undo_merge"),
            *duplicates.addresses(self.admin_view),
            path("audience/", self.admin_view(segments_overlap.overlap), name="audience"),
            *segments_exclusive.addresses(self.admin_view),
            path("audience/rfm/", self.admin_view(segments_rfm.rfm_page), name="audience_rfm"),
            path(
                "audience/adapting/",
                self.admin_view(segments_adapting.adapting_page),
                name="audience_adapting",
            ),
            path(
                "audience/scores/",
                self.admin_view(segments_scores.scores_page),
                name="audience_scores",
            ),
        ]
        return [*own, *super().get_urls()]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """With the editors' safety for forms that lie below it, and on the sites of who looks."""
        is_one = isinstance(model_or_iterable, type)
        for model in [model_or_iterable] if is_one else model_or_iterable:
            made = segment_safety.made_safe(model, admin_class or admin.ModelAdmin)
            super().register(model, on_own_sites(made), **options)

    def each_context(self, request: Any) -> dict[str, Any]:
        """What every page gets: the menu, and the site that was chosen."""
        context = super().each_context(request)
        context["chosen_site"] = sites.remembered(request)
        if context["has_permission"]:
            context["navigation"] = navigation(
                request.user,
                context["available_apps"],
                request.path,
                lambda label, url: self._narrowed(request, label, url),
            )
        return context

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form; whoever has only the second factor left is led to it."""
        is_other = request.GET.get("as") == "somebody-else"
        half = request.half_signed_in  # type: ignore[attr-defined]  # by a middleware
        if request.method == "GET" and not is_other and half.is_authenticated:
            page = reverse("admin:second_factor")
            return redirect(f"{page}?{urlencode({'next': request.GET.get('next', '')})}")
        return super().login(request, extra_context)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The home page: what is going on at one site."""
        shown = home.context(request)  # first: it may choose another site
        context = self.each_context(request) | shown | (extra_context or {})
        return TemplateResponse(request, "admin/index.html", context)

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list of one app's models, without Django's word for it."""
        response = super().app_index(request, app_label, extra_context)
        if response.context_data is not None:
            app_list = response.context_data.get("app_list") or [{"name": app_label}]
            response.context_data["title"] = app_list[0]["name"]
        return response

    def _narrowed(self, request: HttpRequest, label: str, url: str) -> str:
        """The address of a list, filtered by the chosen site where the list can be."""
        chosen = sites.remembered(request)
        if chosen is None or sites_of(request.user) is not None:
            return url
        for model, model_admin in self._registry.items():
            if model._meta.label_lower == label and "site" in model_admin.get_list_filter(request):
                return f"{url}?{urlencode({'site__id__exact': str(chosen.id)})}"
        return url

"""The media library: a wall of pictures, adding some, and what one of them shows."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern, path, reverse

from apps.access.site_staff import narrowed
from apps.content.admin_json import site_asked, staff_json
from apps.content.assets import (
    MAX_ALT,
    RATIOS,
    add_asset,
    address_of,
    assets_of,
    cut,
    path_of,
)
from apps.content.errors import InvalidContent
from apps.content.models import Asset
from apps.content.offers import MOST
from apps.content.pictures import MAX_BYTES
from apps.content.safe_admin import SafeAdmin
from apps.work import clock

_ALT: Final = "alt_"
_SHOWN: Final = ("16x9", "1x1", "3x4")  # shapes that the page of a picture tries the point on
_AT_ONCE: Final = 30  # files of one upload
_WIDTH: Final = "1280"  # what a chosen picture is shown at, at most


class AssetForm(forms.ModelForm[Asset]):
    """A picture's name, what it shows in each language, and its focal point."""

    class Meta:
        model = Asset
        fields = ("name", "focal_x", "focal_y")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields:
            if name.startswith(_ALT):
                self.initial[name] = self.instance.alt.get(name.removeprefix(_ALT), "")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        names = [name for name in self.fields if name.startswith(_ALT)]
        if names:
            alt = dict(self.instance.alt)
            for name in names:
                alt[name.removeprefix(_ALT)] = self.cleaned_data.get(name, "")
            self.instance.alt = {locale: text for locale, text in alt.items() if text}
        return cleaned


@admin.register(Asset)
class AssetAdmin(SafeAdmin[Asset]):
    """Pictures. They are uploaded on the page that lists them, and never changed after that."""

    form = AssetForm
    list_display = ("name", "site", "at")
    list_filter = ("site",)
    list_select_related = ("site",)
    list_per_page = 48
    search_fields = ("name", "key")
    ordering = ("-at",)
    change_list_template = "admin/content/asset/change_list.html"
    change_form_template = "admin/content/asset/change_form.html"

    class Media:
        css = {"all": ("admin-attune/block/media.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        return super().get_queryset(request).select_related("site", "by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Pictures are added by files, on the page of all."""
        return False

    def get_form(
        self, request: HttpRequest, obj: Asset | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            inputs: dict[str, Any] = {
                f"{_ALT}{locale}": forms.CharField(
                    label=f"What it shows, in {locale}",
                    required=False,
                    max_length=MAX_ALT,
                    widget=forms.TextInput({"class": "vTextField"}),
                    help_text=_alt_help(number == 0),
                )
                for number, locale in enumerate(_locales(obj))
            }
            kwargs["form"] = type("AssetForm", (AssetForm,), {**inputs, "__module__": __name__})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Asset | None = None) -> Any:
        if obj is None or not self.has_change_permission(request, obj):
            return [(None, {"fields": ["name", "alt", ("focal_x", "focal_y")]})]
        names = [f"{_ALT}{locale}" for locale in _locales(obj)]
        return [(None, {"fields": ["name", *names, ("focal_x", "focal_y")]})]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("upload/", self.admin_site.admin_view(self.upload), name="content_asset_upload"),
            path("search/", search, name="content_asset_search"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Sites belong to the app below and are reached through our own relation to them.
        every = Asset._meta.get_field("site").related_model._default_manager.order_by("name")
        sites = narrowed(request.user, every)
        shown = {
            "sites": sites,
            "chosen_site_id": request.GET.get("site__id__exact", ""),
            "may_upload": super().has_add_permission(request),
            "most_mb": MAX_BYTES // 2**20,
        }
        answer = super().changelist_view(request, shown | (extra_context or {}))
        found = getattr(answer, "context_data", None)
        if found and "cl" in found:
            found["pictures"] = [card(asset) for asset in found["cl"].result_list]
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        asset = context.get("original")
        if isinstance(asset, Asset):
            context |= {
                "picture": path_of(asset, _WIDTH),
                "address": address_of(asset, _WIDTH),
                "shapes": [(name, path_of(asset, cut(asset, 320, name))) for name in _SHOWN],
                "every_shape": [address_of(asset, cut(asset, 640, name)) for name in RATIOS],
                "kilobytes": max(1, round(asset.size / 1024)),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def upload(self, request: HttpRequest) -> HttpResponse:
        """POST files: each becomes a picture, or is refused with a sentence of its own."""
        if not super().has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        made, refusals = self._added(request)
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"made": made, "refused": refusals})
        for refusal in refusals:
            messages.error(request, refusal)
        if made:
            messages.success(request, _added_words([str(one["name"]) for one in made]))
        return HttpResponseRedirect(reverse("admin:content_asset_changelist"))

    def _added(self, request: HttpRequest) -> tuple[list[dict[str, Any]], list[str]]:
        user: Any = request.user
        made: list[dict[str, Any]] = []
        refusals: list[str] = []
        site_id = _site_of(request.POST.get("site", ""))
        if site_id is None:
            return [], ["Choose the site that the pictures are for."]
        files = request.FILES.getlist("files")
        for file in files[:_AT_ONCE]:
            name = file.name or "picture"
            # A file that is too large is not read at all: its size says enough.
            data = file.read(MAX_BYTES + 1)
            try:
                asset, is_new = add_asset(
                    site_id=site_id, data=data, file_name=name, actor=user, now=clock.now()
                )
            except InvalidContent as error:
                refusals.append(str(error))
            else:
                made.append({**card(asset), "isNew": is_new})
        if len(files) > _AT_ONCE:
            refusals.append(f"Only the first {_AT_ONCE} files were taken: send the rest again.")
        if not files:
            refusals.append("Choose a file first.")
        return made, refusals


@staff_json("content.view_asset", "GET")
def search(request: HttpRequest) -> dict[str, Any]:
    """GET ?site=<id>&q=words: the newest pictures that they find, to choose from."""
    rows = assets_of(site_asked(request.GET.get("site", "")), request.GET.get("q", "")[:100])
    found = list(rows.select_related("site")[: MOST + 1])
    return {"found": [card(asset) for asset in found[:MOST]], "more": len(found) > MOST}


def card(asset: Asset) -> dict[str, Any]:
    """Return what a wall of pictures shows of one, and what a field keeps when it is chosen."""
    first = _locales(asset)[0]
    return {
        "id": str(asset.pk),
        "key": asset.key,
        "name": asset.name,
        "alt": asset.alt.get(first, ""),
        "focal": [asset.focal_x / 100, asset.focal_y / 100],
        "address": address_of(asset, _WIDTH),
        "thumb": path_of(asset, cut(asset, 320, "4x3")),
        "size": f"{asset.width} × {asset.height}",
        "page": reverse("admin:content_asset_change", args=[asset.pk]),
        "isArchived": asset.archived_at is not None,
    }


def _site_of(text: str) -> UUID | None:
    """Return the id of a site that there is."""
    # Sites belong to the app below and are reached through our own relation to them.
    sites: Any = Asset._meta.get_field("site").related_model
    try:
        found: UUID | None = (
            sites.objects.filter(pk=UUID(text)).values_list("pk", flat=True).first()
        )
    except ValueError:
        return None
    return found


def _locales(asset: Asset) -> list[str]:
    return list(asset.site.locales) or ["en"]


def _alt_help(is_first: bool) -> str:
    if not is_first:
        return "Empty: as in the first language."
    return (
        "In a few words, for people who do not see it: “A woman in a red coat in the rain”. "
        "Leave it empty only for decoration."
    )


def _added_words(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} was added. Say now what it shows, for those who cannot see it."
    return f"{len(names)} pictures were added. Say of each what it shows."

"""The page where editors write a block, and the list of blocks. They change the draft only."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join

from apps.content import admin_assets as _assets  # noqa: F401 - registers its pages
from apps.content import admin_json
from apps.content import admin_kinds as _kinds  # noqa: F401 - registers its pages
from apps.content import admin_placing as _placing  # noqa: F401 - registers its pages
from apps.content.admin_script import PAGE_SCRIPT
from apps.content.admin_sites import BeginsAtSite
from apps.content.admin_variants import VariantInline, first_variant
from apps.content.admin_words import block_state, drafted_variants, tag_words
from apps.content.archiving import archive, unarchive
from apps.content.domain.cleaning import removed_by_cleaning
from apps.content.domain.email_cleaning import removed_by_email_cleaning
from apps.content.duplicating import duplicate_variant
from apps.content.errors import InUse, InvalidContent
from apps.content.forms_placing import BlockForm, take_posted_schema
from apps.content.forms_schema import schema_table
from apps.content.models import Block, Placement, Variant
from apps.work import clock
from engine.order import ORDER

# Buttons of one variant: pressed, they save the whole form first.
_DUPLICATE, _ARCHIVE, _RESTORE = "_duplicate", "_archive", "_restore"


@admin.register(Block)
class BlockAdmin(BeginsAtSite[Block]):
    """Blocks. A new one is saved before it gets variants: its kind decides their inputs."""

    form = BlockForm
    inlines = (VariantInline,)
    list_display = (
        "name",
        "published",
        "tags",
        "fills",
        "variant_names",
        "kind_word",
        "key",
        "site",
    )
    list_filter = ("site", "kind", "purpose")
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name", "variants__key", "variants__name")
    ordering = ("site", "key")
    empty_words = (
        "A block is what can be shown in one place: a hero, a banner, a list of products. Declare "
        "its fields once, then write a variant for everybody and others for some."
    )
    add_words = "Add the first block"
    change_form_template = "admin/content/block/change_form.html"

    class Media:
        css = {"all": ("admin-attune/block/block.css",)}
        js = (PAGE_SCRIPT,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Block]:
        variants = drafted_variants().prefetch_related("segments__versions")
        return (
            super()
            .get_queryset(request)
            .select_related("type", "site")
            .prefetch_related(
                Prefetch("variants", variants, "in_use"),
                "placements",
            )
        )

    def get_inlines(self, request: HttpRequest, obj: Block | None = None) -> Any:
        return () if obj is None else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Block | None = None) -> Any:
        return ("schema_words",) if obj is None else ("schema_words", "site", "kind")

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Block | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def get_fieldsets(self, request: HttpRequest, obj: Block | None = None) -> Any:
        folded = [] if obj is None else ["collapse"]
        fieldsets: list[Any] = [(None, {"fields": [("name", "key")]})]
        is_flag = obj is not None and obj.kind == Block.Kind.FLAG
        if obj is None:
            fieldsets[0][1]["fields"] += ["site", "kind"]
        if not is_flag:
            may_change = self.has_change_permission(request, obj)
            has_type = obj is not None and obj.type is not None
            lines = "schema_lines" if may_change and not has_type else "schema_words"
            fieldsets.append(
                (
                    "Fields of every variant",
                    {"fields": ["type", lines], "classes": folded},
                )
            )
        if obj is None or obj.kind == Block.Kind.RECOMMENDATIONS:
            fieldsets.append(("Recommendations", {"fields": [("recommender", "item_limit")]}))
        if obj is None or is_flag:
            fieldsets.append(("Flag", {"fields": [("value_type", "is_client_visible")]}))
        settings = [("channel", "purpose"), "caps", "is_cacheable"]
        if obj is not None:
            settings.append(("site", "kind"))
        fieldsets.append(("How often, caches and privacy", {"fields": settings, "classes": folded}))
        return fieldsets

    def get_urls(self) -> list[URLPattern]:
        """With the JSON that the page asks for while somebody types."""
        own = [
            path("flags/", self.admin_site.admin_view(self.flags), name="content_flags"),
            path("offers/", admin_json.offers, name="content_offers"),
            path("values/", admin_json.values, name="content_values"),
            path("sample/", admin_json.sample, name="content_sample"),
        ]
        return [*own, *super().get_urls()]

    def flags(self, request: HttpRequest) -> HttpResponse:
        """The blocks that hold a value and no content."""
        asked = QueryDict(request.GET.urlencode(), mutable=True)
        asked["kind__exact"] = Block.Kind.FLAG
        page = reverse("admin:content_block_changelist")
        return HttpResponseRedirect(f"{page}?{asked.urlencode()}")

    def get_formsets_with_inlines(self, request: HttpRequest, obj: Block | None = None) -> Any:
        """The variants' inputs are those of the fields as they are posted, not as they were."""
        if (
            obj is not None
            and request.method == "POST"
            and self.has_change_permission(request, obj)
        ):
            take_posted_schema(obj, request.POST)
        return super().get_formsets_with_inlines(request, obj)

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Block, inline: Any, prefix: str
    ) -> dict[str, Any]:
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if obj.pk and not _in_use(obj):
            given["initial"] = [first_variant()]
        return given

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        block = context.get("original")
        if isinstance(block, Block):
            context |= self._beside(block)
        return super().render_change_form(request, context, *args, **kwargs)

    def _beside(self, block: Block) -> dict[str, Any]:
        """What the page says of the block beside its form."""
        placements = list(block.placements.filter(archived_at=None).order_by("key")[:20])
        # Rules belong to an app above and are reached through their own relation to placements.
        asked = Placement.objects.filter(block=block, archived_at=None).aggregate(
            found=Count("rules", filter=Q(rules__is_enabled=True, rules__archived_at=None))
        )["found"]
        in_use = _in_use(block)
        return {
            "order": ORDER,
            "block_state": block_state(in_use),
            "fills": placements,
            "rules_asked": asked,
            "variants_in_use": len(in_use),
            "has_default": any(variant.is_default for variant in in_use),
            "archived_variants": block.variants.exclude(archived_at=None).order_by("name"),
        }

    # Saving

    def response_add(
        self, request: HttpRequest, obj: Block, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the block's own page, where its variants are added."""
        if "_addanother" not in request.POST:
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]  # as Django's own UserAdmin does
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Block) -> HttpResponse:
        """Do what the button of a variant asks for, and stay at that variant."""
        for name, act in (
            (_DUPLICATE, self._duplicate),
            (_ARCHIVE, self._archive),
            (_RESTORE, self._restore),
        ):
            variant = _variant_of(obj, request.POST.get(name, ""))
            if variant is not None:
                key = act(request, obj, variant)
                page = reverse("admin:content_block_change", args=[obj.pk])
                return HttpResponseRedirect(f"{page}#variant-{key}")
        return super().response_change(request, obj)

    def _duplicate(self, request: HttpRequest, block: Block, variant: Variant) -> str:
        made = duplicate_variant(variant=variant, actor=_actor(request), now=clock.now())
        self.message_user(
            request,
            f"{made.name} was made. Nobody sees it before you choose who does.",
            messages.SUCCESS,
        )
        return made.key

    def _archive(self, request: HttpRequest, block: Block, variant: Variant) -> str:
        try:
            archive("variant", variant.pk, _actor(request), clock.now())
        except InUse as error:
            where = reverse("admin:usage", args=["variant", variant.pk])
            said = format_html('{} <a href="{}">Look where</a>', str(error), where)
            self.message_user(request, said, messages.ERROR)
            return variant.key
        except InvalidContent as error:
            self.message_user(request, str(error), messages.ERROR)
            return variant.key
        self.message_user(
            request,
            f"{variant.name} is archived: visitors keep it until the next publication.",
            messages.SUCCESS,
        )
        return ""

    def _restore(self, request: HttpRequest, block: Block, variant: Variant) -> str:
        unarchive("variant", variant.pk, _actor(request), clock.now())
        self.message_user(request, f"{variant.name} is back in the draft.", messages.SUCCESS)
        return variant.key

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for variant in (*formset.new_objects, *(item for item, _ in formset.changed_objects)):
            is_mail = variant.block.channel == Block.Channel.EMAIL
            cleaning = removed_by_email_cleaning if is_mail else removed_by_cleaning
            removed = list(cleaning(variant.template))
            if removed:
                messages.warning(
                    request,
                    f"{variant.name}: visitors will not get {', '.join(removed)}; "
                    f"only harmless HTML reaches {'an e-mail' if is_mail else 'a page'}.",
                )
        block = form.instance
        if not block.variants.filter(is_default=True, archived_at=None).exists():
            messages.warning(
                request,
                "This block has no default variant yet: it cannot be published without one.",
            )

    # Columns

    @admin.display(description="Fields")
    def schema_words(self, block: Block) -> str:
        return schema_table(block.fields_schema)

    @admin.display(description="Kind", ordering="kind")
    def kind_word(self, block: Block) -> str:
        return block.kind if block.channel == Block.Channel.PAGE else f"{block.kind}, e-mail"

    @admin.display(description="Variants")
    def variant_names(self, block: Block) -> str:
        return ", ".join(
            f"{variant.name} (default)" if variant.is_default else variant.name
            for variant in sorted(_in_use(block), key=lambda item: not item.is_default)
        )

    @admin.display(description="For")
    def tags(self, block: Block) -> str:
        words = dict.fromkeys(word for variant in _in_use(block) for word in tag_words(variant))
        chips = format_html_join("", '<span class="chip">{}</span>', ((word,) for word in words))
        return chips or "everyone alike"

    @admin.display(description="Fills")
    def fills(self, block: Block) -> str:
        return ", ".join(sorted(placement.key for placement in block.placements.all())) or "-"

    @admin.display(description="Published")
    def published(self, block: Block) -> str:
        state = block_state(_in_use(block))
        return format_html('<span class="badge is-{}">{}</span>', state.level, state.words)


def _in_use(block: Block) -> list[Variant]:
    """The block's variants that are not archived, as `get_queryset` has read them."""
    found: list[Variant] | None = getattr(block, "in_use", None)
    if found is None:
        found = list(drafted_variants().filter(block=block))
    return found


def _variant_of(block: Block, text: str) -> Variant | None:
    try:
        return block.variants.filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _actor(request: HttpRequest) -> Any:
    return request.user

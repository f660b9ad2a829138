"""What the forms of designs share: they are kept as drafts are, and begin with a site."""

from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qs

from django.db import models
from django.http import HttpRequest

from apps.access.selectors import only_site
from apps.content.admin_script import PAGE_SCRIPT
from apps.content.safe_admin import SafeAdmin
from apps.work import clock

M = TypeVar("M", bound=models.Model)
UNASKED: Final = ("add", "change", "delete", "view")


class DesignAdmin(SafeAdmin[M]):
    """Saves are kept, merged and undone; the key and the site stay what they were."""

    change_list_template = "admin/content/change_list.html"
    list_select_related: ClassVar[Any] = ("site",)
    list_per_page = 50
    empty_words = ""
    add_words = ""

    class Media:
        css = {"all": ("admin-attune/block/block.css", "admin-attune/experiments/design.css")}
        js = (PAGE_SCRIPT,)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one begins with the site that its list showed, or with the only one."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        filtered = parse_qs(request.GET.get("_changelist_filters", "")).get("site__id__exact")
        site = filtered[0] if filtered else only_site()
        return initial if site is None or initial.get("site") else initial | {"site": site}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What others know it by stays."""
        fixed = ["site", "key"] if obj else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Sites are chosen here, and made elsewhere."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        if "site" in form.base_fields:
            wrapper = form.base_fields["site"].widget
            for what in UNASKED:
                setattr(wrapper, f"can_{what}_related", False)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note when it was made, where the row says so."""
        if not change and hasattr(obj, "created_at") and obj.created_at is None:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)

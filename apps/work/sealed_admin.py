"""The list of a sealed ledger in the admin: how far it is sealed, and whether it is whole."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from apps.work import clock, ledgers


class SealedAdmin(admin.ModelAdmin[Any]):
    """Rows of a ledger: nobody adds, changes or deletes one; whoever sees them may have it checked.

    `ledger` is the name it is registered under.
    """

    ledger: ClassVar[str]
    change_list_template = "admin/work/sealed_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the database refuses it too."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, under how its ledger stands."""
        standing = ledgers.standing_of(self.ledger)
        bad = [{**one, "address": self._address_of(one)} for one in standing.checked.get("bad", [])]
        context = {
            "seals": standing,
            "bad": bad,
            "check_address": reverse(self._check_name(prefix="admin:")),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """With the button."""
        check = path("check/", self.admin_site.admin_view(self.check_now), name=self._check_name())
        return [check, *super().get_urls()]

    def check_now(self, request: HttpRequest) -> HttpResponse:
        """Have a worker compare the whole ledger with its seals."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        ledgers.ask_for_check(self.ledger, now=clock.now())
        self.message_user(request, "It is being checked. What is found stands above the list.")
        return redirect(f"admin:{self._stem}_changelist")

    @property
    def _stem(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _check_name(self, prefix: str = "") -> str:
        return f"{prefix}{self._stem}_check"

    def _address_of(self, bad: dict[str, Any]) -> str:
        """Where a row is looked at that is bad and still there."""
        if bad["kind"] in ("deleted", "cut") or not bad["row"]:
            return ""
        return reverse(f"admin:{self._stem}_change", args=[quote(bad["row"])])

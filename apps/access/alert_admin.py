"""Where a site is told of what happened without anybody's act, in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.access import alerts, calls, targets
from apps.access.admin_staff import actor_of
from apps.access.models import Alert, AlertAddress
from apps.access.services import record_audit
from apps.work import clock

SHOWN = 20  # alerts on the page of an address


class AlertAddressForm(forms.ModelForm[AlertAddress]):
    """An address that a stranger could call as well."""

    address = forms.URLField(
        max_length=500,
        assume_scheme="https",
        help_text=AlertAddress._meta.get_field("address").help_text,
    )

    class Meta:
        model = AlertAddress
        fields = ("site", "address", "is_enabled")
        field_classes = {"address": forms.CharField}  # in whose place the one above comes

    def clean_address(self) -> str:
        """Refuse what only this server can reach."""
        address = str(self.cleaned_data["address"])
        try:
            targets.check(address)
        except targets.ForbiddenTarget as error:
            raise forms.ValidationError(str(error)) from error
        return address


@admin.register(AlertAddress)
class AlertAddressAdmin(admin.ModelAdmin[AlertAddress]):
    """One address a site, and what it was told lately."""

    form = AlertAddressForm
    change_form_template = "admin/access/alert_address.html"
    list_display = ("site", "address", "is_enabled", "parked")
    list_select_related = ("site",)
    ordering = ("site__name",)

    def get_readonly_fields(self, request: HttpRequest, obj: AlertAddress | None = None) -> Any:
        return () if obj is None else ("site",)

    def get_urls(self) -> list[URLPattern]:
        """With the buttons that call a parked address again, and that make a new secret."""
        again = self.admin_site.admin_view(self.again_view)
        secret = self.admin_site.admin_view(self.secret_view)
        return [
            path("<uuid:site_id>/again/", again, name="access_alert_again"),
            path("<uuid:site_id>/secret/", secret, name="access_alert_secret"),
            *super().get_urls(),
        ]

    def again_view(self, request: HttpRequest, site_id: Any) -> HttpResponse:
        """POST: call a parked address again."""
        address = self._may_change(request, site_id)
        if request.method == "POST":
            now = clock.now()
            count = alerts.take_up_again(address, now)
            messages.success(request, f"The address is called again, {count:,} times at first.")
            self._audit("access.alerts_resumed", address, request)
        return HttpResponseRedirect(_page_of(address))

    def secret_view(self, request: HttpRequest, site_id: Any) -> HttpResponse:
        """POST: sign with a new secret from now on, and show it this once."""
        address = self._may_change(request, site_id)
        if request.method != "POST":
            return HttpResponseRedirect(_page_of(address))
        alerts.make_new_secret(address)
        self._audit("access.alert_secret_made", address, request)
        return self._shown_once(request, address)

    def response_add(
        self, request: HttpRequest, obj: AlertAddress, post_url_continue: str | None = None
    ) -> HttpResponse:
        """With the secret, this once."""
        return self._shown_once(request, obj)

    def _may_change(self, request: HttpRequest, site_id: Any) -> AlertAddress:
        address = self.get_object(request, str(site_id))
        if address is None or not self.has_change_permission(request, address):
            raise PermissionDenied
        return address

    def _shown_once(self, request: HttpRequest, address: AlertAddress) -> HttpResponse:
        """Answer with the secret itself: a message after a redirect would be kept somewhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The secret of the webhook",
            "opts": self.opts,
            "secret": address.secret,
            "back": _page_of(address),
        }
        response = TemplateResponse(request, "admin/access/alert_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what may be done to it, and the newest alerts."""
        address: AlertAddress | None = kwargs.get("obj")
        if address is not None:
            may_change = self.has_change_permission(request, address)
            told = Alert.objects.filter(site_id=address.site_id).order_by("-at")[:SHOWN]
            context |= {
                "told": list(told),
                "may_change": may_change,
                "may_resume": may_change and address.parked_at is not None,
                "parked_after": calls.PARKED_AFTER,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: AlertAddress, form: Any, change: bool) -> None:
        """Another address is called at once, whatever the one before did."""
        if "address" in form.changed_data:
            obj.parked_at, obj.failures = None, 0
        super().save_model(request, obj, form, change)
        self._audit("access.alert_address_saved", obj, request)

    @admin.display(description="Parked")
    def parked(self, address: AlertAddress) -> str:
        return "-" if address.parked_at is None else f"since {address.parked_at:%Y-%m-%d %H:%M} UTC"

    def _audit(self, action: str, address: AlertAddress, request: HttpRequest) -> None:
        record_audit(
            action=action, actor=actor_of(request), site_id=address.site_id,
            target_kind="access.alertaddress", target_id=str(address.pk), now=clock.now(),
        )  # fmt: skip


def _page_of(address: AlertAddress) -> str:
    return reverse("admin:access_alertaddress_change", args=[address.pk])

"""Where caches are told what to forget, in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.delivery.models import PurgeAddress


class PurgeAddressForm(forms.ModelForm[PurgeAddress]):
    """An address; its secret is never shown again."""

    url = forms.URLField(
        label="Address",
        max_length=500,
        assume_scheme="https",
        help_text=PurgeAddress._meta.get_field("url").help_text,
    )
    secret = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text='What the header says: "Bearer ..." for instance. Empty: as it is.',
    )

    class Meta:
        model = PurgeAddress
        fields = ("site", "url", "header", "secret", "is_enabled")
        field_classes = {"url": forms.CharField}  # in whose place `url` above comes

    def clean_secret(self) -> Any:
        """Keep the old secret where no new one is given."""
        return self.cleaned_data["secret"] or self.instance.secret


@admin.register(PurgeAddress)
class PurgeAddressAdmin(admin.ModelAdmin[PurgeAddress]):
    """One address a site."""

    form = PurgeAddressForm
    fields = ["site", "url", "header", "secret", "is_enabled"]
    list_display = ["site", "url", "is_enabled"]
    list_select_related = ["site"]

    def get_fields(self, request: HttpRequest, obj: PurgeAddress | None = None) -> Any:
        """Who may only look is shown fields as they are: not this one."""
        fields = super().get_fields(request, obj)
        if self.has_change_permission(request, obj):
            return fields
        return [name for name in fields if name != "secret"]

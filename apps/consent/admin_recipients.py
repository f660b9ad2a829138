"""Recipients in the admin: who outside is told about visitors, and what for."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from apps.access import services as access
from apps.access.small_cells import words
from apps.consent.declared import CHOICES
from apps.consent.recipients import Recipient
from apps.work import clock


class RecipientForm(forms.ModelForm[Recipient]):
    """A recipient; its purposes are ticked, never typed."""

    purposes = forms.MultipleChoiceField(
        choices=CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it may use the data for. Without one, nobody is told to it.",
    )

    endpoint = forms.URLField(
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=AdminTextInputWidget({"inputmode": "url"}),
        label="Called about rights",
        help_text="An address that takes a POST. Empty: it is told by e-mail.",
    )

    class Meta:
        model = Recipient
        fields = [
            "site", "name", "key", "country", "is_third_party", "purposes", "contact", "endpoint",
        ]  # fmt: skip


@admin.register(Recipient)
class RecipientAdmin(admin.ModelAdmin[Recipient]):
    """Who is told: triggers name one behind their address, and each telling is noted."""

    form = RecipientForm
    list_display = ["name", "acts_for", "used_for", "country", "people", "site"]
    list_filter = ["site", "is_third_party"]
    list_select_related = ["site"]
    search_fields = ["name", "key"]
    ordering = ["site__name", "name"]
    readonly_fields = ["people"]
    fieldsets = [
        (None, {"fields": ["site", ("name", "key"), "country"]}),
        ("What it is told for", {"fields": ["is_third_party", "purposes"]}),
        (
            "Rights of visitors",
            {
                "fields": ["contact", "endpoint"],
                "description": "It is told when somebody it was told of has their data erased or"
                " corrected, or opts out.",
            },
        ),
        ("So far", {"fields": ["people"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        """With the number of people it was told of."""
        return (
            super()
            .get_queryset(request)
            .annotate(told=Count("disclosures__profile", distinct=True))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[str]:
        """The site and the key stay what they were: what is noted names them."""
        return [*self.readonly_fields, *(["site", "key"] if obj else [])]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Recipient | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    @admin.display(description="Acts for")
    def acts_for(self, recipient: Recipient) -> str:
        return "itself" if recipient.is_third_party else "you, as a processor"

    @admin.display(description="Uses data for")
    def used_for(self, recipient: Recipient) -> str:
        """The purposes; without any nobody is told to it."""
        return ", ".join(recipient.purposes) or "not said: nobody is told to it"

    @admin.display(description="People told in 12 months")
    def people(self, recipient: Recipient) -> str:
        return words(getattr(recipient, "told", 0))

    def save_model(self, request: HttpRequest, obj: Recipient, form: Any, change: bool) -> None:
        """Who changes to whom visitors are told is written down."""
        super().save_model(request, obj, form, change)
        access.record_audit(
            action="consent.recipient_saved",
            actor=request.user if request.user.is_authenticated else None,
            site_id=obj.site_id,
            target_kind="consent.recipient",
            target_id=str(obj.pk),
            detail={"key": obj.key, "purposes": obj.purposes, "isThirdParty": obj.is_third_party},
            now=clock.now(),
        )

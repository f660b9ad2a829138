"""The form of a connection: what it may write, in words; and of a call that is repaired."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget

from apps.content.chosen import ChosenField
from apps.integrations.importing import field_names
from apps.integrations.models import Connection, Incoming, Mapping

MOST_BODY = 2 * 1024 * 1024


class ConnectionForm(forms.ModelForm[Connection]):
    """A connection; its secret is shown once, when it is made."""

    secret = forms.CharField(
        required=False,
        min_length=16,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Contentful: paste the one that it shows under Settings, Webhooks, Request "
        "verification. Others: leave this empty and a secret is made, and shown once. Later: empty "
        "keeps it.",
    )

    class Meta:
        model = Connection
        fields = ("site", "name", "kind", "secret", "seen_path", "tag_prefix", "is_enabled")

    def clean_secret(self) -> str:
        """Keep the old secret where no new one is given.

        Raises:
            ValidationError: a pasted one that nobody could sign with.
        """
        given = str(self.cleaned_data["secret"]).strip()
        if given and not (given.isascii() and given.isprintable()):
            raise forms.ValidationError("A secret is made of plain letters, digits and signs.")
        return given or self.instance.secret


class MappingForm(forms.ModelForm[Mapping]):
    """One type of entries, and the block that they become variants of."""

    block = ChosenField(
        "blocks",
        "block",
        most=1,
        required=True,
        label="Block",
        help_text="Each entry becomes a variant of it.",
    )

    class Meta:
        model = Mapping
        fields = ("content_type", "block", "fields")

    def __init__(self, *args: Any, site_id: UUID | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["block"]
        assert isinstance(field, ChosenField)
        chosen = [self.instance.block] if self.instance.block_id else []
        field.at(site_id, chosen)
        self.fields["fields"].widget = AdminTextareaWidget({"rows": 4, "spellcheck": "false"})

    def clean(self) -> dict[str, Any]:
        """Refuse lines that name no fields, and fields that the block does not have."""
        found = super().clean() or {}
        try:
            named = field_names(found.get("fields", ""))
        except ValueError as error:
            self.add_error("fields", str(error))
            return found
        block = found.get("block")
        schema = [] if block is None else block.fields_schema
        known = {row["name"] for row in schema if isinstance(row, dict)}
        odd = [name for name in named.values() if name not in known]
        if block is not None and odd:
            offered = ", ".join(sorted(known)) or "none yet"
            self.add_error("fields", f"The block has no field “{odd[0]}”. It has: {offered}.")
        return found


class MappingFormSet(forms.BaseInlineFormSet[Mapping, Connection, MappingForm]):
    """Mappings to blocks of the connection's own site."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """With the site, which a new connection names in its own form."""
        given = self.data.get("site") if self.is_bound else None
        try:
            site_id = self.instance.site_id or (UUID(str(given)) if given else None)
        except ValueError:
            site_id = None
        return {**super().get_form_kwargs(index), "site_id": site_id}


class IncomingForm(forms.ModelForm[Incoming]):
    """What came, to be repaired."""

    repaired = forms.CharField(
        label="What is imported",
        strip=False,
        max_length=MOST_BODY,
        widget=AdminTextareaWidget({"rows": 16, "spellcheck": "false"}),
        help_text="Mend it here if the entry itself cannot be mended; what came is kept beside it.",
    )

    class Meta:
        model = Incoming
        fields = ("repaired",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.repaired:
            self.initial["repaired"] = body_text(self.instance)


def body_text(incoming: Incoming) -> str:
    """Return what came as text; bytes that are none are made visible."""
    text = bytes(incoming.body).decode(errors="replace")
    return text.replace("\0", "\ufffd")

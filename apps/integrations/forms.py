"""The forms of a connection, of a call that is repaired, and of what a connection is tried with."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget

from apps.content.chosen import ChosenField
from apps.integrations.checking import CONTENTFUL, Question, can_be_asked
from apps.integrations.importing import field_names
from apps.integrations.models import Connection, Incoming, Mapping

MOST_BODY = 2 * 1024 * 1024


class _Hidden(forms.PasswordInput):
    """What nobody is to read over a shoulder; it is never sent back to the page."""

    def __init__(self) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false"})


class ConnectionForm(forms.ModelForm[Connection]):
    """A connection; its secret is shown once, when it is made."""

    secret = forms.CharField(
        required=False,
        min_length=16,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Contentful: paste the one that it shows under Settings, Webhooks, Request "
        "verification. SendGrid: its verification key. Mailgun: its HTTP webhook signing key. "
        "Others: leave this empty and a secret is made, and shown once. Later: empty keeps it.",
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


class TrialForm(forms.Form):
    """What a connection is tried with; nothing of it is kept."""

    secret = forms.CharField(
        label="The secret, as it is set there",
        required=False,
        max_length=200,
        widget=_Hidden,
        help_text="Is it the one that is kept here? Empty: it is not looked at.",
    )
    address = forms.URLField(
        label="Address of its API",
        required=False,
        max_length=300,
        assume_scheme="https",
        widget=AdminTextInputWidget({"inputmode": "url"}),
    )
    space = forms.CharField(label="Space ID", required=False, max_length=64)
    environment = forms.CharField(
        label="Environment", required=False, max_length=64, initial="master"
    )
    token = forms.CharField(
        label="A key that may read", required=False, max_length=1_000, widget=_Hidden
    )

    def __init__(self, *args: Any, connection: Connection, may_see_secret: bool) -> None:
        """With the inputs that this kind of system needs."""
        super().__init__(*args)
        self.connection = connection
        if not may_see_secret:
            del self.fields["secret"]
        if not can_be_asked(connection):
            for name in ("address", "space", "environment", "token"):
                del self.fields[name]
        elif connection.kind == Connection.Kind.CONTENTFUL:
            self.fields["address"].initial = CONTENTFUL
            self.fields[
                "token"
            ].help_text = (
                "Of the Content Delivery API: Settings, API keys. Used for this one call only."
            )
        else:
            del self.fields["space"], self.fields["environment"]
            self.fields["address"].help_text = "As in https://cms.example.com, without /admin."
            self.fields["token"].help_text = (
                "Settings, API Tokens: one that may read “Content-type-builder”. Used for this one "
                "call only."
            )

    def clean_token(self) -> str:
        """Refuse what no header can carry."""
        given = str(self.cleaned_data["token"]).strip()
        if given and not (given.isascii() and given.isprintable()):
            raise forms.ValidationError("A key is made of plain letters, digits and signs.")
        return given

    def clean(self) -> dict[str, Any]:
        """Whoever gives a key wants the system to be asked: then all of it is needed."""
        found = super().clean() or {}
        if found.get("token"):
            for name in ("address", "space", "environment"):
                if name in self.fields and name not in self.errors and not found.get(name):
                    self.add_error(name, "It is needed to ask with this key.")
        return found

    def question(self) -> Question | None:
        """What the content system is asked with; None: it is not to be asked."""
        found = self.cleaned_data
        if not found.get("token"):
            return None
        names = ("address", "space", "environment", "token")
        return Question(*(str(found.get(name) or "") for name in names))


def body_text(incoming: Incoming) -> str:
    """Return what came as text; bytes that are none are made visible."""
    text = bytes(incoming.body).decode(errors="replace")
    return text.replace("\0", "\ufffd")

"""Who is told about people: the recipients of a site, and who of its people was told to whom."""

from django.core.validators import RegexValidator
from django.db import models

from apps.consent.declared import NAMES
from apps.work.ids import uuid7

_CODE = RegexValidator(r"\A[A-Z]{2}\Z", "Two capital letters, such as DE.", code="invalid_country")


class Recipient(models.Model):
    """Somebody outside who is told about visitors: by a webhook, by a file, by an e-mail."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="recipients")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120, help_text="As visitors are told: the company's name.")
    country = models.CharField(
        max_length=2, blank=True, validators=[_CODE], help_text="Where it is, such as DE or US."
    )
    is_third_party = models.BooleanField(
        "acts for itself",
        default=True,
        help_text="Off for a processor, who acts only for you and under your contract. Who acts"
        " for itself is told only about visitors who agreed to advertising.",
    )
    purposes = models.JSONField(default=list, blank=True, help_text="What it may use the data for.")
    contact = models.CharField(
        max_length=200, blank=True, help_text="E-mail address for requests about people."
    )
    endpoint = models.URLField(
        max_length=500,
        blank=True,
        help_text="Is told of erasures, corrections and opt-outs by POST. Empty: by e-mail.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="consent_recipient_key")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def may_be_told(self) -> bool:
        """Whether it says what it uses the data for: without that nobody is told to it."""
        return bool(self.purposes) and set(self.purposes) <= set(NAMES)


class Disclosure(models.Model):
    """One person who was told to one recipient, by one thing, for the first and the last time."""

    id = models.BigAutoField(primary_key=True)
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="disclosures")
    recipient = models.ForeignKey(
        Recipient, models.RESTRICT, related_name="disclosures", db_index=False
    )
    what = models.CharField(max_length=100, help_text="What told it, such as trigger:welcome.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "recipient", "what"], name="consent_disclosure_once"
            )
        ]
        indexes = [models.Index(fields=["last_at"], name="consent_disclosure_last")]

    def __str__(self) -> str:
        return f"{self.recipient_id} by {self.what}"

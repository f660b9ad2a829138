"""Sites (the tenants), their sources and keys, and the audit trail."""

import re

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7


class Regime(models.TextChoices):
    """Which default holds when nobody has chosen. Source: docs/privacy.md."""

    EU_OPT_IN = "eu_opt_in", "EU opt-in"
    US_OPT_OUT = "us_opt_out", "US opt-out"
    STRICT_UNKNOWN = "strict_unknown", "Strict (place unknown)"


def default_locales() -> list[str]:
    """Return the languages of a site that has named none."""
    return ["en"]


def check_locales(value: object) -> None:
    """Refuse anything but a few different language tags.

    Raises:
        ValidationError
    """
    tag = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
    items = value if isinstance(value, list) else [None]
    odd = [one for one in items if not isinstance(one, str) or tag.fullmatch(one) is None]
    if odd or len(items) > 20 or len({str(one).lower() for one in items}) < len(items):
        raise ValidationError(
            'Languages are a list such as ["en", "de", "de-CH"]: at most 20, each once.'
        )


class Site(models.Model):
    """A tenant. Every table, key and query starts with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    regime = models.CharField(max_length=20, choices=Regime.choices, default=Regime.STRICT_UNKNOWN)
    time_zone = models.CharField(max_length=60, default="UTC")
    is_plan_strict = models.BooleanField(
        default=False, help_text="Hold undeclared event names in quarantine until declared."
    )
    retention_days = models.PositiveIntegerField(default=395)
    decision_log_share = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of decisions (0 to 1) kept with all they read, so that they can be "
        "replayed. Reasons are kept of every decision.",
    )
    preferences_url = models.URLField(
        blank=True,
        help_text="Where visitors change what they allow; told to those who ask why they see this.",
    )
    locales = models.JSONField(
        default=default_locales,
        blank=True,
        validators=[check_locales],
        help_text='Languages of the content, such as ["en", "de"]. The first is the default.',
    )
    needs_approval = models.BooleanField(
        default=False,
        help_text="Four eyes: nothing is published before somebody else has approved it.",
    )
    preview_pages = models.JSONField(
        default=list,
        blank=True,
        help_text='Pages to preview on: [{"name": "Home", "url": "https://shop.example/", '
        '"placements": ["home.hero"]}].',
    )
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """One sender of events of a site: a web page, an app, a server."""

    class Kind(models.TextChoices):
        BROWSER = "browser"
        SERVER = "server"

    class ConsentMode(models.TextChoices):
        REQUIRED = "required", "Required: nothing is stored without a yes"
        ASSUMED = "assumed", "Assumed: the site vouches for consent when nothing is recorded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, models.CASCADE, related_name="sources")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BROWSER)
    consent_mode = models.CharField(
        max_length=10, choices=ConsentMode.choices, default=ConsentMode.REQUIRED
    )
    allowed_origins = models.JSONField(
        default=list,
        blank=True,
        help_text='Origins such as "https://shop.example"; "http://localhost:*" for any port.',
    )
    rate_per_s = models.PositiveIntegerField(default=1000)
    rate_per_address_s = models.PositiveIntegerField(default=100)
    burst_s = models.PositiveSmallIntegerField(default=5)
    is_user_proof_required = models.BooleanField(
        default=False, help_text="Ignore a claimed userId without a valid userHash or userToken."
    )
    proof_secret = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="access_source_name")]

    def __str__(self) -> str:
        return f"{self.site} / {self.name}"


class ApiKey(models.Model):
    """A key of one source. Only its SHA-256 is stored; a publishable key is public by nature."""

    class Kind(models.TextChoices):
        PUBLISHABLE = "pk", "Publishable"
        SECRET = "sk", "Secret"
        EDGE = "ek", "Edge"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, models.CASCADE, related_name="api_keys")
    source = models.ForeignKey(Source, models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=2, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="The last characters, to tell keys apart.")
    public_value = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="pk") | Q(public_value=""), name="access_key_only_pk_is_public"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}_...{self.hint}"


class IdempotentCall(models.Model):
    """A call under an Idempotency-Key and its answer, for a day. Status 0: it is running."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(Site, models.CASCADE, related_name="idempotent_calls")
    digest = models.CharField(max_length=64, help_text="Of the API key and the Idempotency-Key.")
    request_digest = models.CharField(max_length=64)
    route = models.CharField(max_length=200)
    started_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "digest"], name="access_idempotent_call")
        ]

    def __str__(self) -> str:
        return f"{self.route} at {self.started_at:%Y-%m-%d %H:%M:%S}"


class AuditEntry(models.Model):
    """Who did what and when, append-only and sealed. Never a value or a name of a visitor.

    An entry outlives its site and its actor and goes on naming them: nothing of it is rewritten.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(
        Site,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="audit_entries",
    )
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="audit_entries",
    )
    actor_label = models.CharField(max_length=150)
    action = models.CharField(max_length=80)
    target_kind = models.CharField(max_length=60, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    salt = models.UUIDField(db_default=RandomUUID(), editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["site", "-at"], name="access_audit_site_at")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_label}"

"""Sites (the tenants), their sources and keys, and the audit trail."""

import re
import secrets

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.access.alert_models import Alert as Alert
from apps.access.alert_models import AlertAddress as AlertAddress
from apps.access.sealed_secrets import unseal
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


class PlacePolicy(models.TextChoices):
    """What decides which default holds for a visitor."""

    FIXED = "fixed", "The regime above, or a stricter one where the place is known"
    BY_PLACE = "by_place", "By place: where the visitor lives or is; strict where nobody knows"


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
    place_policy = models.CharField(
        "which default holds",
        max_length=10,
        choices=PlacePolicy.choices,
        default=PlacePolicy.FIXED,
        help_text="The place is where somebody says they live, or what a trusted proxy tells.",
    )
    treats_gpc_as_refusal = models.BooleanField(
        "Global Privacy Control refuses personalization",
        null=True,
        blank=True,
        choices=[(None, "Where silence is a no"), (True, "Always"), (False, "Never")],
        help_text="It always refuses advertising and sale.",
    )
    tcf_vendor_id = models.PositiveIntegerField(
        "TCF vendor id",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65_535)],
        help_text="The site's number on the IAB global vendor list. Without it nothing is ever "
        "granted by a TCF string.",
    )
    controller = models.CharField(
        max_length=200, blank=True, help_text="Who is responsible, as the notice names them."
    )
    contact = models.CharField(
        max_length=200, blank=True, help_text="Where they are reached: an address or a mailbox."
    )
    grant_months = models.PositiveSmallIntegerField(
        "a yes holds for",
        default=12,
        db_default=12,
        validators=[MinValueValidator(1), MaxValueValidator(24)],
        help_text="A yes ends after so many months: visitors are asked again.",
    )
    ask_again_months = models.PositiveSmallIntegerField(
        "after a no, silence for",
        default=6,
        db_default=6,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text="Whoever has refused is not asked again before.",
    )
    opt_out_months = models.PositiveSmallIntegerField(
        "after an opt-out of sale, for",
        default=12,
        db_default=12,
        validators=[MinValueValidator(12), MaxValueValidator(60)],
        help_text="The same after an opt-out of sale. California: at least 12.",
    )
    privacy_settings = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        editable=False,
        help_text="How long each kind of data is kept, where it is not as docs/privacy.md says.",
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

    def clean(self) -> None:
        """Refuse to become stricter than a web page's source that assumes consent can be.

        Raises:
            ValidationError
        """
        browsers = Source.objects.filter(site_id=self.pk, kind=Source.Kind.BROWSER)
        assuming = [
            one.name for one in browsers if assumes_too_much(one.kind, one.consent_mode, self)
        ]
        if assuming:
            raise ValidationError(
                f"Web pages of this site assume consent ({', '.join(assuming)}), which is not "
                "possible where the law asks for a yes. Change the consent mode of these sources "
                'to "Required" or "By regime" first.'
            )


class Source(models.Model):
    """One sender of events of a site: a web page, an app, a server."""

    class Kind(models.TextChoices):
        BROWSER = "browser"
        SERVER = "server"

    class ConsentMode(models.TextChoices):
        REQUIRED = "required", "Required: nothing is stored without a yes"
        ASSUMED = "assumed", "Assumed: the site vouches for consent when nothing is recorded"
        BY_REGIME = "by_regime", "By regime: silence is what the law of the place says it is"

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

    def clean(self) -> None:
        """Refuse a browser source that assumes consent where silence is a no.

        Raises:
            ValidationError
        """
        if self.site_id is not None and assumes_too_much(self.kind, self.consent_mode, self.site):
            raise ValidationError({"consent_mode": ASSUMED_TOO_MUCH})


ASSUMED_TOO_MUCH = (
    "A web page cannot assume consent where the law asks for a yes, and this site's regime (or the "
    'place of some visitors) does. Choose "Required", or "By regime" to ask only where it is due.'
)


def assumes_too_much(kind: str, consent_mode: str, site: Site) -> bool:
    """Whether a source would take silence for a yes where it is a no."""
    is_strict = site.regime != Regime.US_OPT_OUT or site.place_policy != PlacePolicy.FIXED
    return kind == Source.Kind.BROWSER and consent_mode == Source.ConsentMode.ASSUMED and is_strict


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


class SiteStaff(models.Model):
    """A member of staff who works on this site. Whoever has no such row works on all of them."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="works_on", verbose_name="staff"
    )
    # Not with the site: without its last row somebody would work on all of them.
    site = models.ForeignKey(Site, models.PROTECT, related_name="staff")

    class Meta:
        verbose_name_plural = "sites of staff"
        constraints = [models.UniqueConstraint(fields=["user", "site"], name="access_site_staff")]

    def __str__(self) -> str:
        return f"{self.user} on {self.site}"


def bound_to(user_id: int) -> str:
    """Return what the secret of somebody's authenticator is encrypted for."""
    return f"second factor of {user_id}"


class SealedTotp(TOTPDevice):  # type: ignore[misc]  # the library has no types
    """An authenticator whose secret is encrypted in the library's table, for its owner alone."""

    class Meta:
        proxy = True
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} of {self.user_id}"

    @property
    def bin_key(self) -> bytes:
        """The secret; one that no key opens is nobody's, and no code fits it."""
        return unseal(self.key, bound_to(self.user_id)) or secrets.token_bytes(20)


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

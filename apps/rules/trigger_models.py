"""Triggers: what happens when somebody comes into a segment or leaves it; and what happened."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from apps.access.calls import new_secret
from apps.consent import declared
from apps.content.types import KEY_PATTERN, KEY_RULE
from apps.work.ids import uuid7

__all__ = ["Firing", "Trigger", "TriggerCursor", "new_secret"]

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")

DAY_MS = 86_400_000
MAX_SPAN_MS = 90 * DAY_MS  # as long as firings are kept: no longer span can be counted


class Trigger(models.Model):
    """A segment, a direction, and what happens then: a message, a webhook, content.

    The message and the webhook follow the row as it stands while it is switched on. The content is
    a rule of the next publication: whoever is in the segment gets the variant.
    """

    class On(models.TextChoices):
        ENTERED = "entered", "comes into the segment"
        LEFT = "left", "leaves the segment"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="triggers")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=80, validators=[check_key])
    name = models.CharField(max_length=120)
    segment = models.ForeignKey("segments.Segment", models.RESTRICT, related_name="triggers")
    on = models.CharField("when somebody", max_length=10, choices=On.choices, default=On.ENTERED)
    for_ms = models.PositiveBigIntegerField(
        "and that has held for",
        default=0,
        validators=[MaxValueValidator(MAX_SPAN_MS)],
        help_text="Who turns back earlier is not meant. Empty: at once.",
    )
    placement = models.ForeignKey(
        "content.Placement", models.RESTRICT, null=True, blank=True, related_name="triggers"
    )
    variant = models.ForeignKey(
        "content.Variant", models.RESTRICT, null=True, blank=True, related_name="triggers"
    )
    cap = models.ForeignKey(
        "content.Cap",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="triggers",
    )
    message = models.JSONField(
        null=True, blank=True, help_text="What open pages are told. Never anything of one person."
    )
    webhook_address = models.URLField("webhook", max_length=500, blank=True)
    webhook_secret = models.CharField(max_length=60, default=new_secret, editable=False)
    webhook_failures = models.PositiveIntegerField(default=0, editable=False)
    webhook_parked_at = models.DateTimeField(null=True, blank=True, editable=False)
    most = models.PositiveSmallIntegerField(
        "at most",
        null=True,
        blank=True,
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Times for one visitor. Empty: any number.",
    )
    window_ms = models.PositiveBigIntegerField(
        "in any",
        null=True,
        blank=True,
        validators=[MinValueValidator(1_000), MaxValueValidator(MAX_SPAN_MS)],
        help_text="Empty: in 90 days, which is how long it is remembered.",
    )
    cooldown_ms = models.PositiveBigIntegerField(
        "then not for",
        default=0,
        validators=[MaxValueValidator(MAX_SPAN_MS)],
        help_text="A pause after each time. Empty: none.",
    )
    most_per_minute = models.PositiveIntegerField(
        "pause itself above",
        default=1_000,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="Times a minute for all visitors together: more is likely to be a mistake.",
    )
    priority = models.SmallIntegerField(
        default=100, help_text="Of its content among the rules of the placement."
    )
    is_enabled = models.BooleanField("switched on", default=False)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.TRIGGERS,
        blank=True,
        help_text="What it is for. Without it, it cannot be switched on.",
    )
    recipient = models.ForeignKey(
        "consent.Recipient",
        models.RESTRICT,
        verbose_name="webhook goes to",
        null=True,
        blank=True,
        related_name="+",
        help_text="Who is behind the address. Empty: yourself.",
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="rules_trigger_key"),
            models.UniqueConstraint(fields=["site", "number"], name="rules_trigger_number"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="rules_trigger_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(placement=None, variant=None)
                | Q(placement__isnull=False, variant__isnull=False),
                name="rules_trigger_shows_something_somewhere",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Firing(models.Model):
    """One time a trigger was asked: by whom, by which line of the feed, and what came of it."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "waits for its time"
        FIRED = "fired", "fired"
        TURNED_BACK = "turned_back", "turned back before its time"
        CAPPED = "capped", "had it as often as is allowed"
        COOLING = "cooling", "had it too short a time ago"
        NO_CONSENT = "no_consent", "has not agreed to personalization"
        HOLDOUT = "holdout", "is kept from all personalization"
        HELD = "held", "came when the trigger paused itself"
        LATE = "late", "was known too late"
        OFF = "off", "came due when the trigger was off"

    class Webhook(models.TextChoices):
        NONE = "", "none"
        WAITING = "waiting", "on its way"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "given up"
        PARKED = "parked", "parked: the address does not answer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="firings", db_index=False)
    profile_id = models.UUIDField()
    cause = models.CharField(max_length=40, help_text="What made it: a line of the change feed.")
    at = models.DateTimeField(help_text="When the visitor came or left, or when its time was up.")
    due_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    webhook = models.CharField(max_length=10, choices=Webhook.choices, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trigger", "profile_id", "cause"], name="rules_firing_once"
            )
        ]
        indexes = [
            models.Index(fields=["trigger", "at"], name="rules_firing_trigger"),
            models.Index(fields=["profile_id"], name="rules_firing_profile"),
            models.Index(
                fields=["due_at"], condition=Q(outcome="waiting"), name="rules_firing_waiting"
            ),
            models.Index(fields=["at"], name="rules_firing_at"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_id} {self.outcome}"


class TriggerCursor(models.Model):
    """How far triggers have read the change feed. One row; who holds it fires."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    upto = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.upto)

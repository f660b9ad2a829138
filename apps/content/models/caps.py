"""How often one visitor may be shown something."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.content.models.keys import check_key
from apps.work.ids import uuid7
from engine.capping import MAX_SHOWINGS


class Cap(models.Model):
    """How often one visitor may be shown something. Whatever names a cap draws on its one budget.

    A cap is never deleted: what was shown is kept by its number, which nothing else may get.
    """

    class Per(models.TextChoices):
        VISITOR = "visitor", "Visitor"
        SESSION = "session", "Visitor and session: it ends after 30 minutes without an event"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="caps")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    most = models.PositiveSmallIntegerField(
        "at most",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SHOWINGS)],
        help_text="Showings, 1 to 100. Empty: any number.",
    )
    window_ms = models.PositiveBigIntegerField(
        "in any", null=True, blank=True, help_text="Empty: ever, as far as showings are kept."
    )
    per = models.CharField(max_length=10, choices=Per.choices, default=Per.VISITOR)
    cooldown_ms = models.PositiveBigIntegerField(
        "then not for", default=0, help_text="At least this long after the last showing."
    )
    half_life_ms = models.PositiveBigIntegerField(
        "wears off by half in",
        null=True,
        blank=True,
        help_text="Fatigue: with it, the intensity falls with each showing and comes back.",
    )
    step = models.FloatField(
        "each showing takes",
        default=0.2,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Of the intensity, 0 to 1.",
    )
    floor = models.FloatField(
        "down to",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="The least intensity that is left.",
    )
    skip_below = models.FloatField(
        "not shown below",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Below this intensity nothing is shown.",
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_cap_key"),
            models.UniqueConstraint(fields=["site", "number"], name="content_cap_number"),
        ]

    def __str__(self) -> str:
        return self.name

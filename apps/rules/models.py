"""Rules: a condition that serves one variant in one placement."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from apps.consent import declared
from apps.content.types import KEY_PATTERN, KEY_RULE
from apps.rules.trigger_models import Firing, Trigger, TriggerCursor
from apps.work.ids import uuid7

__all__ = ["Firing", "Rule", "Trigger", "TriggerCursor", "check_key", "everyone"]

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")


def everyone() -> dict[str, object]:
    """Return the condition that every visitor meets."""
    return {"v": 1, "where": {"all": []}}


class Rule(models.Model):
    """Who gets which variant in a placement, before the variants' own tags are asked.

    The greatest priority is asked first. The row is the draft; a publication freezes it and turns
    the parts of `condition` that read history into hidden segments.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="rules")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    placement = models.ForeignKey("content.Placement", models.CASCADE, related_name="rules")
    variant = models.ForeignKey("content.Variant", models.CASCADE, related_name="rules")
    priority = models.SmallIntegerField(default=0, help_text="The greatest is asked first.")
    condition = models.JSONField(default=everyone)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="UTC; empty: at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="UTC; empty: never.")
    is_enabled = models.BooleanField(default=True)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.TARGETING,
        blank=True,
        help_text="What it is for. Without it, it cannot be published.",
    )
    caps = models.ManyToManyField(
        "content.Cap",
        blank=True,
        related_name="rules",
        help_text="What this rule serves, unless it is the default, draws on these caps.",
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="rules_key_unique"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="rules_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.name

"""What was seen when models that serve were looked at: drift, and how groups are treated."""

from django.conf import settings
from django.db import models

from apps.predictions.models.versions import ModelVersion
from apps.work.ids import uuid7


class DriftLook(models.Model):
    """One look at one feature, score, or figure of a serving version."""

    class Kind(models.TextChoices):
        FEATURE = "feature"
        SCORE = "score"
        CALIBRATION = "calibration"
        MISSING = "missing", "Missing values"
        VOLUME = "volume", "Number of visitors"

    class Level(models.TextChoices):
        FINE = "fine", "As expected"
        WATCH = "watch", "Watch it"
        DRIFTED = "drifted", "Drifted"
        UNKNOWN = "unknown", "Cannot be told"

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="looks")
    looked_at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=200)
    value = models.FloatField(null=True, blank=True, help_text="PSI, or the figure itself.")
    expected = models.FloatField(
        null=True, blank=True, help_text="What it would be by chance when nothing changed."
    )
    level = models.CharField(max_length=8, choices=Level.choices)
    words = models.CharField(max_length=500)

    class Meta:
        verbose_name = "drift look"
        indexes = [models.Index(fields=["version", "-looked_at"], name="predictions_looks")]

    def __str__(self) -> str:
        return f"{self.name}: {self.level}"


class FairnessAudit(models.Model):
    """How a version treats the groups of one trait. Append-only: a later look is another row."""

    class Verdict(models.TextChoices):
        FINE = "fine", "No group is treated worse"
        UNFAIR = "unfair", "A group is treated worse"
        UNKNOWN = "unknown", "Cannot be told"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="audits")
    audited_at = models.DateTimeField()
    trait = models.CharField(max_length=200)
    groups = models.JSONField(default=list, blank=True)
    pairs = models.JSONField(default=list, blank=True)
    proxies = models.JSONField(default=list, blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    words = models.TextField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "fairness audit"
        indexes = [models.Index(fields=["version", "-audited_at"], name="predictions_audits")]

    def __str__(self) -> str:
        return f"{self.trait}: {self.verdict}"

"""Where a site is told of what happened without anybody's act, and what it was told."""

from django.db import models

from apps.access.calls import new_secret
from apps.work.ids import uuid7


class AlertAddress(models.Model):
    """The one address of a site that alerts are posted to."""

    site = models.OneToOneField(
        "access.Site", models.CASCADE, primary_key=True, related_name="alert_address"
    )
    address = models.URLField(
        max_length=500,
        help_text="A Standard Webhook is posted there when an arm of an experiment is stopped, or "
        "a model has drifted: figures and names, never anything of a person.",
    )
    secret = models.CharField(max_length=60, default=new_secret, editable=False)
    is_enabled = models.BooleanField("switched on", default=True)
    failures = models.PositiveIntegerField(default=0, editable=False)
    parked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "alert addresses"

    def __str__(self) -> str:
        return f"alerts of {self.site}"


class Alert(models.Model):
    """One thing that a site was told, and what became of the call. Nothing of any person."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "given up"
        PARKED = "parked", "parked: the address does not answer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=60)
    source = models.CharField(max_length=200)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["site", "-at"], name="access_alert_site_at")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"

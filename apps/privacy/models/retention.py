"""Runs of retention: the proof of what was removed because its time was over."""

from django.db import models


class RetentionRun(models.Model):
    """What one run did with one kind of data. It says how much went, never whose it was."""

    class State(models.TextChoices):
        DONE = "done", "Done"
        PARTLY = "partly", "Partly: the rest goes with the next run"
        FAILED = "failed", "Failed: it is tried again"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(
        "access.Site", models.CASCADE, null=True, blank=True, related_name="retention_runs"
    )
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices)
    days = models.PositiveIntegerField(help_text="How long it is kept.")
    cutoff = models.DateTimeField(help_text="What was older went.")
    removed = models.BigIntegerField(default=0)
    partitions = models.PositiveIntegerField(default=0, help_text="Months dropped as a whole.")
    oldest_left = models.DateTimeField(null=True, blank=True)
    took_ms = models.PositiveIntegerField(default=0)
    proof = models.JSONField(
        default=dict, help_text="Rows by table, and what else there is to say."
    )

    class Meta:
        indexes = [models.Index(fields=["kind", "-at"], name="privacy_retention_kind")]

    def __str__(self) -> str:
        return f"{self.kind} on {self.at:%Y-%m-%d}"

"""What the demo has loaded, and what came of it."""

from django.db import models

from apps.work.ids import uuid7


class DemoRun(models.Model):
    """One load of click files into a site: history sent, models trained, visits replayed.

    `report` is what demo_report prints; empty until the run has finished.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.OneToOneField("access.Site", models.CASCADE, related_name="demo_run")
    shop_source = models.ForeignKey("access.Source", models.CASCADE, related_name="+")
    name = models.CharField(
        max_length=50, help_text="As it was asked for; a larger load of it has a site of its own."
    )
    clicks_digest = models.CharField(max_length=64, help_text="SHA-256 over the click files.")
    learn_until = models.DateField(help_text="Learned from before, replayed from this day on.")
    sessions = models.PositiveIntegerField(help_text="Sessions replayed.")
    shift_s = models.FloatField(help_text="Seconds by which the history was moved.")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["name", "-created_at"], name="demo_run_name")]

    def __str__(self) -> str:
        return f"{self.name}: {self.sessions} sessions"

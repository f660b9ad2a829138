"""What must happen (intents) and what has changed (the feed)."""

from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7


class Intent(models.Model):
    """Work that must happen, written in the transaction that made it necessary.

    Celery only hurries it: the sweeper finds what the broker lost, and a lease that is no longer
    extended gives the work of a dead process to the next one.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(
        "access.Site", models.CASCADE, null=True, blank=True, related_name="intents"
    )
    kind = models.CharField(max_length=80)
    key = models.CharField(max_length=200, help_text="Two open intents of one kind never share it.")
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=20, default="slow")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField()
    leased_by = models.CharField(max_length=100, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    done_steps = models.PositiveBigIntegerField(default=0)
    total_steps = models.PositiveBigIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(state="waiting"),
                name="work_intent_one_waiting",
            )
        ]
        indexes = [
            models.Index(
                fields=["run_after"],
                condition=Q(state__in=["waiting", "running"]),
                name="work_intent_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"


class ChangeFeed(models.Model):
    """What has changed, append-only, read by cursor (`id`). Signals only wake its readers."""

    id = models.BigAutoField(primary_key=True)
    # Not checked, and no index of its own: a line a change, and the index below begins with it.
    site = models.ForeignKey(
        "access.Site", models.CASCADE, related_name="changes", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    profile_id = models.UUIDField(null=True, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["site", "id"], name="work_feed_site"),
            models.Index(fields=["profile_id"], name="work_feed_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

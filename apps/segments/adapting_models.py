"""Segments whose thresholds follow the population: what was agreed, and what is proposed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7


class SegmentAdaptation(models.Model):
    """Which numbers of a segment's condition are percentiles, and how often to look again."""

    segment = models.OneToOneField(
        "segments.Segment", models.CASCADE, primary_key=True, related_name="adaptation"
    )
    every_days = models.PositiveSmallIntegerField()
    numbers = models.JSONField(
        help_text="[{path, share, low?, high?}]: which number, which percentile in (0, 1), and"
        " between which numbers it may be published without being asked."
    )
    publishes_itself = models.BooleanField(default=False)
    next_at = models.DateTimeField(db_index=True)
    problem = models.TextField(blank=True, help_text="Why the last look came to nothing.")

    def __str__(self) -> str:
        return f"adaptation of {self.segment_id}"


class ThresholdProposal(models.Model):
    """New numbers for a condition, with their effect, until somebody answers."""

    class State(models.TextChoices):
        WAITING = "waiting"
        ACCEPTED = "accepted", "Accepted: the draft has them"
        DISMISSED = "dismissed"
        PUBLISHED = "published", "Published by itself, within the agreed range"
        REPLACED = "replaced", "Replaced by a newer one"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    segment = models.ForeignKey(
        "segments.Segment", models.CASCADE, related_name="threshold_proposals"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    base = models.JSONField(help_text="The draft that it changes.")
    condition = models.JSONField()
    numbers = models.JSONField(help_text="[{path, share, before, after}] as documents say them.")
    size_before = models.PositiveBigIntegerField(null=True)
    size_after = models.PositiveBigIntegerField(null=True)
    entered = models.PositiveBigIntegerField(null=True)
    left = models.PositiveBigIntegerField(null=True)
    made_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="threshold_answers",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["segment"],
                condition=Q(state="waiting"),
                name="segments_one_waiting_proposal",
            )
        ]

    def __str__(self) -> str:
        return f"proposal for {self.segment_id}: {self.state}"

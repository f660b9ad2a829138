"""Groups of visitors that were found, and keep their identity across refreshes."""

from django.db import models

from apps.predictions.models.versions import ModelVersion
from apps.work.ids import uuid7


class Group(models.Model):
    """One group of visitors, as one version of a model of kind "groups" saw it.

    `key` stays the same from version to version for as long as it is the same people's group.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="groups")
    key = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    center = models.JSONField(default=list, blank=True)
    words = models.JSONField(
        default=list, blank=True, help_text="What is most different of its people, in words."
    )
    surrogate = models.JSONField(
        default=dict, blank=True, help_text="The rule that comes nearest to it, and how near."
    )
    stability = models.FloatField(null=True, blank=True)
    segment_key = models.CharField(
        max_length=100, blank=True, help_text="The segment an editor made of it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="predictions_group_unique")
        ]

    def __str__(self) -> str:
        return self.name

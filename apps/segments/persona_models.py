"""People that editors invent to look at content and conditions with. Nobody real is in here."""

from django.db import models

from apps.work.ids import uuid7


class Persona(models.Model):
    """An invented visitor. What happened to them is told as so long before whenever one looks."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="personas")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="Who it stands for.")
    traits = models.JSONField(default=dict, blank=True, help_text="{name: value}")
    events = models.JSONField(
        default=list, blank=True, help_text="[{name, ago_ms, properties}], in any order."
    )
    context = models.JSONField(
        default=dict, blank=True, help_text="Facts of their request by dotted name."
    )
    consents = models.JSONField(
        default=dict, blank=True, help_text="{purpose: yes or no}; absent: never asked."
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="segments_persona_unique")
        ]

    def __str__(self) -> str:
        return self.name

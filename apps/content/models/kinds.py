"""Sets of typed fields that several blocks share."""

from django.db import models

from apps.content.models.keys import check_key
from apps.work.ids import uuid7


class BlockType(models.Model):
    """A reusable set of fields: every block of the type has them instead of a schema of its own."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="block_types")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    schema = models.JSONField(
        default=list, blank=True, help_text="The typed fields of every block of this type."
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_blocktype_key")
        ]

    def __str__(self) -> str:
        return self.name

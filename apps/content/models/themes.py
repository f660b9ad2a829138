"""What is said to whom: messages that the variants of many blocks share."""

from django.db import models

from apps.content.models.keys import check_key
from apps.work.ids import uuid7


class Theme(models.Model):
    """Messages for some segments. A variant of the theme is for them, and may show its messages.

    `messages` is `{name: {locale: text}}`; a publication puts the text in the place of
    `{{ theme.name }}`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="themes")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    segments = models.ManyToManyField(
        "segments.Segment",
        blank=True,
        related_name="themes",
        help_text="Whom the theme speaks to: its variants are for these segments too.",
    )
    messages = models.JSONField(
        default=dict,
        blank=True,
        help_text='Texts by name and language: {"cta": {"en": "See the offers"}}.',
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="content_theme_key")]

    def __str__(self) -> str:
        return self.name

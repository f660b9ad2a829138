"""Variants in other languages than the site's first."""

from django.db import models

from apps.content.models.placing import Variant
from apps.work.ids import uuid7


class Translation(models.Model):
    """A variant in one more language. What is not among `fields` is shown in the variant's own.

    An empty text among `fields` is a translation: nothing is shown. An empty `template` is none.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    variant = models.ForeignKey(Variant, models.CASCADE, related_name="translations")
    locale = models.CharField(max_length=35, help_text='The language, such as "de" or "de-CH".')
    fields = models.JSONField(default=dict, blank=True)
    template = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["variant", "locale"], name="content_translation_locale")
        ]

    def __str__(self) -> str:
        return f"{self.variant} ({self.locale})"

"""What can be recommended."""

from django.db import models


class Item(models.Model):
    """A product or article, as events or the shop's own catalogue last described it."""

    class Source(models.TextChoices):
        EVENTS = "events", "Events"
        IMPORT = "import", "Catalogue"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="items")
    code = models.CharField(max_length=500)
    category = models.CharField(max_length=500, blank=True)
    name = models.CharField(max_length=500, blank=True)
    price = models.FloatField(null=True, blank=True)
    seen_at = models.DateTimeField()
    is_available = models.BooleanField(
        default=True, help_text="Only what is available is recommended."
    )
    stock = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many there are; empty: not counted."
    )
    url = models.CharField(max_length=2000, blank=True)
    image = models.CharField(max_length=2000, blank=True)
    words = models.CharField(
        max_length=1000, blank=True, help_text="What it is about: items alike are found by it."
    )
    first_seen_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.EVENTS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="recommendations_item_unique")
        ]

    def __str__(self) -> str:
        return self.name or self.code

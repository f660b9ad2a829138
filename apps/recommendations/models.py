"""Items, recommenders and the frozen lists that decisions serve."""

from django.db import models

from apps.consent import declared
from apps.work.ids import uuid7


class Item(models.Model):
    """A product or article as events last described it."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="items")
    code = models.CharField(max_length=500)
    category = models.CharField(max_length=500, blank=True)
    name = models.CharField(max_length=500, blank=True)
    price = models.FloatField(null=True, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="recommendations_item_unique")
        ]

    def __str__(self) -> str:
        return self.name or self.code


class Recommender(models.Model):
    """What is learned for one kind of list. Its active version serves."""

    class Kind(models.TextChoices):
        FOLLOWED_BY = "followed_by", "Followed by: what others looked at next"
        POPULAR = "popular", "Popular: the same for everyone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="recommenders")
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.FOLLOWED_BY)
    event_name = models.CharField(
        max_length=200, default="Product Viewed", help_text="The event that shows interest."
    )
    window_days = models.PositiveIntegerField(default=90, help_text="How far back it learns.")
    is_enabled = models.BooleanField(default=True)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.RECOMMENDATION,
        blank=True,
        help_text="What it is for. Without it, it learns nothing.",
    )
    active = models.ForeignKey(
        "RecommenderVersion", models.SET_NULL, null=True, blank=True, related_name="active_for"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="recommendations_key_unique")
        ]

    def __str__(self) -> str:
        return self.name


class RecommenderVersion(models.Model):
    """One training: what it saw, how well it does on days it did not see, and its lists."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    recommender = models.ForeignKey(Recommender, models.CASCADE, related_name="versions")
    trained_at = models.DateTimeField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    views = models.PositiveBigIntegerField(help_text="Interest events learned from.")
    pairs = models.PositiveBigIntegerField(help_text="Consecutive pairs learned from.")
    popular = models.JSONField(help_text="[[item, share], ...], most popular first.")
    metrics = models.JSONField(
        default=dict, help_text="Share of next items among the first ten, on the last day held out."
    )
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the lists.")

    def __str__(self) -> str:
        return f"{self.recommender} of {self.trained_at:%Y-%m-%d %H:%M}"


class ItemList(models.Model):
    """What follows one item, best first, at most 50: read into memory by the web processes."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(RecommenderVersion, models.CASCADE, related_name="lists")
    item = models.CharField(max_length=500)
    ranked = models.JSONField(help_text="[[item, share of followers], ...]")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "item"], name="recommendations_list_unique")
        ]

    def __str__(self) -> str:
        return f"after {self.item}"

"""Recommenders, their trainings and the frozen lists that decisions serve."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.consent import declared
from apps.recommendations.signals import recommender_saved
from apps.work.ids import uuid7


class Recommender(models.Model):
    """What is learned for one kind of list. Its active version serves."""

    class Kind(models.TextChoices):
        AUTO = "auto", "The best of them on days that none has learned from"
        FOLLOWED_BY = "followed_by", "Followed by: what others looked at next"
        ALS = "als", "Like-minded: what people with the same tastes liked (ALS)"
        NEIGHBOURS = "neighbours", "Similar: items that the same people liked"
        SESSION = "session", "Session: what comes next, ranked by trees"
        CONTENT = "content", "Alike: items of the same sort, also new ones"
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
    weights = models.JSONField(
        default=dict,
        blank=True,
        help_text="How much each event tells of a liking; empty: the event above counts 1.",
    )
    half_life_days = models.FloatField(
        default=21.0,
        validators=[MinValueValidator(0.1)],
        help_text="After how many days a liking counts half.",
    )
    filters = models.JSONField(
        default=dict,
        blank=True,
        help_text="What is never recommended: bought, seen, current, only, never.",
    )
    bought_event = models.CharField(
        max_length=200, default="Order Completed", blank=True, help_text="The event of a purchase."
    )
    diversity = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="0: the likeliest only; 1: as different from each other as can be.",
    )
    exploration = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="The share of lists in which one place shows something less known.",
    )
    per_person = models.BooleanField(
        default=False, help_text="Keep a list for every person, for e-mail."
    )
    is_enabled = models.BooleanField(default=True)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.RECOMMENDATION,
        blank=True,
        help_text="What it is for. Without it, it learns nothing.",
    )
    catalogue_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When what is offered last changed."
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and tell whoever keeps what its filters ask for."""
        super().save(*args, **kwargs)
        recommender_saved.send(type(self), site_id=self.site_id)


class RecommenderVersion(models.Model):
    """One training: what it saw, how well it does on days it did not see, and its lists."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate: waits for a yes"
        ACTIVE = "active", "Active: serves now"
        RETIRED = "retired", "Retired: served once"
        REFUSED = "refused", "Refused: it would not help"

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
    method = models.CharField(max_length=12, default="followed_by")
    state = models.CharField(max_length=9, choices=State.choices, default=State.CANDIDATE)
    params = models.JSONField(default=dict, blank=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=500, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.recommender} of {self.trained_at:%Y-%m-%d %H:%M}"


class ItemList(models.Model):
    """What goes with one item, best first: read into memory by the web processes.

    The numbers are shares of what followed, likenesses, or entries of a kernel: see
    docs/recommendations.md.
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(RecommenderVersion, models.CASCADE, related_name="lists")
    item = models.CharField(max_length=500)
    previous = models.CharField(
        max_length=500, default="", help_text="What was looked at before the item; empty: anything."
    )
    method = models.CharField(
        max_length=12, default="followed_by", help_text="What the list was made by."
    )
    ranked = models.JSONField(help_text="[[item, number], ...]: what it is depends on the method.")
    vector = models.JSONField(
        null=True, blank=True, help_text="Where the item lies among the others; at most 32 numbers."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "item", "previous"], name="recommendations_list_unique"
            )
        ]

    def __str__(self) -> str:
        return f"after {self.item}"


class PersonList(models.Model):
    """What is recommended to one person, for e-mail: only where a recommender asks for it."""

    id = models.BigAutoField(primary_key=True)
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="item_lists")
    recommender = models.ForeignKey(Recommender, models.CASCADE, related_name="person_lists")
    version = models.ForeignKey(RecommenderVersion, models.CASCADE, related_name="person_lists")
    items = models.JSONField(help_text="[[item, score, why], ...]")
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "recommender"], name="recommendations_person_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.recommender} for one person"

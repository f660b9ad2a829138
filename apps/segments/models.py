"""Named groups of profiles, their frozen versions, and who is in them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7


class Segment(models.Model):
    """A named group of profiles, said by a condition. Editors change the draft; versions serve."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="segments")
    number = models.PositiveIntegerField(
        editable=False, help_text="Small and unique in the site: what the state row stores."
    )
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    draft = models.JSONField(default=dict, help_text="The condition as edited; publish to use it.")
    is_hidden = models.BooleanField(
        default=False, editable=False, help_text="Made by a publication for a part of a rule."
    )
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="segments_key_unique"),
            models.UniqueConstraint(fields=["site", "number"], name="segments_number_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentVersion(models.Model):
    """A condition frozen at publication. One version of a segment is live at a time."""

    class State(models.TextChoices):
        BUILDING = "building", "Building: counting its first members"
        LIVE = "live"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    condition = models.JSONField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State.choices, default=State.BUILDING)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="segment_versions",
    )
    published_at = models.DateTimeField()
    refreshed_at = models.DateTimeField(null=True, blank=True)
    refresh_ms = models.PositiveIntegerField(null=True, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="segments_version_unique"),
            models.UniqueConstraint(
                fields=["segment"], condition=Q(state="live"), name="segments_one_live_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment} v{self.number}"


class LiveSet(models.Model):
    """The number of a site's set of live versions; consumers reload when it moves."""

    site = models.OneToOneField(
        "access.Site", models.CASCADE, primary_key=True, related_name="live_set"
    )
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"live set {self.number}"


class Membership(models.Model):
    """One profile's stay in a segment, from `since` to `left_at` (open while null)."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="memberships")
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships")
    version = models.ForeignKey(SegmentVersion, models.CASCADE, related_name="memberships")
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="memberships")
    since = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=10, default="rule")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "segment"],
                condition=Q(left_at=None),
                name="segments_one_open_stay",
            )
        ]
        indexes = [
            models.Index(
                fields=["segment", "profile"], condition=Q(left_at=None), name="segments_members"
            )
        ]

    def __str__(self) -> str:
        return f"stay in {self.segment_id} since {self.since:%Y-%m-%d %H:%M}"

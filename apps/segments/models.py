"""Named groups of profiles, their frozen versions, and who is in them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.consent import declared
from apps.segments.adapting_models import SegmentAdaptation, ThresholdProposal
from apps.segments.list_models import ListMember, ListsFollowed, ListUpload, SegmentList
from apps.segments.persona_models import Persona
from apps.work.ids import uuid7

__all__ = [
    "ComputedTrait",
    "ListMember",
    "ListUpload",
    "ListsFollowed",
    "LiveSet",
    "Membership",
    "Persona",
    "Segment",
    "SegmentAdaptation",
    "SegmentBaseline",
    "SegmentList",
    "SegmentVersion",
    "ThresholdProposal",
]


class Segment(models.Model):
    """A named group of profiles, said by a condition. Editors change the draft; versions serve."""

    class Kind(models.TextChoices):
        RULE = "rule", "Rule: whoever meets the condition"
        LIST = "list", "List: whoever was uploaded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="segments")
    number = models.PositiveIntegerField(
        editable=False, help_text="Small and unique in the site: what the state row stores."
    )
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RULE, editable=False)
    draft = models.JSONField(default=dict, help_text="The condition as edited; publish to use it.")
    draft_policy = models.JSONField(
        default=dict,
        blank=True,
        help_text="How members come and go, as edited: leave, minStay, cooldown, once, parent,"
        " group, priority. Published with the condition.",
    )
    tags = models.JSONField(
        default=list, blank=True, help_text="Slugs for sites; segment:<key> is always among them."
    )
    refresh_every_s = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Seconds between refreshes of its own; empty: kept live and audited with all.",
    )
    fallback_for = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="fallbacks",
        help_text="Stands in where that segment's model has no score to go by.",
    )
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.TARGETING,
        blank=True,
        help_text="What it is for. Without it, it cannot be published.",
    )
    owner_note = models.TextField(blank=True, help_text="Who answers for it, and what it is for.")
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
    policy = models.JSONField(default=dict, help_text="How members come and go; {}: at once.")
    digest = models.CharField(max_length=64, help_text="Of the condition with its policy.")
    note = models.TextField(blank=True, help_text="Why it was published.")
    restored_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="restorations"
    )
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
    first_size = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Members when it went live: what its size is held against."
    )
    entered = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Who came in by its publication."
    )
    left = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Who went out by its publication."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="segments_version_unique"),
            models.UniqueConstraint(
                fields=["segment"], condition=Q(state="live"), name="segments_one_live_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment} v{self.number}"


class SegmentBaseline(models.Model):
    """How members of a version did, beside everyone, over the days before `measured_at`.

    Grain: one row a version, replaced by the next measurement. `goal` is the name of the event that
    counts; people are those with any event in the days.
    """

    version = models.OneToOneField(
        SegmentVersion, models.CASCADE, primary_key=True, related_name="baseline"
    )
    goal = models.CharField(max_length=200)
    days = models.PositiveSmallIntegerField(default=30)
    members = models.PositiveBigIntegerField()
    members_converted = models.PositiveBigIntegerField()
    everyone = models.PositiveBigIntegerField()
    everyone_converted = models.PositiveBigIntegerField()
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"baseline of {self.version_id}"


class ComputedTrait(models.Model):
    """A trait worked out from events, readable in conditions as `computed.<key>`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="computed_traits")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    definition = models.JSONField(
        help_text="An event condition without `op` and `value`: what is counted, over which window."
    )
    unit = models.CharField(max_length=20, blank=True, help_text="For people: EUR, days, ...")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="segments_computed_unique")
        ]

    def __str__(self) -> str:
        return self.name


class LiveSet(models.Model):
    """The number of a site's set of live versions; consumers reload when it moves."""

    site = models.OneToOneField(
        "access.Site", models.CASCADE, primary_key=True, related_name="live_set"
    )
    number = models.BigIntegerField(default=0)
    time_zone = models.CharField(
        max_length=64, default="", help_text="The site's when the number last moved with it."
    )
    request_reads = models.JSONField(
        default=dict, help_text="What a publication's conditions read of a person in the request."
    )

    def __str__(self) -> str:
        return f"live set {self.number}"


class Membership(models.Model):
    """One profile's stay in a segment, from `since` to `left_at` (open while null)."""

    id = models.BigAutoField(primary_key=True)
    # One statement writes a stay and what it belongs to: only who it is of is checked. Stays come
    # and go by the thousand, so no index holds more of them than somebody looks for.
    site = models.ForeignKey(
        "access.Site", models.CASCADE, related_name="memberships",
        db_constraint=False, db_index=False,
    )  # fmt: skip
    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="memberships", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        SegmentVersion, models.CASCADE, related_name="memberships",
        db_constraint=False, db_index=False,
    )  # fmt: skip
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
            ),
            models.Index(
                fields=["segment", "left_at"],
                condition=Q(left_at__isnull=False),
                name="segments_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"stay in {self.segment_id} since {self.since:%Y-%m-%d %H:%M}"

"""Uploaded lists: who was put on them by which file, and what has become of that."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.consent import declared
from apps.work.ids import uuid7


class SegmentList(models.Model):
    """A list of people that files fill. Conditions ask for it by key: {"kind": "list"}."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="segment_lists")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.TARGETING,
        blank=True,
        help_text="What the people on it may be used for. Without it, no file is taken.",
    )
    basis = models.CharField(
        "legal basis",
        max_length=20,
        choices=declared.BASES,
        default="consent",
        help_text="Why you may upload them.",
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="segments_list_unique")]

    def __str__(self) -> str:
        return self.name


class ListUpload(models.Model):
    """One file, or one undo: where entries came from, and how far they have reached profiles."""

    class Mode(models.TextChoices):
        APPEND = "append"
        REPLACE = "replace"
        REMOVE = "remove"

    class State(models.TextChoices):
        STAGED = "staged", "Being read"
        APPLYING = "applying", "Reaching profiles"
        APPLIED = "applied"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    segment_list = models.ForeignKey(SegmentList, models.CASCADE, related_name="uploads")
    number = models.PositiveIntegerField(help_text="Counts up in the list.")
    mode = models.CharField(max_length=10, choices=Mode.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STAGED)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="list_uploads",
    )
    uploaded_with = models.CharField(
        max_length=64, blank=True, help_text="The API key, when no member of staff did it."
    )
    uploaded_at = models.DateTimeField()
    rows = models.PositiveIntegerField(default=0, help_text="Rows of the file, without its head.")
    refused = models.PositiveIntegerField(default=0)
    faults = models.JSONField(default=list, help_text="The first refused rows: line, code, detail.")
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    is_final = models.BooleanField(
        default=False, help_text="So old that what it took off is no longer kept."
    )
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="list_uploads_undone",
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["segment_list", "number"], name="segments_upload_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.mode})"


class ListsFollowed(models.Model):
    """Up to where identities and traits that came in have been looked through for lists. One row.

    A row of a table may be seen later than one with a greater id: `seen` are ids of a while ago,
    `coming` those that take their place.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seen = models.JSONField(help_text="The greatest id of each table that is behind us.")
    coming = models.JSONField()
    coming_at = models.DateTimeField(help_text="When these were the greatest.")

    def __str__(self) -> str:
        return f"followed up to {self.seen}"


class ListMember(models.Model):
    """One entry: an identity on a list from one upload until another takes it off.

    Entries are added and taken off, never changed, so that an upload can be undone. `profile` is
    who they were last applied to; `is_applied`: that profile's trait says so already.
    """

    id = models.BigAutoField(primary_key=True)
    segment_list = models.ForeignKey(SegmentList, models.CASCADE, related_name="members")
    kind = models.CharField(max_length=40)
    value = models.CharField(max_length=512)
    expires_at = models.DateTimeField(null=True, blank=True)
    upload = models.ForeignKey(ListUpload, models.CASCADE, related_name="entries")
    removed_by = models.ForeignKey(
        ListUpload, models.CASCADE, null=True, blank=True, related_name="removed_entries"
    )
    profile = models.ForeignKey(
        "profiles.Profile", models.CASCADE, null=True, blank=True, related_name="list_entries"
    )
    is_applied = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["segment_list", "kind", "value"],
                condition=Q(removed_by=None),
                name="segments_one_entry",
            )
        ]
        indexes = [
            models.Index(fields=["kind", "value"], name="segments_entry_of"),
            models.Index(
                fields=["segment_list"],
                condition=Q(is_applied=False, profile__isnull=False),
                name="segments_entry_moved",
            ),
        ]

    def __str__(self) -> str:
        return f"entry #{self.pk}"

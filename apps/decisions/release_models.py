"""Releases: changes that are reviewed and published together, and who said what about them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.work.ids import uuid7


class Release(models.Model):
    """Changes picked out of the drafts and frozen, from the first look to the publication.

    Whatever editors do to the drafts afterwards changes no release.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SUBMITTED = "submitted", "Waits for approval"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"
        FAILED = "failed", "Could not be published"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField(help_text="Running, in the site.")
    name = models.CharField(max_length=120)
    note = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="releases"
    )
    created_at = models.DateTimeField()
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="releases_submitted"
    )
    submitted_at = models.DateTimeField(null=True)
    starts_at = models.DateTimeField(null=True, help_text="Empty: as soon as somebody says so.")
    ends_at = models.DateTimeField(null=True, help_text="Then it is taken back. Empty: never.")
    published_number = models.PositiveIntegerField(null=True)
    ended_number = models.PositiveIntegerField(
        null=True, help_text="The publication that took it back."
    )
    trouble = models.TextField(blank=True, help_text="Why it, or its end, failed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="decisions_release_number"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="decisions_release_ends_after_it_starts",
            ),
        ]
        permissions = [("approve_release", "Can approve or refuse a release")]

    def __str__(self) -> str:
        return f"Release {self.number}: {self.name}"


class ReleaseItem(models.Model):
    """One changed thing, frozen. Digests are empty where there is nothing.

    Attributes:
        base: digest of what served when it was frozen; another one by now is a conflict.
        digest: of what it would be, without versions; empty: it is taken out.
        part: the `PublishedPart` with its versions; of a segment, its draft.
        replaced: the part that served until the release was published, for its end.
        revision: the number of the draft's revision that was frozen; 0: there was none.
    """

    release = models.ForeignKey(Release, models.CASCADE, related_name="items")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=120)
    object_id = models.UUIDField(null=True)
    base = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    part = models.CharField(max_length=64, blank=True)
    replaced = models.CharField(max_length=64, blank=True)
    revision = models.PositiveIntegerField(default=0)
    authors = models.JSONField(default=list, help_text="Who wrote what is frozen here.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["release", "kind", "key"], name="decisions_release_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class ReleaseVote(models.Model):
    """What somebody decided about a release, and about which contents of it."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    release = models.ForeignKey(Release, models.CASCADE, related_name="votes")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="release_votes"
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    contents = models.CharField(max_length=64, help_text="Digest of all items.")

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by}"

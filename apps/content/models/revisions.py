"""What editors did: every save kept, and what they have typed but not saved."""

from django.conf import settings
from django.db import models

from apps.work.ids import uuid7


class Revision(models.Model):
    """One saved state of an object, whole: a block with its variants and translations.

    Rows are never changed and never deleted: restoring an old one makes a new one. `digest` is
    the SHA-256 of the document, by which an open page remembers what it started from.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="revisions")
    kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="revisions"
    )
    by_name = models.CharField(
        max_length=150, blank=True, help_text="As it was then; it stays when the account goes."
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id", "number"], name="content_revision_number"
            )
        ]
        indexes = [models.Index(fields=["site", "-at"], name="content_revision_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} revision {self.number}"


class Unsaved(models.Model):
    """What somebody has typed into a form and not saved yet, one row for each tab.

    `form` is a list of [name, value], as the browser would send it; `object_ref` is the id of the
    object or "new"; `base` is the digest of what the page started from.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="unsaved")
    kind = models.CharField(max_length=80, help_text='The model: "content.block".')
    object_ref = models.CharField(max_length=60)
    tab = models.CharField(max_length=40)
    base = models.CharField(max_length=64, blank=True)
    form = models.JSONField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "object_ref", "tab"], name="content_unsaved_of_a_tab"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_ref}"

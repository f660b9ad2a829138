"""Drafts and publications in parts: one document of one thing, known by its digest.

The body of a part is the JSON of one document of `engine.snapshot`. A digest is the SHA-256 of the
kind and the body, so a part never changes: another content is another part.
"""

from django.db import models
from django.db.models import F, Q


class Part(models.Model):
    """One thing as its draft would be published now, beside what serves of it.

    Rows are made anew from what `Touched` names: see `parts.refresh_parts`.

    Attributes:
        digest: of the draft; empty: there is no such draft, or it cannot be published.
        served: the digest of what serves under this name; empty: nothing does.
        served_part: the `PublishedPart` of that, with the versions of its variants.
        served_at: when that was published first; what was written later is not in it.
        problems: what stands against it, as `errors.Reason`.
        is_refused: whether that keeps it from being published.
        is_listed: whether editors know of it; hidden segments they do not.
    """

    site = models.ForeignKey("access.Site", models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=120)
    object_id = models.UUIDField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    body = models.TextField(blank=True)
    problems = models.JSONField(default=list)
    is_refused = models.BooleanField(default=False)
    is_listed = models.BooleanField(default=True)
    served = models.CharField(max_length=64, blank=True)
    served_part = models.CharField(max_length=64, blank=True)
    served_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "kind", "key"], name="decisions_part_of_draft")
        ]
        indexes = [
            models.Index(
                fields=["site"], condition=~Q(digest=F("served")), name="decisions_part_waiting"
            ),
            models.Index(fields=["site"], condition=~Q(problems=[]), name="decisions_part_refused"),
            models.Index(fields=["object_id"], name="decisions_part_object"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class PartState(models.Model):
    """Up to where the parts of a site are made. Locked by whoever makes them.

    Attributes:
        made_with: the form in which they were made; another one makes all of them anew.
        number: the publication whose digests stand in `Part.served`.
        surroundings: of the segments in force, as far as rules depend on them.
    """

    site = models.OneToOneField("access.Site", models.CASCADE, primary_key=True, related_name="+")
    made_with = models.CharField(max_length=40, blank=True)
    number = models.PositiveIntegerField(default=0)
    surroundings = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"parts up to publication {self.number}"


class Touched(models.Model):
    """Something of a draft was written, whoever wrote it: database triggers add the rows.

    `object_id` is null where all of a kind must be looked at again.
    """

    site_id = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=20)
    object_id = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class PublishedPart(models.Model):
    """One part that a publication or a release holds. It never changes and is never made twice.

    `reads` are the paths of the values that its templates read.
    """

    site = models.ForeignKey("access.Site", models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    body = models.TextField()
    reads = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "digest"], name="decisions_published_part")
        ]

    def __str__(self) -> str:
        return self.digest[:12]

"""Frozen publications, and the record of what was decided and why."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from apps.decisions.part_models import Part, PartState, PublishedPart, Touched
from apps.decisions.release_models import Release, ReleaseItem, ReleaseVote
from apps.work.ids import uuid7

__all__ = [
    "DecisionRecord",
    "Forgotten",
    "HotGeneration",
    "Part",
    "PartState",
    "Publication",
    "PublishedPart",
    "Release",
    "ReleaseItem",
    "ReleaseVote",
    "Touched",
]


class Publication(models.Model):
    """One numbered, immutable snapshot of a site. The greatest number serves; rollback adds one.

    What it holds is named in `manifest`, part by part (see `manifests`). Those of earlier versions
    of this code have all of it in `document` instead.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="publications")
    number = models.PositiveIntegerField()
    document = models.JSONField(null=True)
    manifest = models.TextField(null=True)
    counts = models.JSONField(default=dict, help_text="How many things of each kind it holds.")
    release = models.ForeignKey(
        Release, models.SET_NULL, null=True, blank=True, related_name="publications"
    )
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="publications",
    )
    published_at = models.DateTimeField()
    restores = models.PositiveIntegerField(
        null=True, blank=True, help_text="The number that this one brought back."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="decisions_publication_number")
        ]
        permissions = [
            ("publish_site", "Can publish and bring back a publication"),
            ("share_preview", "Can share a link to a preview"),
        ]

    def __str__(self) -> str:
        return f"publication {self.number}"


class DecisionRecord(models.Model):
    """One decide call: what was asked, what was served, for which reason, from which facts.

    What is personal in it: `profile_id`, `unit_id`, `facts` and `inputs`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site_id = models.UUIDField()
    request_id = models.CharField(max_length=40)
    profile_id = models.UUIDField(null=True)
    source_id = models.UUIDField()
    snapshot = models.PositiveIntegerField()
    at = models.DateTimeField()
    placements = models.JSONField(help_text="Per placement: block, variant, version, reason, rule.")
    facts = models.JSONField(default=dict, help_text="Memberships and context that were read.")
    took_us = models.PositiveIntegerField()
    format = models.PositiveSmallIntegerField(default=0, help_text="0: before there were seals.")
    digest = models.CharField(max_length=16, blank=True, help_text="The publication's, its begin.")
    unit_id = models.CharField(max_length=600, blank=True, help_text="What was bucketed by.")
    inputs = models.BinaryField(null=True, help_text="All that was read, for a replay.")
    missing = ArrayField(
        models.TextField(), default=list, help_text="What was read and is not kept on purpose."
    )
    writer = models.UUIDField(null=True, help_text="The process that wrote it.")
    number = models.PositiveBigIntegerField(default=0, help_text="Running, of its writer.")
    dropped = models.PositiveBigIntegerField(
        default=0, help_text="How many records its writer had to drop before this one."
    )
    key_id = models.PositiveSmallIntegerField(default=0)
    seal = models.BinaryField(default=bytes)

    class Meta:
        indexes = [
            models.Index(fields=["profile_id", "-at"], name="decisions_record_profile"),
            models.Index(fields=["site_id", "-at"], name="decisions_record_site"),
            # Appended in order of time, so a block range is enough to find the old ones.
            BrinIndex(fields=["at"], name="decisions_record_at"),
        ]

    def __str__(self) -> str:
        return f"decision at {self.at:%Y-%m-%d %H:%M:%S}"


class Forgotten(models.Model):
    """Who was erased of late, by a digest that leads back to nobody.

    What a process decided for them before is on its way to the log still: see `records`.
    """

    digest = models.BinaryField(primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"somebody, erased at {self.at:%Y-%m-%d %H:%M:%S}"


class HotGeneration(models.Model):
    """The generation in the keys of the hot state. Another Redis (its run id) is another one."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    generation = models.PositiveIntegerField(default=1)
    run_id = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"generation {self.generation}"


from apps.decisions.served_models import (  # noqa: E402, F401  # tables of their own subject
    ArmDay,
    ContentFinding,
    CountedDay,
    DryRunAsked,
    ServedDay,
    ShownDay,
)

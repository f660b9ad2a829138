"""The append-only record of every yes and no, and the texts that were shown for it."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from apps.work.ids import uuid7


class NoticeVersion(models.Model):
    """The text a visitor was shown. Kept for as long as a consent event refers to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="notices")
    version = models.CharField(max_length=40)
    language = models.CharField(max_length=20, default="en")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    is_material = models.BooleanField(
        default=False, help_text="Earlier grants expire: visitors are asked again."
    )
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "version", "language"], name="consent_notice_unique"
            )
        ]

    def __str__(self) -> str:
        return f"notice {self.version} ({self.language})"


class ConsentEvent(models.Model):
    """One choice or signal, sealed and never updated: a trigger of the database refuses it.

    A merge may move it to another profile. An erasure takes it from its profile and keeps it as
    proof under `subject_digest` alone, as long as past consent may have to be proved.
    """

    class Kind(models.TextChoices):
        GIVEN = "given"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        SIGNAL_APPLIED = "signal_applied"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.PROTECT, related_name="consent_events")
    profile = models.ForeignKey(
        "profiles.Profile",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="consent_events",
        help_text="Empty once the person was erased.",
    )
    identity_id = models.BigIntegerField(help_text="The identity that the choice was made under.")
    subject_digest = models.CharField(
        max_length=64,
        editable=False,
        help_text="Keyed pseudonym of that identity: who knows it can find its proof.",
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    purposes = models.JSONField(help_text='What was chosen, such as {"analytics": true}.')
    granted_before = models.SmallIntegerField()
    denied_before = models.SmallIntegerField()
    granted_after = models.SmallIntegerField()
    denied_after = models.SmallIntegerField()
    epoch = models.IntegerField()
    regime = models.CharField(max_length=20)
    policy_version = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=40)
    has_gpc = models.BooleanField(default=False)
    signals = models.JSONField(default=dict, blank=True)
    client_at = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField()
    source_id = models.UUIDField(null=True, blank=True)
    salt = models.UUIDField(db_default=RandomUUID(), editable=False)
    signals_salt = models.UUIDField(
        db_default=RandomUUID(),
        null=True,
        editable=False,
        help_text="Empty once an erasure has taken the signals.",
    )

    class Meta:
        indexes = [
            models.Index(fields=["profile", "id"], name="consent_event_profile"),
            models.Index(fields=["subject_digest"], name="consent_event_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"

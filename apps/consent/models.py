"""The append-only record of every yes and no, and the texts that were shown for it."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from apps.consent.recipients import Disclosure, Recipient
from apps.consent.tombstone_models import Tombstone
from apps.work.ids import uuid7

__all__ = ["ConsentEvent", "Disclosure", "Ending", "NoticeVersion", "Recipient", "Tombstone"]


class NoticeVersion(models.Model):
    """The text a visitor was shown. Kept for as long as a consent event refers to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="notices")
    version = models.CharField(max_length=40)
    language = models.CharField(max_length=20, default="en")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    layout = models.JSONField(
        default=dict,
        blank=True,
        help_text="How it was shown: order and words of the buttons, what was ticked.",
    )
    layout_sha256 = models.CharField(max_length=64, default="", editable=False)
    controller = models.CharField(max_length=200, blank=True, help_text="Empty: as the site says.")
    contact = models.CharField(max_length=200, blank=True, help_text="Empty: as the site says.")
    purposes = models.JSONField(
        default=list, blank=True, help_text='What it asks about, such as ["analytics"].'
    )
    recipients = models.JSONField(
        default=list, blank=True, help_text="Who receives data, as it names them."
    )
    retention = models.TextField(blank=True, help_text="How long data is kept, as it says.")
    withdrawal = models.TextField(blank=True, help_text="How consent is taken back, as it says.")
    regimes = models.JSONField(
        default=list, blank=True, help_text="Where it is shown; empty: everywhere."
    )
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
        RECONFIRMED = "reconfirmed"
        EXPIRED = "expired"
        SIGNAL_APPLIED = "signal_applied"
        CONFLICT_NOTIFIED = "conflict_notified"
        IMPORTED = "imported"
        OBJECTED = "objected"
        LIMITED = "limited"
        RESTRICTED = "restricted"
        HELD = "held"
        LIFTED = "lifted"

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
    schema_version = models.SmallIntegerField(default=2, db_default=1)
    states = models.JSONField(
        default=dict,
        db_default={},
        help_text='What changed: {"analytics": ["not_asked", "granted"]}.',
    )
    basis = models.CharField(max_length=20, default="consent", db_default="consent")
    regime_source = models.CharField(
        max_length=10, default="", db_default="", help_text="declared, proxy, site or unknown."
    )
    place = models.CharField(max_length=10, default="", db_default="", blank=True)
    notice = models.ForeignKey(
        NoticeVersion, models.PROTECT, null=True, blank=True, related_name="consent_events"
    )
    notice_language = models.CharField(max_length=20, default="", db_default="", blank=True)
    text_sha256 = models.CharField(max_length=64, default="", db_default="", blank=True)
    controls = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text='Which control was used, of which interface: {"control": "refuse_all"}.',
    )
    actor_kind = models.CharField(max_length=10, default="subject", db_default="subject")
    actor_id = models.CharField(max_length=64, default="", db_default="", blank=True)
    reason_code = models.CharField(max_length=60, default="", db_default="", blank=True)
    valid_until = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="When each yes ends, and until when a refusal is not asked about again.",
    )
    network = models.CharField(
        max_length=50, default="", db_default="", blank=True, help_text="Truncated (/24, /48)."
    )
    browser = models.CharField(
        max_length=60, default="", db_default="", blank=True, help_text="Family and version."
    )
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


class Ending(models.Model):
    """When the first yes of a profile ends: by it a schedule finds whose have ended."""

    profile = models.OneToOneField(
        "profiles.Profile", models.CASCADE, primary_key=True, related_name="+", db_index=False
    )
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.pk} at {self.ends_at:%Y-%m-%d %H:%M}"

"""Events as they arrive, as they are kept, and those that wait for repair.

`Inbox`, `DedupeKey` and `Event` are written by hand-made SQL in their migration (partitions); here
they are described for the ORM's readers.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from apps.work.ids import uuid7


class InboxPart(models.Model):
    """One of 64 parts of the inbox. Its row lock keeps two consumers off one visitor's batches."""

    part = models.SmallIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"part {self.part}"


class Inbox(models.Model):
    """One accepted batch that waits to be folded: committed before the sender was answered."""

    id = models.BigAutoField(primary_key=True)
    part = models.SmallIntegerField()
    site_id = models.UUIDField()
    source_id = models.UUIDField()
    received_at = models.DateTimeField()
    body = models.TextField()

    class Meta:
        managed = False
        db_table = "events_inbox"
        verbose_name_plural = "inbox"

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Event(models.Model):
    """An immutable thing that happened. `profile_id` is derived; `identity_id` never changes."""

    class Kind(models.IntegerChoices):
        TRACK = 1
        PAGE = 2
        SCREEN = 3
        IDENTIFY = 4
        GROUP = 5
        ALIAS = 6
        EXPOSURE = 7
        CONVERSION = 8

    id = models.BigAutoField(primary_key=True)
    site_id = models.UUIDField()
    profile_id = models.UUIDField()
    identity_id = models.BigIntegerField()
    user_identity_id = models.BigIntegerField(null=True)
    source_id = models.UUIDField()
    kind = models.SmallIntegerField(choices=Kind.choices)
    name = models.TextField()
    category = models.TextField(null=True)
    item = models.TextField(null=True)
    value = models.FloatField(null=True)
    message_id = models.TextField()
    occurred_at = models.DateTimeField()
    original_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    properties = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    consent_epoch = models.IntegerField()
    purposes = models.SmallIntegerField(help_text="What was allowed when it was stored, as bits.")
    flags = models.SmallIntegerField(default=0, help_text="1 clock ahead, 2 assumed, 4 late.")

    class Meta:
        managed = False
        db_table = "events_event"

    def __str__(self) -> str:
        return self.name


class Quarantine(models.Model):
    """A refused event and the reason, kept until it is repaired, replayed or expires."""

    class State(models.TextChoices):
        WAITING = "waiting"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="quarantined_events")
    source = models.ForeignKey("access.Source", models.CASCADE, related_name="quarantined_events")
    received_at = models.DateTimeField()
    code = models.CharField(max_length=60)
    detail = models.CharField(max_length=300)
    message_id = models.CharField(max_length=100, blank=True)
    body = models.TextField(help_text="The event as it came; edit it, then replay.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    resolved_at = models.DateTimeField(null=True, blank=True)
    subjects = ArrayField(
        models.UUIDField(),
        default=list,
        db_default=[],
        editable=False,
        help_text="Digests of the identities in the body: an erasure finds it by them.",
    )

    class Meta:
        verbose_name_plural = "quarantine"
        indexes = [
            models.Index(fields=["site", "state", "-received_at"], name="events_quarantine_open"),
            GinIndex(fields=["subjects"], name="events_quarantine_whose"),
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.received_at:%Y-%m-%d %H:%M}"


class EventSchema(models.Model):
    """A name of events that a site sends: observed by itself, or declared by its tracking plan."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="event_schemas")
    name = models.CharField(max_length=200)
    is_declared = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="events_schema_unique")
        ]

    def __str__(self) -> str:
        return self.name


class IntakeMinute(models.Model):
    """What came in during one minute, counted: the admin's graph and the privacy desk's proof."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="intake_minutes")
    minute = models.DateTimeField()
    accepted = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    without_consent = models.BigIntegerField(default=0)
    erased = models.BigIntegerField(
        db_default=0,
        default=0,
        help_text="Dropped because somebody they name was erased, at the door or while they waited."
        " Those at the door stand among those without consent too.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "minute"], name="events_minute_unique")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"

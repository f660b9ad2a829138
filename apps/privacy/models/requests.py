"""Requests of people about their own data: what was asked, its clock, what was done about it."""

from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7


class Request(models.Model):
    """What one person asked for. Never a name in clear: `names_enc` is emptied when it ends.

    Days are of the site's time zone as it was on receipt: the law counts days, not instants.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", "Access: a copy of everything"
        PORTABILITY = "portability", "Portability: data to take along"
        ERASURE = "erasure", "Erasure"
        RECTIFICATION = "rectification", "Rectification"
        RESTRICTION = "restriction", "Restriction: store only"
        OBJECTION = "objection", "Objection to profiling"
        OPT_OUT = "opt_out", "Opt-out of sale and sharing"
        LIMIT = "limit", "Limit the use of sensitive data"
        REVIEW = "review", "Review by a human"

    class Regulation(models.TextChoices):
        GDPR = "gdpr", "GDPR"
        CCPA = "ccpa", "CCPA"

    class Route(models.TextChoices):
        FORM = "form", "Public form"
        DESK = "desk", "Officer's desk"
        OPENDSR = "opendsr", "OpenDSR"
        PREFERENCES = "preferences", "Preference page"

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        VERIFYING = "verifying", "Verifying"
        APPROVED = "approved", "Approved"
        IN_PROGRESS = "in_progress", "In progress"
        FAILED = "failed", "Failed, tried again"
        COMPLETED = "completed", "Completed"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="privacy_requests")
    public_ref = models.CharField("reference", max_length=20, unique=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    regulation = models.CharField(max_length=10, choices=Regulation.choices)
    route = models.CharField(max_length=20, choices=Route.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.RECEIVED)
    language = models.CharField(max_length=20, default="en")

    received_at = models.DateTimeField("received")
    time_zone = models.CharField(max_length=60, default="UTC")
    confirm_by = models.DateField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField("due")
    extended_due_on = models.DateField(help_text="The last day if the time is extended.")
    internal_due_at = models.DateTimeField(help_text="The house's own target.")
    extended_at = models.DateTimeField(null=True, blank=True)
    extension_reason = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    names_enc = models.BinaryField(default=b"", editable=False)
    subject_digests = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    joined_to = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="joined"
    )
    verified_how = models.CharField(max_length=20, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="verified_requests",
    )
    evidence_enc = models.BinaryField(default=b"", editable=False)
    evidence_emptied_at = models.DateTimeField(null=True, blank=True)
    refusal_article = models.CharField(max_length=40, blank=True)
    refusal_reason = models.TextField(blank=True)
    outcome = models.JSONField(default=dict, blank=True, help_text="Counts and ids, no names.")
    failures = models.PositiveSmallIntegerField(default=0)
    trouble = models.CharField(max_length=200, blank=True, help_text="Why it failed last.")

    opendsr_id = models.UUIDField(null=True, blank=True)
    opendsr_digest = models.CharField(max_length=64, blank=True, editable=False)
    callbacks = models.JSONField(default=list, blank=True)
    bulk = models.ForeignKey(
        "privacy.BulkAction", models.SET_NULL, null=True, blank=True, related_name="requests"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "opendsr_id"],
                condition=Q(opendsr_id__isnull=False),
                name="privacy_request_opendsr",
            )
        ]
        indexes = [
            models.Index(fields=["site", "state", "due_on"], name="privacy_request_inbox"),
            models.Index(fields=["-received_at"], name="privacy_request_received"),
        ]
        permissions = [("decide_bulk", "Can decide what another officer wants to do in bulk")]

    def __str__(self) -> str:
        return self.public_ref


OPEN: Final = (
    Request.State.RECEIVED,
    Request.State.VERIFYING,
    Request.State.APPROVED,
    Request.State.IN_PROGRESS,
    Request.State.FAILED,
)


class RequestSubject(models.Model):
    """Which profile a request was found to be about."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(Request, models.CASCADE, related_name="subjects")
    profile_id = models.UUIDField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "profile_id"], name="privacy_subject_once")
        ]

    def __str__(self) -> str:
        return f"subject of request {self.request_id}"


class RequestEvent(models.Model):
    """What happened to a request, append-only and sealed. Never a value or a name of a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(
        "access.Site", models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    request_id = models.UUIDField(db_index=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=20)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_label = models.CharField(max_length=150)
    detail = models.JSONField(default=dict, blank=True)
    salt = models.UUIDField(db_default=RandomUUID(), editable=False)

    class Meta:
        verbose_name = "request log entry"
        verbose_name_plural = "request log entries"

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class Reminder(models.Model):
    """A day on which officers are told that a request is not answered yet."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm", "Confirm receipt"
        HALF = "half", "Half the time is over"
        WEEK = "week", "Seven days left"
        DAY = "day", "One day left"

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(Request, models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    remind_on = models.DateField()
    remind_at = models.DateTimeField(help_text="When that day begins for the site.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "kind", "remind_on"], name="privacy_reminder_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["remind_at"], condition=Q(sent_at=None), name="privacy_reminder_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.remind_on}"


class Note(models.Model):
    """What an officer wrote down for colleagues; encrypted, and gone when the request ends."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(Request, models.CASCADE, related_name="notes")
    author_label = models.CharField(max_length=150)
    at = models.DateTimeField()
    text_enc = models.BinaryField()

    def __str__(self) -> str:
        return f"note of {self.at:%Y-%m-%d %H:%M}"


class BulkAction(models.Model):
    """Several people's data at once: one officer asks for it, another one decides."""

    class Kind(models.TextChoices):
        ERASURE = "erasure", "Erase"
        EXPORT = "export", "Hand out packages"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a second officer"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="bulk_actions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="bulk_asked"
    )
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} in bulk of {self.asked_at:%Y-%m-%d %H:%M}"


class BulkVote(models.Model):
    """A yes or no of an officer who did not ask for it."""

    id = models.BigAutoField(primary_key=True)
    bulk = models.ForeignKey(BulkAction, models.CASCADE, related_name="votes")
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="bulk_votes")
    is_yes = models.BooleanField()
    words = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bulk", "officer"], name="privacy_vote_once")
        ]

    def __str__(self) -> str:
        return f"{'yes' if self.is_yes else 'no'} of {self.at:%Y-%m-%d %H:%M}"

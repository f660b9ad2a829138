"""An erasure, its steps, whom it has to tell, which models it cuts, and the certificates of it."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models

from apps.work.ids import uuid7

# Counted by a step, and not removed by it.
WRITTEN = frozenset({"tombstones", "recipients", "models to train again"})


class Erasure(models.Model):
    """One person being forgotten. It outlives the person: then it holds nothing of theirs."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        FAILED = "failed", "Waiting to be tried again"
        COMPLETED = "completed", "Completed"

    class Cause(models.TextChoices):
        REQUEST = "request", "The person asked"
        OFFICER = "officer", "An officer's decision"
        RETENTION = "retention", "Kept long enough"
        REPLAY = "replay", "Erased again after a restored backup"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(
        "access.Site", models.DO_NOTHING, db_constraint=False, related_name="erasures"
    )
    request_id = models.UUIDField(null=True, blank=True)
    cause = models.CharField(max_length=20, choices=Cause.choices, default=Cause.OFFICER)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(help_text="What happened before is dropped for ever.")
    completed_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When every store was last searched in full."
    )
    profile_ids = ArrayField(
        models.UUIDField(), default=list, help_text="Emptied with the certificate."
    )
    sought = models.BinaryField(
        default=b"",
        help_text="Names and values of the person, encrypted; emptied by the search of all stores.",
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["site"], condition=~models.Q(state="completed"), name="privacy_erasure_open"
            )
        ]

    def __str__(self) -> str:
        return f"Erasure of {self.started_at:%Y-%m-%d %H:%M}"


class ErasureStep(models.Model):
    """One step of an erasure: what it has removed so far, store by store."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="steps")
    ordinal = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    stores = models.JSONField(default=dict, help_text="What was removed, by store.")
    attempts = models.PositiveSmallIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["erasure", "ordinal"], name="privacy_step_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class ModelCut(models.Model):
    """A model that may remember somebody erased: trained anew without them before `due_at`."""

    class Kind(models.TextChoices):
        PREDICTION = "prediction"
        RECOMMENDER = "recommender"

    id = models.BigAutoField(primary_key=True)
    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="cuts")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target_id = models.UUIDField(help_text="The model's question, or the recommender.")
    cut_at = models.DateTimeField(help_text="What was trained before may remember the person.")
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["erasure", "target_id"], name="privacy_cut_unique")
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(done_at=None), name="privacy_cut_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.due_at:%Y-%m-%d}"


class RecipientTelling(models.Model):
    """That a recipient of somebody's data must be told what became of it, and what it answered."""

    class State(models.TextChoices):
        WAITING = "waiting", "To be told"
        TOLD = "told", "Told"
        FAILED = "failed", "Could not be told: it is tried again"
        BY_HAND = "by_hand", "To be told by hand: it has no address for machines"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(
        "access.Site", models.DO_NOTHING, db_constraint=False, related_name="tellings"
    )
    erasure = models.ForeignKey(Erasure, models.CASCADE, null=True, related_name="tellings")
    request_id = models.UUIDField(null=True, blank=True)
    what = models.CharField(max_length=40, default="profile.erased")
    recipient = models.CharField(max_length=100, help_text="Its key in the list of recipients.")
    name = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=500, blank=True)
    body = models.BinaryField(
        default=b"", help_text="What it is told, encrypted; emptied once it has been."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    told_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["erasure", "recipient", "what"], name="privacy_telling_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


class Certificate(models.Model):
    """The signed statement of what an erasure removed, or of what a full search found. Sealed.

    `body` is the text that was signed, byte for byte; nobody's identity is in it.
    """

    class Kind(models.TextChoices):
        ERASURE = "erasure", "Erasure"
        SEARCH = "search", "Search of all stores"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    erasure = models.ForeignKey(
        Erasure, models.DO_NOTHING, db_constraint=False, related_name="certificates"
    )
    site = models.ForeignKey(
        "access.Site", models.DO_NOTHING, db_constraint=False, related_name="certificates"
    )
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ERASURE)
    body = models.TextField()
    jws = models.TextField(help_text="Detached signature (RFC 7515, 7797) of the body.")
    salt = models.UUIDField(db_default=RandomUUID(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["erasure"],
                condition=models.Q(kind="erasure"),
                name="privacy_certificate_one",
            )
        ]
        indexes = [models.Index(fields=["site", "-at"], name="privacy_certificate_site")]

    def __str__(self) -> str:
        return f"Certificate of {self.at:%Y-%m-%d %H:%M}"

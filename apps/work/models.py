"""What must happen (intents), what has changed (the feed), and the seals of ledgers."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.work.ids import uuid7


class Intent(models.Model):
    """Work that must happen, written in the transaction that made it necessary.

    Celery only hurries it: the sweeper finds what the broker lost, and a lease that is no longer
    extended gives the work of a dead process to the next one.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(
        "access.Site", models.CASCADE, null=True, blank=True, related_name="intents"
    )
    kind = models.CharField(max_length=80)
    key = models.CharField(max_length=200, help_text="Two open intents of one kind never share it.")
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=20, default="slow")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField()
    leased_by = models.CharField(max_length=100, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    done_steps = models.PositiveBigIntegerField(default=0)
    total_steps = models.PositiveBigIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(state="waiting"),
                name="work_intent_one_waiting",
            )
        ]
        indexes = [
            models.Index(
                fields=["run_after"],
                condition=Q(state__in=["waiting", "running"]),
                name="work_intent_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"


class ChangeFeed(models.Model):
    """What has changed, append-only, read by cursor (`id`). Signals only wake its readers."""

    id = models.BigAutoField(primary_key=True)
    # Not checked, and no index of its own: a line a change, and the index below begins with it.
    site = models.ForeignKey(
        "access.Site", models.CASCADE, related_name="changes", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    profile_id = models.UUIDField(null=True, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["site", "id"], name="work_feed_site"),
            models.Index(fields=["profile_id"], name="work_feed_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Unsealed(models.Model):
    """A row of a ledger that waits for its seal. Triggers of the ledgers write it: `work_to_seal`.

    Its number says in which order rows are sealed; it is drawn before the commit, and nobody waits.
    """

    id = models.BigAutoField(primary_key=True)
    ledger = models.CharField(max_length=20)
    row_id = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "unsealed rows"

    def __str__(self) -> str:
        return f"{self.ledger} {self.row_id}"


class Seal(models.Model):
    """The link of one row of a ledger in the chain of its site. Append-only; outlives the row.

    `site_id` is NO_SITE for what belongs to none. `content` is empty for a row that was gone before
    it was sealed, `apart` for one whose part that an erasure takes was. See apps/work/ledger_rows.
    """

    pk = models.CompositePrimaryKey("ledger", "site_id", "seq")
    ledger = models.CharField(max_length=20)
    site_id = models.UUIDField()
    seq = models.BigIntegerField()
    row_id = models.CharField(max_length=40)
    form = models.SmallIntegerField(help_text="Which columns the digests were made of.")
    row_at = models.DateTimeField(help_text="The moment that the row tells.")
    since = models.DateTimeField(null=True, help_text="All that waited then had been sealed.")
    sealed_at = models.DateTimeField()
    content = models.BinaryField(null=True)
    apart = models.BinaryField(null=True)
    chain = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "row_id"], name="work_seal_row")]

    def __str__(self) -> str:
        return f"{self.ledger} {self.seq}: {self.row_id}"


class SealHead(models.Model):
    """The last link of a chain, and how far it is known outside the database."""

    pk = models.CompositePrimaryKey("ledger", "site_id")
    ledger = models.CharField(max_length=20)
    site_id = models.UUIDField()
    seq = models.BigIntegerField()
    chain = models.BinaryField()
    sealed_at = models.DateTimeField()
    anchored_seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.ledger} up to {self.seq}"


class LedgerState(models.Model):
    """When a ledger was last sealed, anchored and checked, and what the check found."""

    ledger = models.CharField(max_length=20, primary_key=True)
    looked_at = models.DateTimeField(null=True, help_text="All that waited then is sealed.")
    anchored_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    checked = models.JSONField(default=dict, help_text="The verdict of that check.")

    def __str__(self) -> str:
        return f"{self.ledger}, checked {self.checked_at}"

"""Models that were trained, and the attempts to train them."""

from django.conf import settings
from django.db import models

from apps.predictions.models.questions import ModelSpec
from apps.work.ids import uuid7


class ModelVersion(models.Model):
    """One trained model, frozen: its trees in a file named by this row's id, and its card."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate: trained, waits for a yes"
        CHALLENGER = "challenger", "Challenger: foresees in the shadow of the champion"
        REFUSED = "refused", "Refused: it would not help"
        CHAMPION = "champion", "Champion: scores visitors now"
        RETIRED = "retired", "Retired: was champion once"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    spec = models.ForeignKey(ModelSpec, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    trained_at = models.DateTimeField()
    promoted_at = models.DateTimeField(null=True, blank=True)
    artifact_sha256 = models.CharField(max_length=64)
    feature_names = models.JSONField(help_text="The columns of the model, in order.")
    calibration = models.JSONField(help_text="How a raw score becomes a probability.")
    lineage = models.JSONField(help_text="The question, the data and the software it came from.")
    cut_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Somebody it may have learned from was erased then: it is to be trained again.",
    )
    deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="When its file was deleted; the card stays."
    )
    card = models.JSONField(help_text="How well it does on a time it did not see.")
    method = models.CharField(max_length=8, default="trees")
    gates = models.JSONField(default=list, blank=True, help_text="[[name, passed, words], ...]")
    shadow = models.JSONField(
        default=dict, blank=True, help_text="How it did beside the champion, without serving."
    )
    reference = models.JSONField(
        default=dict,
        blank=True,
        help_text="How features and scores lay when it was trained: drift is seen against it.",
    )
    signature = models.CharField(max_length=64, blank=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approval_note = models.CharField(max_length=500, blank=True)
    online_us = models.FloatField(
        null=True, blank=True, help_text="Microseconds a row, measured when it was trained."
    )

    class Meta:
        verbose_name = "model version"
        permissions = [("overrule_modelversion", "Can let a model serve that has a red gate")]
        constraints = [
            models.UniqueConstraint(fields=["spec", "number"], name="predictions_version_unique"),
            models.UniqueConstraint(
                fields=["spec"],
                condition=models.Q(state="champion"),
                name="predictions_one_champion",
            ),
            models.UniqueConstraint(
                fields=["spec"],
                condition=models.Q(state="challenger"),
                name="predictions_one_challenger",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.spec} {self.number}"


class TrainingRun(models.Model):
    """One attempt to train: what came of it, in a sentence."""

    class State(models.TextChoices):
        RUNNING = "running"
        PROMOTED = "promoted", "Promoted: it serves now"
        READY = "ready", "Ready: it waits for a yes"
        KEPT = "kept", "Kept as a candidate: the champion is at least as good"
        REFUSED = "refused", "Refused: it would not help"
        FAILED = "failed"

    class Cause(models.TextChoices):
        HAND = "hand", "By hand"
        SCHEDULE = "schedule", "On schedule"
        DRIFT = "drift", "Drift"
        ERASURE = "erasure", "An erasure"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    spec = models.ForeignKey(ModelSpec, models.CASCADE, related_name="runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True)
    intent_id = models.UUIDField(
        null=True, blank=True, help_text="The work that carries it out and shows how far it is."
    )
    cause = models.CharField(max_length=10, choices=Cause.choices, default=Cause.HAND)
    stage = models.CharField(max_length=40, blank=True)
    report = models.JSONField(
        default=dict, blank=True, help_text="Trials, folds and the learning curve."
    )
    rows = models.PositiveIntegerField(default=0)
    positives = models.PositiveIntegerField(default=0)
    version = models.ForeignKey(
        ModelVersion, models.SET_NULL, null=True, blank=True, related_name="runs"
    )

    class Meta:
        indexes = [models.Index(fields=["spec", "-started_at"], name="predictions_runs")]

    def __str__(self) -> str:
        return f"training of {self.spec} {self.started_at:%Y-%m-%d %H:%M}"

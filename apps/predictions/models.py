"""What is predicted, by which model, how well, and the scores that came of it."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.consent import declared
from apps.work.ids import uuid7


class ModelSpec(models.Model):
    """One question about every active visitor: will `target_event` happen within the horizon?

    Everything that shapes the answer is here, so that a training can be repeated; what was learned
    is in its versions.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="model_specs")
    key = models.SlugField(
        max_length=100, help_text='Conditions read the score as the trait "score.<key>".'
    )
    name = models.CharField(max_length=120)
    target_event = models.CharField(max_length=200, help_text="The event to foresee.")
    horizon_hours = models.PositiveIntegerField(
        default=168, validators=[MinValueValidator(1)], help_text="How soon it has to happen."
    )
    window_days = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1)], help_text="How far back features look."
    )
    active_days = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1)],
        help_text="Only visitors seen so recently are learned from and scored.",
    )
    moments = models.PositiveIntegerField(
        default=6,
        validators=[MinValueValidator(3), MaxValueValidator(60)],
        help_text="At how many past moments, one horizon apart, visitors are looked at. The newest"
        " one judges, the one before calibrates, the others teach.",
    )
    feature_names = models.JSONField(
        default=list,
        blank=True,
        help_text='Empty: chosen at training from what the site sends. Else names such as "events",'
        ' "recency_h", "count:Product Viewed", "category:shoes".',
    )
    hyperparameters = models.JSONField(
        default=dict,
        blank=True,
        help_text='Those that differ from the defaults, for example {"trees": 300}.',
    )
    seed = models.PositiveIntegerField(default=0)
    is_enabled = models.BooleanField(default=True)
    purpose = models.CharField(
        max_length=20,
        choices=declared.CHOICES,
        default=declared.MODEL_TRAINING,
        blank=True,
        help_text="What it is for. Without it, it learns and scores nobody.",
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "model"
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="predictions_spec_unique")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def trait(self) -> str:
        """The name under which conditions and templates read the score."""
        return f"score.{self.key}"


class ModelVersion(models.Model):
    """One trained model, frozen: its trees in a file named by this row's id, and its card."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate: trained, not better than the champion"
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

    class Meta:
        verbose_name = "model version"
        constraints = [
            models.UniqueConstraint(fields=["spec", "number"], name="predictions_version_unique"),
            models.UniqueConstraint(
                fields=["spec"],
                condition=models.Q(state="champion"),
                name="predictions_one_champion",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.spec} {self.number}"


class TrainingRun(models.Model):
    """One attempt to train: what came of it, in a sentence."""

    class State(models.TextChoices):
        RUNNING = "running"
        PROMOTED = "promoted", "Promoted: it serves now"
        KEPT = "kept", "Kept as a candidate: the champion is at least as good"
        REFUSED = "refused", "Refused: it would not help"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    spec = models.ForeignKey(ModelSpec, models.CASCADE, related_name="runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True)
    rows = models.PositiveIntegerField(default=0)
    positives = models.PositiveIntegerField(default=0)
    version = models.ForeignKey(
        ModelVersion, models.SET_NULL, null=True, blank=True, related_name="runs"
    )

    class Meta:
        indexes = [models.Index(fields=["spec", "-started_at"], name="predictions_runs")]

    def __str__(self) -> str:
        return f"training of {self.spec} {self.started_at:%Y-%m-%d %H:%M}"


class Score(models.Model):
    """The probability foreseen for one profile, as of a moment. At most one per profile and spec.

    Conditions read the copy in the profile's state row, written in the same transaction.
    """

    id = models.BigAutoField(primary_key=True)
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="scores")
    spec = models.ForeignKey(ModelSpec, models.CASCADE, related_name="scores")
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="scores")
    value = models.FloatField()
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "spec"], name="predictions_score_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.value:.3f}"

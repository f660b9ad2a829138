"""What an experiment is to find out, and by what it is judged."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from apps.content.types import KEY_PATTERN, KEY_RULE
from apps.work.ids import uuid7

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")
_SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Cause(models.TextChoices):
    """What stops an arm by itself."""

    HARM = "harm", "Harm: a guardrail or the goal gets worse"
    SPLIT = "split", "A wrong split: the arms do not get their shares"
    ERRORS = "errors", "Errors: a guardrail that counts errors gets worse"
    LATENCY = "latency", "Slowness: a guardrail that measures time gets worse"


def every_cause() -> list[str]:
    """Return the causes that stop an arm unless somebody chose otherwise: all."""
    return [str(one) for one in Cause.values]


class Layer(models.Model):
    """Experiments of one layer have no visitor in common: each has a part of it for itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="layers")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="experiments_layer_key")
        ]

    def __str__(self) -> str:
        return self.name


class Metric(models.Model):
    """What is measured of each participant, within a time from the first exposure."""

    class Kind(models.TextChoices):
        CONVERSION = "conversion", "Share who did it"
        MEAN = "mean", "Average for each participant"
        RATIO = "ratio", "One sum divided by another"
        RETENTION = "retention", "Share who came back"
        QUANTILE = "quantile", "Quantile of single values"

    class Of(models.TextChoices):
        COUNT = "count", "Number of events"
        VALUE = "value", "Value of the events"
        PROPERTY = "property", "A property of the events"

    class Direction(models.TextChoices):
        UP = "up", "More is better"
        DOWN = "down", "Less is better"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.CONVERSION)
    event = models.CharField(max_length=200, help_text="The event that is measured.")
    of = models.CharField(max_length=8, choices=Of.choices, default=Of.COUNT)
    property = models.CharField(max_length=200, blank=True)
    per_event = models.CharField(
        max_length=200, blank=True, help_text="Of a ratio: the event it is divided by."
    )
    per_of = models.CharField(max_length=8, choices=Of.choices, default=Of.COUNT)
    per_property = models.CharField(max_length=200, blank=True)
    direction = models.CharField(max_length=4, choices=Direction.choices, default=Direction.UP)
    currency = models.CharField(
        max_length=3, blank=True, help_text="Events of another currency are left out, and counted."
    )
    window_hours = models.PositiveIntegerField(
        default=168,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 180)],
        help_text="How long after the first exposure it counts.",
    )
    stands_for = models.CharField(
        max_length=8,
        blank=True,
        choices=[(Cause.ERRORS.value, "Errors"), (Cause.LATENCY.value, "How long something takes")],
        help_text="Of a guardrail: what is said when it stops an arm. Empty: harm.",
    )
    after_hours = models.PositiveIntegerField(
        default=0, help_text="From when on it counts: to come back, for example, after a day."
    )
    most = models.FloatField(
        null=True, blank=True, help_text="The most that one participant can count (winsorised)."
    )
    quantile = models.FloatField(
        default=0.9, validators=[MinValueValidator(0.01), MaxValueValidator(0.99)]
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="experiments_metric_key"),
            models.CheckConstraint(
                condition=Q(after_hours__lt=F("window_hours")), name="experiments_metric_window"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Experiment(models.Model):
    """One question, asked of visitors: the row is its design; what runs is its newest phase."""

    class Kind(models.TextChoices):
        AB = "ab", "A/B/n: fixed shares"
        FACTORIAL = "factorial", "Factorial: every combination of several changes"
        BANDIT = "bandit", "Bandit: shares follow what works"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CONCLUDED = "concluded", "Concluded"

    class Looking(models.TextChoices):
        ANY_TIME = "any_time", "At any time (confidence sequence)"
        PLANNED = "planned", "At planned looks (group sequential)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="experiments")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    hypothesis = models.TextField(
        blank=True, help_text="What will change, for whom, and why you think so."
    )
    placement = models.ForeignKey("content.Placement", models.PROTECT, related_name="experiments")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.AB)
    factors = models.JSONField(
        default=list,
        blank=True,
        help_text='Of a factorial: [{"key", "levels": [...]}, ...]; an arm for each combination.',
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    coverage = models.FloatField(
        default=1.0, validators=_SHARE, help_text="The share of visitors who take part."
    )
    layer = models.ForeignKey(
        Layer, models.PROTECT, null=True, blank=True, related_name="experiments"
    )
    layer_share = models.FloatField(
        default=1.0, validators=_SHARE, help_text="How much of the layer it has for itself."
    )
    condition = models.JSONField(
        null=True, blank=True, help_text="Who takes part at all; empty: everybody."
    )
    segments = models.JSONField(
        default=list,
        blank=True,
        help_text="Keys of the segments that effects are told apart for, at most 20.",
    )
    looking = models.CharField(max_length=8, choices=Looking.choices, default=Looking.ANY_TIME)
    looks = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    alpha = models.FloatField(
        default=0.05, validators=[MinValueValidator(0.001), MaxValueValidator(0.2)]
    )
    power = models.FloatField(
        default=0.8, validators=[MinValueValidator(0.5), MaxValueValidator(0.99)]
    )
    baseline = models.FloatField(null=True, blank=True, help_text="What the goal is without it.")
    mde_relative = models.FloatField(
        null=True, blank=True, help_text="The least relative change that is worth finding."
    )
    per_arm = models.PositiveIntegerField(
        null=True, blank=True, help_text="Participants in each arm that this takes."
    )
    min_days = models.PositiveSmallIntegerField(
        default=7, validators=[MinValueValidator(1)], help_text="No verdict before."
    )
    stops_for = models.JSONField(
        "stops an arm by itself for",
        default=every_cause,
        blank=True,
        help_text="A stopped arm shows the control until somebody lets it go on.",
    )
    stop_least = models.PositiveIntegerField(
        "and not before",
        default=100,
        validators=[MinValueValidator(20)],
        help_text="So many participants in the arm and in the control.",
    )
    bandit_floor = models.FloatField(
        "least share",
        default=0.05,
        validators=[MinValueValidator(0.01), MaxValueValidator(0.5)],
        help_text="Of a bandit: every arm keeps this share, so that it can still be learned from.",
    )
    bandit_burn_in = models.PositiveIntegerField(
        "even shares until",
        default=100,
        validators=[MinValueValidator(10)],
        help_text="Of a bandit: so many participants of each arm whose time for the goal is over.",
    )
    bandit_hours = models.PositiveSmallIntegerField(
        "hours between new shares",
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 28)],
        help_text="Of a bandit: its shares are published anew no more often than this.",
    )
    is_contextual = models.BooleanField(
        "shares by segment",
        default=False,
        help_text="Of a bandit: shares of their own for each segment above; the first that "
        "somebody is in counts.",
    )
    is_unplanned = models.BooleanField(
        default=False, editable=False, help_text="Started without saying how large it has to be."
    )
    phase = models.PositiveSmallIntegerField(default=0, editable=False)
    concluded_at = models.DateTimeField(null=True, blank=True, editable=False)
    winner = models.CharField(max_length=100, blank=True, help_text="The key of an arm.")
    learnings = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="experiments_key")]

    def __str__(self) -> str:
        return self.name


class Arm(models.Model):
    """What one part of the participants is shown, in the design.

    The arms of an experiment either show a variant each, or none does: then each but the control
    changes how the placement decides (see `apps.experiments.changes`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="arms")
    number = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    variant = models.ForeignKey(
        "content.Variant", models.PROTECT, null=True, blank=True, related_name="arms"
    )
    changes = models.JSONField(
        default=dict, blank=True, help_text="Instead of a variant: what is decided otherwise."
    )
    weight = models.FloatField(validators=_SHARE)
    is_control = models.BooleanField(default=False)
    levels = models.JSONField(
        default=dict, blank=True, help_text='Of a factorial: {"headline": "short", ...}.'
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "number"], name="experiments_arm_number"),
            models.UniqueConstraint(fields=["experiment", "key"], name="experiments_arm_key"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="experiments_one_control"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Goal(models.Model):
    """By what an experiment is judged."""

    class Role(models.TextChoices):
        GOAL = "goal", "Goal: decides"
        GUARDRAIL = "guardrail", "Guardrail: must not get worse"
        WATCHED = "watched", "Watched: for learning only"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="goals")
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="goals")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.GOAL)
    margin = models.FloatField(
        null=True,
        blank=True,
        validators=_SHARE,
        help_text="Of a guardrail: how much worse, relatively, is still accepted.",
    )
    added_at = models.DateTimeField(help_text="After the start: marked as added later.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "metric"], name="experiments_goal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} ({self.role})"


class Holdout(models.Model):
    """A share of the visitors for whom nothing is personalized: what does it all earn?"""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="holdouts")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    share = models.FloatField(
        default=0.05, validators=[MinValueValidator(0.0), MaxValueValidator(0.5)]
    )
    seed = models.CharField(max_length=100, editable=False)
    is_enabled = models.BooleanField(default=True)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    rotates_days = models.PositiveSmallIntegerField(
        default=90, help_text="After so many days others are held out. 0: never."
    )
    placements = models.JSONField(
        default=list,
        blank=True,
        help_text="Keys of the placements that it is about; empty: everything.",
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="experiments_holdout_key")
        ]

    def __str__(self) -> str:
        return self.name

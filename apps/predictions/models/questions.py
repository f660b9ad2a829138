"""What is foreseen about visitors, and how it is learned."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.consent import declared
from apps.work.ids import uuid7


class ModelSpec(models.Model):
    """One question about every active visitor, for example: will `target_event` happen soon?

    Everything that shapes the answer is here, so that a training can be repeated; what was learned
    is in its versions.
    """

    class Kind(models.TextChoices):
        PROPENSITY = "propensity", "Will it happen?"
        ABSENCE = "absence", "Will they stay away?"
        CATEGORIES = "categories", "Which category comes next?"
        LIFETIME = "lifetime", "What will they be worth?"
        RFM = "rfm", "Recency, frequency and value, one to five"
        GROUPS = "groups", "Which groups are there?"
        INTENT = "intent", "What do their searches ask for?"

    class Method(models.TextChoices):
        TREES = "trees", "Boosted trees"
        FOREST = "forest", "Random forest"
        LINEAR = "linear", "Logistic regression"
        NETWORK = "network", "Small neural network"
        BEST = "best", "The best of them on a time that none was taught with"

    class Search(models.TextChoices):
        NONE = "none", "As set"
        GRID = "grid", "Try a grid"
        BAYES = "bayes", "Search (Bayesian)"

    class KnowsBy(models.TextChoices):
        AUTO = "auto", "Chosen from how events arrive"
        OCCURRED = "occurred", "When it happened (imports)"
        RECEIVED = "received", "When it was received"

    class Retrain(models.TextChoices):
        NIGHTLY = "nightly", "Every night"
        WEEKLY = "weekly", "Every week"
        DRIFT = "drift", "When visitors have changed (drift)"
        BY_HAND = "by_hand", "Only by hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="model_specs")
    key = models.SlugField(
        max_length=100, help_text='Conditions read the score as the trait "score.<key>".'
    )
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.PROPENSITY)
    target_event = models.CharField(
        max_length=200,
        blank=True,
        help_text="The event to foresee. Empty, where nothing at all is foreseen: any event.",
    )
    target = models.JSONField(
        default=dict,
        blank=True,
        help_text='What the event has to be of: {"category": "shoes"}; for categories the ones to'
        ' tell apart: {"categories": ["shoes", "hats"]}.',
    )
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
    method = models.CharField(max_length=8, choices=Method.choices, default=Method.TREES)
    search = models.CharField(max_length=6, choices=Search.choices, default=Search.NONE)
    trials = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(2), MaxValueValidator(300)]
    )
    embargo_hours = models.PositiveIntegerField(
        default=0, help_text="How much time is left out between what teaches and what judges."
    )
    knows_by = models.CharField(
        max_length=8,
        choices=KnowsBy.choices,
        default=KnowsBy.AUTO,
        help_text="What counts as known at a past moment.",
    )
    threshold = models.FloatField(
        default=0.75, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    gain = models.FloatField(
        null=True, blank=True, help_text="What reaching somebody who would do it is worth."
    )
    cost = models.FloatField(null=True, blank=True, help_text="What reaching somebody costs.")
    hysteresis = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="How far below the threshold somebody has to fall to leave.",
    )
    retrain = models.CharField(max_length=8, choices=Retrain.choices, default=Retrain.NIGHTLY)
    serves_online = models.BooleanField(
        default=False, help_text="Worked out anew for every decision, from the newest events."
    )
    audited_trait = models.CharField(
        max_length=200,
        blank=True,
        help_text="Its groups have to be treated alike: no model serves that does not.",
    )
    settings = models.JSONField(
        default=dict, blank=True, help_text="What only this kind of question asks for."
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

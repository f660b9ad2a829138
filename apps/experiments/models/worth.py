"""What is kept to say what personalization earns: who was held out, sums of them, and results."""

from django.core.validators import MinValueValidator
from django.db import models

from apps.experiments.models.design import Holdout, Metric
from apps.experiments.models.running import Phase


class HoldoutTurn(models.Model):
    """How a holdout is served from a publication on.

    Attributes:
        share: 0: it is not served.
        placements: keys of those that it is about; empty: everything.
    """

    id = models.BigAutoField(primary_key=True)
    holdout = models.ForeignKey(Holdout, models.CASCADE, related_name="turns")
    publication = models.PositiveIntegerField()
    seed = models.CharField(max_length=100)
    share = models.FloatField()
    placements = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holdout", "publication"], name="experiments_holdout_turn_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holdout} from publication {self.publication} on"


class HoldoutMember(models.Model):
    """A profile for whom something was decided while a holdout was served: on which side it is.

    Attributes:
        arm: 0: held out; 1: personalized.
        is_mixed: it was on both sides: it is left out.
        segments: [[key, version], ...] that it was in then.
    """

    id = models.BigAutoField(primary_key=True)
    turn = models.ForeignKey(HoldoutTurn, models.CASCADE, related_name="members")
    seed = models.CharField(max_length=100)
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="+")
    arm = models.PositiveSmallIntegerField()
    first_at = models.DateTimeField()
    day = models.DateField(help_text="Of the first decision, UTC.")
    is_mixed = models.BooleanField(default=False)
    segments = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seed", "profile"], name="experiments_member_once"),
        ]
        indexes = [models.Index(fields=["turn", "day"], name="experiments_member_day")]

    def __str__(self) -> str:
        return f"member {self.pk}"


class HoldoutSum(models.Model):
    """Sums over members of one side who came on one day: as `DaySum` has them."""

    id = models.BigAutoField(primary_key=True)
    turn = models.ForeignKey(HoldoutTurn, models.CASCADE, related_name="sums")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="+")
    arm = models.PositiveSmallIntegerField()
    segment = models.CharField(max_length=100, blank=True, default="")
    day = models.DateField()
    n = models.BigIntegerField()
    y = models.FloatField()
    yy = models.FloatField()
    d = models.FloatField(default=0.0)
    dd = models.FloatField(default=0.0)
    yd = models.FloatField(default=0.0)
    x = models.FloatField(default=0.0)
    xx = models.FloatField(default=0.0)
    xy = models.FloatField(default=0.0)
    left_out = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["turn", "metric", "arm", "segment", "day"],
                name="experiments_holdoutsum_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of side {self.arm} on {self.day}"


class WorthAsked(models.Model):
    """What a site wants to know of what personalization earns, and what it costs.

    Attributes:
        metric: whose values are money, or stand for it; None: no return is worked out.
        cost: what personalization costs in 28 days, in the metric's unit.
        asked_upto: until when decisions have been looked at.
    """

    site = models.OneToOneField("access.Site", models.CASCADE, primary_key=True, related_name="+")
    metric = models.ForeignKey(Metric, models.SET_NULL, null=True, blank=True, related_name="+")
    cost = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0)])
    asked_upto = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"worth of {self.site}"


class Worth(models.Model):
    """What a holdout says: see `apps.experiments.worth`. One for each."""

    holdout = models.OneToOneField(Holdout, models.CASCADE, primary_key=True, related_name="worth")
    worked_out_at = models.DateTimeField()
    document = models.JSONField()

    def __str__(self) -> str:
        return f"worth by {self.holdout}"


class ChoiceWorth(models.Model):
    """What it is worth to choose by segment, or by person, in an experiment. One for each phase."""

    phase = models.OneToOneField(
        Phase, models.CASCADE, primary_key=True, related_name="choice_worth"
    )
    worked_out_at = models.DateTimeField()
    document = models.JSONField()

    def __str__(self) -> str:
        return f"worth of choices in {self.phase}"

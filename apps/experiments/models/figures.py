"""Sums that results are worked out from, and the results."""

from django.db import models

from apps.experiments.models.design import Metric
from apps.experiments.models.running import Phase


class DaySum(models.Model):
    """Sums over the participants of one arm who joined on one day: see `domain/sums.py`.

    Counted anew as a whole, so counting twice changes nothing. `segment` "": everybody.

    Attributes:
        n, y, yy: participants, sum and sum of squares of the metric.
        d, dd, yd: of a ratio's denominator.
        x, xx, xy: of the same metric before the first exposure.
        counted_at: events received later reopen the day.
    """

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="sums")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="sums")
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
    sample = models.JSONField(
        default=list, blank=True, help_text="Of a quantile: single values of a sample of people."
    )
    left_out = models.PositiveIntegerField(
        default=0, help_text="Events of another currency, or without the number."
    )
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phase", "metric", "arm", "segment", "day"], name="experiments_daysum_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of arm {self.arm} on {self.day}"


class BanditSum(models.Model):
    """The same of a bandit, weighted: see `domain/weighted.py`. Counted anew as a whole.

    Who was shown several arms counts for the first one.

    Attributes:
        context: the first of the phase's segments that they were in; "": none.
    """

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="bandit_sums")
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="bandit_sums")
    arm = models.PositiveSmallIntegerField()
    context = models.CharField(max_length=100, blank=True, default="")
    day = models.DateField()
    n = models.BigIntegerField()
    w = models.FloatField()
    ww = models.FloatField()
    wy = models.FloatField()
    wwy = models.FloatField()
    wwyy = models.FloatField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phase", "metric", "arm", "context", "day"],
                name="experiments_banditsum_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of arm {self.arm} on {self.day}, weighted"


class Uncounted(models.Model):
    """Exposures of experiments that nobody takes part by, counted as they came in.

    Attributes:
        experiment, arm: as the exposure said them.
        day: on which it was taken up, UTC.
        why: the experiment, or its arm, is not known here; or who saw it does not allow it.
    """

    class Why(models.TextChoices):
        EXPERIMENT = "experiment", "no such experiment"
        ARM = "arm", "no such arm, or not shown then"
        CONSENT = "consent", "without consent"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="+")
    experiment = models.CharField(max_length=100)
    arm = models.CharField(max_length=100, blank=True)
    why = models.CharField(max_length=10, choices=Why.choices)
    day = models.DateField()
    n = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "experiment", "arm", "why", "day"],
                name="experiments_uncounted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.n} of {self.experiment} on {self.day}"


class Result(models.Model):
    """What an experiment says now, as its page shows it. One for each phase."""

    phase = models.OneToOneField(Phase, models.CASCADE, primary_key=True, related_name="result")
    worked_out_at = models.DateTimeField()
    document = models.JSONField()

    def __str__(self) -> str:
        return f"result of {self.phase}"


class Look(models.Model):
    """What a phase said on a day: the interval plot over time, and the looks that were planned."""

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="looks")
    day = models.DateField()
    figures = models.JSONField(help_text="[[metric, arm, estimate, low, high], ...]")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["phase", "day"], name="experiments_look_day")
        ]

    def __str__(self) -> str:
        return f"{self.phase} on {self.day}"

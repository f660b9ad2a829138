"""What runs, who takes part, and what was done to an experiment."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.experiments.models.design import Experiment
from apps.work.ids import uuid7


class Phase(models.Model):
    """What was started: the design as it was then. Only its shares change, and that is told.

    Attributes:
        seed: another one deals everybody anew.
        arms: [{"number", "key", "name", "variant" (id), "variant_key", "weight", "is_control",
            "levels", "changes"}, ...]. Arms that change how is decided show no variant of theirs:
            theirs is None, and its key is empty.
        stopped: keys of arms that show the control's variant until somebody lets them go on.
        bandit: {"floor", "burn_in", "hours", "is_contextual"} of a bandit, as it was started, and
            once shares have moved {"shared_at", "contexts": {segment: {arm: share}}}; the shares of
            everybody else are the weights of `arms`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="phases")
    number = models.PositiveSmallIntegerField()
    seed = models.CharField(max_length=100, unique=True)
    arms = models.JSONField()
    stopped = models.JSONField(default=list, blank=True)
    bandit = models.JSONField(default=dict, blank=True)
    coverage = models.FloatField()
    layer_key = models.CharField(max_length=100, blank=True)
    layer_start = models.FloatField(default=0.0)
    layer_end = models.FloatField(default=1.0)
    condition = models.JSONField(null=True, blank=True)
    segments = models.JSONField(default=list, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "number"], name="experiments_phase_number"
            ),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(ended_at=None), name="experiments_one_phase"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment}, phase {self.number}"


class Serving(models.Model):
    """From which publication on a phase is what an experiment's decisions are of.

    A publication that is brought back brings its phase back: there may be several of one phase.
    """

    id = models.BigAutoField(primary_key=True)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="servings")
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="servings")
    publication = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "publication"], name="experiments_serving_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phase} from publication {self.publication} on"


class Cursor(models.Model):
    """Up to which event the participants and sums of a site are worked out."""

    site = models.OneToOneField("access.Site", models.CASCADE, primary_key=True, related_name="+")
    event_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"up to event {self.event_id}"


class Change(models.Model):
    """What was done to an experiment, by whom, and why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="changes")
    phase = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=20)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["experiment", "-at"], name="experiments_changes")]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d %H:%M}"


class Participant(models.Model):
    """A profile that was shown an arm: the first exposure of a phase counts.

    Attributes:
        arm: its number.
        is_mixed: the profile was shown several arms: it is left out, and counted.
        facts: {"browser", "country", "source", "device"}, for the breakdown of a wrong split.
        segments: [[key, version], ...] of the phase's segments that it was in then.
        probability: of its arm among those who took part, when it was first shown; None: not told.
    """

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="participants")
    profile = models.ForeignKey("profiles.Profile", models.CASCADE, related_name="+")
    arm = models.PositiveSmallIntegerField()
    first_at = models.DateTimeField()
    day = models.DateField(help_text="Of the first exposure, UTC.")
    probability = models.FloatField(null=True)
    is_mixed = models.BooleanField(default=False)
    is_bot = models.BooleanField(default=False)
    segments = models.JSONField(default=list, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phase", "profile"], name="experiments_participant_once"
            ),
        ]
        indexes = [models.Index(fields=["phase", "day"], name="experiments_joined")]

    def __str__(self) -> str:
        return f"participant {self.pk}"


class Reopened(models.Model):
    """A day of a phase whose sums are to be counted anew: participants were moved, or have gone."""

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(Phase, models.CASCADE, related_name="reopened")
    day = models.DateField()

    def __str__(self) -> str:
        return f"{self.phase} on {self.day}"

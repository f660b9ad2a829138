"""What models say of each profile."""

from django.db import models

from apps.predictions.models.questions import ModelSpec
from apps.predictions.models.versions import ModelVersion


class Score(models.Model):
    """What one model says of one profile, as of a moment: a number, a label or both.

    At most one per profile, spec and output; "" is the output of a spec that has only one, and the
    trait is `score.<key>`, or `score.<key>.<output>`. Conditions read the copy in the profile's
    state row, written in the same transaction.
    """

    id = models.BigAutoField(primary_key=True)
    # The unique index begins with it; and of versions nobody asks which scores they have.
    profile = models.ForeignKey(
        "profiles.Profile", models.CASCADE, related_name="scores", db_index=False
    )
    spec = models.ForeignKey(ModelSpec, models.CASCADE, related_name="scores")
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="scores", db_index=False)
    output = models.CharField(max_length=100, default="", blank=True, db_default="")
    value = models.FloatField(null=True, blank=True)
    label = models.CharField(max_length=200, default="", blank=True, db_default="")
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "spec", "output"], name="predictions_score_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.label or (f"{self.value:.3f}" if self.value is not None else "unknown")

"""How methods did beside each other on days that none of them had learned from."""

from django.db import models

from apps.recommendations.models.recommenders import Recommender, RecommenderVersion


class Trial(models.Model):
    """One method on one hold-out: its figures, with popularity among the others."""

    id = models.BigAutoField(primary_key=True)
    recommender = models.ForeignKey(Recommender, models.CASCADE, related_name="trials")
    version = models.ForeignKey(
        RecommenderVersion, models.CASCADE, null=True, blank=True, related_name="trials"
    )
    tried_at = models.DateTimeField()
    cut_at = models.DateTimeField(help_text="Learned from before, judged by what came after.")
    method = models.CharField(max_length=12)
    k = models.PositiveSmallIntegerField(default=10)
    people = models.PositiveIntegerField()
    figures = models.JSONField(
        help_text="ndcg, recall, hit_rate, coverage, novelty, gini; and each one's interval."
    )
    won = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["recommender", "-tried_at"], name="recommendations_trials")]

    def __str__(self) -> str:
        return f"{self.method}: {self.figures.get('ndcg', 0):.4f}"

"""Questions what another rule would have earned, and their answers."""

from django.conf import settings
from django.db import models

from apps.experiments.models.design import Metric
from apps.work.ids import uuid7


class WhatIf(models.Model):
    """A question what would have happened under another rule, and what the log says of it.

    Nothing in it is about a person: the answer holds counts and averages.

    Attributes:
        placement: its key.
        policy: {"what": "always", "variant"}, {"what": "condition", "condition", "variant",
            "otherwise"}, {"what": "drafts"} or {"what": "serving"}.
        everybody: also those for whom nothing was left to chance.
        found: the answer (see `domain.what_if.judged`), null while it is worked out.
        refused: why there is none, in words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="what_ifs")
    placement = models.CharField(max_length=100)
    metric = models.ForeignKey(Metric, models.CASCADE, related_name="+")
    days = models.PositiveSmallIntegerField()
    policy = models.JSONField()
    everybody = models.BooleanField(default=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    intent_id = models.UUIDField(null=True)
    found = models.JSONField(null=True)
    refused = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["site", "-at"], name="experiments_what_if_site")]

    def __str__(self) -> str:
        return f"what if in {self.placement}, {self.at:%Y-%m-%d %H:%M}"

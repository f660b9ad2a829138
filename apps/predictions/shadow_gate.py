"""Whether a challenger held good beside what serves, from the counts that `shadow` has kept."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from apps.predictions.domain.judging import CONFIDENCE
from apps.predictions.gates import Gate
from apps.predictions.models import ModelSpec, ModelVersion

SHADOW: Final = "shadow"
FORESEEING: Final = frozenset(
    {ModelSpec.Kind.PROPENSITY, ModelSpec.Kind.ABSENCE, ModelSpec.Kind.CATEGORIES}
)
# What these say of people is no probability that could come true within a horizon.
NOTHING_FORESEEN: Final = frozenset({"groups", "lifetime", "rfm"})


class Held(NamedTuple):
    """How much less surprised a challenger was than the champion, over all its moments."""

    moments: int
    rows: int
    mean: float
    standard_error: float

    @property
    def is_surely_worse(self) -> bool:
        """Whether it is worse by more than luck, with 95 % confidence (one-sided)."""
        return self.mean < -CONFIDENCE * self.standard_error

    @property
    def is_surely_better(self) -> bool:
        """Whether it is better by more than luck, with 95 % confidence (one-sided)."""
        return self.mean > CONFIDENCE * self.standard_error


def held(moments: Sequence[Mapping[str, Any]]) -> Held:
    """Sum the moments of a shadow: each {rows, gain (sum), square (sum of squares)}.

    One moment's people come again at the next: the error is that of the moments' own, and never
    below that of their means among each other.
    """
    rows = sum(int(one["rows"]) for one in moments)
    if not rows:
        return Held(0, 0, 0.0, 0.0)
    mean = math.fsum(one["gain"] for one in moments) / rows
    variance = max(math.fsum(one["square"] for one in moments) / rows - mean**2, 0.0)
    within = variance / (rows / len(moments))
    between = 0.0
    if len(moments) > 1:
        means = [one["gain"] / one["rows"] for one in moments if one["rows"]]
        between = math.fsum((m - mean) ** 2 for m in means) / (len(means) - 1) / len(means)
    return Held(len(moments), rows, mean, math.sqrt(max(within, between)))


def check(version: ModelVersion, now: datetime) -> Gate | None:
    """The gate: at least one moment after it was frozen has come true, and it was not worse."""
    if version.method in NOTHING_FORESEEN:
        return None
    if version.spec.kind not in FORESEEING:
        return None  # nothing of it comes true or not
    serving = ModelVersion.objects.filter(
        spec_id=version.spec_id, state=ModelVersion.State.CHAMPION
    ).exclude(pk=version.pk)
    champion = serving.first()
    if champion is None or not champion.artifact_sha256 or version.promoted_at is not None:
        return None  # nothing to be compared with, or it has served before
    if champion.cut_at is not None or champion.lineage.get("question") != version.lineage.get(
        "question"
    ):
        return None
    # Moments beside one that served before say nothing of what serves now.
    beside = [
        one for one in version.shadow.get("moments", []) if one["champion"] == champion.number
    ]
    sums = held(beside)
    if not sums.moments:
        return SHADOW, False, _waits(version)
    told = f"over {sums.moments} days and {sums.rows:,} looks at visitors since it was trained"
    if sums.is_surely_worse:
        return SHADOW, False, f"It was surprised more often than what serves, {told}."
    verdict = "less often than" if sums.is_surely_better else "no more often than"
    return SHADOW, True, f"It was surprised {verdict} what serves, {told}."


def _waits(version: ModelVersion) -> str:
    if version.state == ModelVersion.State.CHALLENGER:
        return (
            "It foresees beside what serves, without serving. What it foresaw has not had the time "
            "to come true yet."
        )
    return "It has not been held beside what serves yet: let it foresee in the shadow first."

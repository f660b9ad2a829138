"""Whether a version is better than what serves now, not than what served when it was trained.

What a training finds is frozen with the version. Once something else serves, that says nothing any
more: the version has to be held beside the new one in the shadow, or to be trained again.
"""

from datetime import datetime
from typing import Final

from apps.predictions.gates import Gate
from apps.predictions.models import ModelVersion
from apps.predictions.shadow_gate import held

BEATS: Final = "beats_champion"
AGAINST: Final = "held_against"  # in a card: the number of what served when it was trained, or null


def check(version: ModelVersion, now: datetime) -> Gate | None:
    """The gate: what was frozen while it still holds, else what the shadow says. One query.

    None where nothing was frozen: such a question has no measure by which one is better.
    """
    frozen = next((one for one in version.gates if one[0] == BEATS), None)
    if frozen is None:
        return None
    said: Gate = (BEATS, bool(frozen[1]), str(frozen[2]))
    champion = ModelVersion.objects.filter(
        spec_id=version.spec_id, state=ModelVersion.State.CHAMPION
    ).first()
    if champion is None or champion.pk == version.pk or version.promoted_at is not None:
        return said
    if _was_held_against(version, champion):
        return said
    return _anew(version, champion)


def _was_held_against(version: ModelVersion, champion: ModelVersion) -> bool:
    """Whether what serves is what it was compared with when it was trained."""
    if AGAINST in version.card:
        return bool(version.card[AGAINST] == champion.number)
    # Cards of before say nothing of it: then by when the other began to serve.
    return champion.promoted_at is not None and champion.promoted_at <= version.trained_at


def _anew(version: ModelVersion, champion: ModelVersion) -> Gate:
    """Judge it against what serves now, by what came true for both."""
    other = f"version {champion.number}, which serves now"
    if champion.lineage.get("question") != version.lineage.get("question"):
        return BEATS, True, f"It may serve: {other}, answers another question."
    if champion.cut_at is not None:
        return BEATS, True, f"It may serve: {other}, may have learned from somebody erased."
    beside = [
        one for one in version.shadow.get("moments", []) if one["champion"] == champion.number
    ]
    sums = held(beside)
    if not sums.moments:
        return (
            BEATS,
            False,
            f"What serves has changed since it was trained: it was never held against {other}. "
            "Train again, or let it foresee in the shadow first.",
        )
    over = f"over {sums.moments} days and {sums.rows:,} looks at visitors"
    if sums.is_surely_better:
        return BEATS, True, f"It was surely less surprised than {other}, {over}."
    return BEATS, False, f"It was not surely less surprised than {other}, {over}."

"""Trials of a recommender: every method on days that it has not learned from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.recommendations.comparing import CHOSEN_FROM, Compared, compared, cut_of
from apps.recommendations.domain.trials import TrialFigures
from apps.recommendations.methods import Params, silent
from apps.recommendations.models import Recommender
from apps.recommendations.reading import Read, read
from apps.work.types import Progress


def params_of(recommender: Recommender) -> Params:
    """Return what learning depends on besides events."""
    return Params(half_life_days=recommender.half_life_days, diversity=recommender.diversity)


def compare(
    site_id: UUID,
    recommender: Recommender,
    cut: datetime,
    methods: Sequence[str] = CHOSEN_FROM,
    *,
    now: datetime,
) -> list[TrialFigures]:
    """Return the figures of each method that can learn from what came before `cut`.

    Popularity, the items met last and the newest items are always among them.
    """
    assert recommender.site_id == site_id
    found = read(recommender, now)
    return tried(found, recommender, methods, cut_s=cut.timestamp()).found


def tried(
    known: Read,
    recommender: Recommender,
    methods: Sequence[str],
    *,
    cut_s: float | None = None,
    progress: Progress = silent,
    serving: tuple[str, float, float] | None = None,
) -> Compared:
    """Learn each method from what came before the cut and judge it on what came after.

    Judged is what would be served: with the recommender's diversity, and without what its filters
    leave out of the last item and of those met.

    Args:
        serving: what serves by other settings: method, half-life in days, diversity; judged beside
            the others as SERVING.
    """
    filters: Mapping[str, Any] = recommender.filters
    return compared(
        known.seen,
        known.facts,
        params_of(recommender),
        methods,
        cut_s=cut_of(known.seen) if cut_s is None else cut_s,
        leaves_current_out=bool(filters.get("current", True)),
        leaves_seen_out=bool(filters.get("seen", False)),
        progress=progress,
        serving=serving,
    )

"""A challenger beside what serves: judged where time has told, without serving anybody.

What it would have foreseen is worked out afterwards, from its frozen file and what was known at
each midnight; nothing is kept about a person, only counts and sums. Only moments after it was
frozen count. Only workers import this module.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.predictions import features, labels, reading, services
from apps.predictions.domain.judging import log_losses
from apps.predictions.fitted import restored
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work.types import Progress

MOST_MOMENTS: Final = 30
LATE: Final = timedelta(hours=6)  # events that arrive late are waited for
# A challenger that nobody has said yes to gives way after so many horizons, or days.
GIVES_WAY_AFTER: Final = 4
GIVES_WAY_DAYS: Final = 14
Version = ModelVersion.State


def begin(version: ModelVersion, now: datetime) -> None:
    """Let a version that is ready foresee beside the champion, unless another still has to."""
    spec = version.spec
    champion = services.champion_of(spec.pk)
    if champion is None or champion.lineage.get("question") != version.lineage["question"]:
        return
    running = spec.versions.filter(state=Version.CHALLENGER).first()
    patience = max(
        timedelta(hours=spec.horizon_hours) * GIVES_WAY_AFTER, timedelta(days=GIVES_WAY_DAYS)
    )
    if running is None or running.trained_at + patience < now:
        services.start_shadow(version, now)


def look(spec: ModelSpec, *, now: datetime, progress: Progress) -> int:
    """Judge the challenger and the champion at midnights that have come true; return how many.

    Repeatable: a moment counts once.

    Raises:
        ArtifactBroken: a file of one of the two is missing or is not what was stored.
    """
    champion = services.champion_of(spec.pk)
    challenger = spec.versions.filter(state=Version.CHALLENGER).first()
    if champion is None or challenger is None:
        return 0
    kept = list(challenger.shadow.get("moments", []))
    seen = {one["as_of"] for one in kept if one["champion"] == champion.number}
    kept = [one for one in kept if one["champion"] == champion.number]
    instants = [one for one in matured(spec, challenger, now) if one.isoformat() not in seen]
    for place, as_of in enumerate(instants):
        progress(place, len(instants), "Looking at what came true")
        found = _moment(spec, champion, challenger, as_of, now)
        if found is not None:
            kept.append(found)
    if instants:
        challenger.shadow = {**challenger.shadow, "moments": kept[-MOST_MOMENTS:]}
        challenger.save(update_fields=["shadow"])
    return len(instants)


def matured(spec: ModelSpec, version: ModelVersion, now: datetime) -> Iterator[datetime]:
    """Yield the midnights after a version was frozen of which the horizon is over, oldest first."""
    day = timedelta(days=1)
    first = version.trained_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    as_of = max(first + day, _midnight(now) - day * (MOST_MOMENTS + spec.horizon_hours // 24 + 1))
    while as_of + timedelta(hours=spec.horizon_hours) + LATE <= now:
        yield as_of
        as_of += day


def _moment(
    spec: ModelSpec,
    champion: ModelVersion,
    challenger: ModelVersion,
    as_of: datetime,
    now: datetime,
) -> dict[str, Any] | None:
    """Return counts and sums of one moment, None where nobody was there."""
    names = list(dict.fromkeys([*champion.feature_names, *challenger.feature_names]))
    (moment,) = features.moments(spec, names, [as_of], now=now)
    looked = reading.Looked(names, {}, names, [moment])
    places = {name: place for place, name in enumerate(names)}
    said = [
        restored(one).outputs(moment.x[:, [places[name] for name in one.feature_names]])
        for one in (challenger, champion)
    ]
    outputs = [
        (place, label.output)
        for place, label in enumerate(labels.labels_of(spec))
        if label.output in said[0] and label.output in said[1]
    ]
    if not len(moment.x) or not outputs:
        return None
    gains = [0.0] * len(moment.x)
    sums = [0.0, 0.0]
    positives = 0
    for place, output in outputs:
        y = looked.outcome(moment, place).tolist()
        positives += int(sum(y))
        ours, theirs = (log_losses(y, one[output].tolist()) for one in said)
        sums = [sums[0] + math.fsum(ours), sums[1] + math.fsum(theirs)]
        gains = [g + (b - a) / len(outputs) for g, a, b in zip(gains, ours, theirs, strict=True)]
    count = len(moment.x) * len(outputs)
    return {
        "as_of": as_of.isoformat(),
        "champion": champion.number,
        "rows": len(moment.x),
        "positives": positives,
        "challenger_log_loss": sums[0] / count,
        "champion_log_loss": sums[1] / count,
        "gain": math.fsum(gains),
        "square": math.fsum(gain * gain for gain in gains),
    }


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

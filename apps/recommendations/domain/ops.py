"""The arithmetic of recommendations by name, JSON in and JSON out: what `stat_ops` offers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.recommendations.domain import decaying, ranking

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _metrics(given: Mapping[str, JSON]) -> JSON:
    return ranking.quality(
        given["recommended"], given["relevant"], given["k"], given.get("catalogue_size")
    )


def _weights(given: Mapping[str, JSON]) -> JSON:
    return decaying.weighted(given["ages"], given["values"], given["half_life"])


def _streaming(given: Mapping[str, JSON]) -> JSON:
    events = [(one["t"], one["v"]) for one in given["events"]]
    after, now = decaying.streamed(events, given["half_life"], given["read_at"])
    return {"after_each": after, "at_read": now}


OPS: Final[Mapping[str, Op]] = {
    "rank.metrics": _metrics,
    "decay.weights": _weights,
    "decay.streaming": _streaming,
}

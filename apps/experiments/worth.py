"""What personalization earns, by a holdout. Workers only (scipy).

The document of a holdout:

    {"held", "personalized", "mixed", "since", "days", "share", "placements", "reason",
     "metrics": [{"key", "name", "kind", "direction", "currency", "window_hours", "left_out",
                  "verdict": "earns" | "costs" | "open", "effect": Effect as JSON,
                  "segments": [{"segment", "verdict", "effect" | null, "reason"}],
                  "detectable": [[weeks, relative change], ...]}],
     "return": {"metric", "gained", "interval", "cost", "net", "net_interval", "ratio", "reason"}
               | null (nobody asked)}

Effects are "personalized" beside "held out"; intervals hold at any time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q

from apps.experiments.designing import mixed_money
from apps.experiments.domain.lifts import ALPHA, detectable, lift_of, return_of, verdict_of
from apps.experiments.domain.sums import NAMES, Sums, added
from apps.experiments.models import (
    Holdout,
    HoldoutMember,
    HoldoutSum,
    HoldoutTurn,
    Metric,
    Worth,
    WorthAsked,
)
from apps.experiments.worth_counting import MOST_SEGMENTS, metrics_of

WEEKS: Final = (2, 4, 6, 8, 12, 26)
MONTH: Final = timedelta(days=28)
NOT_SERVED: Final = "It is not served yet: publish it, and visitors are held out from then on."
NOBODY: Final = "Nothing was decided for a known visitor since it is served."
NO_METRIC: Final = "The site has no metric to judge it by: make one."
SMALL: Final = "Fewer than ten of the segment are on one of the sides."
JSON = Any
Pairs = Sequence[tuple[Sums, Sums]]


def analyse(holdout: Holdout, *, now: datetime) -> dict[str, JSON]:
    """Work out what a holdout says anew, keep it, and return it."""
    document = _document(holdout, now)
    Worth.objects.update_or_create(
        holdout=holdout, defaults={"worked_out_at": now, "document": document}
    )
    return document


def _document(holdout: Holdout, now: datetime) -> dict[str, JSON]:
    turns = list(HoldoutTurn.objects.filter(holdout=holdout, share__gt=0).order_by("publication"))
    people = HoldoutMember.objects.filter(turn__in=turns).aggregate(
        held=Count("pk", filter=Q(arm=0, is_mixed=False)),
        personalized=Count("pk", filter=Q(arm=1, is_mixed=False)),
        mixed=Count("pk", filter=Q(is_mixed=True)),
        since=Min("first_at"),
    )
    since = people.pop("since")
    days = max(1, math.ceil((now - since) / timedelta(days=1))) if since else 0
    metrics = metrics_of(holdout.site_id)
    found = [_metric(holdout, turns, metric, days, now) for metric in metrics] if since else []
    reason = NOT_SERVED if not turns else NOBODY if not since else "" if metrics else NO_METRIC
    return {
        **people,
        "since": since.isoformat() if since else None,
        "days": days,
        "share": turns[-1].share if turns else holdout.share,
        "placements": list(holdout.placements),
        "reason": reason or None,
        "metrics": found,
        "return": _return(holdout, turns, days, now) if since else None,
    }


def _metric(
    holdout: Holdout, turns: Sequence[HoldoutTurn], metric: Metric, days: int, now: datetime
) -> dict[str, JSON]:
    sums, left_out = _sums(turns, metric)
    effect = lift_of(sums.get("", []), metric.kind)
    segments = []
    largest = _largest(sums)
    for key in largest:
        own = lift_of(sums[key], metric.kind, ALPHA / len(largest))
        is_small = min(own.n, own.n_control) < 10
        segments.append(
            {
                "segment": key,
                "verdict": "open" if is_small else verdict_of(own.interval, metric.direction),
                "effect": None if is_small else plain(asdict(own)),
                "reason": SMALL if is_small else own.reason,
            }
        )
    held, rest = (sum((pair[side] for pair in sums.get("", [])), Sums()) for side in (0, 1))
    share = turns[-1].share if turns else holdout.share
    return {
        "key": metric.key,
        "name": metric.name,
        "kind": metric.kind,
        "direction": metric.direction,
        "currency": metric.currency,
        "window_hours": metric.window_hours,
        "left_out": left_out,
        "verdict": verdict_of(effect.interval, metric.direction),
        "effect": plain(asdict(effect)) | {"note": mixed_money(metric, now - 4 * MONTH)},
        "segments": segments,
        "detectable": plain(detectable(held, rest, (held.n + rest.n) / days, share, WEEKS))
        if metric.kind != Metric.Kind.RATIO
        else [],
    }


def _sums(
    turns: Sequence[HoldoutTurn], metric: Metric
) -> tuple[dict[str, list[tuple[Sums, Sums]]], int]:
    """By segment ("": everybody) the (held out, personalized) of each turn."""
    parts: dict[tuple[str, int], dict[int, list[list[float]]]] = {}
    left_out = 0
    rows = HoldoutSum.objects.filter(turn__in=turns, metric=metric).order_by("turn")
    for turn, arm, segment, away, *numbers in rows.values_list(
        "turn_id", "arm", "segment", "left_out", *NAMES
    ):
        parts.setdefault((segment, turn), {}).setdefault(arm, []).append(numbers)
        left_out += away if not segment else 0
    found: dict[str, list[tuple[Sums, Sums]]] = {}
    for (segment, _), arms in parts.items():
        found.setdefault(segment, []).append((added(arms.get(0, [])), added(arms.get(1, []))))
    return found, left_out


def _largest(sums: Mapping[str, Pairs]) -> list[str]:
    sizes = {key: sum(a.n + b.n for a, b in pairs) for key, pairs in sums.items() if key}
    return sorted(sizes, key=lambda key: (-sizes[key], key))[:MOST_SEGMENTS]


def _return(
    holdout: Holdout, turns: Sequence[HoldoutTurn], days: int, now: datetime
) -> dict[str, JSON] | None:
    asked = WorthAsked.objects.filter(site_id=holdout.site_id).select_related("metric").first()
    if asked is None or asked.metric is None:
        return None
    metric = asked.metric
    nothing = dict.fromkeys(
        ("gained", "interval", "cost", "net", "net_interval", "ratio"), None
    ) | {"metric": metric.name, "currency": metric.currency}
    money = mixed_money(metric, now - 4 * MONTH)
    if money is not None:
        return nothing | {"reason": money}
    if metric.kind == Metric.Kind.RATIO:
        return nothing | {"reason": "A ratio has no sum: choose a metric that adds up."}
    lift = lift_of(_sums(turns, metric)[0].get("", []), metric.kind)
    cost = (asked.cost or 0.0) * days / MONTH.days
    found = return_of(lift, cost)
    if found is None:
        return nothing | {"reason": lift.reason or "It cannot be told yet."}
    told: dict[str, JSON] = plain(asdict(found))
    return nothing | told | {"reason": None}


def plain(value: JSON) -> JSON:
    """The same without numbers that JSON has not."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
    return value

"""The features that exist, by name, and the SQL of each. Every one looks back from `p.as_of` only.

The expressions aggregate the rows `e` of one profile within the window that ends at `p.as_of`:
name, category, item, value, device, occurred_at, and gap, the time since the device's event before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.predictions.errors import UnknownFeature
from engine.facts import SESSION_IDLE_MS

MAX_FEATURES: Final = 100

_HOURS = "extract(epoch FROM {}) / 3600.0"

PLAIN: Final[dict[str, tuple[str, str]]] = {
    # name: (SQL, words)
    "events": ("count(e.*)", "number of events"),
    "events_1d": (
        "count(e.*) FILTER (WHERE e.occurred_at > p.as_of - interval '1 day')",
        "events in the last 24 hours",
    ),
    "events_7d": (
        "count(e.*) FILTER (WHERE e.occurred_at > p.as_of - interval '7 days')",
        "events in the last 7 days",
    ),
    "sessions": (
        "count(e.*) FILTER (WHERE e.gap IS NULL OR e.gap >= "
        f"interval '{SESSION_IDLE_MS} milliseconds')",
        "number of visits",
    ),
    "days_active": (
        "count(DISTINCT date_trunc('day', e.occurred_at, 'UTC'))",
        "number of days with a visit",
    ),
    "recency_h": (_HOURS.format("p.as_of - max(e.occurred_at)"), "hours since the last event"),
    "tenure_h": (_HOURS.format("p.as_of - min(e.occurred_at)"), "hours since the first event"),
    "mean_gap_h": (_HOURS.format("avg(e.gap)"), "mean hours between events"),
    "items": ("count(DISTINCT e.item)", "number of different items"),
    "categories": ("count(DISTINCT e.category)", "number of different categories"),
    "value_mean": ("avg(e.value)", "mean price or value"),
    "value_max": ("max(e.value)", "highest price or value"),
    "devices": ("count(DISTINCT e.device)", "number of devices"),
}

_NAMED: Final[dict[str, tuple[str, str]]] = {
    # prefix: (SQL with the place of the bound value, words)
    "count": ("count(e.*) FILTER (WHERE e.name = {value})", 'number of "{}"'),
    "since_h": (
        _HOURS.format("p.as_of - max(e.occurred_at) FILTER (WHERE e.name = {value})"),
        'hours since the last "{}"',
    ),
    "category": (
        "count(e.*) FILTER (WHERE e.category = {value})",
        'events in the category "{}"',
    ),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: its name, its SQL, what that binds, and what it says in plain words."""

    name: str
    sql: str
    params: dict[str, Any]
    words: str


def features_of(names: Sequence[str]) -> list[Feature]:
    """Return the features of these names, in this order.

    Raises:
        UnknownFeature: a name that nothing computes, one that comes twice, or too many.
    """
    if len(names) > MAX_FEATURES:
        raise UnknownFeature(f"At most {MAX_FEATURES} features, not {len(names)}.")
    if len(set(names)) != len(names):
        raise UnknownFeature("A feature comes twice.")
    return [_feature(name, number) for number, name in enumerate(names)]


def _feature(name: str, number: int) -> Feature:
    if name in PLAIN:
        sql, words = PLAIN[name]
        return Feature(name, sql, {}, words)
    prefix, colon, value = name.partition(":")
    if not colon or not value or prefix not in _NAMED:
        raise UnknownFeature(
            f"There is no feature '{name}'. There are {', '.join(PLAIN)}, and"
            " count:EVENT, since_h:EVENT, category:CATEGORY."
        )
    sql, words = _NAMED[prefix]
    place = f"f{number}"
    return Feature(name, sql.format(value=f"%({place})s"), {place: value}, words.format(value))

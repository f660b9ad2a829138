"""Random condition documents of every kind, of the words in `alphabets`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.facts import SESSION_IDLE_MS
from tests.engine.alphabets import (
    AGES_MS,
    CONTEXT,
    DATED_TRAITS,
    DAY_MS,
    LISTED,
    NUMERIC,
    PROPERTIES,
    RANGED,
    RICH,
    SEGMENTS,
    TIMED,
    TRAITS,
    WINDOWS_MS,
    aged,
    comparison,
    counted,
    duration,
    filters,
    match,
    plain,
)
from tests.engine.choices import Choices, once_in, some


def window(choices: Choices, kinds: Sequence[str]) -> Any:
    kind = choices.pick(kinds)
    match kind:
        case "ever" | "page_view":
            return kind
        case "session":
            idle = duration(choices.pick((600_000, 1000, 86_400_000, SESSION_IDLE_MS)))
            return {"session": idle} if once_in(choices, 4) else kind
        case "last":
            return {"last": duration(choices.pick(WINDOWS_MS))}
        case "last_months":
            return {"last": choices.pick(("1mo", "2mo", "1y"))}
        case "between_ago":
            near, far = sorted([choices.pick(WINDOWS_MS), choices.pick(WINDOWS_MS)])
            near = near // 2 if near == far else near * choices.whole(0, 1)
            return {"between_ago": {"from": duration(far), "to": duration(near)}}
        case "calendar":
            made = {"calendar": choices.pick(("day", "week", "month"))}
            zone = choices.pick(("", "site", "visitor"))
            return made | ({"tz": zone} if zone else {})
        case "visit":
            return {"visit": choices.pick((1, -1, 2, 3, -2))}
        case "since":
            return {"since": match(choices)}
    assert kind == "absolute", kind
    ends = ("2023-11-14T22:13:20Z", "2024-03-31T01:00:00Z", "2024-02-29")
    sides: dict[str, Any] = {}
    first, second = sorted(choices.whole(0, len(ends)) for _ in range(2))
    ordered = sorted(ends, key=lambda text: text[:10])
    if first < second and second < len(ends):
        sides = {"from": ordered[first], "to": ordered[second]}
    else:
        sides = {choices.pick(("from", "to")): ordered[min(first, len(ends) - 1)]}
    return {"absolute": sides}


WINDOWS: tuple[str, ...] = (
    "last",
    "session",
    "ever",
    "last",
    "calendar",
    "since",
    "visit",
    "page_view",
)
WINDOWS += ("between_ago", "last_months", "absolute")
PATH_WINDOWS: tuple[str, ...] = (
    "ever",
    "last",
    "session",
    "calendar",
    "since",
    "absolute",
    "page_view",
)
PATH_WINDOWS += ("last_months",)
AGGREGATES: tuple[str, ...] = (
    "count",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "distinct",
    "first",
    "last",
    "recency",
)
AGGREGATES += ("most_frequent", "days_active", "streak", "ratio", "rate", "trend")


def event(choices: Choices, with_request: bool = False) -> dict[str, Any]:
    aggregate = choices.pick(AGGREGATES)
    kinds: Sequence[str] = WINDOWS
    if aggregate in ("rate", "trend"):
        kinds = ("last", "between_ago") if aggregate == "rate" else ("last",)
    leaf = {"kind": "event", "aggregate": aggregate, "window": window(choices, kinds)}
    leaf |= match(choices)
    if where := filters(choices, with_request):
        leaf["where"] = where
    if aggregate == "ratio":
        leaf["over"] = match(choices)
    if aggregate == "rate":
        leaf["per"] = choices.pick(("1m", "1h", "1d"))
    if once_in(choices, 8):
        leaf["bind"] = {"seen": choices.pick(PROPERTIES)}
    if aggregate == "recency":
        return leaf | aged(choices)
    if aggregate in ("sum", "avg", "min", "max", "distinct", "first", "last", "most_frequent"):
        leaf["of"] = choices.pick(PROPERTIES)
    if aggregate in ("first", "last", "most_frequent"):
        return leaf | plain(choices)
    if aggregate in ("ratio", "trend", "rate"):
        values = (0.5, 1, 2, 0, 1 / 3, 1.5, 60, 1440)
        return leaf | comparison(choices, NUMERIC, lambda: choices.pick(values))
    return leaf | counted(choices)


def sequence(choices: Choices) -> dict[str, Any]:
    steps = []
    for n in range(choices.pick((2, 2, 3, 1))):
        step = match(choices)
        if n and once_in(choices, 3):
            step["within"] = duration(choices.pick(AGES_MS[1:]))
        steps.append(step)
    leaf: dict[str, Any] = {"kind": "sequence", "steps": steps}
    leaf["window"] = window(choices, PATH_WINDOWS)
    if once_in(choices, 3):
        leaf["within"] = duration(choices.pick(AGES_MS[1:]))
    if once_in(choices, 3):
        leaf["by"] = sorted(set(some(choices, PROPERTIES, 2, least=1)))
    if len(steps) > 1 and once_in(choices, 3):
        leaf["without"] = [{"after": choices.whole(1, len(steps) - 1), **match(choices)}]
    if once_in(choices, 5):
        leaf["strict"] = True
    if once_in(choices, 5):
        leaf["in_session"] = True
    if once_in(choices, 4):
        leaf["times"] = choices.whole(2, 3)
    if once_in(choices, 4):
        step_number = choices.whole(1, len(steps))
        leaf["bind"] = {"product": {"step": step_number, "property": choices.pick(PROPERTIES)}}
    return leaf


def absence(choices: Choices) -> dict[str, Any]:
    leaf: dict[str, Any] = {"kind": "absence", "without": match(choices)}
    leaf["window"] = window(choices, WINDOWS)
    if once_in(choices, 4):
        return leaf
    leaf |= {"after": match(choices), "for": duration(choices.pick(AGES_MS))}
    if once_in(choices, 3):
        leaf["by"] = sorted(set(some(choices, PROPERTIES, 2, least=1)))
    return leaf


def dwell(choices: Choices) -> dict[str, Any]:
    on = choices.pick(("page", "page", "site", "site", "section", "element", "session"))
    leaf: dict[str, Any] = {"kind": "dwell", "on": on}
    leaf["window"] = "session" if on == "session" else window(choices, PATH_WINDOWS)
    if on in ("page", "section", "element") and (where := filters(choices)):
        leaf["where"] = where
    thresholds = (0, 1, 5000, 9_999, 10_000, 10_001, 15_000, 60_000, 3_600_000)
    found = comparison(choices, RANGED, lambda: choices.pick(thresholds))
    value = found["value"]
    if isinstance(value, list):
        return leaf | found | {"value": [duration(ms) for ms in value]}
    return leaf | found | {"value": duration(value)}


def score(choices: Choices) -> dict[str, Any]:
    leaf: dict[str, Any] = {"kind": "score", "events": []}
    sign = choices.pick((1, 1, -1))
    for _ in range(choices.whole(1, 2)):
        source = match(choices) | {"weight": choices.pick((1, 2, 10, 0.5, 0.1)) * sign}
        if once_in(choices, 2):
            source["half_life"] = duration(
                choices.pick((1000, 60_000, 3_600_000, DAY_MS, 7 * DAY_MS))
            )
        elif once_in(choices, 3):
            source["weight"] *= -1
        if once_in(choices, 3):
            source["of"] = "price"
        if once_in(choices, 2):
            source["cap"] = choices.pick((1, 5, 20, 0.5))
        if once_in(choices, 3):
            source["window"] = window(choices, ("last", "ever"))
        leaf["events"].append(source)
    if once_in(choices, 3):
        leaf["traits"] = [_scored_trait(choices) for _ in range(choices.whole(1, 2))]
    if once_in(choices, 4):
        leaf["floor"] = choices.pick((0, -5, 0.5))
    if once_in(choices, 4):
        leaf["ceiling"] = choices.pick((10, 2, 5))
    thresholds: list[float] = [1, 0.5, 2, 5, 0, -1, -0.25, 10, 0.1, 0.3]
    caps = [sign * source["cap"] for source in leaf["events"] if "cap" in source]
    thresholds = caps if caps and once_in(choices, 2) else thresholds
    return leaf | comparison(choices, RANGED, lambda: choices.pick(thresholds))


def _scored_trait(choices: Choices) -> dict[str, Any]:
    test = trait(choices)
    del test["kind"]
    return test | {"weight": choices.pick((1, 0.5, -2))}


def trait(choices: Choices) -> dict[str, Any]:
    leaf: dict[str, Any] = {"kind": "trait", "name": choices.pick((*TRAITS, *DATED_TRAITS))}
    dated = leaf["name"] in DATED_TRAITS
    ops: Sequence[str] = (*RICH, *LISTED)
    if dated or once_in(choices, 6):
        ops = (*TIMED, *TIMED, "before", "after", "eq", "is_missing")
    made = leaf | plain(choices, ops)
    if once_in(choices, 4):
        wanted = {"source": choices.pick(("model", "api")), "min_confidence": 0.8}
        made["from"] = {
            key: wanted[key]
            for key in choices.pick((("source",), ("min_confidence",), tuple(wanted)))
        }
    return made


def context(choices: Choices) -> dict[str, Any]:
    if once_in(choices, 8):
        place = [choices.pick((48.85, 0, -33.9)), choices.pick((2.35, 0, 151.2))]
        value = [*place, choices.pick((1, 500, 10_000))]
        return {"kind": "context", "name": "device", "op": "within_km", "value": value}
    leaf = {"kind": "context", "name": choices.pick(CONTEXT)}
    return leaf | plain(choices, (*RICH, *LISTED))


def model(choices: Choices) -> dict[str, Any]:
    leaf: dict[str, Any] = {"kind": "model", "name": choices.pick(("buy", "cluster"))}
    if leaf["name"] == "buy":
        ops = ("gte", "gt", "lt", "lte", "between", "is_set", "is_missing")
        leaf |= comparison(choices, ops, lambda: choices.pick((0.75, 0.5, 1)))
    else:
        leaf |= comparison(choices, ("eq", "ne", "in", "is_missing"), lambda: choices.pick("ab"))
    if once_in(choices, 2):
        leaf["max_age"] = duration(choices.pick((60_000, 3_600_000, DAY_MS)))
    if leaf["op"] not in ("is_set", "is_missing") and once_in(choices, 2):
        leaf["fallback"] = choices.pick((False, True))
    return leaf


def percent(choices: Choices) -> dict[str, Any]:
    start = choices.pick((0, 12.5, 50))
    return {"kind": "percent", "seed": "s1", "from": start, "to": start + 50}


def exposure(choices: Choices) -> dict[str, Any]:
    leaf: dict[str, Any] = {"kind": "exposure", "window": window(choices, WINDOWS)}
    leaf["placement"] = choices.pick(("a", "b"))
    if once_in(choices, 3):
        leaf[choices.pick(("block", "variant"))] = choices.pick(("a", "b"))
    return leaf | comparison(choices, NUMERIC, lambda: choices.whole(0, 3))


def experiment(choices: Choices) -> dict[str, Any]:
    leaf = {"kind": "experiment", "key": choices.pick(("a", "b"))}
    return leaf | ({"arm": choices.pick(("a", "b"))} if once_in(choices, 2) else {})


def relation(choices: Choices) -> dict[str, Any]:
    leaf = {"kind": "relation", "type": "member_of"}
    return leaf | ({"to": choices.pick(("acme", "beta"))} if once_in(choices, 2) else {})


LEAVES: dict[str, Callable[[Choices], dict[str, Any]]] = {
    "event": event,
    "sequence": sequence,
    "absence": absence,
    "dwell": dwell,
    "score": score,
    "trait": trait,
    "context": context,
    "segment": lambda choices: {"kind": "segment", "key": choices.pick(SEGMENTS)},
    "list": lambda choices: {"kind": "list", "key": choices.pick(("press", "staff"))},
    "percent": percent,
    "model": model,
    "consent": lambda choices: {
        "kind": "consent",
        "purpose": choices.pick(("analytics", "necessary", "advertising")),
    },
    "exposure": exposure,
    "experiment": experiment,
    "relation": relation,
}
# Most of what can go wrong is in leaves that look at events.
OFTEN = ("event",) * 6 + ("sequence", "absence", "dwell", "score") * 2
EVERY_KIND = (*OFTEN, *(kind for kind in LEAVES if kind not in OFTEN))
OF_REQUESTS = ("context",)


def leaf(choices: Choices, kinds: Sequence[str] = EVERY_KIND) -> dict[str, Any]:
    kind = choices.pick(kinds)
    if kind == "event":
        return event(choices, with_request="context" in kinds)
    return LEAVES[kind](choices)


def tree(
    choices: Choices, kinds: Sequence[str] = EVERY_KIND, leaves: int = 8, depth: int = 4
) -> dict[str, Any]:
    """The `where` of a condition with at most `leaves` leaves."""
    if leaves < 2 or depth < 2 or once_in(choices, 2):
        return leaf(choices, kinds)
    group = choices.pick(("all", "any", "none", "not", "at_least"))
    if group == "not":
        return {"not": tree(choices, kinds, leaves, depth - 1)}
    count = choices.whole(1, min(3, leaves))
    parts = [tree(choices, kinds, leaves // count, depth - 1) for _ in range(count)]
    if group == "at_least":
        return {group: {"k": choices.whole(1, count), "of": parts}}
    return {group: parts}

"""Read event matches, windows and the event leaf of a condition document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.conditions.nodes import (
    Aggregate,
    CalendarUnit,
    EventBinds,
    EventLeaf,
    FactOf,
    Match,
    Op,
    PropertyTest,
    Value,
    Window,
    WindowKind,
)
from engine.conditions.parse_values import (
    AGE_OPS,
    BASIC_OPS,
    COUNT_OPS,
    FILTER_OPS,
    NUMBER_OPS,
    below,
    choice,
    comparison,
    instant,
    list_of,
    number,
    object_of,
    parse_duration,
    positive_duration,
    shown,
    suggestion,
    text,
    whole_number,
)
from engine.errors import InvalidCondition
from engine.facts import SESSION_IDLE_MS

MAX_FILTERS = 20  # of one event match
MAX_BINDS = 20
MAX_MONTHS = 60
MAX_VISIT = 1000
LEAST_IDLE_MS = 1000
MOST_IDLE_MS = 86_400_000

OF_NOTHING = frozenset(
    {
        Aggregate.COUNT,
        Aggregate.RECENCY,
        Aggregate.DAYS_ACTIVE,
        Aggregate.STREAK,
        Aggregate.RATIO,
        Aggregate.RATE,
        Aggregate.TREND,
    }
)
_OF_ANYTHING = frozenset({Aggregate.FIRST, Aggregate.LAST, Aggregate.MOST_FREQUENT})
# Unknown when there is nothing, so that one may ask whether they are known.
_MAY_BE_UNKNOWN = frozenset(
    {Aggregate.AVG, Aggregate.MIN, Aggregate.MAX, Aggregate.RATIO, Aggregate.TREND}
)

ALL_KINDS = frozenset(WindowKind)
_WINDOW_FORMS = (
    '"ever", "session", "page_view", {"last": "10m"}, {"session": "10m"}, {"calendar": "day"}, '
    '{"between_ago": ..}, {"visit": 1}, {"since": ..} or {"absolute": ..}'
)
_OTHER_WINDOWS = {
    "always": "ever",
    "all_time": "ever",
    "today": "calendar",
    "this_week": "calendar",
    "this_month": "calendar",
    "page": "page_view",
    "pageview": "page_view",
    "rolling": "last",
    "within": "last",
    "past": "last",
    "between": "absolute",
    "ago": "between_ago",
    "after": "since",
}
_PLAIN_WINDOWS = {
    "ever": Window(WindowKind.EVER),
    "session": Window(WindowKind.SESSION, SESSION_IDLE_MS),
    "page_view": Window(WindowKind.PAGE_VIEW),
}


# Matches


def match_of(content: object, path: str) -> Match:
    fields = object_of(content, path, required=("name",), optional=("where",))
    return match_in(fields, path)


def match_in(fields: Mapping[str, Any], path: str) -> Match:
    """Read the `name` and `where` among the fields of a larger object."""
    name = text(fields["name"], below(path, "name"))
    return Match(name, filters(fields.get("where", []), below(path, "where")))


def filters(content: object, path: str) -> tuple[PropertyTest, ...]:
    items = list_of(content, path)
    if len(items) > MAX_FILTERS:
        raise InvalidCondition(path, f"expected at most {MAX_FILTERS} filters")
    return tuple(_filter(item, f"{path}[{i}]") for i, item in enumerate(items))


def _filter(item: object, path: str) -> PropertyTest:
    fields = object_of(item, path, required=("property", "op"), optional=("value", "fact"))
    name = text(fields["property"], f"{path}.property")
    if "fact" not in fields:
        return PropertyTest(name, *comparison(fields, path, FILTER_OPS))
    if "value" in fields:
        raise InvalidCondition(f"{path}.fact", "expected either a value or a fact")
    op = choice(Op, fields["op"], f"{path}.op", "operator", among=FILTER_OPS)
    if op is not Op.EQ:
        raise InvalidCondition(f"{path}.op", 'expected "eq" beside a fact')
    return PropertyTest(name, op, FactOf(text(fields["fact"], f"{path}.fact")))


# Windows


def window(
    content: object, path: str, kinds: frozenset[WindowKind] = ALL_KINDS, why: str = ""
) -> Window:
    """Read a window of one of `kinds`; `why` says in a refusal whose windows these are."""
    found = _window(content, path)
    if found.kind not in kinds:
        known = ", ".join(kind for kind in WindowKind if kind in kinds)
        name = "last with months" if found.kind is WindowKind.LAST_MONTHS else str(found.kind)
        raise InvalidCondition(path, f"{why} has no window {name} (one of {known})")
    return found


def _window(content: object, path: str) -> Window:
    if isinstance(content, str) and content in _PLAIN_WINDOWS:
        return _PLAIN_WINDOWS[content]
    if isinstance(content, str):
        known = [*_PLAIN_WINDOWS, *_WINDOWS]
        hint = suggestion(content, known, _OTHER_WINDOWS) or f" (expected {_WINDOW_FORMS})"
        raise InvalidCondition(path, f'unknown window "{shown(content)}"{hint}')
    if not isinstance(content, dict):
        raise InvalidCondition(path, f"expected {_WINDOW_FORMS}")
    kinds = [name for name in content if name in _WINDOWS]
    if not kinds:
        name = next(iter(content), "")
        hint = suggestion(name, _WINDOWS, _OTHER_WINDOWS) or f" (expected {_WINDOW_FORMS})"
        raise InvalidCondition(
            below(path, shown(name)) if content else path, f"unknown window{hint}"
        )
    return _WINDOWS[kinds[0]](content, path)


def _last(content: Mapping[str, Any], path: str) -> Window:
    width = object_of(content, path, required=("last",))["last"]
    at = f"{path}.last"
    for unit, months_each in (("mo", 1), ("y", 12)):
        if isinstance(width, str) and width.endswith(unit):
            digits = width[: -len(unit)]
            if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
                break
            months = int(digits) * months_each
            if not 1 <= months <= MAX_MONTHS:
                raise InvalidCondition(
                    at, "expected more than zero" if not months else "expected at most 5 years"
                )
            return Window(WindowKind.LAST_MONTHS, months=months)
    return Window(WindowKind.LAST, _width(width, at))


def _width(content: object, path: str) -> int:
    try:
        return positive_duration(content, path)
    except InvalidCondition as refused:
        if "a duration" not in refused.problem:
            raise
        problem = 'expected a duration such as "10m" (ms s m h d w mo y)'
        raise InvalidCondition(path, problem) from None


def _session(content: Mapping[str, Any], path: str) -> Window:
    idle_ms = object_of(content, path, required=("session",))["session"]
    ms = parse_duration(idle_ms, f"{path}.session")
    if not LEAST_IDLE_MS <= ms <= MOST_IDLE_MS:
        raise InvalidCondition(f"{path}.session", "expected an idle time from 1s to 24h")
    return Window(WindowKind.SESSION, ms)


def _between_ago(content: Mapping[str, Any], path: str) -> Window:
    span = object_of(content, path, required=("between_ago",))["between_ago"]
    at = f"{path}.between_ago"
    fields = object_of(span, at, required=("from", "to"))
    far = positive_duration(fields["from"], f"{at}.from")
    near = parse_duration(fields["to"], f"{at}.to")
    if near >= far:
        raise InvalidCondition(f"{at}.to", "expected less than `from`: the later end comes second")
    return Window(WindowKind.BETWEEN_AGO, far, near)


def _calendar(content: Mapping[str, Any], path: str) -> Window:
    fields = object_of(content, path, required=("calendar",), optional=("tz",))
    unit = choice(CalendarUnit, fields["calendar"], f"{path}.calendar", "calendar unit")
    zone = fields.get("tz", "site")
    if zone not in ("site", "visitor"):
        raise InvalidCondition(f"{path}.tz", 'expected "site" or "visitor"')
    return Window(WindowKind.CALENDAR, unit=unit, is_visitor_zone=zone == "visitor")


def _visit(content: Mapping[str, Any], path: str) -> Window:
    visit = object_of(content, path, required=("visit",))["visit"]
    at = f"{path}.visit"
    if visit == 0 and type(visit) is int:
        raise InvalidCondition(at, "expected 1 for the first visit or -1 for the latest, not 0")
    return Window(WindowKind.VISIT, visit=whole_number(visit, at, -MAX_VISIT, MAX_VISIT))


def _since(content: Mapping[str, Any], path: str) -> Window:
    match = object_of(content, path, required=("since",))["since"]
    return Window(WindowKind.SINCE, since=match_of(match, f"{path}.since"))


def _absolute(content: Mapping[str, Any], path: str) -> Window:
    span = object_of(content, path, required=("absolute",))["absolute"]
    at = f"{path}.absolute"
    fields = object_of(span, at, required=(), optional=("from", "to"))
    if not fields:
        raise InvalidCondition(at, "expected `from`, `to` or both")
    start = instant(fields["from"], f"{at}.from") if "from" in fields else None
    end = instant(fields["to"], f"{at}.to") if "to" in fields else None
    if start is not None and end is not None and end <= start:
        raise InvalidCondition(f"{at}.to", "expected an instant after `from`")
    return Window(WindowKind.ABSOLUTE, from_ms=start, to_ms=end)


_WINDOWS: dict[str, Callable[[Mapping[str, Any], str], Window]] = {
    "last": _last,
    "session": _session,
    "between_ago": _between_ago,
    "calendar": _calendar,
    "visit": _visit,
    "since": _since,
    "absolute": _absolute,
}


# The event leaf

_WINDOWS_OF = {
    Aggregate.RATE: frozenset({WindowKind.LAST, WindowKind.BETWEEN_AGO}),
    Aggregate.TREND: frozenset({WindowKind.LAST}),
}


def event(document: Mapping[str, Any], path: str) -> EventLeaf:
    fields = object_of(
        document,
        path,
        required=("kind", "name", "aggregate", "window", "op"),
        optional=("where", "of", "over", "per", "value", "bind"),
    )
    aggregate = choice(Aggregate, fields["aggregate"], below(path, "aggregate"), "aggregate")
    op, value = event_comparison(aggregate, fields, path)
    return aggregated(fields, path, aggregate, op, value)


def event_comparison(
    aggregate: Aggregate, fields: Mapping[str, Any], path: str
) -> tuple[Op, Value]:
    """Read the `op` and `value` that an aggregate may be compared with."""
    if aggregate is Aggregate.RECENCY:
        return comparison(fields, path, AGE_OPS, parse_duration)
    if aggregate in _OF_ANYTHING:
        return comparison(fields, path, BASIC_OPS)
    allowed = NUMBER_OPS if aggregate in _MAY_BE_UNKNOWN else COUNT_OPS
    return comparison(fields, path, allowed, number)


def aggregated(
    fields: Mapping[str, Any], path: str, aggregate: Aggregate, op: Op, value: Value
) -> EventLeaf:
    """Read what an event leaf says besides its comparison."""
    match = match_in(fields, path)
    of = None
    if aggregate in OF_NOTHING:
        _refused(fields, "of", path, f"{aggregate} takes no property")
    elif "of" not in fields:
        raise InvalidCondition(below(path, "of"), "expected a property name")
    else:
        of = text(fields["of"], below(path, "of"))
    over, per_ms = None, 0
    if aggregate is Aggregate.RATIO:
        over = match_of(_needed(fields, "over", path), below(path, "over"))
    else:
        _refused(fields, "over", path, f"{aggregate} is over nothing; ratio is")
    if aggregate is Aggregate.RATE:
        per_ms = positive_duration(_needed(fields, "per", path), below(path, "per"))
    else:
        _refused(fields, "per", path, f"{aggregate} is per nothing; rate is")
    kinds = _WINDOWS_OF.get(aggregate, ALL_KINDS)
    within = window(fields["window"], below(path, "window"), kinds, aggregate)
    bind = binds(fields.get("bind", {}), below(path, "bind"))
    return EventLeaf(match.name, match.where, aggregate, of, within, op, value, over, per_ms, bind)


def binds(content: object, path: str) -> EventBinds:
    """Read name -> property, in the document's order."""
    return tuple((name, text(item, f"{path}.{name}")) for name, item in named_items(content, path))


def named_items(content: object, path: str) -> list[tuple[str, Any]]:
    if not isinstance(content, dict):
        raise InvalidCondition(path, "expected an object of names")
    if len(content) > MAX_BINDS:
        raise InvalidCondition(path, f"expected at most {MAX_BINDS} names")
    for name in content:
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            problem = "expected a name of letters, digits and _ that starts with a letter"
            raise InvalidCondition(below(path, shown(name)), problem)
        text(name, path)
    return list(content.items())


def _needed(fields: Mapping[str, Any], name: str, path: str) -> Any:
    if name not in fields:
        raise InvalidCondition(below(path, name), "is missing")
    return fields[name]


def _refused(fields: Mapping[str, Any], name: str, path: str, problem: str) -> None:
    if name in fields:
        raise InvalidCondition(below(path, name), problem)

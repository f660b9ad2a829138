"""Values that may meet, or may fail, a comparison; whoever asks tries them one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.conditions.calendars import DAY_MS, as_utc
from engine.conditions.nodes import FactOf, Match, Op, PropertyTest, Value
from engine.conditions.operators import TIMED_OPS, as_number
from engine.conditions.windows import meets
from engine.facts import Happening, Scalar

_PLAIN: tuple[object, ...] = (True, False, 0, 1, "a", "", "1970-01-01", "9999-01-01")


def candidates(op: Op, value: Value | list[object], now_ms: int = 0) -> Iterator[object]:
    """Values near the one compared with, nearest first; None stands for missing."""
    wanted = tuple(value) if isinstance(value, tuple | list) else (value,)
    if op in TIMED_OPS:
        yield from _instants(wanted, now_ms)
    elif op is Op.WITHIN_KM:
        yield list(wanted[:2])
        yield [0.0, 0.0]
        yield [90.0, 0.0]
    else:
        for item in wanted:
            yield from _near(op, item)
        yield [item for item in wanted if item is not None]
    yield from _PLAIN
    yield []
    yield None


def _instants(wanted: tuple[object, ...], now_ms: int) -> Iterator[object]:
    for width_ms in (0, *(int(w) for w in wanted if isinstance(w, int))):
        for at_ms in (now_ms - width_ms // 2, now_ms + width_ms, now_ms + DAY_MS):
            yield as_utc(at_ms).date().isoformat()
            yield as_utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _near(op: Op, item: object) -> Iterator[object]:
    number = as_number(item)
    if isinstance(item, bool):
        yield item
        yield not item
    elif number is not None:
        yield item
        yield number + 1
        yield number - 1
    elif isinstance(item, str):
        if op is Op.MATCHES:
            yield "".join(char for char in item if char not in "^$\\()?*+")
        if op in _VERSIONS:
            yield item
            yield f"{int(item.split('.')[0]) + 1}"
            yield "0"
        yield item
        yield item + "a"
        yield item[:-1]


_VERSIONS = frozenset({Op.VERSION_EQ, Op.VERSION_GT, Op.VERSION_GTE, Op.VERSION_LT, Op.VERSION_LTE})


def event_of(
    match: Match, context: Mapping[str, object], fixed: Mapping[str, Scalar]
) -> dict[str, Scalar] | None:
    """Properties of an event of this match with the `fixed` ones; None when none was found."""
    by_property: dict[str, list[PropertyTest]] = {}
    for test in match.where:
        by_property.setdefault(test.property, []).append(test)
    chosen = dict(fixed)
    for of, tests in by_property.items():
        if of in fixed:
            continue
        value = _meeting(Match(match.name, tuple(tests)), of, context)
        if value is None:
            return None
        if value[0] is not None:
            chosen[of] = value[0]
    return chosen if meets(match, Happening(0, match.name, 0, chosen), context) else None


def _meeting(match: Match, of: str, context: Mapping[str, object]) -> tuple[Scalar | None] | None:
    """A value of the property that meets all tests, (None,) for missing; None: none was found."""
    for test in match.where:
        asked = test.value
        if isinstance(asked, FactOf):
            pool: Iterator[object] = iter((context.get(asked.name),))
        else:
            pool = candidates(test.op, asked)
        for value in pool:
            if value is not None and not isinstance(value, str | int | float):
                continue
            properties = {} if value is None else {of: value}
            if meets(match, Happening(0, match.name, 0, properties), context):
                return (value,)
    return None

"""What random conditions and people are made of. Small alphabets, so that they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.facts import SESSION_IDLE_MS
from tests.engine.choices import Choices, once_in, some

START_MS = 1_700_000_000_000
WINDOWS_MS = (1000, 60_000, 600_000, 3_600_000, 86_400_000)
EVENTS = ("Product Viewed", "Product Added", "Page Viewed")
PAGE_EVENTS = ("Page Viewed", "Page Heartbeat", "Page Left")
PROPERTIES = ("category", "price", "flag")
TRAITS = ("plan", "age", "tags")
DATED_TRAITS = ("born", "seen")
CONTEXT = ("device", "local_hour")
SEGMENTS = ("vip", "new")
# A third device or an empty text would only make collisions rarer.
TEXTS = ("a", "b", "ab", "", "blouses", "\uffff", "\U0001f6d2")
# Tenths make sums inexact, so a float sum shows; some need more digits, or leave none.
NUMBERS = (1, 0, 2, 3, -3, 0.1, 0.2, 0.3, 2.5, -0.5, 2**53, 1.0, 0.0004, 1e16)
SCALARS = (*TEXTS, *NUMBERS, True, False)
AGES_MS = (0, 1, 999, 1000, 60_000, 600_000, SESSION_IDLE_MS, 86_400_000)
# Half of all values are of these, so that filters and keys meet.
COMMON = ("a", 1, 2, True)
VERSIONS = ("2.10", "2.9", "2", "2.10.0.1", "10.0", "02.1")
DATES = ("2023-11-14", "2024-02-29", "2024-03-31", "1990-02-28", "1984-02-29", "2000-11-15")
INSTANTS = ("2023-11-14T22:13:20Z", "2023-11-14T23:13:20.001+01:00", "2024-03-31T01:00:00Z")
PATTERNS = ("^a", "b$", "a|b", "^[ab]{1,2}$", ".", "^$", r"\d", r"^\w+$", "(a|bl).*s", "[^a]", "x?")
NUMERIC = ("gte", "eq", "ne", "gt", "lt", "lte", "between", "in")
AGED = ("gte", "eq", "ne", "gt", "lt", "lte", "between", "is_set", "is_missing")
RANGED = ("gte", "gt", "lt", "lte", "between")
PLAIN: tuple[str, ...] = (
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "contains",
    "starts_with",
    "ends_with",
)
PLAIN += ("in", "is_set", "is_missing")
RICH: tuple[str, ...] = (
    *PLAIN,
    "matches",
    "version_gte",
    "version_eq",
    "version_lt",
    "version_gt",
    "version_lte",
)
RICH += ("before", "after")
LISTED = ("has_any", "has_all", "has_none")
TIMED = ("within_last", "within_next", "anniversary_within", "changed_within")
PAGE_IDS = ("p1", "p2", "p3")
ZONES = ("Europe/Paris", "UTC", "America/New_York", "Australia/Lord_Howe")

_UNITS = ((604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))
DAY_MS = 86_400_000


def duration(ms: int) -> str:
    """The shortest text of a duration, as a canonical document has it."""
    for unit_ms, unit in _UNITS:
        if ms and ms % unit_ms == 0:
            return f"{ms // unit_ms}{unit}"
    return f"{ms}ms"


def comparison(choices: Choices, ops: Sequence[str], value: Callable[[], Any]) -> dict[str, Any]:
    """`op` and `value`; `value` makes one."""
    op = choices.pick(ops)
    if op in ("is_set", "is_missing"):
        return {"op": op}
    if op in ("in", *LISTED):
        return {"op": op, "value": [value() for _ in range(choices.whole(1, 3))]}
    if op == "between":
        first, second = value(), value()
        if isinstance(first, str) is not isinstance(second, str):
            second = first
        return {"op": op, "value": sorted([first, second])}
    return {"op": op, "value": value()}


def plain(choices: Choices, ops: Sequence[str] = PLAIN) -> dict[str, Any]:
    """A comparison of a value of any type."""
    op = choices.pick(ops)
    if op == "matches":
        return {"op": op, "value": choices.pick(PATTERNS)}
    if op.startswith("version_"):
        return {"op": op, "value": choices.pick(VERSIONS)}
    if op in ("before", "after"):
        return {"op": op, "value": choices.pick((*DATES, *INSTANTS))}
    if op in TIMED:
        return {"op": op, "value": duration(choices.pick(AGES_MS[1:]))}
    if op in ("starts_with", "ends_with"):
        return {"op": op, "value": choices.pick([text for text in TEXTS if text])}
    values: Sequence[Any] = SCALARS
    if op == "contains":
        values = [value for value in SCALARS if value != ""]
    if op in ("gt", "gte", "lt", "lte", "between"):
        values = (*NUMBERS, *TEXTS)
    return comparison(choices, (op,), lambda: choices.pick(values))


def suited(choices: Choices, op: str, value: Any) -> Any:
    """A value that a comparison may be true of, or just not."""
    if op.startswith("version_"):
        return choices.pick(VERSIONS)
    if op in ("before", "after"):
        return choices.pick((*DATES, *INSTANTS, value))
    if op == "matches":
        return choices.pick(("a", "b", "ab", "ba", "aab", "bls", "a b", "", "x\n", "1", "blouses"))
    if op in LISTED:
        return some(choices, (*value, *value, *COMMON), 3)
    if op in ("contains", "starts_with", "ends_with") and isinstance(value, str):
        return choices.pick((value, value + "a", "a" + value, value.upper()))
    values = value if isinstance(value, list) else [value]
    found = choices.pick(values)
    if type(found) in (int, float) and abs(found) < 2**53 and once_in(choices, 2):
        return found + choices.pick((1, -1, 0.5))
    return choices.pick((found, found, *COMMON))


def counted(choices: Choices) -> dict[str, Any]:
    values = (1, 2, 3, 0, *NUMBERS)
    return comparison(choices, NUMERIC, lambda: choices.pick(values))


def aged(choices: Choices, ops: Sequence[str] = AGED) -> dict[str, Any]:
    found = comparison(choices, ops, lambda: choices.pick(AGES_MS))
    value = found.get("value")
    if isinstance(value, list):
        return found | {"value": [duration(ms) for ms in value]}
    return found if value is None else found | {"value": duration(value)}


def filters(choices: Choices, with_request: bool = False) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for _ in range(choices.pick((0, 0, 0, 0, 1, 1, 2))):
        name = choices.pick(PROPERTIES)
        if once_in(choices, 2):
            common = comparison(choices, ("eq", "ne", "in"), lambda: choices.pick(COMMON))
            made.append({"property": name, **common})
            continue
        if with_request and once_in(choices, 6):
            made.append({"property": name, "op": "eq", "fact": choices.pick(CONTEXT)})
        else:
            made.append({"property": name, **plain(choices, RICH)})
    return made


def match(choices: Choices, names: Sequence[str] = EVENTS) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "*" if once_in(choices, 8) else choices.pick(names)}
    where = filters(choices)
    return made | ({"where": where} if where else {})

"""The numbers in a condition that compare something over a population, and where they stand."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

HOUR_MS: Final = 3_600_000
FEWEST_MS: Final = 1

_ORDERING: Final = frozenset({"gt", "gte", "lt", "lte"})
_WHOLE: Final = frozenset({"count", "distinct", "days_active", "streak"})
_FRACTIONS: Final = frozenset({"sum", "avg", "min", "max", "ratio", "rate", "trend"})
_UNIT_MS: Final[Mapping[str, int]] = {
    "ms": 1, "s": 1_000, "m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS, "w": 168 * HOUR_MS,
}  # fmt: skip
_DURATION: Final = re.compile(r"(\d+)(ms|[smhdw])")


@dataclass(frozen=True, slots=True)
class Place:
    """One number of a condition.

    Attributes:
        path: of the leaf below `where`, as refusals name it; empty for a condition of one leaf.
        leaf: its document.
        step: numbers are whole multiples of it; 0: any.
        is_age: the number is a duration, in ms here and a text in the document.
    """

    path: str
    leaf: Mapping[str, Any]
    step: int
    is_age: bool

    @property
    def number(self) -> float:
        """What the leaf compares with now, ages in ms."""
        value = self.leaf["value"]
        found = durations_ms(value) if self.is_age else float(value)
        assert found is not None
        return found

    def said(self, number: float) -> int | float | str:
        """A number as the document says it."""
        if not self.is_age:
            return int(number) if float(number).is_integer() else number
        ms = max(FEWEST_MS, int(number))
        for unit in ("d", "h", "m", "s"):
            if ms % _UNIT_MS[unit] == 0:
                return f"{ms // _UNIT_MS[unit]}{unit}"
        return f"{ms}ms"

    def asking(self, op: str, number: float | None) -> dict[str, Any]:
        """A condition of this leaf alone, with another comparison."""
        leaf = {name: value for name, value in self.leaf.items() if name not in ("op", "value")}
        leaf.pop("bind", None)
        leaf["op"] = op
        if number is not None:
            leaf["value"] = self.said(number)
        return {"v": 1, "where": leaf}


def durations_ms(text: object) -> float | None:
    """A duration such as "3d" in ms; None for what is none, or has no fixed length ("1mo")."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else float(int(found[1]) * _UNIT_MS[found[2]])


def places(condition: Mapping[str, Any]) -> list[Place]:
    """Return the numbers of a condition that may follow a population, in reading order."""
    return list(_walk(condition.get("where"), ""))


def with_numbers(condition: Mapping[str, Any], numbers: Mapping[str, float]) -> dict[str, Any]:
    """Return a condition with other numbers at these paths; paths that are no place are ignored."""
    changed = copy.deepcopy(dict(condition))
    for place in places(changed):
        if place.path in numbers:
            place.leaf["value"] = place.said(numbers[place.path])  # type: ignore[index]
    return changed


def _walk(node: object, path: str) -> Iterator[Place]:
    if not isinstance(node, dict):
        return
    for group in ("all", "any", "none"):
        yield from _parts(node.get(group), _below(path, group))
    yield from _walk(node.get("not"), _below(path, "not"))
    at_least = node.get("at_least")
    if isinstance(at_least, dict):
        yield from _parts(at_least.get("of"), _below(path, "at_least.of"))
    if "kind" in node and node.get("op") in _ORDERING:
        place = _place(node, path)
        if place is not None:
            yield place


def _parts(parts: object, path: str) -> Iterator[Place]:
    for index, part in enumerate(parts if isinstance(parts, Sequence) else ()):
        yield from _walk(part, f"{path}[{index}]")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _place(leaf: dict[str, Any], path: str) -> Place | None:
    kind, value = leaf["kind"], leaf.get("value")
    aggregate = leaf.get("aggregate") if kind == "event" else None
    if kind == "dwell" or aggregate == "recency":
        is_age = isinstance(value, str) and _DURATION.fullmatch(value) is not None
        step = HOUR_MS if aggregate == "recency" else _UNIT_MS["s"]
        return Place(path, leaf, step, is_age=True) if is_age else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind in ("score", "model", "trait") or aggregate in _FRACTIONS:
        return Place(path, leaf, 0, is_age=False)
    if kind == "exposure" or aggregate in _WHOLE:
        return Place(path, leaf, 1, is_age=False)
    return None

"""Aggregates of events and weighted scores, by the book. Sums are exact: fractions throughout."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from tests.engine.oracle.values import Truth, compare, duration_ms, number, ordered, same
from tests.engine.oracle.windows import (
    Document,
    Seen,
    inside,
    local_day,
    matching,
    scalar_of,
)


class Undecided(Exception):
    """A score is closer to its threshold than the rounding of doubles can tell."""


def exact(value: float) -> Fraction:
    """The number whose shortest decimal text this double has."""
    return Fraction(repr(value))


def exact_sum(found: Iterable[object]) -> float:
    numbers = [number(value) for value in found]
    return float(sum((exact(value) for value in numbers if value is not None), Fraction(0)))


def event_value(leaf: Document, seen: Seen) -> Any:
    """The value of the aggregate, None when it is unknown. Of `recency` in ms."""
    aggregate, window = leaf["aggregate"], leaf["window"]
    window_places = inside(window, seen)
    places = matching(leaf, seen, window_places)
    events = [seen.events[i] for i in places]
    match aggregate:
        case "count":
            return len(places)
        case "recency":
            return seen.now - events[-1].at_ms if events else None
        case "days_active" | "streak":
            days = {local_day(event.at_ms, seen.site_zone) for event in events}
            return len(days) if aggregate == "days_active" else _streak(days, seen)
        case "ratio":
            others = len(matching(leaf["over"], seen, window_places))
            return len(places) / others if others else None
        case "rate":
            return len(places) * duration_ms(leaf["per"]) / _length_ms(window)
        case "trend":
            earlier = {"from": f"{2 * _length_ms(window)}ms", "to": f"{_length_ms(window)}ms"}
            before = matching(leaf, seen, inside({"between_ago": earlier}, seen))
            return len(places) / len(before) if before else None
    found = [value for e in events if (value := scalar_of(e, leaf["of"])) is not None]
    numbers = [its for value in found if (its := number(value)) is not None]
    match aggregate:
        case "sum":
            return exact_sum(found)
        case "avg":
            return exact_sum(found) / len(numbers) if numbers else None
        case "min":
            return min(numbers, default=None)
        case "max":
            return max(numbers, default=None)
        case "distinct":
            return sum(not any(same(a, b) for b in found[:n]) for n, a in enumerate(found))
        case "first":
            return found[0] if found else None
        case "last":
            return found[-1] if found else None
    assert aggregate == "most_frequent", aggregate
    if not found:
        return None
    seen_last = {n: sum(same(a, b) for b in found) for n, a in enumerate(found)}
    return found[max(seen_last, key=lambda n: (seen_last[n], n))]


def _streak(days: set[Any], seen: Seen) -> int:
    today = local_day(seen.now, seen.site_zone)
    day = today if today in days else today - timedelta(days=1)
    length = 0
    while day in days:
        length += 1
        day -= timedelta(days=1)
    return length


def _length_ms(window: Document) -> int:
    if "last" in window:
        return duration_ms(window["last"])
    ago = window["between_ago"]
    return duration_ms(ago["from"]) - duration_ms(ago["to"])


def event_leaf(leaf: Document, seen: Seen) -> Truth:
    value = leaf.get("value")
    if leaf["aggregate"] == "recency" and value is not None:
        value = durations(value)
    return compare(leaf["op"], event_value(leaf, seen), value)


def durations(value: Any) -> Any:
    return [duration_ms(v) for v in value] if isinstance(value, list) else duration_ms(value)


class Between(NamedTuple):
    """A number known to lie in [low, high]: what doubles may make of it in any order of work."""

    low: Fraction
    high: Fraction

    def clamp(self, floor: float | None, ceiling: float | None) -> Between:
        low, high = self
        if floor is not None:
            low, high = max(low, exact(floor)), max(high, exact(floor))
        if ceiling is not None:
            low, high = min(low, exact(ceiling)), min(high, exact(ceiling))
        return Between(low, high)


# Relative to the sum of all magnitudes: some thousand roundings of doubles, whatever their order.
_DOUBT = Fraction(1, 10**12)


def score(leaf: Document, seen: Seen, true_traits: list[float]) -> Between:
    """The score; `true_traits` are the weights of the trait tests that are true."""
    # Every stage is a sum of doubles, so one doubt for all of them, if there is any.
    parts = [_terms(source, seen) for source in leaf["events"]]
    terms = [term for part in parts for term in part] + [exact(w) for w in true_traits]
    coarse = all(term.denominator in (1, 2, 4, 8) and abs(term) < 2**40 for term in terms)
    doubt = Fraction(0) if coarse else _DOUBT * (sum(map(abs, terms), Fraction(0)) + 1)
    low = high = sum((exact(w) for w in true_traits), Fraction(0))
    low, high = low - doubt, high + doubt
    for source, part in zip(leaf["events"], parts, strict=True):
        total, cap = sum(part, Fraction(0)), source.get("cap")
        its = Between(total - doubt, total + doubt).clamp(None if cap is None else -cap, cap)
        low, high = low + its.low, high + its.high
    if not terms:
        low = high = Fraction(0)
    return Between(low, high).clamp(leaf.get("floor"), leaf.get("ceiling"))


def _terms(source: Document, seen: Seen) -> list[Fraction]:
    half_life = duration_ms(source["half_life"]) if "half_life" in source else None
    terms = []
    for i in matching(source, seen, inside(source.get("window", "ever"), seen)):
        event = seen.events[i]
        amount: float | None = 1.0
        if "of" in source:
            amount = number(scalar_of(event, source["of"]))
            if amount is None or (half_life is not None and amount < 0):
                continue
        assert amount is not None
        term = exact(float(source["weight"])) * exact(amount)
        if half_life is not None:
            halvings = Fraction(seen.now - event.at_ms, half_life)
            if halvings.denominator == 1 and halvings < 1000:
                term /= 2**halvings.numerator
            else:
                term *= Fraction(2.0 ** -float(halvings))
        terms.append(term)
    return terms


def compare_score(op: str, found: Between, value: Any) -> bool:
    """Raises Undecided when doubles may answer either way."""
    if op == "between":
        least = compare_score("gte", found, value[0])
        return compare_score("lte", found, value[1]) and least
    verdicts = {ordered(op, end, exact(float(value))) for end in found}
    if len(verdicts) > 1:
        raise Undecided
    return verdicts.pop()

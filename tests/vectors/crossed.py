"""Every operator against every type of value, and every leaf without history in each of its states.

The answers are those of the Python evaluator: what they mean is reviewed in `reviewed.py`, these
hold other evaluators to all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from tests.vectors.reviewed import DAY_MS, MISSING, NOW_MS, of, trait


class Asked(NamedTuple):
    """A case whose answer is not known yet."""

    name: str
    where: dict[str, Any]
    facts: dict[str, Any]
    now_ms: int = NOW_MS


TYPES: dict[str, object] = {
    "nothing": MISSING,
    "null": None,
    "a text": "ab",
    "an empty text": "",
    "a number": 2,
    "a number with a fraction": 2.5,
    "true": True,
    "a list": ["ab", 2, True],
    "an empty list": [],
    "an object": {"ab": 2},
}
VALUES: dict[str, object] = {
    "eq": 2,
    "ne": "ab",
    "in": ["ab", 2.5],
    "gt": 2,
    "gte": 2.5,
    "lt": "b",
    "lte": "ab",
    "between": [2, 2.5],
    "contains": "ab",
    "starts_with": "a",
    "ends_with": "b",
    "is_set": None,
    "is_missing": None,
    "matches": "^a?b?$",
    "has_any": [2, "x"],
    "has_all": [True, "ab"],
    "has_none": [2.5, "ab"],
    "version_eq": "2",
    "version_gt": "1.9",
    "version_gte": "2.0",
    "version_lt": "3",
    "version_lte": "2",
    "before": "2024-01-01",
    "after": "2023-01-01",
    "within_last": "1d",
    "within_next": "1d",
    "anniversary_within": "1d",
    "changed_within": "1d",
}
TEXTS = ("a", "A", "\u00e9", "e\u0301", "\uffff", "\U0001f6d2", "\U0001f6d2a")
VERSIONS = ("2.10", "2.9", "2", "2.10.0.1", "10", "2.", ".2", " 2")
DATED: tuple[str, ...] = (
    "2024-02-29",
    "2024-02-29T00:00:00Z",
    "2024-02-28T23:59:59.999Z",
    "2024-2-29",
)
DATED += ("2024-02-29T01:00:00+01:00", "2024-02-28T20:00:00-04:00", "2024-03-01", "2024-02-30")
PATTERNS: dict[str, tuple[str, ...]] = {
    "^a+b*$": ("a", "aab", "b", ""),
    "a|^b|c$": ("xa", "bx", "xb", "xc"),
    r"^\S+@\S+\.[a-z]{2,6}$": ("a@b.ch", "a@b", "a b@c.de", "\u00e9@b.ch"),
    r"[^\w\s]": ("a b", "a-b", "\u00e9", "_"),
    "^(ab?){2,3}$": ("a", "aab", "ababab", "abababab"),
    "(a|b$)+": ("b", "bc", "ca", ""),
    r"^/shop/[^/]*/?$": ("/shop/", "/shop/x", "/shop/x/", "/shop/x/y"),
}
FLIPPED = ("within_last", "within_next", "anniversary_within", "changed_within")


def crossed() -> Iterator[Asked]:
    """Every such case."""
    for (op, value), (kind, found) in product(VALUES.items(), TYPES.items()):
        yield Asked(f"{op} of {kind}", trait(op, value), of(found))
    yield from _texts()
    yield from _flips()
    yield from _groups()
    yield from _shares()
    yield from _models()
    yield from _kept()


def _texts() -> Iterator[Asked]:
    for i, (a, b) in enumerate(product(TEXTS, TEXTS)):
        op = ("gt", "lte", "contains", "ends_with", "ne")[i % 5]
        yield Asked(f"{a!a} {op} {b!a}", trait(op, b), of(a))
    for i, found in enumerate((*VERSIONS, "2.10.0")):
        for op in ("version_eq", "version_gte" if i % 2 else "version_lt"):
            yield Asked(f"version {found!r} {op}", trait(op, "2.10"), of(found))
    for found, op in product(DATED, ("before", "after")):
        yield Asked(f"{found} {op} a leap day", trait(op, "2024-02-29"), of(found))
    for pattern, texts in PATTERNS.items():
        for text in texts:
            yield Asked(f"{pattern} in {text!a}", trait("matches", pattern), of(text))


def _flips() -> Iterator[Asked]:
    """Before, at and after each instant at which a timed operator changes its mind."""
    day_ms = 1_709_164_800_000  # 2024-02-29
    for op in FLIPPED:
        facts = of("2024-02-29", changed_ms=day_ms)
        for edge_ms, step in product((day_ms - DAY_MS, day_ms, day_ms + DAY_MS), (-1, 0, 1)):
            name = f"{op} of a leap day, {edge_ms - day_ms:+} ms {step:+}"
            yield Asked(name, trait(op, "1d"), facts, edge_ms + step)
        negated = {"not": trait(op, "1d")}
        yield Asked(f"not {op}", negated, facts, day_ms + 1)
        sourced = trait(op, "1d", **{"from": {"source": "model"}})
        facts = of("2024-02-29", changed_ms=day_ms, source="model")
        yield Asked(f"{op} from a model", sourced, facts, day_ms)


def _groups() -> Iterator[Asked]:
    leaves: dict[str, dict[str, Any]] = {
        "true": trait("is_set"),
        "false": trait("is_missing"),
        "unknown": {"kind": "context", "name": "y", "op": "eq", "value": 1},
        "soon": trait("changed_within", "1m"),
    }
    facts = of(1, changed_ms=NOW_MS - 1)
    for (a, first), (b, second) in product(leaves.items(), leaves.items()):
        for group in ("all", "any", "none"):
            # Which of two that settle it alone is told first is no evaluator's promise.
            if (a, b) in (("soon", "true"), ("true", "soon")) and group != "all":
                continue
            yield Asked(f"{group} of {a}, {b}", {group: [first, second]}, facts)
    three = [leaves["true"], leaves["unknown"], leaves["soon"]]
    for k in (1, 2, 3):
        where = {"at_least": {"k": k, "of": three}}
        yield Asked(f"at least {k} of true, unknown, soon", where, facts)
    deep: dict[str, Any] = leaves["soon"]
    for i in range(10):
        deep = ({"not": deep}, {"all": [deep]}, {"none": [deep]}, {"any": [deep]})[i % 4]
    yield Asked("groups within groups", deep, facts)


def _shares() -> Iterator[Asked]:
    units = ("u1", "u2", "", "\u00e9", "\U0001f6d2", "0190a6d5-0000-7000-8000-000000000000")
    for unit, seed in product(units, ("s1", "\U0001f6d2")):
        where = {"kind": "percent", "seed": seed, "from": 12.5, "to": 62.5}
        yield Asked(f"share of {unit!a} in {seed!a}", where, {"unit_id": unit})


def _models() -> Iterator[Asked]:
    states: dict[str, dict[str, Any]] = {
        "fresh": {"observed_ms": NOW_MS - DAY_MS + 1},
        "just stale": {"observed_ms": NOW_MS - DAY_MS},
        "of unknown time": {},
    }
    for (state, meta), op in product(states.items(), ("gte", "between", "is_set", "is_missing")):
        value = {"gte": 0.75, "between": [0.8, 0.9]}.get(op)
        leaf: dict[str, Any] = {"kind": "model", "name": "buy", "op": op, "max_age": "1d"}
        leaf |= {} if value is None else {"value": value}
        facts = {"traits": {"score.buy": 0.75}, "trait_meta": {"score.buy": meta}}
        yield Asked(f"a score {op}, {state}", leaf, facts)
        if value is not None:
            yield Asked(f"a score {op}, {state}, else yes", leaf | {"fallback": True}, facts)
            yield Asked(f"a score {op}, {state}, else no", leaf | {"fallback": False}, facts)
    labels: tuple[tuple[str, object], ...] = (("eq", "a"), ("ne", "a"), ("in", ["b", 1]))
    for (op, wanted), label in product(labels, ("a", "b", 1, None)):
        leaf = {"kind": "model", "name": "cluster", "op": op, "value": wanted}
        facts = {"traits": {"score.cluster": label}}
        yield Asked(f"a label {op}, {label!r}", leaf, facts)


def _kept() -> Iterator[Asked]:
    """Consents, memberships and edges."""
    for purpose, choice in product(("analytics", "necessary", "sale"), (True, False, None)):
        facts: dict[str, Any] = {"consents": {} if choice is None else {purpose: choice}}
        name = f"consent to {purpose}, recorded {choice}"
        yield Asked(name, {"kind": "consent", "purpose": purpose}, facts)
    for member in (True, False, None):
        facts = {"memberships": {} if member is None else {"vip": member}}
        yield Asked(f"membership given as {member}", {"kind": "segment", "key": "vip"}, facts)
    for kind, found in TYPES.items():
        facts = {} if found is MISSING else {"traits": {"edge.member_of": found}}
        for to in ({}, {"to": "ab"}):
            name = f"an edge to {to.get('to', 'any')} in {kind}"
            yield Asked(name, {"kind": "relation", "type": "member_of", **to}, facts)

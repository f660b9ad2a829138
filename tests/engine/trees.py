"""Random conditions and histories for property tests: small worlds, so that things collide.

Conditions are drawn as documents, so every tree also passes through the parser. Instants are
drawn around what matters: each event, and each event plus each window, a millisecond either side.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.conditions.canonical import duration_text
from engine.conditions.nodes import Node, WindowKind
from engine.conditions.parse import parse_condition
from engine.conditions.scope import event_leaves
from engine.facts import SESSION_IDLE_MS, Facts, Happening

START_MS = 1_700_000_000_000
WINDOWS_MS = (1000, 60_000, 600_000, 3_600_000, 86_400_000)
EVENTS = ("Product Viewed", "Product Added", "Page Viewed")
PROPERTIES = ("category", "price", "flag")
TRAITS = ("plan", "age", "tags")
CONTEXT = ("device", "local_hour")
SEGMENTS = ("vip", "new")

texts = st.sampled_from(["", "a", "b", "ab", "blouses", "\uffff", "\U0001f6d2"])
# Tenths make sums inexact, so a different order of addition shows.
numbers = st.sampled_from([-3, 0, 1, 2, 3, 0.1, 0.2, 0.3, 2.5, 2**53, -0.5])
scalars = st.one_of(texts, numbers, st.booleans())
full_texts = texts.filter(bool)


@st.composite
def comparisons(draw: st.DrawFn, what: str = "any") -> dict[str, Any]:
    """`op` and `value`: of any fact, of a number ("count") or of an age ("age")."""
    numeric = ["eq", "ne", "gt", "gte", "lt", "lte", "between"]
    if what == "count":
        op = draw(st.sampled_from([*numeric, "in"]))
        single = st.one_of(st.integers(0, 4), numbers)
    elif what == "age":
        op = draw(st.sampled_from([*numeric, "is_set", "is_missing"]))
        ages = st.sampled_from([0, 1, 999, 1000, 60_000, 600_000, SESSION_IDLE_MS])
        if op == "between":
            return {"op": op, "value": [duration_text(ms) for ms in sorted(draw(_two(ages)))]}
        single = ages.map(duration_text)
    else:
        strings = ["contains", "starts_with", "ends_with", "in", "is_set", "is_missing"]
        op = draw(st.sampled_from(numeric + strings))
        single = scalars
    if op in ("is_set", "is_missing"):
        return {"op": op}
    if op == "in":
        return {"op": op, "value": draw(st.lists(single, min_size=1, max_size=3))}
    if op in ("starts_with", "ends_with"):
        return {"op": op, "value": draw(full_texts)}
    if op == "contains":
        return {"op": op, "value": draw(single.filter(lambda value: value != ""))}
    if op == "between":
        pair = _two(numbers) if what == "count" else st.one_of(_two(numbers), _two(texts))
        return {"op": op, "value": sorted(draw(pair))}
    if what == "any" and op in ("gt", "gte", "lt", "lte"):
        return {"op": op, "value": draw(st.one_of(numbers, texts))}
    return {"op": op, "value": draw(single)}


def _two(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=2, max_size=2)


@st.composite
def event_documents(draw: st.DrawFn) -> dict[str, Any]:
    aggregate = draw(st.sampled_from(["count", "sum", "distinct", "last", "first", "recency"]))
    leaf: dict[str, Any] = {
        "kind": "event",
        "name": draw(st.sampled_from(EVENTS)),
        "aggregate": aggregate,
        "window": draw(
            st.one_of(
                st.sampled_from(["session", "ever"]),
                st.sampled_from(WINDOWS_MS).map(lambda ms: {"last": duration_text(ms)}),
            )
        ),
    }
    filters = draw(st.lists(st.sampled_from(PROPERTIES), max_size=2))
    if filters:
        leaf["where"] = [{"property": name, **draw(comparisons())} for name in filters]
    if aggregate in ("count", "recency"):
        return leaf | draw(comparisons("count" if aggregate == "count" else "age"))
    leaf["of"] = draw(st.sampled_from(PROPERTIES))
    return leaf | draw(comparisons("any" if aggregate in ("last", "first") else "count"))


@st.composite
def plain_documents(draw: st.DrawFn, with_request: bool = True) -> dict[str, Any]:
    """Leaves without history."""
    kinds = ["trait", "segment", "percent"] + (["context"] if with_request else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "segment":
        return {"kind": kind, "key": draw(st.sampled_from(SEGMENTS))}
    if kind == "percent":
        start = draw(st.sampled_from([0, 12.5, 50]))
        return {"kind": kind, "seed": "s1", "from": start, "to": start + 50}
    names = TRAITS if kind == "trait" else CONTEXT
    return {"kind": kind, "name": draw(st.sampled_from(names)), **draw(comparisons())}


def documents(with_request: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """The `where` of a condition, up to some dozen leaves."""
    leaves = st.one_of(event_documents(), event_documents(), plain_documents(with_request))
    return st.recursive(leaves, _groups, max_leaves=8)


def _groups(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda of: {"all": of}, some),
        st.builds(lambda of: {"any": of}, some),
        st.builds(lambda of: {"none": of}, some),
        st.builds(lambda part: {"not": part}, parts),
        st.builds(
            lambda of, k: {"at_least": {"k": min(k, len(of)), "of": of}}, some, st.integers(1, 3)
        ),
    )


def conditions(with_request: bool = True) -> st.SearchStrategy[Node]:
    return documents(with_request).map(lambda where: parse_condition({"v": 1, "where": where}))


@st.composite
def histories(draw: st.DrawFn, max_size: int = 12) -> list[Happening]:
    """Events in order, with ties, on two devices, with gaps that just miss or just meet limits."""
    gaps = [0, 0, 1, 500, 999, 1000, 1001, 59_999, 60_000, 600_000]
    gaps += [SESSION_IDLE_MS - 1, SESSION_IDLE_MS, 3_600_000, 86_400_000]
    at_ms = START_MS
    found = []
    for _ in range(draw(st.integers(0, max_size))):
        at_ms += draw(st.sampled_from(gaps))
        properties = draw(st.dictionaries(st.sampled_from(PROPERTIES), scalars, max_size=3))
        event = draw(st.sampled_from(EVENTS))
        found.append(Happening(at_ms, event, draw(st.integers(1, 2)), properties))
    return found


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    found = st.one_of(scalars, st.none(), st.lists(scalars, max_size=2))
    return Facts(
        traits=draw(st.dictionaries(st.sampled_from(TRAITS), found, max_size=3)),
        history=draw(histories()),
        memberships=draw(st.dictionaries(st.sampled_from(SEGMENTS), st.booleans(), max_size=2)),
        context=draw(st.dictionaries(st.sampled_from(CONTEXT), found, max_size=2)),
        unit_id=draw(st.sampled_from(["u1", "u2", "u3"])),
    )


def moments(node: Node, given: Facts) -> list[int]:
    """Every instant at which anything could change, and the milliseconds around it, in order."""
    spans = {0, SESSION_IDLE_MS}
    for leaf in event_leaves(node):
        if leaf.window.kind is WindowKind.LAST:
            spans.add(leaf.window.ms)
        values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
        if leaf.aggregate == "recency":
            spans.update(int(value) for value in values if value is not None)
    edges = {event.at_ms + span for event in given.history for span in spans} or {START_MS}
    return sorted({edge + step for edge in edges for step in (-1, 0, 1, 2)})

"""Write a condition back as its document, and hash what it means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from engine.conditions.dates import instant_text
from engine.conditions.nodes import (
    AbsenceLeaf,
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    ContextLeaf,
    DwellLeaf,
    EventLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    FactOf,
    ListLeaf,
    Match,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    PercentLeaf,
    PropertyTest,
    RelationLeaf,
    ScoreEvents,
    ScoreLeaf,
    SegmentLeaf,
    SequenceLeaf,
    Step,
    TraitLeaf,
    Value,
    Window,
    WindowKind,
)
from engine.conditions.normal import key_of
from engine.conditions.operators import TIMED_OPS
from engine.facts import SESSION_IDLE_MS

_UNITS = (
    (604_800_000, "w"),
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1000, "s"),
    (1, "ms"),
)


def to_json(node: Node) -> dict[str, Any]:
    """Return the document of a tree, in the editor's order; parsing it gives the same tree."""
    return {"v": 1, "where": where_json(node)}


def digest(node: Node) -> str:
    """Return 64 hex digits that are equal for conditions that plainly mean the same.

    The order and repetition of conditions, the order of filters and lists, nested groups of one
    kind, the unit of a duration, 1 against 1.0 and the writing of a date or version make no
    difference.
    """
    return hashlib.sha256(key_of(where_json(node)).encode()).hexdigest()


def where_json(node: Node) -> dict[str, Any]:
    """Return the part of the document below "where"."""
    return WRITERS[type(node)](node)


def duration_text(ms: int) -> str:
    """Return the duration in its largest exact unit: 3600000 is "1h"."""
    for size, unit in _UNITS:
        if ms % size == 0 and ms >= size:
            return f"{ms // size}{unit}"
    return "0ms"


def match_key(name: str, where: tuple[PropertyTest, ...]) -> str:
    """Return a text that is equal for leaves that match the same events."""
    return key_of({"kind": "match", "name": name, "where": [_test(test) for test in where]})


def window_key(window: Window) -> str:
    """Return a text that is equal for windows that are the same."""
    return key_of({"kind": "window", "window": window_json(window)})


# Leaves. A field is left out where it says what is meant without it.


def _trait(leaf: TraitLeaf) -> dict[str, Any]:
    return {"kind": "trait", **_compared_trait(leaf)}


def _compared_trait(leaf: TraitLeaf) -> dict[str, Any]:
    document = {"name": leaf.name, **_comparison(leaf.op, leaf.value)}
    origin = _given(source=leaf.source, min_confidence=leaf.min_confidence)
    return document | {"from": origin} if origin else document


def _context(leaf: ContextLeaf) -> dict[str, Any]:
    return {"kind": "context", "name": leaf.name, **_comparison(leaf.op, leaf.value)}


def _event(leaf: EventLeaf) -> dict[str, Any]:
    document = {"kind": "event", **_match(leaf.match), "aggregate": str(leaf.aggregate)}
    document |= _given(of=leaf.of, over=_match(leaf.over) if leaf.over else None)
    if leaf.per_ms:
        document["per"] = duration_text(leaf.per_ms)
    document["window"] = window_json(leaf.window)
    is_age = leaf.aggregate is Aggregate.RECENCY
    document |= _comparison(leaf.op, _durations(leaf.value) if is_age else leaf.value)
    return document | ({"bind": dict(leaf.bind)} if leaf.bind else {})


def _sequence(leaf: SequenceLeaf) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "sequence", "steps": [_step(step) for step in leaf.steps]}
    if leaf.within_ms:
        document["within"] = duration_text(leaf.within_ms)
    if leaf.by:
        document["by"] = list(leaf.by)
    if leaf.without:
        document["without"] = [{"after": gap.after, **_match(gap.match)} for gap in leaf.without]
    document |= _given(strict=leaf.is_strict or None, in_session=leaf.in_session or None)
    if leaf.times != 1:
        document["times"] = leaf.times
    document["window"] = window_json(leaf.window)
    if leaf.bind:
        document["bind"] = {name: {"step": step, "property": of} for name, step, of in leaf.bind}
    return document


def _step(step: Step) -> dict[str, Any]:
    document = _match(step.match)
    return document | ({"within": duration_text(step.within_ms)} if step.within_ms else {})


def _absence(leaf: AbsenceLeaf) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "absence"}
    if leaf.after is not None:
        document |= {"after": _match(leaf.after), "for": duration_text(leaf.for_ms)}
    document |= {"without": _match(leaf.without), "window": window_json(leaf.window)}
    return document | ({"by": list(leaf.by)} if leaf.by else {})


def _dwell(leaf: DwellLeaf) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "dwell", "on": str(leaf.on)}
    if leaf.where:
        document["where"] = [_test(test) for test in leaf.where]
    document["window"] = window_json(leaf.window)
    return document | _comparison(leaf.op, _durations(leaf.value))


def _score(leaf: ScoreLeaf) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "score"}
    if leaf.events:
        document["events"] = [_score_events(source) for source in leaf.events]
    if leaf.traits:
        document["traits"] = [
            {**_compared_trait(source.test), "weight": source.weight} for source in leaf.traits
        ]
    document |= _given(floor=leaf.floor, ceiling=leaf.ceiling)
    return document | _comparison(leaf.op, leaf.value)


def _score_events(source: ScoreEvents) -> dict[str, Any]:
    document = _match(source.match) | _given(of=source.of) | {"weight": source.weight}
    if source.half_life_ms:
        document["half_life"] = duration_text(source.half_life_ms)
    document |= _given(cap=source.cap)
    if source.window.kind is not WindowKind.EVER:
        document["window"] = window_json(source.window)
    return document


def _model(leaf: ModelLeaf) -> dict[str, Any]:
    document = {"kind": "model", "name": leaf.name, **_comparison(leaf.op, leaf.value)}
    if leaf.max_age_ms:
        document["max_age"] = duration_text(leaf.max_age_ms)
    return document | _given(fallback=leaf.fallback)


def _exposure(leaf: ExposureLeaf) -> dict[str, Any]:
    of = _given(placement=leaf.placement, block=leaf.block, variant=leaf.variant)
    document = {"kind": "exposure", **of, "window": window_json(leaf.window)}
    return document | _comparison(leaf.op, leaf.value)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


# Parts of leaves


def _match(match: Match) -> dict[str, Any]:
    document: dict[str, Any] = {"name": match.name}
    if match.where:
        document["where"] = [_test(test) for test in match.where]
    return document


def _test(test: PropertyTest) -> dict[str, Any]:
    if isinstance(test.value, FactOf):
        return {"property": test.property, "op": str(test.op), "fact": test.value.name}
    return {"property": test.property, **_comparison(test.op, test.value)}


def _comparison(op: Op, value: Value) -> dict[str, Any]:
    if value is None:
        return {"op": str(op)}
    if op in TIMED_OPS:
        value = _durations(value)
    return {"op": str(op), "value": list(value) if isinstance(value, tuple) else value}


def _durations(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(duration_text(int(ms)) for ms in value)
    return None if value is None else duration_text(int(value))


def window_json(window: Window) -> str | dict[str, Any]:
    """Return a window as the document says it."""
    match window.kind:
        case WindowKind.LAST:
            return {"last": duration_text(window.ms)}
        case WindowKind.LAST_MONTHS:
            years, months = divmod(window.months, 12)
            return {"last": f"{window.months}mo" if months else f"{years}y"}
        case WindowKind.BETWEEN_AGO:
            span = {"from": duration_text(window.ms), "to": duration_text(window.near_ms)}
            return {"between_ago": span}
        case WindowKind.CALENDAR:
            zone = {"tz": "visitor"} if window.is_visitor_zone else {}
            return {"calendar": str(window.unit), **zone}
        case WindowKind.SESSION if window.ms not in (0, SESSION_IDLE_MS):
            return {"session": duration_text(window.ms)}
        case WindowKind.VISIT:
            return {"visit": window.visit}
        case WindowKind.SINCE if window.since is not None:
            return {"since": _match(window.since)}
        case WindowKind.ABSOLUTE:
            ends = {"from": window.from_ms, "to": window.to_ms}
            span = {name: instant_text(ms) for name, ms in ends.items() if ms is not None}
            return {"absolute": span}
    return str(window.kind)


def _group(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda node: {name: [where_json(part) for part in node.parts]}


WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    EventLeaf: _event,
    SequenceLeaf: _sequence,
    AbsenceLeaf: _absence,
    DwellLeaf: _dwell,
    ScoreLeaf: _score,
    ModelLeaf: _model,
    ExposureLeaf: _exposure,
    ListLeaf: lambda leaf: {"kind": "list", "key": leaf.key},
    ConsentLeaf: lambda leaf: {"kind": "consent", "purpose": leaf.purpose},
    ExperimentLeaf: lambda leaf: {"kind": "experiment", "key": leaf.key, **_given(arm=leaf.arm)},
    RelationLeaf: lambda leaf: {"kind": "relation", "type": leaf.type, **_given(to=leaf.to)},
    SegmentLeaf: lambda leaf: {"kind": "segment", "key": leaf.key},
    PercentLeaf: lambda leaf: {
        "kind": "percent",
        "seed": leaf.seed,
        "from": leaf.start,
        "to": leaf.end,
    },
    All: _group("all"),
    AnyOf: _group("any"),
    NoneOf: _group("none"),
    Not: lambda node: {"not": where_json(node.part)},
    AtLeast: lambda node: {
        "at_least": {"k": node.k, "of": [where_json(part) for part in node.parts]}
    },
    Nested: lambda node: {"kind": "segment", "key": node.key},
}

"""Read the leaves that look at one fact each: traits, the request, memberships, models, edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.nodes import (
    ConsentLeaf,
    ContextLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    ListLeaf,
    ModelLeaf,
    Op,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
)
from engine.conditions.operators import PRESENCE
from engine.conditions.parse_events import window
from engine.conditions.parse_values import (
    CONTEXT_OPS,
    COUNT_OPS,
    NUMBER_OPS,
    TRAIT_OPS,
    below,
    comparison,
    flag,
    number,
    object_of,
    positive_duration,
    shown,
    suggestion,
    text,
)
from engine.errors import InvalidCondition
from engine.facts import Scalar

COMPUTED_PREFIX = "computed."  # names of the traits that stand for an event aggregate
PURPOSES = ("necessary", "functional", "analytics", "personalization", "advertising", "sale")


def trait(document: Mapping[str, Any], path: str) -> TraitLeaf:
    fields = object_of(document, path, required=("kind", "name", "op"), optional=("value", "from"))
    return compared_trait(fields, path)


def compared_trait(fields: Mapping[str, Any], path: str) -> TraitLeaf:
    """Read the name, comparison and origin of a trait among the fields of a leaf."""
    name = text(fields["name"], below(path, "name"))
    # The value of a computed trait may be an age: "9m" comes before "10m", though not as a text.
    is_computed = name.startswith(COMPUTED_PREFIX)
    op, value = comparison(fields, path, TRAIT_OPS, ascending=not is_computed)
    if "from" not in fields:
        return TraitLeaf(name, op, value)
    at = below(path, "from")
    origin = object_of(fields["from"], at, required=(), optional=("source", "min_confidence"))
    if not origin:
        raise InvalidCondition(at, "expected `source`, `min_confidence` or both")
    source = text(origin["source"], f"{at}.source") if "source" in origin else None
    confidence = None
    if "min_confidence" in origin:
        confidence = number(origin["min_confidence"], f"{at}.min_confidence")
        if not 0 <= confidence <= 1:
            raise InvalidCondition(f"{at}.min_confidence", "expected a number from 0 to 1")
    return TraitLeaf(name, op, value, source, confidence)


def context(document: Mapping[str, Any], path: str) -> ContextLeaf:
    fields = object_of(document, path, required=("kind", "name", "op"), optional=("value",))
    name = text(fields["name"], below(path, "name"))
    return ContextLeaf(name, *comparison(fields, path, CONTEXT_OPS))


def segment(document: Mapping[str, Any], path: str) -> SegmentLeaf:
    fields = object_of(document, path, required=("kind", "key"))
    return SegmentLeaf(text(fields["key"], below(path, "key")))


def listed(document: Mapping[str, Any], path: str) -> ListLeaf:
    fields = object_of(document, path, required=("kind", "key"))
    return ListLeaf(text(fields["key"], below(path, "key")))


def percent(document: Mapping[str, Any], path: str) -> PercentLeaf:
    fields = object_of(document, path, required=("kind", "seed", "from", "to"))
    seed = text(fields["seed"], below(path, "seed"))
    start = number(fields["from"], below(path, "from"))
    end = number(fields["to"], below(path, "to"))
    if not 0 <= start <= 100:
        raise InvalidCondition(below(path, "from"), "expected a number from 0 to 100")
    if not start < end <= 100:
        raise InvalidCondition(below(path, "to"), "expected more than `from`, at most 100")
    return PercentLeaf(seed, start, end)


def model(document: Mapping[str, Any], path: str) -> ModelLeaf:
    fields = object_of(
        document,
        path,
        required=("kind", "name", "op"),
        optional=("value", "max_age", "fallback"),
    )
    name = text(fields["name"], below(path, "name"))
    op, value = comparison(fields, path, NUMBER_OPS, _number_or_label)
    if op not in (Op.EQ, Op.NE, Op.IN) and isinstance(_first(value), str):
        raise InvalidCondition(below(path, "value"), "expected a number")
    max_age_ms, fallback = 0, None
    if "max_age" in fields:
        max_age_ms = positive_duration(fields["max_age"], below(path, "max_age"))
    if "fallback" in fields:
        if op in PRESENCE:
            raise InvalidCondition(below(path, "fallback"), f"{op} is known without it")
        fallback = flag(fields["fallback"], below(path, "fallback"))
    return ModelLeaf(name, op, value, max_age_ms, fallback)


def _first(value: object) -> object:
    return value[0] if isinstance(value, tuple) else value


def _number_or_label(value: object, path: str) -> Scalar:
    if isinstance(value, str):
        return text(value, path, least=0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCondition(path, "expected a number, or the text of a label")
    return number(value, path)


def consent(document: Mapping[str, Any], path: str) -> ConsentLeaf:
    fields = object_of(document, path, required=("kind", "purpose"))
    purpose = fields["purpose"]
    if not isinstance(purpose, str) or purpose not in PURPOSES:
        hint = suggestion(purpose, PURPOSES) or f" (one of {', '.join(PURPOSES)})"
        at = below(path, "purpose")
        raise InvalidCondition(at, f'unknown purpose "{shown(purpose)}"{hint}')
    return ConsentLeaf(purpose)


def exposure(document: Mapping[str, Any], path: str) -> ExposureLeaf:
    fields = object_of(
        document,
        path,
        required=("kind", "window", "op"),
        optional=("placement", "block", "variant", "value"),
    )
    placement, block, variant = (
        text(fields[name], below(path, name)) if name in fields else None
        for name in ("placement", "block", "variant")
    )
    within = window(fields["window"], below(path, "window"))
    compared = comparison(fields, path, COUNT_OPS, number)
    return ExposureLeaf(placement, block, variant, within, *compared)


def experiment(document: Mapping[str, Any], path: str) -> ExperimentLeaf:
    fields = object_of(document, path, required=("kind", "key"), optional=("arm",))
    key = text(fields["key"], below(path, "key"))
    return ExperimentLeaf(key, text(fields["arm"], below(path, "arm")) if "arm" in fields else None)


def relation(document: Mapping[str, Any], path: str) -> RelationLeaf:
    fields = object_of(document, path, required=("kind", "type"), optional=("to",))
    kind = text(fields["type"], below(path, "type"))
    return RelationLeaf(kind, text(fields["to"], below(path, "to")) if "to" in fields else None)

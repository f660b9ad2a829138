"""How a placement would decide with an arm's changes: other rules, segments, models, numbers.

An arm of an experiment by change says what is otherwise. Here that is put into documents, which are
then compiled as any other: the twin in sdk/src/edge/changing.js does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from engine.errors import InvalidSnapshot
from engine.snapshot import BlockDoc, ChangesDoc, RuleDoc, ThresholdDoc, VariantDoc

JSON: TypeAlias = Any
# A leaf of a condition in, another one out; None: it stays.
_Swap: TypeAlias = Callable[[dict[str, JSON]], "dict[str, JSON] | None"]


def changed(
    rules: Sequence[RuleDoc],
    block: BlockDoc,
    changes: ChangesDoc,
    numbers: Mapping[str, int],
    path: str,
) -> tuple[list[RuleDoc], BlockDoc]:
    """Return the rules that are on and the block, as they are with an arm's changes.

    What stays as it is is the very same object.

    Args:
        rules: all of the placement's, those that are switched off too.
        numbers: of the publication's segments, by key.
        path: of the arm, for what is refused.

    Raises:
        InvalidSnapshot: a change of something that is not there.
    """
    for key, other in changes.segments.items():
        for one in (key, other):
            if one not in numbers:
                raise InvalidSnapshot(f"{path}.segments", f"names the segment '{one}', not here")
    own = _of_depth(_in_place(rules, changes.rules, path), changes.depth)
    own = [_with_numbers(rule, changes.thresholds) for rule in own]
    _refuse_unmet(rules, own, changes, path)
    renamed = _renaming(changes)
    if renamed is not None:
        own = [_with(rule, renamed) for rule in own]
    return own, _block(block, changes, numbers)


def model_leaves(document: JSON) -> list[str]:
    """Return the models that a condition's document asks, each as often as it does."""
    found: list[str] = []

    def note(leaf: dict[str, JSON]) -> None:
        if leaf.get("kind") == "model":
            found.append(str(leaf.get("name")))

    _swapped(document, note)
    return found


def segment_leaves(document: JSON) -> list[str]:
    """Return the segments that a condition's document names, each as often as it does."""
    found: list[str] = []

    def note(leaf: dict[str, JSON]) -> None:
        if leaf.get("kind") == "segment":
            found.append(str(leaf.get("key")))

    _swapped(document, note)
    return found


def numbers_in(document: JSON) -> list[tuple[str, float]]:
    """Return (fact, number) of what a condition's document compares, and an arm may change."""
    found: list[tuple[str, float]] = []

    def note(leaf: dict[str, JSON]) -> None:
        if _has_number(leaf):
            found.append((str(leaf.get("name")), leaf["value"]))

    _swapped(document, note)
    return found


def _in_place(
    rules: Sequence[RuleDoc], wanted: Mapping[str, str | None], path: str
) -> list[RuleDoc]:
    """The rules that are on. One that is put somewhere is there, with that place's priority."""
    known = {rule.key: rule for rule in rules}
    for key, other in wanted.items():
        for one in (key, other):
            if one is not None and one not in known:
                raise InvalidSnapshot(
                    f"{path}.rules", f"names '{one}', which is not among the placement's rules"
                )
    moved = {other for other in wanted.values() if other is not None}
    found = []
    for rule in rules:
        if rule.key in wanted:
            other = wanted[rule.key]
            if other is not None:
                found.append(replace(known[other], priority=rule.priority, enabled=True))
        elif rule.enabled and rule.key not in moved:
            found.append(rule)
    return found


def _of_depth(rules: list[RuleDoc], depth: str) -> list[RuleDoc]:
    if depth == "all":
        return rules
    return [rule for rule in rules if not model_leaves(rule.condition)] if depth == "rules" else []


def _with_numbers(rule: RuleDoc, thresholds: Sequence[ThresholdDoc]) -> RuleDoc:
    own = [one for one in thresholds if one.rule == rule.key]
    return _with(rule, lambda leaf: _numbered(leaf, own)) if own else rule


def _numbered(leaf: dict[str, JSON], thresholds: Sequence[ThresholdDoc]) -> dict[str, JSON] | None:
    for one in thresholds:
        if _is_compared(leaf, one):
            return leaf | {"value": one.after}
    return None


def _is_compared(leaf: dict[str, JSON], threshold: ThresholdDoc) -> bool:
    is_meant = leaf.get("name") == threshold.fact and leaf.get("value") == threshold.before
    return is_meant and _has_number(leaf)


def _has_number(leaf: dict[str, JSON]) -> bool:
    value = leaf.get("value")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and leaf.get("kind") in ("trait", "context", "model")


def _refuse_unmet(
    rules: Sequence[RuleDoc], own: Sequence[RuleDoc], changes: ChangesDoc, path: str
) -> None:
    """A number that is not there would silently change nothing."""
    on = {rule.key for rule in own}
    before = {rule.key: rule for rule in rules}
    for one in changes.thresholds:
        met: list[object] = []
        if one.rule in on:
            _swapped(before[one.rule].condition, _noting(one, met))
        if not met:
            raise InvalidSnapshot(
                f"{path}.thresholds",
                f"changes a number that is not there: {one.fact} {one.before} in '{one.rule}'",
            )


def _noting(threshold: ThresholdDoc, met: list[object]) -> _Swap:
    def note(leaf: dict[str, JSON]) -> None:
        if _is_compared(leaf, threshold):
            met.append(leaf)

    return note


def _renaming(changes: ChangesDoc) -> _Swap | None:
    """Another segment or model wherever a condition asks for one of these."""
    if not changes.segments and not changes.models:
        return None

    def renamed(leaf: dict[str, JSON]) -> dict[str, JSON] | None:
        kind = leaf.get("kind")
        if kind == "segment" and leaf.get("key") in changes.segments:
            return leaf | {"key": changes.segments[leaf["key"]]}
        if kind == "model" and leaf.get("name") in changes.models:
            return leaf | {"name": changes.models[leaf["name"]]}
        return None

    return renamed


def _with(rule: RuleDoc, swap: _Swap) -> RuleDoc:
    condition = _swapped(rule.condition, swap)
    return rule if condition is rule.condition else replace(rule, condition=condition)


def _swapped(document: JSON, swap: _Swap) -> JSON:
    """A condition's document with other leaves; the same object where none is another."""
    if isinstance(document, dict):
        if "kind" in document:
            found = swap(document)
            return document if found is None else found
        parts = {name: _swapped(part, swap) for name, part in document.items()}
        is_same = all(parts[name] is part for name, part in document.items())
        return document if is_same else parts
    if isinstance(document, list):
        items = [_swapped(part, swap) for part in document]
        is_same = all(one is part for one, part in zip(items, document, strict=True))
        return document if is_same else items
    return document


def _block(block: BlockDoc, changes: ChangesDoc, numbers: Mapping[str, int]) -> BlockDoc:
    swapped = {numbers[key]: numbers[other] for key, other in changes.segments.items()}
    named = changes.recommenders
    variants = [_variant(one, swapped, named, changes.depth) for one in block.variants]
    recommender = named.get(block.recommender or "", block.recommender)
    is_same = all(one is old for one, old in zip(variants, block.variants, strict=True))
    if is_same and recommender == block.recommender:
        return block
    return replace(block, variants=variants, recommender=recommender)


def _variant(
    doc: VariantDoc, swapped: Mapping[int, int], named: Mapping[str, str], depth: str
) -> VariantDoc:
    segments = [] if depth == "none" else [swapped.get(one, one) for one in doc.segments]
    fields = {name: _listed(stored, named) for name, stored in doc.fields.items()}
    if segments == doc.segments and all(fields[name] is doc.fields[name] for name in fields):
        return doc
    return replace(doc, segments=segments, fields=fields)


def _listed(stored: JSON, named: Mapping[str, str]) -> JSON:
    """A field that a recommender fills, by another one."""
    if isinstance(stored, dict) and stored.get("recommender") in named:
        return stored | {"recommender": named[stored["recommender"]]}
    return stored

"""Single changes with their words, for those who look for one that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from engine.conditions.changes import MAX_ADDED, ChangeKind, NearestChange
from engine.conditions.examples import event_of
from engine.conditions.nearest_texts import added_text, fewer_text, set_text, wait_text
from engine.conditions.nodes import Match
from engine.facts import Facts, Scalar

Changes: TypeAlias = tuple[NearestChange, ...]


def set_to(kind: ChangeKind, name: str, value: object, path: str) -> Changes:
    """A trait, a fact, a membership or a consent that is as said; None: missing."""
    return (NearestChange(kind, set_text(kind, name, value), path, name=name, value=value),)


def more(
    match: Match,
    amount: int,
    path: str,
    facts: Facts,
    fixed: dict[str, Scalar] | None = None,
    of: str | None = None,
    values: tuple[Scalar, ...] = (),
) -> Changes:
    """So many more events of a match; nothing where no such event is known."""
    held = {**(fixed or {}), **({} if of is None or not values else {of: values[0]})}
    properties = event_of(match, facts.context, held)
    if properties is None or not 1 <= amount <= MAX_ADDED:
        return ()
    change = NearestChange(
        ChangeKind.MORE_EVENTS,
        "",
        path,
        amount,
        match,
        tuple(properties.items()),
        of if values else None,
        values,
    )
    return (replace(change, text=added_text(change)),)


def fewer(match: Match, indexes: tuple[int, ...], path: str) -> Changes:
    """As if these events had not happened."""
    text = fewer_text(match, len(indexes))
    return (
        NearestChange(ChangeKind.FEWER, text, path, len(indexes), match, indexes=tuple(indexes)),
    )


def wait(wait_ms: int, path: str) -> NearestChange:
    return NearestChange(ChangeKind.WAIT, wait_text(wait_ms), path, wait_ms)

"""What could be otherwise about a visitor, one thing at a time: the answer to "what is missing"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from engine.conditions.nodes import ANY_EVENT, Match
from engine.facts import NO_DEVICE, Facts, Happening, Scalar, TraitMeta

MAX_ADDED = 1000  # events: who is further away is not near


class ChangeKind(StrEnum):
    MORE_EVENTS = "more_events"
    FEWER = "fewer"  # as if they had not happened
    WAIT = "wait"
    TRAIT = "trait"
    CONTEXT = "context"
    SEGMENT = "segment"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class NearestChange:
    """One change that, with those beside it, flips a verdict.

    Attributes:
        text: in plain words.
        path: of the leaf it answers, below `where`: "all[1]"; empty for the root.
        amount: number of events; of `wait` the ms; else 1.
        match: of events more or fewer; they carry `properties`, which meet it.
        of, values: the property of the events that matters, and its value in each of them.
        deadline_ms: the change is enough when made before this instant; None: whenever.
        name, value: the trait, fact, segment or purpose, and what it should be (None: missing).
        indexes: the events of the history that are too many.
    """

    kind: ChangeKind
    text: str
    path: str
    amount: int = 1
    match: Match | None = None
    properties: tuple[tuple[str, Scalar], ...] = ()
    of: str | None = None
    values: tuple[Scalar, ...] = ()
    deadline_ms: int | None = None
    name: str = ""
    value: object = None
    indexes: tuple[int, ...] = ()


def applied(
    changes: Sequence[NearestChange],
    facts: Facts,
    now_ms: int,
    meta: Mapping[str, TraitMeta] | None = None,
) -> tuple[Facts, int]:
    """The facts after the changes, made at `now_ms` in their order, and the instant after waiting.

    `facts` hold no event after now. Events come from the device of the latest one that has one.
    """
    gone = {i for change in changes for i in change.indexes}
    history = [event for i, event in enumerate(facts.history) if i not in gone]
    traits, context = dict(facts.traits), dict(facts.context)
    memberships, consents = dict(facts.memberships), dict(facts.consents)
    trait_meta, device, wait_ms = dict(facts.trait_meta), _device(facts), 0
    for change in changes:
        match change.kind:
            case ChangeKind.MORE_EVENTS:
                history += _added(change, device, now_ms)
            case ChangeKind.WAIT:
                wait_ms = max(wait_ms, change.amount)
            case ChangeKind.TRAIT:
                _set(traits, change)
                own = (meta or {}).get(change.name, TraitMeta())
                trait_meta[change.name] = own._replace(observed_ms=now_ms, changed_ms=now_ms)
            case ChangeKind.CONTEXT:
                _set(context, change)
            case ChangeKind.SEGMENT:
                memberships[change.name] = change.value is True
            case ChangeKind.CONSENT:
                consents[change.name] = change.value is True
    changed = replace(
        facts,
        history=history,
        traits=traits,
        context=context,
        memberships=memberships,
        consents=consents,
        trait_meta=trait_meta,
        cache={},
    )
    return changed, now_ms + wait_ms


def _set(values: dict[str, Any], change: NearestChange) -> None:
    if change.value is None:
        values.pop(change.name, None)
    else:
        values[change.name] = change.value


def _device(facts: Facts) -> int:
    for event in reversed(facts.history):
        if event.device != NO_DEVICE:
            return event.device
    return facts.history[-1].device if facts.history else 1


def _added(change: NearestChange, device: int, now_ms: int) -> list[Happening]:
    assert change.match is not None
    name = "Page Viewed" if change.match.name == ANY_EVENT else change.match.name
    found = []
    for i in range(change.amount):
        properties = dict(change.properties)
        if change.of is not None and change.values:
            properties[change.of] = change.values[i]
        found.append(Happening(now_ms, name, device, properties))
    return found

"""What a trace says of the segments a decision asked for: why, by which events, until when."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError

from apps.delivery.deciding import Decided, Placed
from apps.segments.explained_reads import why_in
from apps.work import clock
from engine.conditions.scope import segment_keys
from engine.decide import Step

Why = Mapping[str, Any]  # segment key -> explanation


def why_of(decided: Decided, placed: Placed) -> Why:
    """Explain the segments that the steps of a placement's decision asked for, by key.

    Empty for a visitor whom nobody knows or who is not personalized, and while the record is away.
    Not of the instant of the decision alone: the events are looked up anew.
    """
    profile, steps = decided.profile, placed.decision.steps
    if profile is None or not steps or not decided.is_allowed:
        return {}
    compiled = decided.served.compiled
    keys = {key for step in steps for key in _asked_by(step, decided, placed)}
    numbers = {compiled.segments[key].number: key for key in keys if key in compiled.segments}
    try:
        found = why_in(
            decided.call.caller.site_id,
            numbers,
            UUID(bytes=profile.profile_id),
            now=clock.from_ms(decided.call.now_ms),
        )
    except (OperationalError, InterfaceError):
        return {}
    return {numbers[number]: why for number, why in found.items()}


def segments_of(step: Step, decided: Decided, placed: Placed, why: Why) -> dict[str, Any]:
    """Return the explanations of the segments that one step asked for, by key."""
    return {key: why[key] for key in _asked_by(step, decided, placed) if key in why}


def _asked_by(step: Step, decided: Decided, placed: Placed) -> Iterator[str]:
    if step.step == "segment":
        yield step.key
    elif step.step == "rule":
        placement = decided.served.compiled.placements[placed.decision.placement]
        for rule in placement.form_of(placed.decision.arm).rules:
            if rule.key == step.key:
                yield from sorted(segment_keys(rule.node))

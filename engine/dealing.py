"""What the steps of a decision have in common, and the arm that an experiment deals."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from engine.allocation import assign
from engine.capping import CapDoc
from engine.conditions.evaluate import Trace
from engine.members import Members
from engine.snapshot import (
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledShares,
    CompiledVariant,
)


class Reason(StrEnum):
    """Why a decision came out as it did."""

    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DEFAULT = "DEFAULT"
    HOLDOUT = "HOLDOUT"
    CAPPED = "CAPPED"
    NO_CONSENT = "NO_CONSENT"
    DISABLED = "DISABLED"
    PREVIEW = "PREVIEW"
    STALE = "STALE"
    ERROR = "ERROR"


class Step(NamedTuple):
    """One line of a decision's trace: which step, about what, how it ended, and its condition."""

    step: str  # placement, consent, holdout, rule, experiment, segment, variant, cap, default
    key: str
    outcome: str
    condition: Trace | None = None


class Candidate(NamedTuple):
    """A variant that a step of the order would serve, and as what."""

    variant: CompiledVariant
    reason: Reason
    caps: tuple[CapDoc, ...] = ()
    rule: str | None = None
    experiment: str | None = None
    arm: str | None = None
    probability: float = 1.0


# What an experiment serves a visitor: (experiment, members, trace, the rule that runs it).
Deal: TypeAlias = Callable[
    [CompiledExperiment, Members, "list[Step] | None", "CompiledRule | None"], "Candidate | None"
]


def is_on(variant: CompiledVariant, members: Members, trace: list[Step] | None) -> bool:
    """Whether a variant with a schedule has begun, and not ended."""
    starts_at_ms, ends_at_ms = variant.doc.starts_at_ms, variant.doc.ends_at_ms
    if starts_at_ms is not None and members.now_ms < starts_at_ms:
        members.flips_at(starts_at_ms)
        note(trace, "variant", variant.key, "not started")
        return False
    if ends_at_ms is not None and members.now_ms >= ends_at_ms:
        note(trace, "variant", variant.key, "ended")
        return False
    return True


def is_meant(experiment: CompiledExperiment, members: Members, trace: list[Step] | None) -> bool:
    """Whether a visitor may be dealt an arm."""
    if not members.visitor.may_split:
        note(trace, "experiment", experiment.key, "no consent")
        return False
    if experiment.condition is not None:
        try:
            verdict, until_ms = experiment.condition(members.facts(), members.now_ms)
        except Exception:
            members.broken.append(("experiment", experiment.key))
            note(trace, "experiment", experiment.key, "error")
            return False
        if until_ms is not None:
            members.flips_at(until_ms)
        if verdict is not True:
            note(trace, "experiment", experiment.key, "not meant")
            return False
    return True


def context_of(experiment: CompiledExperiment, members: Members) -> CompiledShares | None:
    """The shares of the first context that a visitor is in; None: those of everybody else."""
    for shares in experiment.contexts:
        try:
            if members.has(shares.segment):
                return shares
        except Exception:
            members.broken.append(("segment", shares.segment.doc.key))
    return None


def split(
    experiment: CompiledExperiment,
    members: Members,
    trace: list[Step] | None,
    rule: CompiledRule | None = None,
) -> Candidate | None:
    """The arm of a visitor who takes part."""
    if not is_meant(experiment, members, trace):
        return None
    context = context_of(experiment, members) if experiment.contexts else None
    ranges = experiment.ranges if context is None else context.ranges
    index = assign(members.unit_id, seed=experiment.seed, arms=ranges, layer=experiment.layer)
    if index < 0:
        note(trace, "experiment", experiment.key, "not in its share")
        return None
    arm = experiment.arms[index]
    if arm.variant.is_scheduled and not is_on(arm.variant, members, trace):
        return None
    note(trace, "experiment", experiment.key, f"arm '{arm.doc.key}'")
    return Candidate(
        arm.variant,
        Reason.SPLIT,
        arm.caps if rule is None or arm.is_default else both(arm.caps, rule.caps),
        None if rule is None else rule.key,
        experiment.key,
        arm.doc.key,
        arm.doc.weight if context is None else context.weights[index],
    )


class Dealt(NamedTuple):
    """The arm of an experiment by change that somebody was dealt."""

    experiment: str
    arm: str
    probability: float


def chosen(
    placement: CompiledPlacement, members: Members, trace: list[Step] | None
) -> tuple[CompiledPlacement, Dealt | None]:
    """The form by which somebody is decided in a placement that has a choice of them.

    Who takes no part, and who is in an arm that is stopped, is decided as without the experiment.
    """
    choice = placement.choice
    if choice is None:
        return placement, None
    experiment = choice.experiment
    if not is_meant(experiment, members, trace):
        return placement, None
    context = context_of(experiment, members) if experiment.contexts else None
    ranges = experiment.ranges if context is None else context.ranges
    index = assign(members.unit_id, seed=experiment.seed, arms=ranges, layer=experiment.layer)
    if index < 0:
        note(trace, "experiment", experiment.key, "not in its share")
        return placement, None
    arm, form = experiment.doc.arms[index], choice.places[index]
    if form is None:
        note(trace, "experiment", experiment.key, f"arm '{arm.key}' is stopped")
        return placement, None
    note(trace, "experiment", experiment.key, f"arm '{arm.key}' decides")
    probability = arm.weight if context is None else context.weights[index]
    return form, Dealt(experiment.key, arm.key, probability)


def both(one: tuple[CapDoc, ...], other: tuple[CapDoc, ...]) -> tuple[CapDoc, ...]:
    """All caps of two lists, each once."""
    return one if not other else tuple({cap.number: cap for cap in (*one, *other)}.values())


def note(trace: list[Step] | None, step: str, key: str, outcome: str) -> None:
    """Add a line to a trace, where one was asked for."""
    if trace is not None:
        trace.append(Step(step, key, outcome))

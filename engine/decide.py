"""What this visitor sees in one placement, now, and why. Pure: everything it reads is given.

Order: disabled, consent, holdout, rules by priority (a rule serves a variant or runs an
experiment), the placement's experiment, variants tagged with the visitor's segments (the most
specific first), default. A candidate whose caps are used up, or which has not started or has ended,
is skipped at its step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from engine.allocation import assign, position_of
from engine.capping import CapDoc, allows
from engine.conditions.answers import FOREVER
from engine.conditions.evaluate import Trace
from engine.conditions.evaluate import trace as trace_condition
from engine.members import Members, Visitor
from engine.snapshot import (
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledSnapshot,
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


class Decision(msgspec.Struct, frozen=True):
    """The answer for one placement.

    Attributes:
        block, variant: keys; None when the placement is unknown.
        valid_until_ms: before it the answer changes only if something new happens; None: never.
        code: "placement_not_found" with reason ERROR.
        is_stale: some membership that was read had outlived its forecast and counted as "not in".
        steps: the trace, when one was asked for.
        experiment, arm: keys; set when the variant is an arm's.
        probability: of this arm among those who take part; 1 without an experiment.
        caps: what showing it draws on; empty for a variant that is not limited.
        broken: ("rule", "experiment" or "segment", key) of conditions that raised: a fault of ours,
            told by whoever asked. They counted as unknown.
    """

    placement: str
    block: str | None
    variant: str | None
    version: int
    reason: Reason
    rule: str | None = None
    valid_until_ms: int | None = None
    code: str | None = None
    is_stale: bool = False
    steps: list[Step] | None = None
    experiment: str | None = None
    arm: str | None = None
    probability: float = 1.0
    caps: tuple[CapDoc, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def decide_placement(
    snapshot: CompiledSnapshot,
    placement_key: str,
    visitor: Visitor,
    context: Mapping[str, object],
    now_ms: int,
    trace: list[Step] | None = None,
) -> Decision:
    """Return the decision for one placement. Does not raise on any visitor or request.

    Args:
        context: facts of the request by dotted name.
        now_ms: the instant of the request, Unix milliseconds.
        trace: a list to which each step adds its line; it makes the decision slower.
    """
    return next(decide_in_turn(snapshot, placement_key, visitor, context, now_ms, trace))


def decide_in_turn(
    snapshot: CompiledSnapshot,
    placement_key: str,
    visitor: Visitor,
    context: Mapping[str, object],
    now_ms: int,
    trace: list[Step] | None = None,
) -> Iterator[Decision]:
    """Yield the decision for one placement, and after it what to serve should its caps be refused.

    Every decision but the last draws on caps that `visitor.shown` allows; the last draws on none.
    Who reserves budget takes the first that still has it. Arguments as for `decide_placement`.
    """
    placement = snapshot.placements.get(placement_key)
    if placement is None:
        _note(trace, "placement", placement_key, "not found")
        code = "placement_not_found"
        yield Decision(placement_key, None, None, 0, Reason.ERROR, code=code, steps=trace)
        return
    settled = _settled(snapshot, placement, visitor, trace)
    if settled is not None:
        yield _fixed(placement, settled, trace)
        return
    members = Members(snapshot, visitor, context, now_ms)
    is_capped = False
    for found in _candidates(placement, members, trace):
        if found.variant.is_scheduled and found.variant.doc.ends_at_ms is not None:
            members.flips_at(found.variant.doc.ends_at_ms)
        if not all(_allows(cap, members, trace) for cap in found.caps):
            is_capped = True
            continue
        yield _decision(placement, found, members, trace)
        if not found.caps:
            return
        is_capped = True  # whoever asks on was refused it
    _note(trace, "default", placement.block.default.key, "served")
    reason = Reason.DEFAULT
    if is_capped:
        reason = Reason.CAPPED
    elif members.is_stale:
        reason = Reason.STALE  # a fresh answer might have been another one
    yield _decision(placement, Candidate(placement.block.default, reason), members, trace)


class Candidate(NamedTuple):
    """A variant that a step of the order would serve, and as what."""

    variant: CompiledVariant
    reason: Reason
    caps: tuple[CapDoc, ...] = ()
    rule: str | None = None
    experiment: str | None = None
    arm: str | None = None
    probability: float = 1.0


def in_segment(
    snapshot: CompiledSnapshot,
    key: str,
    visitor: Visitor,
    context: Mapping[str, object],
    now_ms: int,
) -> tuple[bool, bool]:
    """Return whether the visitor is in a segment of the publication, and whether that is stale.

    Raises:
        KeyError: the publication has no such segment.
    """
    members = Members(snapshot, visitor, context, now_ms)
    inside = members[key]
    return inside, members.is_stale


def _settled(
    snapshot: CompiledSnapshot,
    placement: CompiledPlacement,
    visitor: Visitor,
    trace: list[Step] | None,
) -> Reason | None:
    """Why the default is served whatever the visitor does, if so."""
    if not placement.doc.enabled:
        _note(trace, "placement", placement.key, "disabled")
        return Reason.DISABLED
    purpose = placement.block.doc.purpose
    if not visitor.allowed and purpose == "personalization":
        _note(trace, "consent", purpose, "refused")
        return Reason.NO_CONSENT
    for holdout in snapshot.holdouts:
        if position_of(visitor.unit_id, seed=holdout.seed) < holdout.share:
            _note(trace, "holdout", holdout.key, "held out")
            return Reason.HOLDOUT
    return None


def _candidates(
    placement: CompiledPlacement, members: Members, trace: list[Step] | None
) -> Iterator[Candidate]:
    """What each step would serve, in order; the default is not among it."""
    now_ms = members.now_ms
    facts = members.facts()
    for rule in placement.rules:
        if trace is not None or rule.starts_at_ms is not None or rule.ends_at_ms is not None:
            holds = _holds(rule, members, trace)
        else:  # most rules, and there are many: what `_holds` does, without the call
            try:
                verdict, until_ms = rule.condition(facts, now_ms)
            except Exception:
                members.broken.append(("rule", rule.key))
                continue
            if until_ms is not None:
                members.flips_at(until_ms)
            holds = verdict is True
        if not holds:
            continue
        if rule.variant is not None:
            if not rule.variant.is_scheduled or _is_on(rule.variant, members, trace):
                yield Candidate(rule.variant, Reason.TARGETING_MATCH, rule.caps, rule.key)
        elif rule.experiment is not None:
            split = _split(rule.experiment, members, trace, rule)
            if split is not None:
                yield split
    if placement.experiment is not None:
        split = _split(placement.experiment, members, trace)
        if split is not None:
            yield split
    for (segment, variant), caps in zip(placement.block.tagged, placement.tagged_caps, strict=True):
        if variant.is_scheduled and not _is_on(variant, members, trace):
            continue
        try:
            inside = members.has(segment)
        except Exception:
            members.broken.append(("segment", segment.doc.key))
            _note(trace, "segment", segment.doc.key, "error")
            continue
        if trace is not None:
            outcome = f"in, serves '{variant.key}'" if inside else "not in"
            trace.append(Step("segment", segment.doc.key, outcome))
        if inside:
            yield Candidate(variant, Reason.TARGETING_MATCH, caps)


def _is_on(variant: CompiledVariant, members: Members, trace: list[Step] | None) -> bool:
    """Whether a variant with a schedule has begun, and not ended."""
    starts_at_ms, ends_at_ms = variant.doc.starts_at_ms, variant.doc.ends_at_ms
    if starts_at_ms is not None and members.now_ms < starts_at_ms:
        members.flips_at(starts_at_ms)
        _note(trace, "variant", variant.key, "not started")
        return False
    if ends_at_ms is not None and members.now_ms >= ends_at_ms:
        _note(trace, "variant", variant.key, "ended")
        return False
    return True


def _holds(rule: CompiledRule, members: Members, trace: list[Step] | None) -> bool:
    now_ms = members.now_ms
    if rule.starts_at_ms is not None and now_ms < rule.starts_at_ms:
        members.flips_at(rule.starts_at_ms)
        _note(trace, "rule", rule.key, "not started")
        return False
    if rule.ends_at_ms is not None and now_ms >= rule.ends_at_ms:
        _note(trace, "rule", rule.key, "ended")
        return False
    facts = members.facts()
    try:
        verdict, until_ms = rule.condition(facts, now_ms)
    except Exception:
        members.broken.append(("rule", rule.key))
        _note(trace, "rule", rule.key, "error")
        return False
    if until_ms is not None:
        members.flips_at(until_ms)
    if trace is not None:
        found = trace_condition(rule.node, facts, now_ms)
        trace.append(Step("rule", rule.key, _OUTCOMES[verdict], found))
    if verdict is True and rule.ends_at_ms is not None:
        members.flips_at(rule.ends_at_ms)
    return verdict is True


_OUTCOMES: dict[bool | None, str] = {True: "matched", False: "no match", None: "unknown"}


def _split(
    experiment: CompiledExperiment,
    members: Members,
    trace: list[Step] | None,
    rule: CompiledRule | None = None,
) -> Candidate | None:
    """The arm of a visitor who takes part."""
    if experiment.condition is not None:
        try:
            verdict, until_ms = experiment.condition(members.facts(), members.now_ms)
        except Exception:
            members.broken.append(("experiment", experiment.key))
            _note(trace, "experiment", experiment.key, "error")
            return None
        if until_ms is not None:
            members.flips_at(until_ms)
        if verdict is not True:
            _note(trace, "experiment", experiment.key, "not meant")
            return None
    index = assign(
        members.unit_id, seed=experiment.seed, arms=experiment.ranges, layer=experiment.layer
    )
    if index < 0:
        _note(trace, "experiment", experiment.key, "not in its share")
        return None
    arm = experiment.arms[index]
    if arm.variant.is_scheduled and not _is_on(arm.variant, members, trace):
        return None
    _note(trace, "experiment", experiment.key, f"arm '{arm.doc.key}'")
    return Candidate(
        arm.variant,
        Reason.SPLIT,
        arm.caps if rule is None or arm.is_default else _both(arm.caps, rule.caps),
        None if rule is None else rule.key,
        experiment.key,
        arm.doc.key,
        arm.doc.weight,
    )


def _both(one: tuple[CapDoc, ...], other: tuple[CapDoc, ...]) -> tuple[CapDoc, ...]:
    return one if not other else tuple({cap.number: cap for cap in (*one, *other)}.values())


def _allows(cap: CapDoc, members: Members, trace: list[Step] | None) -> bool:
    visitor = members.visitor
    shown = visitor.shown.get(cap.number, ())
    if allows(cap, shown, members.now_ms, visitor.session_since_ms):
        return True
    _note(trace, "cap", cap.key, "used up")
    return False


def _fixed(placement: CompiledPlacement, reason: Reason, trace: list[Step] | None) -> Decision:
    """The default variant, for a reason that no passing of time will change."""
    default = placement.block.default
    return Decision(
        placement.key,
        placement.block.key,
        default.key,
        default.version,
        reason,
        steps=trace,
    )


def _decision(
    placement: CompiledPlacement,
    found: Candidate,
    members: Members,
    trace: list[Step] | None,
) -> Decision:
    until_ms = members.until_ms
    variant = found.variant
    return Decision(
        placement.key,
        placement.block.key,
        variant.key,
        variant.version,
        found.reason,
        found.rule,
        None if until_ms == FOREVER else until_ms,
        None,
        members.is_stale,
        trace,
        found.experiment,
        found.arm,
        found.probability,
        found.caps,
        tuple(members.broken),
    )


def _note(trace: list[Step] | None, step: str, key: str, outcome: str) -> None:
    if trace is not None:
        trace.append(Step(step, key, outcome))

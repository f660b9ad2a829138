"""What this visitor sees in one placement, now, and why. Pure: everything it reads is given.

Order: disabled, consent, holdout, the arm of an experiment by change (its form of the placement
decides from here on), rules by priority (a rule serves a variant or runs an experiment), the
placement's experiment, variants tagged with the visitor's segments (the most specific first),
default. A candidate whose caps are used up, or which has not started or has ended,
is skipped at its step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from engine.allocation import position_of
from engine.capping import CapDoc, allows
from engine.conditions.answers import FOREVER
from engine.conditions.evaluate import trace as trace_condition
from engine.dealing import Candidate, Deal, Dealt, Reason, Step, chosen, is_on, note, split
from engine.members import Members, Visitor
from engine.snapshot import CompiledPlacement, CompiledRule, CompiledSnapshot

__all__ = [
    "Candidate",
    "Decision",
    "Reason",
    "Step",
    "allowed",
    "candidates",
    "decide_in_turn",
    "decide_placement",
    "in_segment",
]


class Decision(msgspec.Struct, frozen=True):
    """The answer for one placement.

    Attributes:
        block, variant: keys; None when the placement is unknown.
        valid_until_ms: before it the answer changes only if something new happens; None: never.
        code: "placement_not_found" with reason ERROR.
        is_stale: some membership that was read had outlived its forecast and counted as "not in".
        steps: the trace, when one was asked for.
        experiment, arm: keys; set when the variant is an arm's, or an arm's changes chose it.
        probability: of this arm among those who take part; 1 without an experiment.
        propensity: of this variant for this visitor, dealt anew (see `engine.chances`); None: not
            worked out, or not known.
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
    propensity: float | None = None


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
        note(trace, "placement", placement_key, "not found")
        code = "placement_not_found"
        yield Decision(placement_key, None, None, 0, Reason.ERROR, code=code, steps=trace)
        return
    settled = _settled(snapshot, placement, visitor, trace)
    if settled is not None:
        yield _fixed(placement, settled, trace)
        return
    members = Members(snapshot, visitor, context, now_ms)
    dealt = None
    if placement.choice is not None:
        placement, dealt = chosen(placement, members, trace)
    is_capped = False
    for found in candidates(placement, members, trace):
        if found.variant.is_scheduled and found.variant.doc.ends_at_ms is not None:
            members.flips_at(found.variant.doc.ends_at_ms)
        if not all(allowed(cap, members, trace) for cap in found.caps):
            is_capped = True
            continue
        yield _decision(placement, found, members, trace, dealt)
        if not found.caps:
            return
        is_capped = True  # whoever asks on was refused it
    note(trace, "default", placement.block.default.key, "served")
    reason = Reason.DEFAULT
    if is_capped:
        reason = Reason.CAPPED
    elif members.is_stale:
        reason = Reason.STALE  # a fresh answer might have been another one
    yield _decision(placement, Candidate(placement.block.default, reason), members, trace, dealt)


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
        note(trace, "placement", placement.key, "disabled")
        return Reason.DISABLED
    purpose = placement.block.doc.purpose
    if not visitor.allowed and purpose == "personalization":
        note(trace, "consent", purpose, "refused")
        return Reason.NO_CONSENT
    for holdout in snapshot.holdouts:
        if holdout.placements and placement.key not in holdout.placements:
            continue
        if position_of(visitor.unit_id, seed=holdout.seed) < holdout.share:
            note(trace, "holdout", holdout.key, "held out")
            return Reason.HOLDOUT
    return None


def candidates(
    placement: CompiledPlacement,
    members: Members,
    trace: list[Step] | None,
    deal: Deal | None = None,
) -> Iterator[Candidate]:
    """What each step would serve, in order; the default is not among it.

    Args:
        deal: says what an experiment serves; None: `split`.
    """
    deal = deal or split
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
            if not rule.variant.is_scheduled or is_on(rule.variant, members, trace):
                yield Candidate(rule.variant, Reason.TARGETING_MATCH, rule.caps, rule.key)
        elif rule.experiment is not None:
            dealt = deal(rule.experiment, members, trace, rule)
            if dealt is not None:
                yield dealt
    if placement.experiment is not None:
        dealt = deal(placement.experiment, members, trace, None)
        if dealt is not None:
            yield dealt
    for (segment, variant), caps in zip(placement.block.tagged, placement.tagged_caps, strict=True):
        if variant.is_scheduled and not is_on(variant, members, trace):
            continue
        try:
            inside = members.has(segment)
        except Exception:
            members.broken.append(("segment", segment.doc.key))
            note(trace, "segment", segment.doc.key, "error")
            continue
        if trace is not None:
            outcome = f"in, serves '{variant.key}'" if inside else "not in"
            trace.append(Step("segment", segment.doc.key, outcome))
        if inside:
            yield Candidate(variant, Reason.TARGETING_MATCH, caps)


def _holds(rule: CompiledRule, members: Members, trace: list[Step] | None) -> bool:
    now_ms = members.now_ms
    if rule.starts_at_ms is not None and now_ms < rule.starts_at_ms:
        members.flips_at(rule.starts_at_ms)
        note(trace, "rule", rule.key, "not started")
        return False
    if rule.ends_at_ms is not None and now_ms >= rule.ends_at_ms:
        note(trace, "rule", rule.key, "ended")
        return False
    facts = members.facts()
    try:
        verdict, until_ms = rule.condition(facts, now_ms)
    except Exception:
        members.broken.append(("rule", rule.key))
        note(trace, "rule", rule.key, "error")
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


def allowed(cap: CapDoc, members: Members, trace: list[Step] | None) -> bool:
    """Whether what a visitor was shown leaves room in a cap."""
    visitor = members.visitor
    shown = visitor.shown.get(cap.number, ())
    if allows(cap, shown, members.now_ms, visitor.session_since_ms):
        return True
    note(trace, "cap", cap.key, "used up")
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
    dealt: Dealt | None,
) -> Decision:
    until_ms = members.until_ms
    variant = found.variant
    experiment, arm, probability = dealt or found[4:]
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
        experiment,
        arm,
        probability,
        found.caps,
        tuple(members.broken),
    )

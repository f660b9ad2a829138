"""What this visitor sees in one placement, now, and why. Pure: everything it reads is given.

Order: disabled, consent, rules by priority, variants tagged with the visitor's segments (the most
specific first), default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

import msgspec

from engine.conditions.answers import FOREVER
from engine.conditions.evaluate import Trace
from engine.conditions.evaluate import trace as trace_condition
from engine.facts import Facts, Happening, TraitMeta
from engine.snapshot import (
    CompiledPlacement,
    CompiledRule,
    CompiledSegment,
    CompiledSnapshot,
    CompiledVariant,
)

# inside, until_ms, then, then_until_ms (see conditions.compile.Forecast); more entries are allowed.
Stay: TypeAlias = Sequence[Any]


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


@dataclass(slots=True)
class Visitor:
    """What is known of the visitor when the request comes.

    Attributes:
        unit_id: the bucketing key.
        memberships: segment number -> (inside, until_ms, then, then_until_ms), as kept by the
            live path. Read at now: past `until_ms` it is `then`; past `then_until_ms` it is stale.
        allowed: personalization is consented to.
        known: there is a profile. Without one, each segment's empty-history verdict counts.
        history: the newest events, for filters that compare them with the request.
        trait_meta: when models said what they say.
        consents: purpose -> the recorded choice.
        site_zone: IANA name of the site's time zone, a valid one.
    """

    unit_id: str
    memberships: Mapping[int, Stay] = field(default_factory=dict)
    traits: Mapping[str, object] = field(default_factory=dict)
    allowed: bool = True
    known: bool = True
    history: Sequence[Happening] = ()
    trait_meta: Mapping[str, TraitMeta] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    site_zone: str = "UTC"


class Step(NamedTuple):
    """One line of a decision's trace: which step, about what, how it ended, and its condition."""

    step: str  # placement, consent, rule, segment, default
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
        broken: ("rule" or "segment", key) of conditions that raised: a fault of ours, told by
            whoever asked. They counted as unknown.
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
    placement = snapshot.placements.get(placement_key)
    if placement is None:
        _note(trace, "placement", placement_key, "not found")
        return Decision(
            placement_key,
            None,
            None,
            0,
            Reason.ERROR,
            code="placement_not_found",
            steps=trace,
        )
    block = placement.block
    if not placement.doc.enabled:
        _note(trace, "placement", placement_key, "disabled")
        return _fixed(placement, Reason.DISABLED, trace)
    if not visitor.allowed and block.doc.purpose == "personalization":
        _note(trace, "consent", block.doc.purpose, "refused")
        return _fixed(placement, Reason.NO_CONSENT, trace)

    members = _Members(snapshot, visitor, context, now_ms)
    if placement.rules:
        chosen = _by_rule(placement.rules, members, trace)
        if chosen is not None:
            return _decision(
                placement, chosen.variant, Reason.TARGETING_MATCH, members, chosen.key, trace
            )
    if block.tagged:
        variant = _by_segment(block.tagged, members, trace)
        if variant is not None:
            return _decision(placement, variant, Reason.TARGETING_MATCH, members, None, trace)
    _note(trace, "default", block.default.key, "served")
    # Said as STALE because a fresh answer might have been another one.
    reason = Reason.STALE if members.is_stale else Reason.DEFAULT
    return _decision(placement, block.default, reason, members, None, trace)


def _by_rule(
    rules: tuple[CompiledRule, ...],
    members: _Members,
    trace: list[Step] | None,
) -> CompiledRule | None:
    """The first rule that holds, in the order of the placement."""
    facts = members.facts()
    now_ms = members.now_ms
    for rule in rules:
        if rule.starts_at_ms is not None and now_ms < rule.starts_at_ms:
            members.flips_at(rule.starts_at_ms)
            _note(trace, "rule", rule.key, "not started")
            continue
        if rule.ends_at_ms is not None and now_ms >= rule.ends_at_ms:
            _note(trace, "rule", rule.key, "ended")
            continue
        try:
            verdict, until_ms = rule.condition(facts, now_ms)
        except Exception:
            members.broken.append(("rule", rule.key))
            _note(trace, "rule", rule.key, "error")
            continue
        if until_ms is not None:
            members.flips_at(until_ms)
        if trace is not None:
            found = trace_condition(rule.node, facts, now_ms)
            trace.append(Step("rule", rule.key, _OUTCOMES[verdict], found))
        if verdict is True:
            if rule.ends_at_ms is not None:
                members.flips_at(rule.ends_at_ms)
            return rule
    return None


_OUTCOMES: dict[bool | None, str] = {True: "matched", False: "no match", None: "unknown"}


def _by_segment(
    tagged: tuple[tuple[CompiledSegment, CompiledVariant], ...],
    members: _Members,
    trace: list[Step] | None,
) -> CompiledVariant | None:
    """The variant of the most specific segment that the visitor is in."""
    for segment, variant in tagged:
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
            return variant
    return None


class _Members(Mapping[str, bool]):
    """The visitor's memberships by segment key, read one by one as conditions ask for them.

    Remembers the earliest flip of what was read, and whether something read was stale or raised.
    """

    __slots__ = (
        "_context", "_facts", "_snapshot", "_visitor", "broken", "is_stale", "now_ms", "until_ms",
    )  # fmt: skip

    def __init__(
        self,
        snapshot: CompiledSnapshot,
        visitor: Visitor,
        context: Mapping[str, object],
        now_ms: int,
    ) -> None:
        self._snapshot = snapshot
        self._visitor = visitor
        self._facts: Facts | None = None
        self._context = context
        self.now_ms = now_ms
        self.until_ms = FOREVER
        self.is_stale = False
        self.broken: list[tuple[str, str]] = []

    def facts(self) -> Facts:
        """The facts of the request; of history no more than what was kept for it."""
        facts = self._facts
        if facts is None:
            visitor = self._visitor
            facts = self._facts = Facts(
                visitor.traits,
                visitor.history,
                None,
                self,
                self._context,
                visitor.unit_id,
                visitor.trait_meta,
                visitor.consents,
                visitor.site_zone,
            )
        return facts

    def flips_at(self, moment_ms: int) -> None:
        if moment_ms < self.until_ms:
            self.until_ms = moment_ms

    def has(self, segment: CompiledSegment) -> bool:
        if segment.request is not None:
            verdict, until_ms = segment.request(self.facts(), self.now_ms)
            if until_ms is not None:
                self.flips_at(until_ms)
            return verdict is True
        visitor = self._visitor
        if not visitor.known:
            return segment.no_profile
        stay = visitor.memberships.get(segment.number)
        if stay is None:
            return False
        until_ms = stay[1]
        if until_ms is None:
            return stay[0] is True
        if self.now_ms < until_ms:
            self.flips_at(until_ms)
            return stay[0] is True
        return self._later(stay)

    def _later(self, stay: Stay) -> bool:
        """A stay whose first stretch is over, though nobody has evaluated it since."""
        then, then_until_ms = stay[2], stay[3]
        if then is not None:
            if then_until_ms is None:
                return then is True
            if self.now_ms < then_until_ms:
                self.flips_at(then_until_ms)
                return then is True
        self.is_stale = True
        return False

    def get(self, key: str, default: Any = None) -> Any:
        segment = self._snapshot.segments.get(key)
        return default if segment is None else self.has(segment)

    def __getitem__(self, key: str) -> bool:
        return self.has(self._snapshot.segments[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._snapshot.segments)

    def __len__(self) -> int:
        return len(self._snapshot.segments)


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
    variant: CompiledVariant,
    reason: Reason,
    members: _Members,
    rule: str | None,
    trace: list[Step] | None,
) -> Decision:
    until_ms = members.until_ms
    return Decision(
        placement.key,
        placement.block.key,
        variant.key,
        variant.version,
        reason,
        rule,
        None if until_ms == FOREVER else until_ms,
        None,
        members.is_stale,
        trace,
        tuple(members.broken),
    )


def _note(trace: list[Step] | None, step: str, key: str, outcome: str) -> None:
    if trace is not None:
        trace.append(Step(step, key, outcome))

"""Why somebody did not see a variant: every way that leads to it, and how each ended. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from engine.capping import CapDoc, allows
from engine.conditions.evaluate import Trace, trace
from engine.decide import Decision, Reason
from engine.members import Members, Visitor
from engine.snapshot import (
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledSegment,
    CompiledSnapshot,
    CompiledVariant,
)

_SETTLED: Final = {
    Reason.DISABLED: "The placement is switched off: everybody sees the default.",
    Reason.NO_CONSENT: "Personalization is not allowed for them: they see the default.",
    Reason.HOLDOUT: "They are kept from all personalization, to compare: they see the default.",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One rule, experiment or segment chip that leads to a variant.

    Attributes:
        kind: "rule", "experiment" or "segment".
        holds: None where it is not known, which counts as no.
        words: how it ended, as a sentence.
        found: the condition with what was found, of a rule.
    """

    kind: str
    name: str
    holds: bool | None
    words: str
    found: Trace | None = None


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why somebody does not see a variant; `is_seen`: they do."""

    variant: str
    is_seen: bool
    sentence: str
    ways: list[Way] = field(default_factory=list)


def why_not(
    compiled: CompiledSnapshot,
    decision: Decision,
    wanted: str,
    visitor: Visitor,
    context: Mapping[str, Any],
    now_ms: int,
) -> WhyNot:
    """Say which step took a variant of a placement away.

    Args:
        decision: what was decided for this visitor, by the same publication and facts.
        wanted: key of the variant.
    """
    placement = compiled.placements.get(decision.placement)
    if placement is None:
        return WhyNot(wanted, False, "Nothing is published under this name.")
    variant = placement.block.variants.get(wanted)
    if variant is None:
        return WhyNot(
            wanted,
            False,
            f"The block “{placement.block.key}” has no variant “{wanted}” in this publication. "
            "If it is in the drafts, publish it first.",
        )
    if decision.variant == wanted and decision.reason is not Reason.ERROR:
        return WhyNot(wanted, True, "They do see this variant.")
    settled = _SETTLED.get(decision.reason)
    if settled is not None:
        return WhyNot(wanted, False, settled)
    placement = placement.form_of(decision.arm)
    variant = placement.block.variants[wanted]
    asked = _Asked(compiled, placement, Members(compiled, visitor, context, now_ms))
    ways = list(asked.ways_to(variant))
    return WhyNot(wanted, False, _sentence(asked, variant, decision, ways), ways)


def _sentence(
    asked: "_Asked", variant: CompiledVariant, decision: Decision, ways: list[Way]
) -> str:
    first = asked.first(decision)
    outside = _outside_of_schedule(variant, asked.members.now_ms)
    if outside:
        return outside
    if variant is asked.placement.block.default:
        return f"It is the default, seen when nothing else fits. {first}"
    if not ways:
        return (
            "Nothing leads to it: it has no segment, and no rule of this placement shows it. "
            "Nobody sees it."
        )
    holding = next((way for way in ways if way.holds), None)
    if holding is None:
        return "Nothing that leads to it holds for them."
    if decision.reason is Reason.ERROR:
        return "It was chosen, but could not be shown: a text of it cannot be made for them."
    if holding.words.startswith("Shown often enough"):
        return holding.words
    return f"It would fit: {holding.words} {first}"


def _outside_of_schedule(variant: CompiledVariant, now_ms: int) -> str:
    starts_ms, ends_ms = variant.doc.starts_at_ms, variant.doc.ends_at_ms
    if starts_ms is not None and now_ms < starts_ms:
        return f"The variant itself begins only on {_moment(starts_ms)}."
    if ends_ms is not None and now_ms >= ends_ms:
        return f"The variant itself ended on {_moment(ends_ms)}."
    return ""


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %Y %H:%M} UTC"


class _Asked:
    """One placement, asked on behalf of one visitor."""

    def __init__(
        self, compiled: CompiledSnapshot, placement: CompiledPlacement, members: Members
    ) -> None:
        self.compiled = compiled
        self.placement = placement
        self.members = members

    def ways_to(self, variant: CompiledVariant) -> Iterator[Way]:
        """Every way that leads to a variant, in the order in which they are asked."""
        for rule in self.placement.rules:
            if rule.variant is variant:
                yield self._by_rule(rule, rule.caps)
            elif rule.experiment is not None and _has_arm(rule.experiment, variant):
                yield self._by_rule(rule, (), rule.experiment)
        if self.placement.experiment is not None and _has_arm(self.placement.experiment, variant):
            key = self.placement.experiment.key
            words = (
                f"The experiment “{key}” shows it to a share of its visitors, drawn by lot; they "
                "are not in it."
            )
            if not self.members.visitor.may_split:
                words = f"The experiment “{key}” leaves them out: they do not allow experiments."
            yield Way("experiment", key, None, words)
        tagged = zip(self.placement.block.tagged, self.placement.tagged_caps, strict=True)
        for (segment, other), caps in tagged:
            if other is variant:
                yield self._by_segment(segment, caps)

    def _by_rule(
        self,
        rule: CompiledRule,
        caps: tuple[CapDoc, ...],
        experiment: CompiledExperiment | None = None,
    ) -> Way:
        now_ms = self.members.now_ms
        if rule.starts_at_ms is not None and now_ms < rule.starts_at_ms:
            words = f"The rule “{rule.key}” begins only on {_moment(rule.starts_at_ms)}."
            return Way("rule", rule.key, False, words)
        if rule.ends_at_ms is not None and now_ms >= rule.ends_at_ms:
            words = f"The rule “{rule.key}” ended on {_moment(rule.ends_at_ms)}."
            return Way("rule", rule.key, False, words)
        found = trace(rule.node, self.members.facts(), now_ms)
        if found.verdict is None:
            words = f"Whether the rule “{rule.key}” holds is not known, so it does not."
            return Way("rule", rule.key, None, words, found)
        if found.verdict is False:
            return Way("rule", rule.key, False, f"The rule “{rule.key}” does not hold.", found)
        if experiment is not None:
            words = f"The experiment “{experiment.key}” of the rule “{rule.key}” drew another arm."
            if not self.members.visitor.may_split:
                words = (
                    f"The experiment “{experiment.key}” of the rule “{rule.key}” leaves them out: "
                    "they do not allow experiments."
                )
            return Way("rule", rule.key, None, words, found)
        used = self._used_up(caps)
        words = used or f"the rule “{rule.key}” holds."
        return Way("rule", rule.key, True, words, found)

    def _by_segment(self, segment: CompiledSegment, caps: tuple[CapDoc, ...]) -> Way:
        name = segment.doc.name or segment.doc.key
        if not self.members.has(segment):
            return Way("segment", name, False, f"They are not in the segment “{name}”.")
        used = self._used_up(caps)
        return Way("segment", name, True, used or f"they are in the segment “{name}”.")

    def _used_up(self, caps: tuple[CapDoc, ...]) -> str:
        visitor, now_ms = self.members.visitor, self.members.now_ms
        for cap in caps:
            shown = visitor.shown.get(cap.number, ())
            if not allows(cap, shown, now_ms, visitor.session_since_ms):
                return f"Shown often enough: the cap “{cap.key}” is used up."
        return ""

    def first(self, decision: Decision) -> str:
        """What came first."""
        if decision.rule is not None:
            return f"The rule “{decision.rule}” comes first and shows “{decision.variant}”."
        if decision.reason is Reason.SPLIT:
            return (
                f"The experiment “{decision.experiment}” comes first and shows "
                f"“{decision.variant}”."
            )
        for segment, variant in self.placement.block.tagged:
            if variant.key == decision.variant and self.members.has(segment):
                name = segment.doc.name or segment.doc.key
                return f"The segment “{name}” comes first and shows “{variant.key}”."
        return f"“{decision.variant}” came first."


def _has_arm(experiment: CompiledExperiment, variant: CompiledVariant) -> bool:
    return any(arm.variant is variant for arm in experiment.arms)

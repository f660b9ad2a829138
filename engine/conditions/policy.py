"""How members of a segment come and go beyond its condition: policies, and stays as folded by them.

A `parent` and an exclusive `group` only say who may be in at all: they become part of the tree
(`gates`). `leave`, `min_stay`, `cooldown` and `once` remember: whether somebody is in depends on
when they came in and when they left last. Those are folded over what happened in the order of its
occurrence (`fold`), so that the same events give the same stays, whatever the order of arrival.

The rule at an instant t, at most one change each:

- Who is in leaves when the gate is shut, at once; else, from `min_stay` after coming in, when
  `leave` is true or, without one, when the condition is not.
- Who is out comes in when the gate is open and the condition true (and `leave` not), from
  `cooldown` after leaving; with `once` only who was never in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.conditions.canonical import duration_text, to_json
from engine.conditions.compile import MAX_STEPS, Compiled, Forecast, compile_condition
from engine.conditions.nodes import All, Nested, Node, NoneOf, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.parse_values import flag, object_of, parse_duration, text, whole_number
from engine.errors import InvalidCondition
from engine.facts import Facts

MAX_PRIORITY = 32_767
MAX_FLIPS = 10_000  # changes of a condition that a fold follows between two events

_FIELDS = ("leave", "minStay", "cooldown", "once", "parent", "group", "priority")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a segment adds to its condition.

    Attributes:
        leave: who is in stays until it is true; None: while the condition is.
        min_stay_ms: so long at least, unless the gate shuts.
        cooldown_ms: after leaving, not again before this has passed.
        once: one stay in a life.
        parent: key of the segment whose members alone may be in.
        group: of several segments with the same group a person is in one: the one of greatest
            `priority` (then the first key) whose condition and parent they meet.
    """

    leave: Node | None = None
    min_stay_ms: int = 0
    cooldown_ms: int = 0
    once: bool = False
    parent: str | None = None
    group: str | None = None
    priority: int = 0

    @property
    def remembers(self) -> bool:
        """Does who is in depend on the past of the stay, not on the condition alone?"""
        return bool(self.leave is not None or self.min_stay_ms or self.cooldown_ms or self.once)


NO_POLICY = Policy()


def parse_policy(document: object) -> Policy:
    """Return the checked policy of a document; {} is none.

    Raises:
        InvalidCondition: an unknown field or a value of the wrong kind, with its path.
    """
    found = object_of(document, "policy", required=(), optional=_FIELDS)
    leave = None
    if found.get("leave") is not None:
        try:
            leave = parse_condition(found["leave"])
        except InvalidCondition as error:
            raise InvalidCondition(f"policy.leave.{error.path}", error.problem) from error
    return Policy(
        leave,
        parse_duration(found.get("minStay", "0s"), "policy.minStay"),
        parse_duration(found.get("cooldown", "0s"), "policy.cooldown"),
        flag(found.get("once", False), "policy.once"),
        _key(found.get("parent"), "policy.parent"),
        _key(found.get("group"), "policy.group"),
        whole_number(found.get("priority", 0), "policy.priority", -MAX_PRIORITY, MAX_PRIORITY),
    )


def _key(value: object, path: str) -> str | None:
    return None if value is None else text(value, path)


def policy_json(policy: Policy) -> dict[str, Any]:
    """Return the document of a policy; what it does not say is left out."""
    document: dict[str, Any] = {}
    if policy.leave is not None:
        document["leave"] = to_json(policy.leave)
    if policy.min_stay_ms:
        document["minStay"] = duration_text(policy.min_stay_ms)
    if policy.cooldown_ms:
        document["cooldown"] = duration_text(policy.cooldown_ms)
    if policy.once:
        document["once"] = True
    for name in ("parent", "group"):
        if getattr(policy, name) is not None:
            document[name] = getattr(policy, name)
    if policy.priority:
        document["priority"] = policy.priority
    return document


# Gates


def gates(nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> dict[str, Node]:
    """Return what must be true beside its condition, for each segment with a parent or a group.

    Written with segment leaves, to be put in place by `inline_segments` over `gated(...)`.

    Of those that come first in a group it asks the conditions and the parents, not their gates:
    whoever meets one of these is in that segment or in one before it. So what the last of a group
    asks grows with the number of them, not with the power of two.

    Args:
        nodes: the conditions by key.
    """
    found: dict[str, Node] = {}
    for key in nodes:
        policy = policies.get(key, NO_POLICY)
        parts: list[Node] = []
        if policy.parent is not None:
            parts.append(SegmentLeaf(policy.parent))
        others = [] if policy.group is None else _before(key, policy, nodes, policies)
        if others:
            parts.append(NoneOf(tuple(_first(name, nodes, policies) for name in others)))
        if parts:
            found[key] = parts[0] if len(parts) == 1 else All(tuple(parts))
    return found


def _first(key: str, nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> Node:
    policy = policies[key]
    if policy.remembers:
        return SegmentLeaf(key)  # who is in only its stays tell
    if policy.parent is None:
        return Nested(key, nodes[key])
    return Nested(key, All((SegmentLeaf(policy.parent), nodes[key])))


def in_group(
    group: str, nodes: Mapping[str, Node], policies: Mapping[str, Policy]
) -> list[tuple[int, str]]:
    """(rank, key) of the segments of a group, the first one first."""
    return sorted(
        (-other.priority, name)
        for name, other in policies.items()
        if other.group == group and name in nodes
    )


def _before(
    key: str, policy: Policy, nodes: Mapping[str, Node], policies: Mapping[str, Policy]
) -> list[str]:
    """The keys of the same group that come first."""
    assert policy.group is not None
    ranked = in_group(policy.group, nodes, policies)
    return [name for rank, name in ranked if (rank, name) < (-policy.priority, key)]


def gated(nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> dict[str, Node]:
    """Return the conditions with parents and groups written into them.

    Of a segment that remembers, this is who may come in; who is in only `fold` can tell.
    """
    own = gates(nodes, policies)
    return {
        key: node if key not in own else All((own[key], Nested(key, node)))
        for key, node in nodes.items()
    }


# Stays that remember


class Latch(NamedTuple):
    """Where somebody stands with a segment that remembers. Times in ms.

    Attributes:
        since_ms: when the present stay began; None outside.
        left_ms: when the last stay ended; None: there was none.
    """

    inside: bool = False
    since_ms: int | None = None
    left_ms: int | None = None


OUTSIDE = Latch()


@dataclass(frozen=True, slots=True)
class Latched:
    """A segment that remembers, compiled."""

    enter: Compiled
    leave: Compiled | None
    gate: Compiled | None
    min_stay_ms: int
    cooldown_ms: int
    once: bool

    def step(self, latch: Latch, facts: Facts, now_ms: int) -> tuple[Latch, int | None]:
        """Apply the rule at an instant: what becomes of the latch, and when to look again.

        `facts` hold no event after now. Before the instant nothing changes without an event; None
        for never.
        """
        wanted, until_ms = self.enter(facts, now_ms)
        is_leaving = wanted is not True
        if self.leave is not None:
            said, later_ms = self.leave(facts, now_ms)
            is_leaving = said is True
            until_ms = _earlier(until_ms, later_ms)
        is_open = True
        if self.gate is not None:
            said, later_ms = self.gate(facts, now_ms)
            is_open = said is True
            until_ms = _earlier(until_ms, later_ms)
        if latch.inside:
            assert latch.since_ms is not None
            free_ms = latch.since_ms + self.min_stay_ms
            if not is_open or (is_leaving and now_ms >= free_ms):
                latch = Latch(False, None, now_ms)
        elif is_open and wanted is True and not is_leaving and self._may_enter(latch, now_ms):
            latch = Latch(True, now_ms, latch.left_ms)
        held_ms = self._held_until(latch)
        if held_ms is not None and held_ms > now_ms:
            until_ms = _earlier(until_ms, held_ms)
        return latch, until_ms

    def _may_enter(self, latch: Latch, now_ms: int) -> bool:
        if latch.left_ms is None:
            return True
        return not self.once and now_ms >= latch.left_ms + self.cooldown_ms

    def _held_until(self, latch: Latch) -> int | None:
        """The end of the minimum stay, or of the cooldown."""
        if latch.inside:
            return None if latch.since_ms is None else latch.since_ms + self.min_stay_ms
        if latch.left_ms is None or self.once:
            return None
        return latch.left_ms + self.cooldown_ms

    def forecast(self, latch: Latch, facts: Facts, until_ms: int | None) -> Forecast:
        """What becomes of a latch that need not be looked at before `until_ms`, with no event."""
        inside = latch.inside
        flipped_ms: int | None = None
        for _ in range(MAX_STEPS):
            if until_ms is None:
                return Forecast(
                    inside, flipped_ms, None if flipped_ms is None else latch.inside, None
                )
            before, moment = latch, until_ms
            latch, until_ms = self.step(latch, facts, moment)
            if latch.inside is not before.inside:
                if flipped_ms is not None:
                    return Forecast(inside, flipped_ms, before.inside, moment)
                flipped_ms = moment
        if flipped_ms is None:
            return Forecast(inside, until_ms, None, None)
        return Forecast(inside, flipped_ms, latch.inside, until_ms)


def compile_latched(enter: Node, policy: Policy, gate: Node | None, leave: Node | None) -> Latched:
    """Compile a segment that remembers; every node with its nested segments in place."""
    return Latched(
        compile_condition(enter),
        None if leave is None else compile_condition(leave),
        None if gate is None else compile_condition(gate),
        policy.min_stay_ms,
        policy.cooldown_ms,
        policy.once,
    )


class Folded(NamedTuple):
    """Where a fold has come to.

    Attributes:
        at_ms: the latest instant that decided anything: an event or a change. What happened at or
            before it and comes later makes the fold begin again.
        changes: (entered, at ms) of every change on the way, oldest first.
        until_ms: when to look again; None for never.
    """

    latch: Latch
    at_ms: int | None
    changes: tuple[tuple[bool, int], ...]
    until_ms: int | None


def fold(
    latched: Latched,
    start: Latch,
    instants: Sequence[int],
    facts_at: Callable[[int], Facts],
    now_ms: int,
) -> Folded:
    """Fold a latch over instants at which something happened, up to now.

    Args:
        instants: ascending, none after now. The first is where `start` holds.
        facts_at: everything that was so at an instant, that which happened at it included.
    """
    latch, until_ms = start, None
    at_ms: int | None = None
    changes: list[tuple[bool, int]] = []
    for place, moment in enumerate(instants):
        is_last = place + 1 == len(instants)
        end_ms = now_ms if is_last else instants[place + 1] - 1
        facts = facts_at(moment)
        at_ms = moment
        for _ in range(MAX_FLIPS):
            before = latch
            latch, until_ms = latched.step(latch, facts, moment)
            if latch.inside is not before.inside:
                changes.append((latch.inside, moment))
                at_ms = moment
            if until_ms is None or until_ms > end_ms:
                break
            moment = until_ms
    return Folded(latch, at_ms, tuple(changes), until_ms)


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)

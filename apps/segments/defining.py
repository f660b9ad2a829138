"""From stored conditions and policies to the compiled definitions of a live set."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from apps.events.history import Wanted
from apps.segments.computed_state import KeptTraits
from apps.segments.definitions import LiveDefinitions
from apps.segments.reading import all_wanted, joint_reach, reads_of
from apps.segments.request_reads import compares_with_request
from apps.segments.touching import Definition, Index
from engine.conditions.bindings import binder
from engine.conditions.canonical import digest
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import All, Node
from engine.conditions.parse import parse_condition
from engine.conditions.policy import (
    NO_POLICY,
    Policy,
    compile_latched,
    gated,
    gates,
    parse_policy,
    policy_json,
)
from engine.conditions.scope import inline_segments, reads_request
from engine.errors import InvalidCondition

logger = logging.getLogger(__name__)

# (segment number, key, condition document[, policy document])
Row = Sequence[object]


def define(
    number: int,
    rows: Iterable[Row],
    site_zone: str = "UTC",
    shown: Wanted | None = None,
    computed: KeptTraits | None = None,
) -> LiveDefinitions:
    """Compile (segment number, key, condition document[, policy document]) rows. Pure.

    One broken condition must not stop the others, nor empty its segment: it is reported and frozen.

    Args:
        shown: what requests read of events beside these segments; None when they read none.
        computed: the computed traits that templates read.
    """
    by_key, nodes, policies, broken = _parsed(rows)
    maker = _Maker(nodes, policies)
    definitions: list[Definition] = []
    for key in nodes:
        try:
            made = maker.definition(by_key[key], key)
        except InvalidCondition:
            logger.exception("segments.broken", extra={"segment": key})
            broken.add(key)
            continue
        if made is not None:
            definitions.append(made)
    definitions = _in_order(definitions)
    asked = [d.reads for d in definitions]
    # What compares events with the request is answered there, but its events are kept here.
    wanted = [reads_of(node).wanted for node in nodes.values() if compares_with_request(node)]
    if shown is not None:
        wanted.append(shown)
    kept = [reads.wanted for reads in asked] + ([] if computed is None else [computed.wanted])
    return LiveDefinitions(
        number,
        tuple(definitions),
        all_wanted([*kept, *wanted]),
        joint_reach(asked),
        frozenset(by_key[key] for key in broken),
        site_zone,
        {definition.number: definition for definition in definitions},
        {definition.key: definition for definition in definitions},
        has_latched=any(definition.latched is not None for definition in definitions),
        shows_events=bool(wanted),
        computed=computed,
        index=Index(definitions),
    )


def _parsed(
    rows: Iterable[Row],
) -> tuple[dict[str, int], dict[str, Node], dict[str, Policy], set[str]]:
    """Return numbers of all, then conditions and policies of those that are sound, by key; and
    the keys of those that are broken."""
    nodes: dict[str, Node] = {}
    policies: dict[str, Policy] = {}
    by_key: dict[str, int] = {}
    broken: set[str] = set()
    for segment, key, document, *policy in rows:
        assert isinstance(segment, int) and isinstance(key, str)
        by_key[key] = segment
        try:
            nodes[key] = parse_condition(document)
            policies[key] = parse_policy(policy[0] or {}) if policy else NO_POLICY
        except InvalidCondition:
            logger.exception("segments.broken", extra={"segment": key})
            nodes.pop(key, None)
            broken.add(key)
    return by_key, nodes, policies, broken


class _Maker:
    """Puts nested segments in place, but for those that remember: of these only stays tell."""

    def __init__(self, nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> None:
        self.nodes = nodes
        self.policies = policies
        self.gates = gates(nodes, policies)
        self.inlinable = {
            key: node for key, node in gated(nodes, policies).items() if not policies[key].remembers
        }

    def definition(self, number: int, key: str) -> Definition | None:
        """The definition of one segment; None when only a request can answer it."""
        policy = self.policies[key]
        if not policy.remembers:
            node = self._placed(self.inlinable[key])
            if reads_request(node):
                return None
            reads = reads_of(node)
            return Definition(
                number, key, node, compile_condition(node), reads, binder=binder(node)
            )
        enter = self._placed(self.nodes[key])
        gate = self._placed(self.gates[key]) if key in self.gates else None
        leave = self._placed(policy.leave) if policy.leave is not None else None
        everything = All(tuple(part for part in (enter, gate, leave) if part is not None))
        if reads_request(everything):
            return None
        coming = enter if gate is None else All((gate, enter))
        return Definition(
            number,
            key,
            coming,
            compile_condition(coming),
            reads_of(everything),
            compile_latched(enter, policy, gate, leave),
            _mark(everything, policy),
            binder(enter),
        )

    def _placed(self, node: Node) -> Node:
        return inline_segments(node, self.inlinable)


def _mark(node: Node, policy: Policy) -> int:
    """A number that differs where the condition or the policy of a segment does."""
    own = sorted((name, str(value)) for name, value in policy_json(policy).items())
    return crc32(f"{digest(node)}|{own}".encode())


def _in_order(definitions: Sequence[Definition]) -> list[Definition]:
    """Those that ask for another's membership after it; else in the order given."""
    by_key = {definition.key: definition for definition in definitions}
    done: dict[str, Definition] = {}

    def place(definition: Definition, chain: tuple[str, ...]) -> None:
        if definition.key in done or definition.key in chain:
            return
        for key in sorted(definition.reads.segments & by_key.keys()):
            place(by_key[key], (*chain, definition.key))
        done[definition.key] = definition

    for definition in definitions:
        place(definition, ())
    return list(done.values())

"""The whole statement: conditions of any shape over many pairs, all sharing one reading."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.segments.sql import dialect as sql
from apps.segments.sql import events, leaves
from apps.segments.sql.absences import absence, absence_changing
from apps.segments.sql.changing import either, event_changing
from apps.segments.sql.dwell import dwell, dwell_changing
from apps.segments.sql.scores import score, score_changing
from apps.segments.sql.sequences import sequence, sequence_changing
from apps.segments.sql.statement import OpenSource, Statement
from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    AbsenceLeaf,
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    DwellLeaf,
    EventLeaf,
    ListLeaf,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    PercentLeaf,
    RelationLeaf,
    ScoreLeaf,
    SegmentLeaf,
    SequenceLeaf,
    TraitLeaf,
    parts_of,
)


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """Parts of a statement whose first CTE is `pair`, one row per question.

    Its columns: `n` names the pair; profile_id, unit_id, traits are as in the state row; `at_ms` is
    the instant in ms since 1970, `at_end` the millisecond after it as a timestamp, because times
    with finer parts count by their whole milliseconds.

    Attributes:
        ctes: to follow `pair` in the WITH list.
        joins: to follow `FROM pair p`.
        verdicts: one three-valued boolean expression per condition, in the order given.
        changing: whether a watched verdict may change as time passes: true too often, never too
            rarely.
        hard: whether the pair must be answered by the live path.
        params: what the expressions name.
    """

    ctes: tuple[str, ...]
    joins: str
    verdicts: tuple[str, ...]
    changing: str
    hard: str
    params: Mapping[str, Any]


def compile_query(
    nodes: Sequence[Node],
    *,
    watched: Sequence[Node] = (),
    site_id: UUID,
    first_ms: int,
    last_ms: int,
    instants: Sequence[int] = (),
    source: OpenSource | None = None,
    zone: str | None = None,
) -> CompiledQuery:
    """Compile conditions, their nested segments in place, to one statement's parts.

    Args:
        nodes: none may read the request.
        watched: those of which `changing` is asked.
        site_id: whose events.
        first_ms, last_ms: the least and the greatest instant of the pairs.
        instants: all of them, when they are more than these two.
        source: opens a source of aggregates that is asked before the raw events are.
        zone: in which the site counts days; None looks it up.
    """
    asked = sorted({first_ms, last_ms, *instants})
    statement = Statement(site_id, asked, source, zone)
    verdicts = tuple(truth(statement, node) for node in nodes)
    may_change = changing(statement, AnyOf(tuple(watched)))
    reading = statement.finish()
    return CompiledQuery(
        reading.ctes,
        "\n".join(reading.joins),
        verdicts,
        may_change,
        " OR ".join(reading.hard) or "false",
        statement.bind.params,
    )


def truth(statement: Statement, node: Node) -> str:
    """Return the three-valued expression of a node."""
    meant = _meant(node)
    if type(meant) in WRITERS:
        return WRITERS[type(meant)](statement, meant)
    match meant:
        case All(parts):
            return f"({' AND '.join(_truths(statement, parts))})" if parts else "true"
        case AnyOf(parts):
            return f"({' OR '.join(_truths(statement, parts))})"
        case NoneOf(parts):
            return f"(NOT ({' OR '.join(_truths(statement, parts))}))"
        case Not(part):
            return f"(NOT {truth(statement, part)})"
        case AtLeast(k, parts):
            return sql.at_least(k, _truths(statement, parts))
        case Nested(_, part):
            return f"coalesce({truth(statement, part)}, false)"
    raise AssertionError(f"no SQL for {type(node).__name__}")


def _truths(statement: Statement, parts: Sequence[Node]) -> list[str]:
    return [truth(statement, part) for part in parts]


def changing(statement: Statement, node: Node) -> str:
    """Whether time alone may change a verdict: true too often, never too rarely, never NULL."""
    meant = _meant(node)
    writer = CHANGING.get(type(meant))
    if writer is not None:
        return writer(statement, meant)
    return either({changing(statement, part) for part in parts_of(meant)})


def _meant(node: Node) -> Node:
    """Leaves that are another way to write an event leaf, as what they mean."""
    if isinstance(node, All | AnyOf | NoneOf | Not | AtLeast | Nested):
        return node
    return lowered(node)


WRITERS: dict[type, Callable[[Statement, Any], str]] = {
    TraitLeaf: leaves.trait,
    PercentLeaf: leaves.percent,
    SegmentLeaf: leaves.segment,
    ListLeaf: leaves.listed,
    RelationLeaf: leaves.relation,
    ModelLeaf: leaves.model,
    ConsentLeaf: leaves.consent,
    EventLeaf: events.event,
    SequenceLeaf: sequence,
    AbsenceLeaf: absence,
    DwellLeaf: dwell,
    ScoreLeaf: score,
}
# Leaves that are not here stay as they are until an event.
CHANGING: dict[type, Callable[[Statement, Any], str]] = {
    TraitLeaf: leaves.trait_changing,
    ListLeaf: leaves.listed_changing,
    ModelLeaf: leaves.model_changing,
    EventLeaf: event_changing,
    SequenceLeaf: sequence_changing,
    AbsenceLeaf: absence_changing,
    DwellLeaf: dwell_changing,
    ScoreLeaf: score_changing,
}

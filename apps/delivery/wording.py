"""A decided call as /v1/decide answers it, and as the decision log keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from apps.decisions import services as decisions
from apps.delivery import answers, cacheable
from apps.delivery.deciding import Decided, Placed
from engine.conditions.describe import trace_json
from engine.decide import Step


@dataclass(slots=True)
class Answer:
    """The answer's body and its weak ETag."""

    body: bytes
    etag: str


def worded(decided: Decided) -> Answer:
    """Return the whole answer: each decision with its signed id."""
    call, served = decided.call, decided.served
    head = decisions.head_of(served.number, call.now_ms, call.subject)
    entries: list[bytes] = []
    bodies: list[bytes] = []
    untils: list[int] = []
    for placed in decided.placed:
        bodies.append(placed.body)
        if placed.ready is None:
            entries.append(placed.body)
            continue
        until_ms = placed.decision.valid_until_ms
        if until_ms is not None:
            untils.append(until_ms)
        steps = placed.decision.steps
        entries.append(
            answers.placed(
                placed.ready.key,
                id_of(decided, placed, head),
                placed.body,
                until_ms,
                b"null" if steps is None else trace_of(steps),
            )
        )
    segment_key = cacheable.key_of(decided, untils)
    bodies.append(segment_key)
    body = b"".join(
        (
            b'{"requestId":"', call.request_id.encode(),
            b'","decidedAt":"', answers.instant(call.now_ms),
            b'","snapshot":%d,"segmentKey":%b,"ttlSeconds":%d,"placements":{'
            % (served.number, segment_key, answers.ttl_s(untils, call.now_ms)),
            b",".join(entries),
            b"}}",
        )
    )  # fmt: skip
    return Answer(body, answers.etag_of(served.token, bodies))


def id_of(decided: Decided, placed: Placed, head: bytes) -> bytes:
    """Return the signed id of one decision; `head` is `decisions.head_of` of the call."""
    assert placed.ready is not None
    tail = placed.ready.tail(placed.decision, placed.told)
    reservation = decided.reserved.get(placed.decision.placement)
    token = b"" if reservation is None else reservation.token
    return decisions.signed(decided.call.caller.site_hex, head, tail, token)


def trace_of(steps: Sequence[Step]) -> bytes:
    """Return a decision's trace as JSON."""
    return msgspec.json.encode(
        [
            {
                "step": step.step,
                "key": step.key,
                "outcome": step.outcome,
                "condition": None if step.condition is None else trace_json(step.condition),
            }
            for step in steps
        ]
    )


def record_of(decided: Decided, took_s: float) -> decisions.Made:
    """Return what the decision log keeps of a call; `took_s`: seconds from question to answer."""
    call = decided.call
    return decisions.Made(
        call.caller,
        call.request_id,
        call.subject,
        decided.profile,
        decided.visitor,
        decided.served,
        call.now_ms,
        [_noted(placed) for placed in decided.placed],
        decided.context.read,
        decided.values,
        {key: one.intensity for key, one in decided.reserved.items()},
        decided.is_away,
        int(took_s * 1_000_000),
    )


def _noted(placed: Placed) -> decisions.Noted:
    ready, told, decision = placed.ready, placed.told, placed.decision
    if ready is None:
        return decisions.Noted(decision.placement, None, None, 0, told.reason)
    return decisions.Noted(
        decision.placement,
        ready.block.key,
        ready.doc.key,
        ready.doc.version,
        told.reason,
        told.rule,
        told.experiment,
        told.arm,
        decision.probability,
        placed.body,
    )

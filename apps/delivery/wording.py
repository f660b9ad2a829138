"""A decided call as /v1/decide answers it, and as the decision log keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.decisions import services as decisions
from apps.decisions.selectors import Reads
from apps.delivery import answers, cacheable, evidence, online_scores, segment_key
from apps.delivery.deciding import Decided, Placed
from engine.allocation import position_of
from engine.conditions.answers import FOREVER
from engine.conditions.describe import trace_json
from engine.decide import Step
from engine.members import Members


@dataclass(slots=True)
class Answer:
    """The answer's body and its weak ETag."""

    body: bytes
    etag: str


def worded(decided: Decided) -> Answer:
    """Return the whole answer: each decision with its signed id."""
    call, served = decided.call, decided.served
    signer = signer_of(decided)
    entries: list[bytes] = []
    digests: list[bytes] = []
    untils: list[int] = []
    for placed in decided.placed:
        digests.append(placed.body.digest)
        if placed.ready is None:
            entries.append(placed.body.data)
            continue
        until_ms = placed.decision.valid_until_ms
        if until_ms is not None:
            untils.append(until_ms)
        steps = placed.decision.steps
        entries.append(
            answers.placed(
                placed.ready.key,
                id_of(decided, placed, signer),
                placed.body.data,
                until_ms,
                b"null" if steps is None else _explained(decided, placed, steps),
            )
        )
    if online_scores.afresh(decided.profile, decided.reads, call.now_ms):
        untils.append(call.now_ms + online_scores.LASTS_MS)
    key = _segment_key(decided, untils)
    body = b"".join(
        (
            b'{"requestId":"', call.request_id.encode(),
            b'","decidedAt":"', answers.instant(call.now_ms),
            b'","snapshot":%d,"segmentKey":%b,"ttlSeconds":%d,"placements":{'
            % (served.number, key, answers.ttl_s(untils, call.now_ms)),
            b",".join(entries),
            b"}}",
        )
    )  # fmt: skip
    return Answer(body, answers.etag_of(served.token, digests, key))


def _segment_key(decided: Decided, untils: list[int]) -> bytes:
    """Return the segment key of a call as JSON: null when it is not known who asks.

    Args:
        untils: the instants at which parts of the answer change; the key's own is added.
    """
    if decided.is_away or not decided.served.number:
        return b"null"
    plan = cacheable.plan_of(decided.served)
    bits = 0
    if plan.placements and decided.is_allowed and not _is_held_out(decided):
        bits = _bits_of(plan, decided, untils)
    key = plan.keys.get(bits)
    if key is None:
        told = cacheable.shortest(plan, decided.served.compiled, bits, decided.call.now_ms)
        text = segment_key.issue(decided.call.caller.site_hex, plan.family, told)
        if len(plan.keys) >= cacheable.KEYS_KEPT:
            plan.keys.clear()
        key = plan.keys[bits] = b'"%b"' % text.encode()
    return key


def _bits_of(plan: cacheable.Plan, decided: Decided, untils: list[int]) -> int:
    """The segments of somebody who may be known; only those with a stay can have them inside."""
    visitor = decided.visitor
    if not visitor.known:
        return plan.nobody | segment_key.ALLOWED
    bits = segment_key.ALLOWED
    members = Members(decided.served.compiled, visitor, decided.context, decided.call.now_ms)
    segments = decided.served.compiled.segments_by_number
    for number in visitor.memberships.keys() & plan.bits.keys():
        if members.has(segments[number]):
            bits |= plan.bits[number]
    if members.until_ms != FOREVER:
        untils.append(members.until_ms)
    return bits


def _is_held_out(decided: Decided) -> bool:
    holdouts = decided.served.compiled.holdouts
    unit_id = decided.visitor.unit_id
    return bool(holdouts) and any(
        not one.placements and position_of(unit_id, seed=one.seed) < one.share for one in holdouts
    )


def signer_of(decided: Decided) -> decisions.Signer:
    """Return what signs the decisions of a call."""
    call = decided.call
    head = decisions.head_of(decided.served.number, call.now_ms, call.subject)
    return decisions.Signer(call.caller.site_hex, head)


def id_of(decided: Decided, placed: Placed, signer: decisions.Signer) -> bytes:
    """Return the signed id of one decision."""
    assert placed.ready is not None
    tail = placed.ready.tail(placed.decision, placed.told)
    reservation = decided.reserved.get(placed.decision.placement)
    token = b"" if reservation is None else reservation.token
    return signer.signed(tail, token, placed.decision.propensity)


def trace_of(steps: Sequence[Step]) -> bytes:
    """Return a decision's trace as JSON."""
    return msgspec.json.encode([_line_of(step) for step in steps])


def _explained(decided: Decided, placed: Placed, steps: Sequence[Step]) -> bytes:
    """Return the trace, and why somebody is in the segments that it asks for, or not."""
    why = evidence.why_of(decided, placed)
    scores = online_scores.afresh(decided.profile, decided.reads, decided.call.now_ms)
    return msgspec.json.encode(
        [
            *({**_line_of(step), "segments": {}} for step in online_scores.steps(scores)),
            *(
                {**_line_of(step), "segments": evidence.segments_of(step, decided, placed, why)}
                for step in steps
            ),
        ]
    )


def _line_of(step: Step) -> dict[str, Any]:
    return {
        "step": step.step,
        "key": step.key,
        "outcome": step.outcome,
        "condition": None if step.condition is None else trace_json(step.condition),
    }


def record_of(decided: Decided, took_s: float, reads: Reads | None = None) -> decisions.Made:
    """Return what the decision log keeps of a call.

    Args:
        took_s: seconds from question to answer.
        reads: what could be looked at; None: what these placements can.
    """
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
        reads,
        decided.permitted,
    )


def _noted(placed: Placed) -> decisions.Noted:
    ready, told, decision = placed.ready, placed.told, placed.decision
    if ready is None:
        return decisions.Noted(decisions.Said(decision.placement, None, None, 0, told.reason))
    said = ready.said(decision, told)
    return decisions.Noted(said, placed.body.digest, placed.items, placed.lists)

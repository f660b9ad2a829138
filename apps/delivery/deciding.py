"""One decide call: visitor, request and publication in, the answer's bytes out. Nothing waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Final

import msgspec

from apps.access.types import Caller
from apps.consent.types import Choice, Purpose, allowed
from apps.content.errors import RenderFailed
from apps.decisions import services as decisions
from apps.decisions.selectors import Arrival, Served, bindings_of, nothing, visitor_of
from apps.decisions.types import HotProfile
from apps.delivery import answers
from apps.delivery.answers import Listed, Ready
from apps.delivery.request_facts import RequestFacts
from apps.recommendations.selectors import lists_of
from engine.conditions.describe import trace_json
from engine.decide import Decision, Reason, Step, decide_placement
from engine.members import Visitor
from engine.snapshot import CompiledPlacement

DEFAULT_ITEMS: Final = 10
_NOTHING: Final[dict[str, Any]] = {}


@dataclass(slots=True)
class Call:
    """What one call asks, as its door read it.

    Attributes:
        subject: the identity that is decided for, "kind:value"; empty for nobody.
        unit_id: what a visitor without a profile is bucketed by.
        asked: (placement key, limit) pairs.
    """

    caller: Caller
    request_id: str
    subject: str
    unit_id: str
    asked: Sequence[tuple[str, int | None]]
    context: dict[str, Any]
    facts: dict[str, Any]
    meta: Mapping[str, Any]
    explain: bool
    now_ms: int


@dataclass(slots=True)
class Answer:
    """The answer's body and what goes beside it. `rules_s` and `render_s` are seconds spent."""

    body: bytes
    etag: str
    made: decisions.Made
    rules_s: float
    render_s: float


class _Work:
    """The state of one call while its placements are decided one after the other."""

    __slots__ = (
        "bodies", "call", "context", "entries", "head", "is_allowed", "is_away", "notes",
        "profile", "served", "stays", "untils", "values", "visitor",
    )  # fmt: skip

    def __init__(self, call: Call, arrival: Arrival, served: Served) -> None:
        profile = arrival.profile
        self.call = call
        self.served = served
        self.profile = profile
        self.is_away = arrival.is_away
        self.is_allowed = may_personalize(profile, call.caller)
        self.stays: bytes = b""
        traits: Mapping[str, object] = _NOTHING
        bound: Mapping[str, object] = _NOTHING
        if profile is None:
            self.visitor = Visitor(call.unit_id, {}, traits, self.is_allowed, False)
        else:
            if self.is_allowed:
                self.stays, traits = profile.memberships, profile.traits
            self.visitor = visitor_of(
                profile, is_allowed=self.is_allowed, site_zone=call.caller.time_zone
            )
            bound = bindings_of(self.visitor.memberships, served.compiled, call.now_ms)
        self.context = RequestFacts(
            context=call.context,
            facts=call.facts,
            meta=call.meta,
            caller=call.caller,
            is_known=profile is not None,
            now_ms=call.now_ms,
        )
        self.values: dict[str, Any] = {
            "traits": traits,
            "segments": bound,
            "facts": call.facts,
            "context": call.context,
        }
        self.head = decisions.head_of(served.number, call.now_ms, call.subject)
        self.entries: list[bytes] = []
        self.bodies: list[bytes] = []
        self.untils: list[int] = []
        self.notes: list[tuple[str, str | None, str | None, int, str, str | None]] = []


def decide(call: Call, arrival: Arrival, served: Served | None) -> Answer:
    """Decide every placement of a call from one snapshot and return the whole answer.

    Args:
        served: None when no publication could be loaded: every placement is then an ERROR.
    """
    start = perf_counter()
    code = "placement_not_found" if served is not None else "unavailable"
    if served is None:
        served = nothing(call.caller.site_id)
    work = _Work(call, arrival, served)
    now_ms, compiled = call.now_ms, served.compiled
    decided: list[tuple[Decision, int | None]] = []
    for key, limit in call.asked:
        steps: list[Step] | None = [] if call.explain else None
        decision = decide_placement(compiled, key, work.visitor, work.context, now_ms, steps)
        decided.append((decision, limit))
    ruled = perf_counter()
    for decision, limit in decided:
        placement = compiled.placements.get(decision.placement)
        if placement is None:
            entry = answers.failed(decision.placement, code, is_traced=call.explain)
            work.entries.append(entry)
            work.bodies.append(entry)
            work.notes.append((decision.placement, None, None, 0, "ERROR", None))
        else:
            _place(work, placement, decision, limit)
    body = b"".join(
        (
            b'{"requestId":"', call.request_id.encode(),
            b'","decidedAt":"', answers.instant(now_ms),
            b'","snapshot":%d,"segmentKey":null,"ttlSeconds":%d,"placements":{'
            % (served.number, answers.ttl_s(work.untils, now_ms)),
            b",".join(work.entries),
            b"}}",
        )
    )  # fmt: skip
    end = perf_counter()
    return Answer(
        body,
        answers.etag_of(served.token, work.bodies),
        _made(work, end - start),
        ruled - start,
        end - ruled,
    )


def may_personalize(profile: HotProfile | None, caller: Caller) -> bool:
    """Whether personalization is consented to; for somebody unknown the source's mode says so."""
    if profile is None:
        bits = _permitted(0, 0, caller.consent_mode, caller.gpc)
    else:
        bits = _permitted(profile.granted, profile.denied, caller.consent_mode, caller.gpc)
    return bits & _PERSONALIZATION != 0


_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)


@lru_cache(maxsize=4096)
def _permitted(granted: int, denied: int, mode: str, gpc: bool) -> int:
    return int(allowed(Choice(granted, denied), mode=mode, gpc=gpc))


def _place(
    work: _Work, placement: CompiledPlacement, decision: Decision, limit: int | None
) -> None:
    """Fill one placement: its variant, or the default when that cannot be rendered."""
    if work.is_away and decision.reason is not Reason.DISABLED:
        # Who this is could not be found out: nobody's content, and said so.
        decision = _default(placement, Reason.ERROR)
    listed = None
    reason: str = decision.reason.value
    if placement.block.doc.kind == "recommendations" and decision.reason is not Reason.DISABLED:
        listed = _listed(work, placement, limit)
        if listed is not None:
            work.values["items"] = listed.items
            if listed.is_personal and decision.reason is Reason.DEFAULT:
                reason = Reason.TARGETING_MATCH.value
    assert decision.variant is not None
    ready = _ready(work.served, placement, decision.variant)
    rule = decision.rule
    try:
        body = answers.shown(ready, reason, rule, work.values, listed)
    except RenderFailed:
        decision = _default(placement, Reason.ERROR)
        reason, rule = Reason.ERROR.value, None
        ready = _ready(work.served, placement, placement.block.default.key)
        body = _last_resort(ready, work.values, listed)
    work.values.pop("items", None)
    site_hex = work.call.caller.site_hex
    decision_id = decisions.signed(site_hex, work.head, ready.tail(placement.key, reason))
    until_ms = decision.valid_until_ms
    if until_ms is not None:
        work.untils.append(until_ms)
    trace = b"null" if decision.steps is None else _trace(decision.steps)
    work.entries.append(answers.placed(ready.key, decision_id, body, until_ms, trace))
    work.bodies.append(body)
    doc = ready.doc
    work.notes.append((placement.key, ready.block.key, doc.key, doc.version, reason, rule))


def _default(placement: CompiledPlacement, reason: Reason) -> Decision:
    default = placement.block.default
    return Decision(placement.key, placement.block.key, default.key, default.version, reason)


def _last_resort(ready: Ready, values: Mapping[str, Any], listed: Listed | None) -> bytes:
    """The default's bytes; without its texts when not even it can be rendered."""
    try:
        return answers.shown(ready, Reason.ERROR.value, None, values, listed)
    except RenderFailed:
        doc = msgspec.structs.replace(ready.doc, fields={}, template=None, liquid=None)
        bare = Ready.__new__(Ready)
        bare.block, bare.kind, bare.doc, bare.is_fixed = ready.block, ready.kind, doc, False
        return answers.shown(bare, Reason.ERROR.value, None, values, listed)


def _ready(served: Served, placement: CompiledPlacement, variant: str) -> Ready:
    key = (placement.key, variant)
    found: Ready | None = served.prepared.get(key)
    if found is None:
        doc = placement.block.variants[variant].doc
        found = served.prepared[key] = Ready(placement, doc)
    return found


def _listed(work: _Work, placement: CompiledPlacement, limit: int | None) -> Listed | None:
    """The items of a recommendations block: after the last item seen, else what is popular."""
    block = placement.block.doc
    if block.recommender is None:
        return None
    table = lists_of(work.call.caller.site_id).get(block.recommender)
    if table is None:
        return None
    profile = work.profile
    item = None
    if profile is not None and work.is_allowed and profile.last_items:
        item = profile.last_items[0]
    most = block.limit or DEFAULT_ITEMS
    return answers.listed(table, block.recommender, item, most if limit is None else limit)


def _trace(steps: Sequence[Step]) -> bytes:
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


def _made(work: _Work, took_s: float) -> decisions.Made:
    call = work.call
    profile = work.profile
    read = work.context.read
    if read:
        # What the call brought as `facts` is for this decision only.
        read = {name: value for name, value in read.items() if not name.startswith("facts.")}
    return decisions.Made(
        call.caller.site_id,
        call.request_id,
        b"" if profile is None else profile.profile_id,
        call.caller.source_id,
        work.served.number,
        call.now_ms,
        work.notes,
        work.stays,
        read,
        int(took_s * 1_000_000),
    )

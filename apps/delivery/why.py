"""Why somebody sees what they see, in words for the visitor; for the site's servers, the trace.

A visitor is told on which kinds of data a decision rests, never by which rule or segment: these are
the site's own words about people.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import InvalidRequest
from apps.access.http import authenticate, hot, json_response
from apps.access.selectors import preferences_url_of
from apps.access.types import Caller
from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.decisions import past
from apps.decisions.lookups import record_of
from apps.decisions.past import Unreadable
from apps.decisions.selectors import DecisionPayload, Served, verified
from apps.decisions.types import Bounded
from apps.delivery import answers, online_scores, wording
from apps.delivery.decided import Decided
from apps.delivery.replaying import Publications, replay
from apps.work import clock, record_watch
from engine.conditions.nodes import ConsentLeaf, ContextLeaf, Node, PercentLeaf, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import history_leaves, leaves_of, segment_keys
from engine.decide import Reason
from engine.snapshot import CompiledPlacement, CompiledSnapshot

ROUTE: Final = "why"
WRITTEN_WITHIN_MS: Final = 5_000  # a record is written a fraction of a second after its decision
KEPT: Final = 8  # publications that visitors still ask about, per process

_served: Bounded[Served] = Bounded(KEPT)


class Data(StrEnum):
    """A kind of data that a decision can rest on."""

    VISITS = "visits"
    PROFILE = "profile"
    REQUEST = "request"
    CONSENT = "consent"
    CHANCE = "chance"


_WORDS: Final = {
    Data.VISITS: "what you have looked at and done on this site",
    Data.PROFILE: "what this site knows about you",
    Data.REQUEST: "this visit itself, such as the page, the device, the language or the time",
    Data.CONSENT: "what you have allowed",
    Data.CHANCE: "chance",
}
_PERSONAL: Final = frozenset({Data.VISITS, Data.PROFILE})
_SENTENCES: Final = {
    Reason.SPLIT: "This is one of several versions that are being compared.",
    Reason.DEFAULT: "Nothing was chosen for you here: this is what everybody sees.",
    Reason.HOLDOUT: "You are one of a few visitors, drawn by lot, for whom nothing is chosen.",
    Reason.CAPPED: "You have been shown something else here often enough, so this took its place.",
    Reason.NO_CONSENT: "Personalization is not allowed, so this is what everybody sees.",
    Reason.DISABLED: "Nothing is chosen in this place at present: this is what everybody sees.",
    Reason.STALE: "What is known was too old to choose by, so this is what everybody sees.",
    Reason.ERROR: "Choosing did not work this time, so this is what everybody sees.",
    Reason.PREVIEW: "This is a preview of something that is not published.",
}


class Why(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a visitor is told.

    `preferences`: where they can change what is allowed; `page`: where they read this as a page.
    """

    placement: str
    decided_at: str
    reason: str
    is_personalized: bool
    data: list[str]
    sentence: str
    preferences: str | None
    page: str | None = None
    trace: Any = msgspec.UNSET
    decision: Any = msgspec.UNSET


@hot("GET", route=ROUTE)
def why(request: HttpRequest) -> HttpResponse:
    """GET /v1/why?decisionId=...: why a visitor sees what they see."""
    caller = authenticate(request, allow=("pk", "sk"))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    decision_id = request.GET.get("decisionId", "")
    if not decision_id:
        raise InvalidRequest("Say which decision: ?decisionId=dec_...")
    payload = verified(caller.site_id, decision_id)
    answer = told(caller.site_id, payload)
    answer.preferences = preferences_url_of(caller.site_id) or None
    answer.page = page_of(caller.site_key, decision_id)
    if caller.kind == "sk":
        answer.trace, answer.decision = _traced(caller, payload)
        if answer.decision is None and clock.now_ms() - payload.at_ms < WRITTEN_WITHIN_MS:
            headers["Retry-After"] = "1"  # the record is still on its way
    response = json_response(msgspec.json.encode(answer), headers=headers)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def told(site_id: UUID, payload: DecisionPayload) -> Why:
    """Return what a visitor is told about a decision of this site."""
    return _told(payload, _served_then(site_id, payload.snapshot))


def page_of(site_key: str, decision_id: str) -> str:
    """Return the address of the page that tells a visitor the same."""
    return f"{settings.PUBLIC_ORIGIN}/privacy/{site_key}/why?d={decision_id}"


def words_for(data: Sequence[str]) -> list[str]:
    """Return kinds of data in words."""
    return [_WORDS[Data(kind)] for kind in data]


def _served_then(site_id: UUID, number: int) -> Served | None:
    name = f"{site_id.hex}{number}"
    found = _served.get(name)
    if found is None:
        try:
            found = past.served_then(site_id, number)
        except Unreadable:
            return None
        _served.put(name, found)
    return found


def _told(payload: DecisionPayload, served: Served | None) -> Why:
    reason = Reason(payload.reason)
    placement = None if served is None else served.compiled.placements.get(payload.placement)
    found: set[Data] = set()
    if served is not None and placement is not None:
        is_changed = placement.choice is not None and payload.experiment is not None
        placement = placement.form_of(payload.arm) if is_changed else placement
        if is_changed:
            found.add(Data.CHANCE)
        if reason in (Reason.TARGETING_MATCH, Reason.SPLIT):
            found.update(_chosen_by(served.compiled, placement, payload))
        found.update(_shown_of(placement, payload.variant))
    # Without consent a template has nothing of a visitor to show.
    if reason is Reason.NO_CONSENT:
        found -= _PERSONAL
    if reason is Reason.CAPPED:
        found.add(Data.VISITS)
    data = [kind for kind in Data if kind in found]
    is_personal = bool(_PERSONAL & found) and reason is not Reason.ERROR
    return Why(
        payload.placement,
        answers.instant(payload.at_ms).decode(),
        payload.reason,
        is_personal,
        [kind.value for kind in data],
        _sentence(reason, data, is_personal=is_personal),
        None,
    )


def _sentence(reason: Reason, data: list[Data], *, is_personal: bool) -> str:
    words = [_WORDS[kind] for kind in data]
    named = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    if reason is Reason.TARGETING_MATCH:
        whom = "for you" if is_personal else "for visits like this one"
        said = (
            f"This was chosen {whom}, by {named}." if named else "This was chosen for this visit."
        )
    else:
        said = _SENTENCES[reason]
        if named and reason is not Reason.CAPPED:
            said += f" It depends on {named}."
    if is_personal:
        said += " You can change at any time whether this site may personalize."
    return said


def _chosen_by(
    compiled: CompiledSnapshot, placement: CompiledPlacement, payload: DecisionPayload
) -> Iterator[Data]:
    """What the step that served the variant looked at."""
    if payload.experiment is not None:
        yield Data.CHANCE
    if payload.rule is not None:
        for rule in placement.rules:
            if rule.key == payload.rule:
                yield from _looked_at(compiled, rule.node)
    elif payload.reason != Reason.SPLIT.value:
        if placement.block.doc.kind == "recommendations":
            yield Data.VISITS
        for segment, variant in placement.block.tagged:
            if variant.key != payload.variant:
                continue
            if segment.doc.request_condition is None:
                yield Data.VISITS
            else:
                yield from _looked_at(compiled, parse_condition(segment.doc.request_condition))


def _looked_at(compiled: CompiledSnapshot, node: Node) -> Iterator[Data]:
    if any(True for _ in history_leaves(node)):
        yield Data.VISITS
    for leaf in leaves_of(node):
        match leaf:
            case ContextLeaf():
                yield Data.REQUEST
            case ConsentLeaf():
                yield Data.CONSENT
            case PercentLeaf():
                yield Data.CHANCE
            case SegmentLeaf():
                pass
            case _:
                yield Data.PROFILE
    for key in segment_keys(node):
        segment = compiled.segments.get(key)
        if segment is not None and segment.doc.request_condition is not None:
            yield from _looked_at(compiled, parse_condition(segment.doc.request_condition))
        else:
            yield Data.VISITS


_ROOTS: Final = {
    "traits": Data.PROFILE,
    "segments": Data.VISITS,
    "context": Data.REQUEST,
    "facts": Data.REQUEST,
}


def _shown_of(placement: CompiledPlacement, variant: str) -> Iterator[Data]:
    """What the variant itself shows of the visitor."""
    found = placement.block.variants.get(variant)
    if found is None:
        return
    try:
        roots = rendering.roots_read(found.doc)
    except RenderFailed:
        return
    yield from (_ROOTS[root] for root in roots if root in _ROOTS)


def _items_then(decided: Decided, placement: str) -> dict[str, list[dict[str, Any]]]:
    """The recommended items that a placement showed, by field ("": of its list), with reasons."""
    kept = decided.kept_lists or {}
    mine = {name: one for name, one in kept.items() if name.partition("#")[0] == placement}
    return {name.partition("#")[2]: answers.worded_items(one) for name, one in mine.items()}


def _traced(caller: Caller, payload: DecisionPayload) -> tuple[Any, Any]:
    """The trace of the decision made again, and its record; null and null when there is none."""
    record = record_of(caller.site_id, payload)
    if record is None:
        return None, None
    found = replay(record, Publications(), explain=True)
    placed = found.placed.get(payload.placement)
    steps = None if placed is None else placed.decision.steps
    trace = None
    if steps is not None and found.decided is not None:
        past_call = found.decided
        scores = online_scores.afresh(past_call.profile, past_call.reads, past_call.call.now_ms)
        trace = msgspec.Raw(wording.trace_of([*online_scores.steps(scores), *steps]))
    return trace, {
        "requestId": record.request_id,
        "profileId": None if record.profile_id is None else f"prf_{record.profile_id.hex}",
        "snapshot": record.snapshot,
        "placements": record.placements,
        "facts": record.facts,
        "items": {} if found.decided is None else _items_then(found.decided, payload.placement),
        "replay": {
            "outcome": found.outcome.value,
            "why": found.why or None,
            "differences": [one._asdict() for one in found.differences],
        },
    }

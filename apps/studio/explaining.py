"""Why a visitor sees what they see: what was decided for them, and a decision made again now."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from apps.consent import gates
from apps.consent.recorded import has_agreed, has_refused
from apps.consent.types import NOT_ASKED, Purpose
from apps.decisions import selectors as decisions
from apps.decisions.hot_state import HotProfile, hot_profiles_of
from apps.profiles.selectors import find_profile
from apps.recommendations.selectors import WORDS, lists_of
from apps.segments.selectors import segments_of
from apps.segments.types import Stayed
from apps.studio import selectors
from apps.studio.domain.reasons import reason_words
from apps.studio.preview_words import kind_of, sentence_of
from apps.studio.why_not import WhyNot, why_not
from apps.work import clock
from engine.conditions.describe import trace_json
from engine.conditions.evaluate import Trace
from engine.conditions.trace_words import found_text
from engine.decide import Decision, Step, decide_placement
from engine.members import Visitor
from engine.snapshot import CompiledSnapshot, SnapshotDoc, decode_snapshot

DECISIONS_SHOWN = 20
MAX_FACTS = 20
MAX_QUESTION = 560  # characters: a kind and the longest identity

_PROFILE = re.compile(
    r"(?:prf_|profile:)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A visitor as the record knows them now. `hot` is what a decision would read."""

    profile_id: UUID
    hot: HotProfile
    stays: list[Stayed]

    @property
    def last_seen_at(self) -> datetime | None:
        return clock.from_ms(self.hot.last_seen_ms) if self.hot.last_seen_ms else None


@dataclass(frozen=True, slots=True)
class Shown:
    """One placement of a past decision, with the reason in words."""

    placement: str
    block: str
    variant: str
    version: int
    reason: str
    because: str
    rule: str


@dataclass(frozen=True, slots=True)
class Past:
    """One past call: what was shown, and the facts it was decided from."""

    at: datetime
    request_id: str
    snapshot: int
    took_ms: float
    shown: list[Shown]
    segments: list[str]
    context: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a decision made now. `condition` is the trace as nested mappings."""

    step: str
    name: str
    outcome: str
    condition: dict[str, Any] | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision made now, step by step.

    Attributes:
        note: what the steps cannot say.
        missed: why a variant that was asked about is not seen; None: none was.
    """

    decision: Decision
    words: str
    valid_until: datetime | None
    lines: list[tuple[str, str, Line]]
    note: str
    missed: WhyNot | None = None


def profile_of(site_id: UUID, question: str) -> UUID | None:
    """Return whose profile a question means: "kind:value", or a profile id. At most one query."""
    text = question.strip()[:MAX_QUESTION]
    found = _PROFILE.fullmatch(text.lower())
    if found is not None:
        return UUID(found[1])
    kind, colon, value = text.partition(":")
    if not colon or not value or "\x00" in text:
        return None
    return find_profile(site_id, kind.strip(), value.strip())


def person_of(profile_id: UUID) -> Person | None:
    """Return what is known of a profile now; None when there is none. Two queries."""
    hot = hot_profiles_of([profile_id])
    return Person(profile_id, hot[0], segments_of(profile_id)) if hot else None


def consent_rows(hot: HotProfile) -> list[tuple[str, str]]:
    """Return (purpose, "yes", "no" or "not asked") for each purpose but the necessary one."""
    return [
        (str(purpose.name).lower(), _answer(hot, purpose))
        for purpose in Purpose
        if purpose is not Purpose.NECESSARY
    ]


def _answer(hot: HotProfile, purpose: Purpose) -> str:
    if has_refused(hot.denied, purpose):
        return "no"
    return "yes" if has_agreed(hot.granted, purpose) else "not asked"


def past_decisions(site_id: UUID, profile_id: UUID) -> list[Past]:
    """Return the newest decisions for a profile with their reasons in words. Two queries."""
    records = list(decisions.decisions_of(site_id, profile_id)[:DECISIONS_SHOWN])
    texts = selectors.documents(site_id, sorted({record.snapshot for record in records}))
    documents = {number: decode_snapshot(text) for number, text in texts.items()}
    past = []
    for record in records:
        document = documents.get(record.snapshot)
        names = _segment_names(document)
        inside = [int(number) for number in record.facts.get("segments", [])]
        context = record.facts.get("context") or {}
        past.append(
            Past(
                at=record.at,
                request_id=record.request_id,
                snapshot=record.snapshot,
                took_ms=record.took_us / 1000,
                shown=[_shown(one, document, inside) for one in record.placements],
                segments=sorted(names[number] for number in inside if number in names),
                context=[(name, _text(value)) for name, value in sorted(context.items())],
            )
        )
    return past


def _segment_names(document: SnapshotDoc | None) -> dict[int, str]:
    """Names of the segments that people see, by number."""
    if document is None:
        return {}
    return {one.number: one.name or one.key for one in document.segments if not one.hidden}


def _shown(one: Mapping[str, Any], document: SnapshotDoc | None, inside: Sequence[int]) -> Shown:
    block, variant = one.get("block") or "", one.get("variant") or ""
    reason, rule = str(one.get("reason") or ""), one.get("rule") or ""
    because = reason_words(reason)
    if rule:
        because = f"the rule “{rule}” held"
    elif reason == "TARGETING_MATCH" and document is not None:
        because = _because(document, block, variant, inside)
    return Shown(
        str(one.get("placement")),
        block,
        variant,
        int(one.get("version") or 0),
        reason,
        because,
        rule,
    )


def _because(document: SnapshotDoc, block: str, variant: str, inside: Sequence[int]) -> str:
    found = next((one for one in document.blocks if one.key == block), None)
    if found is None:
        return reason_words("TARGETING_MATCH")
    tags = next((one.segments for one in found.variants if one.key == variant), [])
    names = _segment_names(document)
    matched = sorted(names[number] for number in tags if number in inside and number in names)
    if matched:
        return f"in the segment “{'” and “'.join(matched)}”"
    if found.kind == "recommendations":
        return "the list follows what they looked at last"
    return reason_words("TARGETING_MATCH")


def context_of(text: str) -> tuple[dict[str, Any], list[str]]:
    """Read facts of a request from lines such as `device: mobile`.

    Returns the facts by name and the lines that are none. A value that is a JSON number or boolean
    is one, anything else is text.
    """
    facts: dict[str, Any] = {}
    wrong = []
    for line in text.splitlines()[:MAX_FACTS]:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon or not name or not value:
            wrong.append(line.strip())
            continue
        facts[name] = _value(value)
    return facts, wrong


def _value(text: str) -> object:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, bool | int | float | str) else text


def explain(
    compiled: CompiledSnapshot,
    placement: str,
    hot: HotProfile | None,
    *,
    mode: str,
    regime: str,
    context: Mapping[str, Any],
    site_zone: str,
    now: datetime,
    wanted: str = "",
) -> Explained:
    """Decide one placement again and keep every step. Nothing is recorded as a decision.

    Args:
        hot: None for a visitor whom nobody knows.
        mode: consent mode of the source that would ask; `regime`: of its site.
        context: facts of the request by name; `visitor` is worked out here.
        site_zone: IANA name of the zone in which the site's days begin.
        wanted: key of a variant: why is it not seen? Empty: nothing is asked.
    """
    now_ms = clock.to_ms(now)
    is_allowed = gates.may(
        hot or NOT_ASKED, Purpose.PERSONALIZATION, mode=mode, regime=regime, now_ms=now_ms
    )
    if hot is None:
        visitor = Visitor("", {}, {}, is_allowed, False)
    else:
        visitor = decisions.visitor_of(hot, is_allowed=is_allowed, site_zone=site_zone)
    steps: list[Step] = []
    facts = {"visitor": "new" if hot is None else "returning", **context}
    decision = decide_placement(compiled, placement, visitor, facts, now_ms, steps)
    missed = None
    if wanted:
        missed = why_not(compiled, decision, wanted, visitor, facts, now_ms)
    until_ms = decision.valid_until_ms
    return Explained(
        decision=decision,
        words=reason_words(decision.reason.value),
        valid_until=None if until_ms is None else clock.from_ms(until_ms),
        lines=lines_of(steps, compiled),
        note=_note(compiled, placement, hot, is_allowed=is_allowed),
        missed=missed,
    )


def lines_of(steps: Sequence[Step], compiled: CompiledSnapshot) -> list[tuple[str, str, Line]]:
    """Return each step as (did it lead to what is shown, a sentence, the step)."""
    return [(kind_of(step), sentence_of(step, compiled), line_of(step, compiled)) for step in steps]


def line_of(step: Step, compiled: CompiledSnapshot) -> Line:
    """Return one step in words that an editor knows."""
    name = step.key
    if step.step == "segment" and step.key in compiled.segments:
        segment = compiled.segments[step.key].doc
        name = segment.name or segment.key
    condition = None if step.condition is None else readable(step.condition, compiled)
    return Line(step.step, name, step.outcome, condition, step.key)


def readable(trace: Trace, compiled: CompiledSnapshot) -> dict[str, Any]:
    """Return a trace as nested mappings, with what hidden segments say in place of their keys."""
    return _readable(trace_json(trace), compiled)


def _readable(trace: dict[str, Any], compiled: CompiledSnapshot) -> dict[str, Any]:
    """Put what a hidden segment says in the place of its key."""
    text = str(trace["text"])
    for key, segment in compiled.segments.items():
        if segment.doc.hidden and segment.doc.name:
            text = text.replace(f'is in the segment "{key}"', segment.doc.name)
    found = {**trace, "text": text}
    if "found" in trace:
        unit = trace.get("unit")
        found |= {name: found_text(trace[name], unit) for name in ("found", "wanted")}
    if "parts" in trace:
        found["parts"] = [_readable(part, compiled) for part in trace["parts"]]
    return found


def _note(
    compiled: CompiledSnapshot, placement: str, hot: HotProfile | None, *, is_allowed: bool
) -> str:
    found = compiled.placements.get(placement)
    if found is None or found.block.doc.kind != "recommendations":
        return ""
    tables = lists_of(UUID(compiled.site_id)) if compiled.site_id else {}
    table = tables.get(found.block.doc.recommender or "")
    if table is None:
        return "The list is empty: no recommender of that key has learned anything yet."
    met = [(item, 1.0) for item in hot.last_items] if hot is not None and is_allowed else []
    first = next(iter(table.choose(met, 1, current=met[0][0] if met else None)), None)
    said = "The list holds what is popular: no item that this visitor has seen may be used."
    if met:
        said = f"The list was made from what they looked at, “{met[0][0]}” last."
    if first is not None:
        said += f" Before filters it begins with “{first.code}”. {WORDS[first.why]}"
    return said


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

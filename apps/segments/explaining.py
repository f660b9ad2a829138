"""Why one person is in a segment or not: each leaf with what was found, and what would flip it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.profiles.parts import instant
from apps.segments import answering
from apps.segments.previews import Draft, number_of
from apps.segments.stays import is_inside
from apps.work import clock
from engine.conditions.describe import trace_json
from engine.conditions.evaluate import trace
from engine.conditions.nearest import nearest_changes
from engine.conditions.trace_words import found_text
from engine.facts import Facts


@dataclass(frozen=True, slots=True)
class Line:
    """One node of a trace for people.

    Attributes:
        verdict: None for unknown.
        found, wanted: as words; "" for groups.
        evidence: (event name, when), the newest last.
        until: the verdict holds before it if nothing happens; None: for ever.
    """

    text: str
    verdict: bool | None
    found: str = ""
    wanted: str = ""
    evidence: list[tuple[str, datetime]] = field(default_factory=list)
    until: datetime | None = None
    parts: "list[Line]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a person meets a condition, why, and the smallest change that would flip it.

    Attributes:
        is_member: as the state row says now; it may differ from `meets` where a policy holds.
        changes: to be made together; empty where no way was found.
    """

    profile_id: UUID
    meets: bool
    is_member: bool
    until: datetime | None
    line: Line
    changes: list[str]


def explain(draft: Draft, profile_id: UUID, *, now: datetime) -> Explanation | None:
    """Ask one person; None when the site has no such person. A fact of the request is unknown."""
    now_ms = clock.to_ms(now)
    for known in answering.people(draft.asked, draft.site_id, [profile_id], now_ms):
        facts = known.facts.as_of(now_ms)
        why = trace(draft.asked.node, facts, now_ms)
        number = number_of(draft.segment_id)
        line = _line(trace_json(why), facts)
        return Explanation(
            profile_id=profile_id,
            meets=why.verdict is True,
            is_member=number is not None and is_inside(known.stays.get(number), now_ms) is True,
            until=line.until,
            line=line,
            changes=[change.text for change in nearest_changes(why, facts, now_ms)],
        )
    return None


def as_json(found: Explanation) -> dict[str, Any]:
    """The same for servers: times as RFC 3339, verdicts null where unknown."""
    return {
        "meets": found.meets,
        "isMember": found.is_member,
        "validUntil": instant(found.until),
        "smallestChange": found.changes,
        "trace": _line_json(found.line),
    }


def _line(document: dict[str, Any], facts: Facts) -> Line:
    until_ms = document["validUntilMs"]
    until = None if until_ms is None else clock.from_ms(until_ms)
    if "parts" in document:
        parts = [_line(part, facts) for part in document["parts"]]
        if len(parts) == 1 and (parts[0].text, parts[0].verdict) == (
            document["text"],
            document["verdict"],
        ):
            return parts[0]  # a group of one says nothing more than what is in it
        return Line(document["text"], document["verdict"], until=until, parts=parts)
    unit = document.get("unit")
    return Line(
        text=document["text"],
        verdict=document["verdict"],
        found=found_text(document["found"], unit),
        wanted=found_text(document["wanted"], unit),
        evidence=[(facts.history[i].name, clock.from_ms(at)) for i, at in document["evidence"]],
        until=until,
    )


def _line_json(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = {
        "text": line.text,
        "verdict": line.verdict,
        "validUntil": instant(line.until),
    }
    if line.parts:
        return document | {"parts": [_line_json(part) for part in line.parts]}
    return document | {
        "found": line.found,
        "wanted": line.wanted,
        "evidence": [{"event": name, "at": instant(at)} for name, at in line.evidence],
    }

"""One past decision, found by its id or its request, in words: what was shown, why, until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.decisions.past import Record
from apps.delivery.previewing.people import bare, stripped
from apps.delivery.replaying import Outcome, Publications, Replayed, replay
from apps.studio.domain.reasons import reason_level, reason_words
from apps.studio.explaining import Line, lines_of, readable
from apps.studio.why_not import Way, WhyNot, why_not
from apps.work import clock
from engine.snapshot import CompiledSnapshot

MOST_VARIANTS: Final = 100  # offered of one block
_REPLAYED: Final = {
    Outcome.SAME: ("ok", "Decided again from what was recorded, it comes out the same."),
    Outcome.DIFFERENT: ("bad", "Decided again from what was recorded, it comes out otherwise."),
    Outcome.BROKEN: ("bad", "The record is not what was written, so it explains nothing."),
    Outcome.UNKNOWABLE: ("warn", "How it came about cannot be said any more"),
}


@dataclass(frozen=True, slots=True)
class ToldPlacement:
    """One placement of a past decision.

    Attributes:
        lines: (did it lead to what was shown, a sentence, the step); empty where it is not known.
        until: before it the answer would have changed only by something new; None: never.
        variants: keys of what the block has, to ask about.
        missed: why another variant was not seen; None: none was asked about.
        ways: what leads to that variant, each beside its condition.
    """

    key: str
    block: str
    variant: str
    version: int
    reason: str
    level: str
    because: str
    lines: list[tuple[str, str, Line]]
    until: datetime | None
    variants: list[str]
    missed: WhyNot | None
    ways: list[tuple[Way, dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class ToldDecision:
    """One call. `is_masked`: without what was found about the visitor."""

    record: Record
    level: str
    words: str
    is_masked: bool
    placements: list[ToldPlacement]


def told_of(
    record: Record, *, is_masked: bool, placement: str = "", wanted: str = ""
) -> ToldDecision:
    """Return a past decision in words, decided again from what it read.

    Args:
        placement, wanted: the variant that was not seen there; empty: nothing is asked.
    """
    found = replay(record, Publications(), explain=True)
    level, words = _REPLAYED[found.outcome]
    if found.outcome is Outcome.UNKNOWABLE:
        words = f"{words}: {found.why}."
    return ToldDecision(
        record,
        level,
        words,
        is_masked,
        [
            _told(entry, found, is_masked, wanted if entry["placement"] == placement else "")
            for entry in record.placements
        ],
    )


def _told(entry: dict[str, Any], found: Replayed, is_masked: bool, wanted: str) -> ToldPlacement:
    key, reason = str(entry["placement"]), str(entry["reason"])
    placed = found.placed.get(key)
    compiled = None if found.served is None else found.served.compiled
    lines: list[tuple[str, str, Line]] = []
    until = None
    variants: list[str] = []
    if placed is not None and compiled is not None:
        steps = placed.decision.steps or []
        lines = lines_of(stripped(steps) if is_masked else steps, compiled)
        until_ms = placed.decision.valid_until_ms
        until = None if until_ms is None or is_masked else clock.from_ms(until_ms)
        block = compiled.placements[key].block if key in compiled.placements else None
        variants = [] if block is None else sorted(block.variants)[:MOST_VARIANTS]
    missed = _missed(found, key, wanted, is_masked) if wanted else None
    return ToldPlacement(
        key=key,
        block=str(entry.get("block") or ""),
        variant=str(entry.get("variant") or ""),
        version=int(entry.get("version") or 0),
        reason=reason,
        level=reason_level(reason),
        because=f"the rule “{entry['rule']}” held" if entry.get("rule") else reason_words(reason),
        lines=lines,
        until=until,
        variants=variants,
        missed=missed,
        ways=ways_of(missed, compiled),
    )


def _missed(found: Replayed, key: str, wanted: str, is_masked: bool) -> WhyNot | None:
    decided, placed = found.decided, found.placed.get(key)
    if decided is None or placed is None:
        return None
    missed = why_not(
        decided.served.compiled,
        placed.decision,
        wanted,
        decided.visitor,
        decided.context,
        decided.call.now_ms,
    )
    return masked(missed) if is_masked else missed


def masked(missed: WhyNot) -> WhyNot:
    """Take out what was found about a person."""
    ways = [
        Way(
            way.kind, way.name, way.holds, way.words, None if way.found is None else bare(way.found)
        )
        for way in missed.ways
    ]
    return WhyNot(missed.variant, missed.is_seen, missed.sentence, ways)


def ways_of(
    missed: WhyNot | None, compiled: CompiledSnapshot | None
) -> list[tuple[Way, dict[str, Any] | None]]:
    """Return each way beside its condition as nested mappings, for the page."""
    if missed is None or compiled is None:
        return []
    return [
        (way, None if way.found is None else readable(way.found, compiled)) for way in missed.ways
    ]

"""Why somebody is in the segments that a decision asked for: by which events, until when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from apps.segments.explained_reads import why_in
from apps.studio.explaining import Line
from engine.conditions.scope import segment_keys
from engine.snapshot import CompiledSnapshot

# Of one step: (name of a segment, what there is to say of it, as `segments.explaining.as_json`).
Evidence: TypeAlias = list[tuple[str, Mapping[str, Any]]]
Told: TypeAlias = tuple[str, str, Line]


def with_evidence(
    site_id: UUID,
    compiled: CompiledSnapshot,
    placement: str,
    lines: Sequence[Told],
    profile_id: UUID | None,
    now: datetime,
) -> list[tuple[str, str, Line, Evidence]]:
    """Return the steps of a decision with what is known of the segments that they asked for.

    About ten queries for each of at most twenty segments; none for somebody nobody knows. Events
    are looked up now: they may be newer than what a past decision read.
    """
    asked = [_asked_by(line, compiled, placement) for _, _, line in lines]
    numbers = {compiled.segments[key].number: key for keys in asked for key in keys}
    found = {} if profile_id is None else why_in(site_id, numbers, profile_id, now=now)
    known = {numbers[number]: why for number, why in found.items()}
    return [
        (*told, [(_name(compiled, key), known[key]) for key in keys if key in known])
        for told, keys in zip(lines, asked, strict=True)
    ]


def _asked_by(line: Line, compiled: CompiledSnapshot, placement: str) -> list[str]:
    """The keys of the segments that a step asked for and that the publication has."""
    keys: set[str] = set()
    if line.step == "segment":
        keys.add(line.key)
    elif line.step == "rule" and placement in compiled.placements:
        forms = compiled.placements[placement].forms
        for rule in (rule for form in forms for rule in form.rules):
            if rule.key == line.key:
                keys |= segment_keys(rule.node)
    return sorted(keys & compiled.segments.keys())


def _name(compiled: CompiledSnapshot, key: str) -> str:
    return compiled.segments[key].doc.name or key

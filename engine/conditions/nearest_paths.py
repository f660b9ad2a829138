"""Changes that may turn leaves that look at the course of things: sequences, times, scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

from engine.conditions.changes import ChangeKind
from engine.conditions.evaluate import FINDERS
from engine.conditions.examples import candidates
from engine.conditions.nodes import (
    AbsenceLeaf,
    DwellLeaf,
    DwellOn,
    Match,
    ScoreLeaf,
    SequenceLeaf,
)
from engine.conditions.operators import as_number
from engine.conditions.trials import Changes, fewer, more, set_to, wait
from engine.facts import Facts, Scalar


def _keys(by: tuple[str, ...], match: Match, facts: Facts) -> list[dict[str, Scalar]]:
    """Key values met by earlier events of the match, the latest first, and new ones."""
    found: list[dict[str, Scalar]] = []
    for event in reversed(facts.history):
        if match.name == event.name and all(of in event.properties for of in by):
            keys = {of: event.properties[of] for of in by}
            if keys not in found:
                found.append(keys)
    return [*found[:3], dict.fromkeys(by, "new")]


def _sequence(leaf: SequenceLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    count = FINDERS[SequenceLeaf](leaf, facts, now_ms).value
    rounds = max(1, leaf.times - (count if isinstance(count, int) else 0))
    steps = [step.match for step in leaf.steps]
    for length in range(1, len(steps) + 1):
        for keys in _keys(leaf.by, steps[-length - 1 if length < len(steps) else 0], facts):
            added: Changes = ()
            for match in (*steps[-length:], *(steps * (rounds - 1))):
                added += more(match, 1, path, facts, keys)
            if len(added) == length + len(steps) * (rounds - 1):
                yield added
    for gap in leaf.without:
        yield more(gap.match, 1, path, facts)


def _absence(leaf: AbsenceLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for keys in _keys(leaf.by, leaf.after or leaf.without, facts):
        yield more(leaf.without, 1, path, facts, keys)
        if leaf.after is not None:
            begun = more(leaf.after, 1, path, facts, keys)
            if begun:
                yield (*begun, wait(leaf.for_ms, path))
    finding = FINDERS[AbsenceLeaf](leaf, facts, now_ms)
    if finding.evidence:
        yield fewer(leaf.after or leaf.without, finding.evidence, path)


def _dwell(leaf: DwellLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    """Time on the page view that is open, else on a new one."""
    if leaf.on not in (DwellOn.PAGE, DwellOn.SITE):
        return
    held = as_number(FINDERS[DwellLeaf](leaf, facts, now_ms).value) or 0
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    views = [e.properties["page_view_id"] for e in facts.history if "page_view_id" in e.properties]
    for value in values:
        for missing in (int(value or 0) - int(held), int(value or 0) - int(held) + 1):
            if not 0 < missing <= 3_600_000:
                continue
            beat = Match("Page Heartbeat")
            for view in views[-1:]:
                keys: dict[str, Scalar] = {"page_view_id": view}
                yield more(beat, 1, path, facts, keys, "active_ms", (missing,))
            keys = {"page_view_id": "new"}
            opened = more(Match("Page Viewed", leaf.where), 1, path, facts, keys)
            if opened:
                yield opened + more(beat, 1, path, facts, keys, "active_ms", (missing,))


def _score(leaf: ScoreLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    held = as_number(FINDERS[ScoreLeaf](leaf, facts, now_ms).value) or 0.0
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    missing = [float(value) - held for value in values if as_number(value) is not None]  # type: ignore[arg-type]  # numbers
    for source in leaf.events:
        counts = {ceil(x / source.weight) for x in missing if source.weight and abs(x) < 1e6}
        for amount in sorted({n + more_ for n in counts for more_ in (0, 1)} | {1}):
            fixed: dict[str, Scalar] = {} if source.of is None else {source.of: 1}
            if amount >= 1:
                yield more(source.match, amount, path, facts, fixed)
    for test in leaf.traits:
        for value in candidates(test.test.op, test.test.value, now_ms):
            yield set_to(ChangeKind.TRAIT, test.test.name, value, path)


TRIES: dict[type, Callable[[Any, str, Facts, int], Iterator[Changes]]] = {
    SequenceLeaf: _sequence,
    AbsenceLeaf: _absence,
    DwellLeaf: _dwell,
    ScoreLeaf: _score,
}

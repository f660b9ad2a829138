"""Sequences: ordered steps that one person went through, and how often since the window began."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

from engine.conditions.answers import (
    FOREVER,
    NO,
    YES,
    Answer,
    Builder,
    Finder,
    Finding,
    Moments,
    Part,
)
from engine.conditions.canonical import match_key
from engine.conditions.chains import Chain, Completion, Searched, chain_search, plain_chains
from engine.conditions.nodes import SequenceLeaf, WindowKind
from engine.conditions.phases import (
    IN_PHASES,
    LONG,
    Phase,
    changes,
    leaving,
    phases,
    stretch,
    told_by,
)
from engine.conditions.series import reads_facts
from engine.conditions.windows import indexes_in
from engine.facts import Facts, Scalar, grown

REMEMBERED = 1000  # starts kept per sequence, the latest: no condition asks for more


# The meaning


def _counting(leaf: SequenceLeaf, facts: Facts, now_ms: int) -> list[Chain]:
    """The greatest match of each completion that counts, in the order of the completions."""
    inside = indexes_in(leaf.window, facts, now_ms)
    if leaf.window.kind in IN_PHASES or leaf.window.kind is WindowKind.ABSOLUTE:
        return plain_chains(leaf, facts, inside)
    # A match that starts in such a window lies in it: its later events do too.
    everything = range(len(facts.history))
    return [chain for chain in plain_chains(leaf, facts, everything) if chain[0] in inside]


def _sequence(leaf: SequenceLeaf, facts: Facts, now_ms: int) -> Finding:
    counting = _counting(leaf, facts, now_ms)
    evidence = tuple(sorted({i for chain in counting for i in chain}))
    return Finding(len(counting), len(counting) >= leaf.times, evidence)


def _moments(leaf: SequenceLeaf, facts: Facts, now_ms: int) -> set[int]:
    if len(facts.history) > LONG:
        return told_by(sequence_part(leaf), facts, now_ms)
    starts = [chain[0] for chain in _counting(leaf, facts, now_ms)]
    return {moment for moment in changes(leaf.window, facts, starts) if moment > now_ms}


# The same as closures


# From (facts, the phase of the window; None: of all events): the completions, in order.
Completions: TypeAlias = Callable[[Facts, Phase | None], list[Completion]]


def _completions(leaf: SequenceLeaf) -> Completions:
    """Return the search for a leaf's chains, done once for all leaves that look for the same."""
    search, name = chain_search(leaf), _path_key(leaf)
    keeps = not _reads_request(leaf)

    def completions(facts: Facts, phase: Phase | None) -> list[Completion]:
        key, choose = name, None
        if phase is not None:
            key = f"{name}|{phase.first_ms}|{phase.last_ms}|{phase.devices}|{phase.page_view!r}"
            choose = phase.choose
        found: list[Completion] | None = facts.cache.get(key) if keeps else None
        if found is None:
            kept = grown(facts) if keeps and phase is None else None
            searched = Searched(leaf) if kept is None else kept.setdefault(key, Searched(leaf))
            found = facts.cache[key] = search(facts, choose, searched)
        return found

    return completions


def _path_key(leaf: SequenceLeaf) -> str:
    """Equal for leaves that look for the same chains, whatever they count and bind of them."""
    steps = [(match_key(step.match.name, step.match.where), step.within_ms) for step in leaf.steps]
    gaps = [(gap.after, match_key(gap.match.name, gap.match.where)) for gap in leaf.without]
    rules = (leaf.within_ms, leaf.by, leaf.is_strict, leaf.in_session)
    return "sequence|" + json.dumps([steps, sorted(gaps), rules])


def _reads_request(leaf: SequenceLeaf) -> bool:
    matches = [step.match for step in leaf.steps] + [gap.match for gap in leaf.without]
    return any(reads_facts(match) for match in matches)


def sequence_part(leaf: SequenceLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    return _in_phases(leaf) if leaf.window.kind in IN_PHASES else _in_stretch(leaf)


def _in_stretch(leaf: SequenceLeaf) -> Part:
    """Only the `times`-th latest start matters: when it leaves the window, the verdict flips."""
    completions, where = _completions(leaf), stretch(leaf.window)
    window, times = leaf.window, leaf.times
    # Completions after the end of an absolute window do not count at all.
    last_ms = FOREVER if window.to_ms is None else window.to_ms - 1
    name = f"starts|{last_ms}|{_path_key(leaf)}"
    keeps = not _reads_request(leaf)

    def starts_of(facts: Facts) -> list[int]:
        starts: list[int] | None = facts.cache.get(name) if keeps else None
        if starts is None:
            found = completions(facts, None)
            kept = grown(facts) if keeps else None
            seen, starts = (0, []) if kept is None else kept.get(name, (0, []))
            starts += [each.start_ms for each in found[seen:] if each.end_ms <= last_ms]
            starts.sort()  # what was sorted before is soon sorted again
            del starts[:-REMEMBERED]
            if kept is not None:
                kept[name] = len(found), starts
            facts.cache[name] = starts
        return starts

    def sequence(facts: Facts, now_ms: int) -> Answer:
        starts = starts_of(facts)
        if len(starts) < times:
            return NO
        start_ms = starts[-times]
        if start_ms <= where(facts, now_ms)[0]:
            return NO
        until_ms = leaving(window, start_ms, facts)
        return (True, until_ms) if until_ms != FOREVER else YES

    return sequence


def _in_phases(leaf: SequenceLeaf) -> Part:
    """The events of a session, page view or visit are a set: searched once for each phase."""
    completions, window, times = _completions(leaf), leaf.window, leaf.times

    def sequence(facts: Facts, now_ms: int) -> Answer:
        verdict: bool | None = None
        until_ms = now_ms
        for phase in phases(window, facts):
            if phase.until_ms <= now_ms:
                continue
            reached = len(completions(facts, phase)) >= times
            if verdict is not None and reached is not verdict:
                return verdict, until_ms
            verdict, until_ms = reached, phase.until_ms
        if verdict and until_ms != FOREVER:
            return True, until_ms  # over, so false
        return YES if verdict else NO

    return sequence


def sequence_binder(leaf: SequenceLeaf) -> Callable[[Facts, int], dict[str, Scalar]]:
    """Return what the latest completion that counts hands to the template, as a closure.

    It gives nothing when the leaf is not true at now, and leaves out what an event does not have.
    The facts hold no event after now.
    """
    counting = _counting_fast(leaf)

    def bind(facts: Facts, now_ms: int) -> dict[str, Scalar]:
        found = counting(facts, now_ms)
        if len(found) < leaf.times:
            return {}
        chain, history = found[-1].chain, facts.history
        bound = {name: history[chain[step - 1]].properties.get(of) for name, step, of in leaf.bind}
        return {name: value for name, value in bound.items() if value is not None}

    return bind


def _counting_fast(leaf: SequenceLeaf) -> Callable[[Facts, int], list[Completion]]:
    completions, window = _completions(leaf), leaf.window
    if window.kind in IN_PHASES:

        def of_phase(facts: Facts, now_ms: int) -> list[Completion]:
            for phase in phases(window, facts):
                if now_ms < phase.until_ms:
                    return completions(facts, phase)
            return []

        return of_phase
    where = stretch(window)

    def of_stretch(facts: Facts, now_ms: int) -> list[Completion]:
        after_ms, until_ms = where(facts, now_ms)
        found = completions(facts, None)
        return [each for each in found if each.start_ms > after_ms and each.end_ms <= until_ms]

    return of_stretch


def sequence_bindings(leaf: SequenceLeaf, facts: Facts, now_ms: int) -> dict[str, Scalar]:
    """What the leaf binds at now (`sequence_binder`); events after now are ignored."""
    return sequence_binder(leaf)(facts.as_of(now_ms), now_ms) if leaf.bind else {}


FINDERS: dict[type, Finder] = {SequenceLeaf: _sequence}
MOMENTS: dict[type, Moments] = {SequenceLeaf: _moments}
BUILDERS: dict[type, Builder] = {SequenceLeaf: sequence_part}

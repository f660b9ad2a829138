"""A condition in plain English, for editors: derived from the same tree that is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from engine.conditions.evaluate import Trace
from engine.conditions.lower import REPORTED
from engine.conditions.nodes import (
    ANY_EVENT,
    AbsenceLeaf,
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    ContextLeaf,
    DwellLeaf,
    DwellOn,
    EventLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    ListLeaf,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    PercentLeaf,
    RelationLeaf,
    ScoreEvents,
    ScoreLeaf,
    SegmentLeaf,
    SequenceLeaf,
    Step,
    TraitLeaf,
)
from engine.conditions.operators import TIMED_OPS
from engine.conditions.wording import (
    SUBJECTS,
    compared,
    counted,
    did_one,
    duration,
    event_words,
    is_never,
    is_once,
    lasting,
    span,
    times,
    value_text,
    where,
    window,
)


def describe(node: Node) -> str:
    """Return one sentence part without a full stop.

    Example: viewed at least 3 products in the last 10 minutes where category is "blouses".
    """
    return DESCRIBERS[type(node)](node)


# Leaves without history


def _trait(leaf: TraitLeaf) -> str:
    origin = []
    if leaf.source is not None:
        origin.append(f'as known from "{leaf.source}"')
    if leaf.min_confidence is not None:
        origin.append(f"with a confidence of at least {value_text(leaf.min_confidence)}")
    tail = f" ({', '.join(origin)})" if origin else ""
    return f"trait {leaf.name} {compared(leaf.op, leaf.value)}{tail}"


def _context(leaf: ContextLeaf) -> str:
    return f"{leaf.name} of the request {compared(leaf.op, leaf.value)}"


def _segment(leaf: SegmentLeaf | Nested) -> str:
    return f'is in the segment "{leaf.key}"'


def _percent(leaf: PercentLeaf) -> str:
    return f'is in the share from {leaf.start:g} % to {leaf.end:g} % of "{leaf.seed}"'


def _model(leaf: ModelLeaf) -> str:
    age = f" at most {duration(leaf.max_age_ms)} old" if leaf.max_age_ms else ""
    if leaf.op in (Op.IS_SET, Op.IS_MISSING):
        return f'{"has" if leaf.op is Op.IS_SET else "has no"} score "{leaf.name}"{age}'
    without = ""
    if leaf.fallback is not None:
        without = f" ({'counts as true' if leaf.fallback else 'counts as false'} without one)"
    return f'score "{leaf.name}"{age} {compared(leaf.op, leaf.value)}{without}'


def _experiment(leaf: ExperimentLeaf) -> str:
    arm = f'the arm "{leaf.arm}" of ' if leaf.arm is not None else ""
    return f'has seen {arm}the experiment "{leaf.key}"'


def _exposure(leaf: ExposureLeaf) -> str:
    asked = {"placement": leaf.placement, "block": leaf.block, "variant": leaf.variant}
    of = [f'the {name} "{value}"' for name, value in asked.items() if value is not None]
    what = " with ".join(of) or "personalized content"
    if is_never(leaf.op, leaf.value):
        return f"has never seen {what}{window(leaf.window)}"
    return f"has seen {what} {times(leaf.op, leaf.value)}{window(leaf.window)}"


def _relation(leaf: RelationLeaf) -> str:
    return f'is {leaf.type} "{leaf.to}"' if leaf.to is not None else f"is {leaf.type} of anything"


# Events


def _event(leaf: EventLeaf) -> str:
    return _EVENTS[leaf.aggregate](leaf)


def _when(leaf: EventLeaf) -> str:
    """The window and the filters."""
    return window(leaf.window) + where(leaf.where)


def _count(leaf: EventLeaf) -> str:
    words, when = event_words(leaf.name), _when(leaf)
    if is_never(leaf.op, leaf.value):
        return f"never {words.did} {words.one}{when}"
    if is_once(leaf.op, leaf.value):
        one = "something" if leaf.name == ANY_EVENT else words.one
        return f"{words.did} {one}{when}"
    if not words.is_plain:
        return f"{words.did} {words.one} {times(leaf.op, leaf.value)}{when}"
    thing = words.one.split(" ", 1)[-1]
    return f"{words.did} {counted(leaf.op, leaf.value, thing, words.many)}{when}"


def _recency(leaf: EventLeaf) -> str:
    words, when = event_words(leaf.name), _when(leaf)
    if leaf.op is Op.IS_SET:
        return f"{words.did} {words.one}{when}"
    if leaf.op is Op.IS_MISSING:
        return f"never {words.did} {words.one}{when}"
    return f"last {words.did} {words.one} {lasting(leaf.op, leaf.value)} ago{when}"


def _on_days(leaf: EventLeaf) -> str:
    words = event_words(leaf.name)
    row = " in a row" if leaf.aggregate is Aggregate.STREAK else ""
    on = counted(leaf.op, leaf.value, "day", "days")
    return f"{words.did} {words.many} on {on}{row}{_when(leaf)}"


def _ratio(leaf: EventLeaf) -> str:
    assert leaf.over is not None
    share = f"the number of {event_words(leaf.name).nouns}{where(leaf.where)}"
    over = f"for each {event_words(leaf.over.name).noun}{where(leaf.over.where)}"
    return f"{share} {over}{window(leaf.window)} {compared(leaf.op, leaf.value)}"


def _rate(leaf: EventLeaf) -> str:
    nouns = event_words(leaf.name).nouns
    rate = f"the number of {nouns} per {span(leaf.per_ms)}{_when(leaf)}"
    return f"{rate} {compared(leaf.op, leaf.value)}"


def _trend(leaf: EventLeaf) -> str:
    many, size = event_words(leaf.name).nouns, duration(leaf.window.ms)
    trend = f"the number of {many}{_when(leaf)} divided by that of the {size} before"
    return f"{trend} {compared(leaf.op, leaf.value)}"


def _of_property(form: str) -> Callable[[EventLeaf], str]:
    def words(leaf: EventLeaf) -> str:
        event = event_words(leaf.name)
        subject = form.format(of=leaf.of, one=event.noun, many=event.nouns)
        return f"{subject}{_when(leaf)} {compared(leaf.op, leaf.value)}"

    return words


_EVENTS: dict[Aggregate, Callable[[EventLeaf], str]] = {
    Aggregate.COUNT: _count,
    Aggregate.RECENCY: _recency,
    Aggregate.DAYS_ACTIVE: _on_days,
    Aggregate.STREAK: _on_days,
    Aggregate.RATIO: _ratio,
    Aggregate.RATE: _rate,
    Aggregate.TREND: _trend,
    **{aggregate: _of_property(form) for aggregate, form in SUBJECTS.items() if "{of}" in form},
}


# The course of events


def _sequence(leaf: SequenceLeaf) -> str:
    text = did_one(leaf.steps[0].match)
    for i, step in enumerate(leaf.steps[1:], start=1):
        text += f", then {_next_step(leaf, i, step)}"
    if leaf.within_ms:
        text += f", all within {duration(leaf.within_ms)}"
    if leaf.in_session:
        text += ", all in one session"
    if leaf.times > 1:
        text += f", at least {leaf.times} times"
    when = window(leaf.window)
    return f"{text},{when}" if when else text


def _next_step(leaf: SequenceLeaf, number: int, step: Step) -> str:
    directly = "directly " if leaf.is_strict else ""
    limit = f"within {duration(step.within_ms)} " if step.within_ms else ""
    text = f"{directly}{limit}{did_one(step.match)}"
    if leaf.by:
        text += f" with the same {' and '.join(leaf.by)}"
    for gap in leaf.without:
        if gap.after == number:
            noun = f"{event_words(gap.match.name).noun}{where(gap.match.where)}"
            text += f", without any {noun} in between"
    return text


def _absence(leaf: AbsenceLeaf) -> str:
    missing = event_words(leaf.without.name)
    if leaf.after is None:
        when, tests = window(leaf.window), where(leaf.without.where)
        return f"never {missing.did} {missing.one}{when}{tests}"
    same = f" with the same {' and '.join(leaf.by)}" if leaf.by else ""
    since = f"for {duration(leaf.for_ms)}" if leaf.for_ms else "since then"
    event = event_words(leaf.after.name)
    did = f"{event.did} {event.one}{window(leaf.window)}{where(leaf.after.where)}"
    return f"{did}, and {since} no {missing.noun}{where(leaf.without.where)}{same} has followed"


def _dwell(leaf: DwellLeaf) -> str:
    long, tail = lasting(leaf.op, leaf.value), f"{window(leaf.window)}{where(leaf.where)}"
    match leaf.on:
        case DwellOn.SESSION:
            return f"has been here for {long}{tail}"
        case DwellOn.PAGE:
            return f"was active on pages for {long}{tail}"
        case DwellOn.SITE:
            return f"was active on the site for {long}{tail}"
    words = event_words(REPORTED[leaf.on][0])
    return f"{words.did} {words.many} for {long}{tail}"


def _score(leaf: ScoreLeaf) -> str:
    sources = [_score_events(source) for source in leaf.events]
    sources += [f"{value_text(each.weight)} if {_trait(each.test)}" for each in leaf.traits]
    limits = []
    if leaf.floor is not None:
        limits.append(f"never below {value_text(leaf.floor)}")
    if leaf.ceiling is not None:
        limits.append(f"never above {value_text(leaf.ceiling)}")
    of = f"a score of {'; '.join(sources)}"
    tail = f" ({', '.join(limits)})" if limits else ""
    return f"{of}{tail} {compared(leaf.op, leaf.value)}"


def _score_events(source: ScoreEvents) -> str:
    noun = event_words(source.match.name).noun
    by = f"the {source.of} of each" if source.of is not None else "each"
    of = f"{value_text(source.weight)} times {by}" if source.of is not None else ""
    text = of or f"{value_text(source.weight)} for each"
    text += f" {noun}{window(source.window)}{where(source.match.where)}"
    if source.half_life_ms:
        text += f", halved every {span(source.half_life_ms)}"
    return text + (f", at most {value_text(source.cap)}" if source.cap is not None else "")


# Groups


def _all(node: All) -> str:
    return _joined(node.parts, " and ") if node.parts else "everyone"


def _joined(parts: tuple[Node, ...], word: str) -> str:
    return word.join(_bracketed(part) for part in parts) if len(parts) > 1 else describe(parts[0])


def _bracketed(node: Node) -> str:
    """A part as it stands inside a group: in brackets where its own "and" could be mistaken."""
    text = describe(node)
    return f"({text})" if is_compound(node) else text


def is_compound(node: Node) -> bool:
    """Tell whether the words of a part hold an "and" that could be mistaken for its group's."""
    match node:
        case All(parts) | AnyOf(parts):
            return len(parts) > 1
        case EventLeaf(where=tests) | DwellLeaf(where=tests):
            return len(tests) > 1
    return isinstance(node, SequenceLeaf | AbsenceLeaf | ScoreLeaf)


def _listing(parts: tuple[Node, ...]) -> str:
    return "; ".join(describe(part) for part in parts)


DESCRIBERS: dict[type, Callable[[Any], str]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    EventLeaf: _event,
    SequenceLeaf: _sequence,
    AbsenceLeaf: _absence,
    DwellLeaf: _dwell,
    ScoreLeaf: _score,
    SegmentLeaf: _segment,
    PercentLeaf: _percent,
    ListLeaf: lambda leaf: f'is on the list "{leaf.key}"',
    ModelLeaf: _model,
    ConsentLeaf: lambda leaf: f"has agreed to {leaf.purpose}",
    ExposureLeaf: _exposure,
    ExperimentLeaf: _experiment,
    RelationLeaf: _relation,
    All: _all,
    AnyOf: lambda node: _joined(node.parts, " or "),
    NoneOf: lambda node: f"none of ({_listing(node.parts)})",
    Not: lambda node: f"not ({describe(node.part)})",
    AtLeast: lambda node: f"at least {node.k} of ({_listing(node.parts)})",
    Nested: _segment,
}


# Traces


def trace_json(trace: Trace) -> dict[str, Any]:
    """Return a trace as JSON: text, verdict, what was found and asked for, evidence, children.

    `evidence` lists [index in the history, at_ms]; `validUntilMs` is null when time alone changes
    nothing; `unit` is "ms" where what was asked for is a duration.
    """
    document: dict[str, Any] = {
        "text": describe(trace.node),
        "verdict": trace.verdict,
        "validUntilMs": trace.valid_until_ms,
    }
    if trace.parts:
        document["parts"] = [trace_json(part) for part in trace.parts]
        return document
    document["found"] = _json(trace.value)
    document["wanted"] = _json(_wanted(trace))
    if _is_duration(trace.node):
        document["unit"] = "ms"
    document["evidence"] = [list(item) for item in trace.evidence]
    return document


def _wanted(trace: Trace) -> object:
    match trace.node:
        case SequenceLeaf():
            return trace.node.times
        case ListLeaf() | ConsentLeaf() | ExperimentLeaf() | RelationLeaf() | AbsenceLeaf():
            return True
    return trace.threshold


def _is_duration(node: Node) -> bool:
    match node:
        case EventLeaf(aggregate=Aggregate.RECENCY) | DwellLeaf():
            return True
        case TraitLeaf(op=op):
            return op in TIMED_OPS
    return False


def _json(value: object) -> object:
    """A value that any JSON reader takes: what is no finite number or JSON type is told as text."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)

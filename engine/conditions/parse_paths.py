"""Read the leaves about the course of events: sequence, absence, dwell, score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.nodes import (
    AbsenceLeaf,
    DwellLeaf,
    DwellOn,
    Gap,
    Match,
    ScoreEvents,
    ScoreLeaf,
    ScoreTrait,
    SequenceLeaf,
    Step,
    StepBinds,
    TraitLeaf,
    Window,
    WindowKind,
)
from engine.conditions.operators import ORDERING
from engine.conditions.parse_events import (
    ALL_KINDS,
    filters,
    match_in,
    match_of,
    named_items,
    window,
)
from engine.conditions.parse_leaves import compared_trait
from engine.conditions.parse_values import (
    below,
    choice,
    comparison,
    flag,
    list_of,
    number,
    object_of,
    parse_duration,
    positive_duration,
    text,
    whole_number,
)
from engine.errors import InvalidCondition

MAX_STEPS = 10
MAX_KEYS = 10
MAX_TIMES = 1000
MAX_SOURCES = 50  # of a score, events and traits each

_PATH_WINDOWS = ALL_KINDS - {WindowKind.BETWEEN_AGO, WindowKind.VISIT}
_SCORE_WINDOWS = frozenset({WindowKind.EVER, WindowKind.LAST})


# Sequence


def sequence(document: Mapping[str, Any], path: str) -> SequenceLeaf:
    fields = object_of(
        document,
        path,
        required=("kind", "steps"),
        optional=(
            "within",
            "by",
            "without",
            "strict",
            "in_session",
            "times",
            "window",
            "bind",
        ),
    )
    steps = _steps(fields["steps"], below(path, "steps"))
    within_ms = 0
    if "within" in fields:
        within_ms = positive_duration(fields["within"], below(path, "within"))
    return SequenceLeaf(
        steps,
        window(fields.get("window", "ever"), below(path, "window"), _PATH_WINDOWS, "a sequence"),
        within_ms,
        _keys(fields.get("by", []), below(path, "by")),
        _gaps(fields.get("without", []), below(path, "without"), len(steps)),
        flag(fields.get("strict", False), below(path, "strict")),
        flag(fields.get("in_session", False), below(path, "in_session")),
        whole_number(fields.get("times", 1), below(path, "times"), 1, MAX_TIMES),
        _step_binds(fields.get("bind", {}), below(path, "bind"), len(steps)),
    )


def _steps(content: object, path: str) -> tuple[Step, ...]:
    items = list_of(content, path, MAX_STEPS)
    if not items:
        raise InvalidCondition(path, "expected at least one step")
    return tuple(_step(item, f"{path}[{i}]", is_first=i == 0) for i, item in enumerate(items))


def _step(content: object, path: str, *, is_first: bool) -> Step:
    fields = object_of(content, path, required=("name",), optional=("where", "within"))
    match = match_in(fields, path)
    if "within" not in fields:
        return Step(match)
    if is_first:
        raise InvalidCondition(f"{path}.within", "the first step follows no other")
    return Step(match, positive_duration(fields["within"], f"{path}.within"))


def _keys(content: object, path: str) -> tuple[str, ...]:
    items = list_of(content, path, MAX_KEYS)
    found = tuple(text(item, f"{path}[{i}]") for i, item in enumerate(items))
    for i, name in enumerate(found):
        if name in found[:i]:
            raise InvalidCondition(f"{path}[{i}]", "is there twice")
    return found


def _gaps(content: object, path: str, steps: int) -> tuple[Gap, ...]:
    return tuple(
        _gap(item, f"{path}[{i}]", steps) for i, item in enumerate(list_of(content, path, 20))
    )


def _gap(content: object, path: str, steps: int) -> Gap:
    fields = object_of(content, path, required=("after", "name"), optional=("where",))
    if steps == 1:
        raise InvalidCondition(f"{path}.after", "one step has nothing between steps")
    after = whole_number(fields["after"], f"{path}.after", 1, steps - 1)
    return Gap(after, match_in(fields, path))


def _step_binds(content: object, path: str, steps: int) -> StepBinds:
    found = []
    for name, item in named_items(content, path):
        at = f"{path}.{name}"
        fields = object_of(item, at, required=("step", "property"))
        step = whole_number(fields["step"], f"{at}.step", 1, steps)
        found.append((name, step, text(fields["property"], f"{at}.property")))
    return tuple(found)


# Absence


def absence(document: Mapping[str, Any], path: str) -> AbsenceLeaf:
    fields = object_of(
        document, path, required=("kind", "without", "window"), optional=("after", "for", "by")
    )
    without = match_of(fields["without"], below(path, "without"))
    within = window(fields["window"], below(path, "window"))
    after: Match | None = None
    for_ms = 0
    if "after" in fields:
        if "for" not in fields:
            raise InvalidCondition(below(path, "for"), "is missing beside `after`")
        after = match_of(fields["after"], below(path, "after"))
        for_ms = parse_duration(fields["for"], below(path, "for"))
    else:
        for name in ("for", "by"):
            if name in fields:
                raise InvalidCondition(below(path, name), "needs `after`")
    by = _keys(fields.get("by", []), below(path, "by"))
    return AbsenceLeaf(without, within, after, for_ms, by)


# Dwell


def dwell(document: Mapping[str, Any], path: str) -> DwellLeaf:
    fields = object_of(
        document, path, required=("kind", "on", "window", "op"), optional=("where", "value")
    )
    on = choice(DwellOn, fields["on"], below(path, "on"), "subject")
    if "where" in fields and on in (DwellOn.SITE, DwellOn.SESSION):
        raise InvalidCondition(below(path, "where"), f"time on a {on} takes no filters")
    where = filters(fields.get("where", []), below(path, "where"))
    kinds = frozenset({WindowKind.SESSION}) if on is DwellOn.SESSION else _PATH_WINDOWS
    within = window(fields["window"], below(path, "window"), kinds, f"time on a {on}")
    return DwellLeaf(on, where, within, *comparison(fields, path, ORDERING, parse_duration))


# Score


def score(document: Mapping[str, Any], path: str) -> ScoreLeaf:
    fields = object_of(
        document,
        path,
        required=("kind", "op"),
        optional=("events", "traits", "floor", "ceiling", "value"),
    )
    at = below(path, "events")
    items = list_of(fields.get("events", []), at, MAX_SOURCES)
    events = tuple(_score_events(item, f"{at}[{i}]") for i, item in enumerate(items))
    _one_sign(events, at)
    at = below(path, "traits")
    items = list_of(fields.get("traits", []), at, MAX_SOURCES)
    traits = tuple(_score_trait(item, f"{at}[{i}]") for i, item in enumerate(items))
    if not events and not traits:
        raise InvalidCondition(below(path, "events"), "expected at least one source")
    floor = _limit(fields, "floor", path)
    ceiling = _limit(fields, "ceiling", path)
    if floor is not None and ceiling is not None and floor > ceiling:
        raise InvalidCondition(below(path, "ceiling"), "expected at least the floor")
    return ScoreLeaf(events, traits, *comparison(fields, path, ORDERING, number), floor, ceiling)


def _score_events(content: object, path: str) -> ScoreEvents:
    fields = object_of(
        content,
        path,
        required=("name", "weight"),
        optional=("where", "of", "half_life", "cap", "window"),
    )
    match = match_in(fields, path)
    half_life_ms, cap = 0, None
    if "half_life" in fields:
        half_life_ms = positive_duration(fields["half_life"], f"{path}.half_life")
    if "cap" in fields:
        cap = number(fields["cap"], f"{path}.cap")
        if cap <= 0:
            raise InvalidCondition(f"{path}.cap", "expected more than zero")
    return ScoreEvents(
        match,
        number(fields["weight"], f"{path}.weight"),
        text(fields["of"], f"{path}.of") if "of" in fields else None,
        half_life_ms,
        cap,
        window(fields["window"], f"{path}.window", _SCORE_WINDOWS, "a score")
        if "window" in fields
        else Window(WindowKind.EVER),
    )


def _one_sign(events: tuple[ScoreEvents, ...], path: str) -> None:
    """Then their sum only falls or only rises, so that a crossing can be computed."""
    first = 0.0
    for i, source in enumerate(events):
        if source.half_life_ms and source.weight:
            if source.weight * first < 0:
                problem = "expected the sign of the other weights that decay"
                raise InvalidCondition(f"{path}[{i}].weight", problem)
            first = first or (1.0 if source.weight > 0 else -1.0)


def _score_trait(content: object, path: str) -> ScoreTrait:
    fields = object_of(content, path, required=("name", "op", "weight"), optional=("value", "from"))
    test: TraitLeaf = compared_trait(fields, path)
    return ScoreTrait(test, number(fields["weight"], f"{path}.weight"))


def _limit(fields: Mapping[str, Any], name: str, path: str) -> float | int | None:
    return number(fields[name], below(path, name)) if name in fields else None

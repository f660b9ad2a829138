"""The typed form of a condition. Built by `parse` only: every node here is already checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from engine.facts import Scalar

Value: TypeAlias = Scalar | tuple[Scalar, ...] | None


class Op(StrEnum):
    """How a found value is compared with the editor's."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IS_SET = "is_set"
    IS_MISSING = "is_missing"
    MATCHES = "matches"
    HAS_ANY = "has_any"
    HAS_ALL = "has_all"
    HAS_NONE = "has_none"
    VERSION_EQ = "version_eq"
    VERSION_GT = "version_gt"
    VERSION_GTE = "version_gte"
    VERSION_LT = "version_lt"
    VERSION_LTE = "version_lte"
    BEFORE = "before"
    AFTER = "after"
    # These read the present instant, or more than the value: the value is a duration in ms, or
    # [latitude, longitude, km].
    WITHIN_LAST = "within_last"
    WITHIN_NEXT = "within_next"
    ANNIVERSARY_WITHIN = "anniversary_within"
    CHANGED_WITHIN = "changed_within"
    WITHIN_KM = "within_km"


class Aggregate(StrEnum):
    """What is made of the matching events of a window."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    LAST = "last"
    FIRST = "first"
    MOST_FREQUENT = "most_frequent"
    RECENCY = "recency"
    DAYS_ACTIVE = "days_active"
    STREAK = "streak"
    RATIO = "ratio"
    RATE = "rate"
    TREND = "trend"


class WindowKind(StrEnum):
    EVER = "ever"
    LAST = "last"
    LAST_MONTHS = "last_months"  # written {"last": "3mo"}, also years
    BETWEEN_AGO = "between_ago"
    CALENDAR = "calendar"
    SESSION = "session"
    VISIT = "visit"
    PAGE_VIEW = "page_view"
    SINCE = "since"
    ABSOLUTE = "absolute"


class CalendarUnit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


ANY_EVENT = "*"  # the name of a match that every event meets


@dataclass(frozen=True, slots=True)
class FactOf:
    """The value of a fact of the request, in a filter: "equals this page's"."""

    name: str


@dataclass(frozen=True, slots=True)
class PropertyTest:
    """One filter of an event match. Two-valued: unknown does not match."""

    property: str
    op: Op
    value: Value | FactOf


@dataclass(frozen=True, slots=True)
class Match:
    """Which events: by name (`ANY_EVENT`: all) and filters on their properties."""

    name: str
    where: tuple[PropertyTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of history that counts at an instant t.

    Attributes:
        ms: width of `last`; idle time of `session` (SESSION_IDLE_MS unless said); the far end of
            `between_ago`; else 0.
        near_ms: the near end of `between_ago`: (t - ms, t - near_ms].
        months: of `last_months`, 1 to 60.
        unit, is_visitor_zone: of `calendar`.
        visit: n of `visit`, 1 the first, -1 the latest.
        since: the match of `since`.
        from_ms, to_ms: of `absolute`, [from, to); None is open.
    """

    kind: WindowKind
    ms: int = 0
    near_ms: int = 0
    months: int = 0
    unit: CalendarUnit | None = None
    is_visitor_zone: bool = False
    visit: int = 0
    since: Match | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TraitLeaf:
    """A trait compared. `source` and `min_confidence` make other observations missing."""

    name: str
    op: Op
    value: Value
    source: str | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class ContextLeaf:
    """A fact of the request. Never stored, so never part of a kept membership."""

    name: str
    op: Op
    value: Value


# name for the template -> what it is: a property of the event, or (step from 1, property).
EventBinds: TypeAlias = tuple[tuple[str, str], ...]
StepBinds: TypeAlias = tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """An aggregate of matching events in a window, compared.

    Attributes:
        of: the property aggregated; None where the aggregate has none.
        value: of recency in ms.
        over: the other match of a ratio.
        per_ms: the unit of a rate.
    """

    name: str
    where: tuple[PropertyTest, ...]
    aggregate: Aggregate
    of: str | None
    window: Window
    op: Op
    value: Value
    over: Match | None = None
    per_ms: int = 0
    bind: EventBinds = ()

    @property
    def match(self) -> Match:
        return Match(self.name, self.where)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a sequence; `within_ms` limits the time since the step before (0: no limit)."""

    match: Match
    within_ms: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """No event of `match` between steps `after` and `after` + 1 (from 1)."""

    after: int
    match: Match


@dataclass(frozen=True, slots=True)
class SequenceLeaf:
    """Ordered events; true when `times` of them completed with their start in the window.

    Attributes:
        within_ms: limit from the first to the last event, 0 for none.
        by: properties in which all events of a match are equal.
        without: what must not happen between two steps.
        is_strict: each step is the very next event of the person.
        in_session: all within one session of one device.
    """

    steps: tuple[Step, ...]
    window: Window
    within_ms: int = 0
    by: tuple[str, ...] = ()
    without: tuple[Gap, ...] = ()
    is_strict: bool = False
    in_session: bool = False
    times: int = 1
    bind: StepBinds = ()


@dataclass(frozen=True, slots=True)
class AbsenceLeaf:
    """`after` happened and for `for_ms` no `without` has followed; without `after`: none at all."""

    without: Match
    window: Window
    after: Match | None = None
    for_ms: int = 0
    by: tuple[str, ...] = ()


class DwellOn(StrEnum):
    PAGE = "page"
    SITE = "site"
    SECTION = "section"
    ELEMENT = "element"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class DwellLeaf:
    """Active time, compared with durations in ms; open pages count on (see docs/conditions.md)."""

    on: DwellOn
    where: tuple[PropertyTest, ...]
    window: Window
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class ScoreEvents:
    """One event source of a score: weight x value, decaying by `half_life_ms` (0: not at all)."""

    match: Match
    weight: float
    of: str | None = None
    half_life_ms: int = 0
    cap: float | None = None
    window: Window = Window(WindowKind.EVER)


@dataclass(frozen=True, slots=True)
class ScoreTrait:
    """A trait test that adds its weight while it is true."""

    test: TraitLeaf
    weight: float


@dataclass(frozen=True, slots=True)
class ScoreLeaf:
    events: tuple[ScoreEvents, ...]
    traits: tuple[ScoreTrait, ...]
    op: Op
    value: Value
    floor: float | None = None
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    key: str


@dataclass(frozen=True, slots=True)
class PercentLeaf:
    """A sticky share of the units: bucket / 100 in [start, end), percent."""

    seed: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ListLeaf:
    """On an uploaded list: the trait `list.<key>`, true or the instant of its end in ms."""

    key: str


@dataclass(frozen=True, slots=True)
class ModelLeaf:
    """What a model said: the trait `score.<name>`; stale after `max_age_ms` (0: never).

    `fallback` is the verdict on a missing or stale score, None for unknown.
    """

    name: str
    op: Op
    value: Value
    max_age_ms: int = 0
    fallback: bool | None = None


@dataclass(frozen=True, slots=True)
class ConsentLeaf:
    purpose: str


@dataclass(frozen=True, slots=True)
class ExposureLeaf:
    """How often something was really shown; None: whichever. Meant as events (`lower.lowered`)."""

    placement: str | None
    block: str | None
    variant: str | None
    window: Window
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class ExperimentLeaf:
    """Was exposed to an experiment; `arm` None: to any arm."""

    key: str
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class RelationLeaf:
    """An edge: the trait `edge.<type>` lists its targets; `to` None: any."""

    type: str
    to: str | None = None


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class AtLeast:
    k: int
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """A segment leaf with the condition of that segment put in its place (`scope.inline_segments`).

    Known even where `where` is unknown, because a membership always is: unknown is not a member.
    """

    key: str
    where: Node


# Leaves that the events of a person answer.
HistoryLeaf: TypeAlias = (
    EventLeaf | SequenceLeaf | AbsenceLeaf | DwellLeaf | ScoreLeaf | ExposureLeaf | ExperimentLeaf
)
Leaf: TypeAlias = (
    TraitLeaf
    | ContextLeaf
    | HistoryLeaf
    | SegmentLeaf
    | PercentLeaf
    | ListLeaf
    | ModelLeaf
    | ConsentLeaf
    | RelationLeaf
)
Group: TypeAlias = All | AnyOf | NoneOf | Not | AtLeast
Node: TypeAlias = Leaf | Group | Nested


def parts_of(node: Node) -> tuple[Node, ...]:
    """The direct children of a node, in the editor's order; none for a leaf."""
    match node:
        case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
            return parts
        case Not(part) | Nested(_, part):
            return (part,)
        case _:
            return ()

"""Thresholds proposed for one number of a condition, from how the site's people have been.

Each comes with what it would have done in the past 28 days: whom it would have met, how often a
day, and how often wrongly. A number that is compared is proposed by the quantiles of what people
came to; a number that is part of what is asked (how long nothing followed, within how long, how
often, how far back) by some below and above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.segments.baselines import GOAL
from apps.segments.domain.baselines import (
    DAY_MS,
    Bin,
    Effect,
    Followed,
    best_of,
    effect,
    histogram,
    near_counts,
    near_durations,
    quantile,
    rounded,
    wilson,
)
from apps.segments.domain.places import Place, durations_ms, places
from apps.segments.errors import InvalidStudy
from apps.segments.selectors import meant
from apps.segments.studies.boxed import FEWEST
from apps.segments.studies.followed import DAYS, Baseline, baseline
from apps.work import clock
from engine.conditions.nodes import Group
from engine.conditions.parse import parse_condition
from engine.conditions.scope import reads_request

SHARES: Final = (0.5, 0.25, 0.1, 0.05, 0.01)  # of people, whom a threshold is to meet
HORIZONS: Final = (1, 7, 14)  # days
MAX_GOAL: Final = 200

COMPARED: Final = ("value",)
WITHIN: Final = (("for",), ("within",), ("times",), ("window", "last"))

_UPWARD: Final = ("gt", "gte")


@dataclass(frozen=True, slots=True)
class Proposed:
    """One threshold and what it would have done. None where fewer than ten people stand behind it.

    Attributes:
        value: as the document says it: a number, or a duration such as "3d".
        number: the same, durations in ms.
        share: of the people of these days, those who meet it at some moment.
        a_day: people a day for whom it is true at some moment; None also where it is not known.
        false_share: of those who met it, who did not do the goal within the horizon, in
            [false_low, false_high] with 95 % confidence.
        judged: so many of those looked at stand behind it.
    """

    value: int | float | str
    number: float
    share: float | None
    a_day: float | None
    false_share: float | None
    false_low: float | None
    false_high: float | None
    judged: int | None


@dataclass(frozen=True, slots=True)
class Study:
    """Thresholds for one number; `goal_share`: of everyone, who did the goal in these days.

    Attributes:
        looked_at: how many people were followed.
        is_whole: False: only what is so now could be asked, so nothing is known of days and goals.
    """

    now: Proposed
    proposed: list[Proposed]
    bins: list[Bin]
    is_age: bool
    everyone: int
    looked_at: int
    days: int
    goal: str
    goal_share: float | None
    horizon_days: int
    is_whole: bool


def study(
    site_id: UUID,
    leaf: Mapping[str, Any],
    path: Sequence[str] = COMPARED,
    *,
    goal: str = GOAL,
    horizon_days: int = 7,
    now: datetime,
) -> Study:
    """Return thresholds for a number of a leaf, and that number's own effect.

    Args:
        leaf: its document.
        path: of the number below the leaf: what it compares with, ("for",), ("within",),
            ("times",) or ("window", "last").
        goal: name of the event that a trigger is to lead to; the default takes every conversion.
        horizon_days: 1, 7 or 14.

    Raises:
        InvalidCondition: it is no leaf.
        InvalidStudy: it has no such number, a request answers it, or too few people were here.
        StudyTooSlow: it took too long.
    """
    if horizon_days not in HORIZONS or not goal or len(goal) > MAX_GOAL or "\0" in goal:
        raise InvalidStudy("Choose a goal, and whether it may take 1, 7 or 14 days.")
    wanted = _Compared(leaf) if tuple(path) == COMPARED else _Within(leaf, path)
    nodes = [meant(site_id, parse_condition(one)) for one in wanted.documents]
    if any(isinstance(node, Group) for node in nodes) or wanted.place is None:
        raise InvalidStudy("There is no number here that a threshold can be proposed for.")
    if any(reads_request(node) for node in nodes):
        raise InvalidStudy(
            "It is answered while a page is asked for: nobody can be counted before."
        )
    known = baseline(
        site_id,
        nodes,
        by_truth=wanted.by_truth,
        goal=goal,
        any_conversion=goal == GOAL,
        now=now,
    )
    people = known.people[0]
    if len(people) < FEWEST:
        raise InvalidStudy(f"Fewer than {FEWEST} people were here in the last {DAYS} days.")
    judge = _Judge(known, horizon_days * DAY_MS, clock.to_ms(now))
    first, proposed, bins = wanted.judged(judge)
    return Study(
        now=first,
        proposed=proposed,
        bins=bins,
        is_age=wanted.place.is_age,
        everyone=known.everyone,
        looked_at=len(people),
        days=DAYS,
        goal=goal,
        goal_share=_goal_share(people) if known.is_whole else None,
        horizon_days=horizon_days,
        is_whole=known.is_whole,
    )


class _Judge:
    """Counts what thresholds would have done."""

    def __init__(self, known: Baseline, horizon_ms: int, now_ms: int) -> None:
        self.known = known
        self.horizon_ms = horizon_ms
        self.now_ms = now_ms

    def proposed(
        self,
        people: Sequence[Followed],
        op: str,
        number: float,
        said: int | float | str,
        *,
        shown: float,
    ) -> Proposed:
        """What `op number` does to what was measured of people; `shown` is the number itself."""
        found = effect(people, op, number, horizon_ms=self.horizon_ms, end_ms=self.now_ms)
        of, is_told = len(people), found.people >= FEWEST
        missed = _false(found) if is_told and self.known.is_whole else None
        a_day = found.days / DAYS * self.known.everyone / of
        return Proposed(
            value=said,
            number=shown,
            share=found.people / of if is_told else None,
            a_day=a_day if is_told and self.known.is_whole else None,
            false_share=missed[0] if missed else None,
            false_low=missed[1] if missed else None,
            false_high=missed[2] if missed else None,
            judged=found.judged if missed else None,
        )


def _false(found: Effect) -> tuple[float, float, float] | None:
    if found.judged < FEWEST:
        return None
    return (found.missed / found.judged, *wilson(found.missed, found.judged))


Judged = tuple[Proposed, list[Proposed], list[Bin]]


class _Compared:
    """The number that a leaf compares with: proposed by quantiles of what people came to."""

    by_truth = False

    def __init__(self, leaf: Mapping[str, Any]) -> None:
        self.documents = [{"v": 1, "where": dict(leaf)}]
        self.op = str(leaf.get("op"))
        found = places(self.documents[0])
        is_one = len(found) == 1 and not found[0].path and self.op in ("gt", "gte", "lt", "lte")
        self.place: Place | None = found[0] if is_one else None

    def judged(self, judge: _Judge) -> Judged:
        """The effect of the number now, those proposed, and how many come to how much."""
        place, people = self.place, judge.known.people[0]
        assert place is not None
        values = self._values(people)

        def effect_of(number: float) -> Proposed:
            return judge.proposed(people, self.op, number, place.said(number), shown=number)

        found: dict[float, Proposed] = {}
        for share in SHARES if len(values) >= FEWEST else ():
            at = quantile(values, 1 - share if self.op in _UPWARD else share)
            number = self._on_step(place, at)
            one = effect_of(number)
            if number not in found and one.share is not None:
                found[number] = one
        bins = histogram(values, place.step, FEWEST)
        return effect_of(place.number), list(found.values()), bins

    def _values(self, people: Sequence[Followed]) -> list[float]:
        """The value of each person that comes nearest to meeting it, ascending.

        Where more is asked for, those who have nothing of it do not count: else most thresholds
        would be 0.
        """
        found = [best_of(one, self.op) for one in people]
        least = 0.0 if self.op in _UPWARD else None
        return sorted(v for v in found if v is not None and (least is None or v > least))

    def _on_step(self, place: Place, at: float) -> float:
        """A number that whoever has `at` meets: "more than" needs one less."""
        number = rounded(at, place.step, is_age=place.is_age)
        if place.is_age:
            return max(number, float(place.step))
        if place.step:
            number += {"gt": -place.step, "lt": place.step}.get(self.op, 0)
        return number


class _Within:
    """A number that is part of what a leaf asks: each one near it is asked of everybody."""

    by_truth = True

    def __init__(self, leaf: Mapping[str, Any], path: Sequence[str]) -> None:
        value = _at(leaf, path)
        self.place: Place | None = None
        self.documents: list[dict[str, Any]] = [{"v": 1, "where": dict(leaf)}]
        self.numbers: list[float] = []
        if tuple(path) not in WITHIN or value is None:
            return
        is_age = isinstance(value, str)
        self.place = Place("", {"value": value}, 1, is_age=is_age)
        now = durations_ms(value) if is_age else float(value)
        if now is None:
            self.place = None
            return
        near = near_durations(now) if is_age else near_counts(int(now))
        self.numbers = [now, *(one for one in near if one != now)]
        self.documents = [
            {"v": 1, "where": _with(leaf, path, self.place.said(one))} for one in self.numbers
        ]

    def judged(self, judge: _Judge) -> Judged:
        """The effect of the number now, and of those near it."""
        place = self.place
        assert place is not None
        found = [
            judge.proposed(people, "gte", 1, place.said(number), shown=number)
            for number, people in zip(self.numbers, judge.known.people, strict=True)
        ]
        told = sorted((one for one in found[1:] if one.share is not None), key=lambda x: x.number)
        return found[0], told, []


def _at(leaf: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = leaf
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _with(leaf: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    first, *rest = path
    inner = value if not rest else _with(leaf[first], rest, value)
    return {**leaf, first: inner}


def _goal_share(people: Sequence[Followed]) -> float | None:
    did = sum(1 for one in people if one.goals)
    return did / len(people) if did >= FEWEST else None

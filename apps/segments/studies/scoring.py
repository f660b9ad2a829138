"""Weighted scores from a form: how everyone scores, one person's curve, and the draft."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from apps.access.services import record_audit
from apps.segments import answering, services
from apps.segments.domain.scorecards import MAX_ROWS, Row, condition, policy, score_leaf
from apps.segments.errors import InvalidStudy
from apps.segments.models import Segment
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed
from apps.segments.studies.counting import everyone_and_counts
from apps.work import clock
from engine.conditions.nodes import ScoreLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scores import score_value

BINS: Final = 20
PAST_DAYS: Final = 30
NEXT_DAYS: Final = 14
POINTS_A_DAY: Final = 4
DRAFT: Final = "?score"

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Bin:
    """People with a score in [low, high); `high` None: and above."""

    low: float
    high: float | None
    people: int


@dataclass(frozen=True, slots=True)
class Curve:
    """One person's score: (days from now, points), ascending."""

    points: tuple[tuple[float, float], ...]


def checked(rows: Sequence[Row], enter: float, leave: float | None) -> tuple[Any, Any]:
    """Return (condition, policy) of a form.

    Raises:
        InvalidStudy: there is no row, or too many; or it is left at more than it is entered at.
        InvalidCondition: a row is no source of a score.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        raise InvalidStudy(f"A score has 1 to {MAX_ROWS} rows.")
    if leave is not None and leave > enter:
        raise InvalidStudy("Leave at fewer points than at which people enter.")
    document = condition(rows, enter)
    parse_condition(document)
    return document, policy(rows, enter, leave)


def distribution(
    site_id: UUID, rows: Sequence[Row], enter: float, *, now: datetime
) -> tuple[int, list[Bin]]:
    """Return (everyone, people by score) in equal steps of which one begins at `enter`.

    People below 0 are in the first step. One statement.

    Raises:
        InvalidStudy: `enter` is not above 0.
        StudyTooSlow: it took more than five seconds.
    """
    if enter <= 0:
        raise InvalidStudy("Enter at more than 0 points.")
    step = enter / (BINS // 2)
    edges = [step * number for number in range(1, BINS)]
    nodes = [parse_condition({"v": 1, "where": score_leaf(rows, "gte", edge)}) for edge in edges]
    everyone, above = everyone_and_counts(site_id, nodes, now=now)
    counts = [everyone, *above, 0]
    return everyone, [
        Bin(
            low=low,
            high=edges[place] if place < len(edges) else None,
            people=counts[place] - counts[place + 1],
        )
        for place, low in enumerate([0.0, *edges])
    ]


_ANYONE: Final = f"""
SELECT profile_id::text FROM profiles_profilestate s
WHERE site_id = %(site)s::uuid AND merged_into IS NULL
  AND {may_be_placed("s", site="%(site)s::uuid", now="now()")}
ORDER BY md5(profile_id::text) LIMIT 50
"""


def curve(
    site_id: UUID, rows: Sequence[Row], *, actor: AbstractBaseUser | None, now: datetime
) -> Curve | None:
    """Return the score of some person over the last days and, if nothing happens, the next ones.

    Of fifty people drawn by their ids it is the one who scores most now; None where nobody scores.
    The look at a person is audited.
    """
    node = parse_condition(condition(rows, 0.0))
    assert isinstance(node, ScoreLeaf)
    now_ms = clock.to_ms(now)
    asked = answering.prepared(site_id, DRAFT, {DRAFT: node})
    profile_ids = _drawn(site_id)
    known = list(answering.people(asked, site_id, profile_ids, now_ms))
    if not known:
        return None
    best = max(known, key=lambda one: score_value(node, one.facts, now_ms))
    if score_value(node, best.facts, now_ms) <= 0:
        return None
    record_audit(
        action="profiles.viewed",
        actor=actor,
        site_id=site_id,
        target_kind="profiles.profile",
        target_id=str(best.profile_id),
        detail={"page": "score"},
        now=now,
    )
    steps = range(-PAST_DAYS * POINTS_A_DAY, NEXT_DAYS * POINTS_A_DAY + 1)
    points = []
    for step in steps:
        at_ms = now_ms + step * _DAY_MS // POINTS_A_DAY
        points.append((step / POINTS_A_DAY, score_value(node, best.facts.as_of(at_ms), at_ms)))
    return Curve(tuple(points))


def _drawn(site_id: UUID) -> list[UUID]:
    return [UUID(row[0]) for row in boxed.rows(_ANYONE, {"site": str(site_id)})]


@transaction.atomic
def draft(
    site_id: UUID,
    *,
    key: str,
    name: str,
    rows: Sequence[Row],
    enter: float,
    leave: float | None,
    actor: AbstractBaseUser | None,
    now: datetime,
) -> Segment:
    """Make a segment of a score, as a draft.

    Raises:
        InvalidStudy, InvalidCondition: as `checked`.
        SegmentKeyTaken: keys are never reused in a site.
    """
    document, rules = checked(rows, enter, leave)
    return services.create_segment(
        site_id=site_id, key=key, name=name, condition=document, policy=rules, actor=actor, now=now
    )

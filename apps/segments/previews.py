"""What a draft would do if it were published: counted, sampled, and asked of one person.

Nothing is written: the count is one read-only statement with a limit of time, and whom SQL cannot
answer is asked by the live path's own evaluation.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction

from apps.access import small_cells
from apps.segments import answering
from apps.segments.errors import PreviewTooSlow, SegmentNotPublished
from apps.segments.models import Segment, SegmentVersion
from apps.segments.publication_checks import with_policy
from apps.segments.selectors import in_force, meant, with_gates
from apps.segments.sql import compile_query
from apps.segments.sql.placing import may_be_placed
from apps.segments.stays import is_inside
from apps.work import clock
from engine.conditions.describe import describe, trace_json
from engine.conditions.evaluate import trace, truth
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.policy import NO_POLICY, parse_policy
from engine.conditions.scope import reads_request, segment_keys

LIMIT_S: Final = 5.0
FEWEST: Final = small_cells.FEWEST  # fewer people than that are not counted aloud
MAX_HARD: Final = 500  # asked one by one; beyond that the count is an estimate
MAX_SAMPLES: Final = 10
DRAFT: Final = "?draft"  # no segment has this key

_CANCELED: Final = "57014"
_NOW: Final = "(timestamptz 'epoch' + %(at_ms)s::bigint * interval '1 millisecond')"


@dataclass(frozen=True, slots=True)
class Draft:
    """A condition with its policy and everything it stands on, ready to be asked.

    Attributes:
        segment_id: whose draft it is; None before the segment exists.
        depends_on_request: part of it is answered while a page is asked for: nobody to count.
        is_path_dependent: its policy remembers, or that of a segment it stands on: members come
            and go later than the conditions say.
    """

    site_id: UUID
    segment_id: UUID | None
    condition: Node
    asked: answering.Asked
    depends_on_request: bool
    is_path_dependent: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One person, told apart from others of the same preview only, and why they are in."""

    id: str
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft comes to. Numbers are None where they are fewer than ten, or not to be had.

    Attributes:
        everyone: profiles of the site.
        entered, left: who would come in, who would go out; beside the members now.
        is_exact: every profile was answered, and no policy holds members back.
    """

    words: str
    size: int | None
    everyone: int
    entered: int | None
    left: int | None
    is_exact: bool
    depends_on_request: bool
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one person meets a draft, whether they are a member now, and why."""

    meets: bool
    is_member: bool
    valid_until: datetime | None
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Counted:
    everyone: int
    size: int
    entered: int
    left: int
    hard: list[UUID]
    hard_total: int
    chosen: list[UUID]


def draft_of(
    site_id: UUID,
    condition: Mapping[str, Any],
    policy: Mapping[str, Any] | None = None,
    segment: Segment | None = None,
) -> Draft:
    """Read a draft with the segments that it stands on. Three queries.

    Raises:
        InvalidCondition: it is none, or contains itself.
        SegmentNotPublished: it nests a segment that is not published.
    """
    node, rules = meant(site_id, parse_condition(condition)), parse_policy(policy or {})
    key = segment.key if segment is not None else DRAFT
    nodes, policies = in_force(site_id)
    nodes, policies = nodes | {key: node}, policies | {key: rules}
    absent = sorted(segment_keys(with_policy(node, rules)) - nodes.keys())
    if absent:
        raise SegmentNotPublished(absent[0])
    asked = answering.prepared(site_id, key, with_gates(nodes, policies))
    stands_on = segment_keys(asked.node) | {key}
    return Draft(
        site_id=site_id,
        segment_id=segment.pk if segment is not None else None,
        condition=node,
        asked=asked,
        depends_on_request=reads_request(asked.node),
        is_path_dependent=any(policies.get(name, NO_POLICY).remembers for name in stands_on),
    )


def preview(
    draft: Draft,
    *,
    now: datetime,
    samples: int = 0,
    may_see_people: bool = False,
    limit_s: float | None = None,
) -> Preview:
    """Count a draft over everyone, now.

    Args:
        samples: how many members to show, at most ten.
        may_see_people: also what was found about each, and samples of fewer than ten people.
        limit_s: how long the count may take; None: five seconds.

    Raises:
        PreviewTooSlow: it took longer.
    """
    limit_s = LIMIT_S if limit_s is None else limit_s
    words = describe(draft.condition)
    if draft.depends_on_request:
        return Preview(words, None, 0, None, None, False, True, [])
    now_ms = clock.to_ms(now)
    wanted = min(samples, MAX_SAMPLES)
    try:
        with transaction.atomic():
            counted = _counted(draft, now_ms, wanted, limit_s)
            size, entered, left = _with_hard(draft, counted, now_ms)
            chosen = counted.chosen if may_see_people or size >= FEWEST else []
            shown = _samples(draft, chosen, now_ms, may_see_people=may_see_people)
            # Nothing was written: this only gives the limits of the transaction back.
            transaction.set_rollback(True)
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == _CANCELED:
            raise PreviewTooSlow(limit_s) from error
        raise
    return Preview(
        words=words,
        size=_aloud(size),
        everyone=counted.everyone,
        entered=_aloud(entered),
        left=_aloud(left),
        is_exact=counted.hard_total <= MAX_HARD and not draft.is_path_dependent,
        depends_on_request=False,
        samples=shown,
    )


def ask(draft: Draft, profile_id: UUID, *, now: datetime) -> Verdict | None:
    """Say whether one person meets a draft, and why; None when the site has no such person.

    What a page would tell is missing here, so a fact of the request is unknown.
    """
    now_ms = clock.to_ms(now)
    for known in answering.people(draft.asked, draft.site_id, [profile_id], now_ms):
        why = trace(draft.asked.node, known.facts, now_ms)
        until_ms = why.valid_until_ms
        number = number_of(draft.segment_id)
        return Verdict(
            meets=why.verdict is True,
            is_member=number is not None and is_inside(known.stays.get(number), now_ms) is True,
            valid_until=None if until_ms is None else clock.from_ms(until_ms),
            trace=trace_json(why),
        )
    return None


def number_of(segment_id: UUID | None) -> int | None:
    if segment_id is None:
        return None
    live = Segment.objects.filter(pk=segment_id, versions__state=SegmentVersion.State.LIVE)
    return live.values_list("number", flat=True).first()


def _aloud(count: int) -> int | None:
    return count if count >= FEWEST else None


# Counting

_JUDGED = """
WITH pair AS (
SELECT s.profile_id AS n, s.profile_id, %(at_ms)s::bigint AS at_ms,
  timestamptz 'epoch' + (%(at_ms)s::bigint + 1) * interval '1 millisecond' AS at_end,
  s.unit_id, s.traits
FROM profiles_profilestate s WHERE s.site_id = %(site_id)s::uuid AND s.merged_into IS NULL
  AND {may_be}
){ctes},
judged AS MATERIALIZED (
SELECT p.profile_id, coalesce({hard}, false) AS hard, coalesce({inside}, false) AS inside,
  m.profile_id IS NOT NULL AS was
FROM pair p LEFT JOIN (
  SELECT profile_id FROM segments_membership
  WHERE segment_id = %(segment_id)s::uuid AND left_at IS NULL
) m USING (profile_id) {joins}
)
SELECT count(*), count(*) FILTER (WHERE inside AND NOT hard),
  count(*) FILTER (WHERE inside AND NOT was AND NOT hard),
  count(*) FILTER (WHERE was AND NOT inside AND NOT hard),
  count(*) FILTER (WHERE hard),
  ARRAY(SELECT profile_id::text FROM judged WHERE hard LIMIT {most_hard}),
  ARRAY(SELECT profile_id::text FROM judged WHERE inside AND NOT hard
    ORDER BY md5(profile_id::text) LIMIT {samples})
FROM judged
"""


def _counted(draft: Draft, now_ms: int, samples: int, limit_s: float) -> _Counted:
    query = compile_query(
        [draft.asked.node], site_id=draft.site_id, first_ms=now_ms, last_ms=now_ms
    )
    statement = _JUDGED.format(
        may_be=may_be_placed("s", site="%(site_id)s::uuid", now=_NOW),
        ctes="".join(f",\n{cte}" for cte in query.ctes),
        joins=query.joins,
        hard=f"({query.hard})",
        inside=f"({query.verdicts[0]})",
        most_hard=MAX_HARD,
        samples=samples,
    )
    params = {
        **query.params,
        "at_ms": now_ms,
        "site_id": str(draft.site_id),
        "segment_id": None if draft.segment_id is None else str(draft.segment_id),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        cursor.execute(f"SET LOCAL statement_timeout = {int(limit_s * 1000)}")
        cursor.execute(statement, params)
        everyone, size, entered, left, hard_total, hard, chosen = cursor.fetchone()
    return _Counted(
        everyone, size, entered, left, [UUID(one) for one in hard], hard_total,
        [UUID(one) for one in chosen],
    )  # fmt: skip


def _with_hard(draft: Draft, counted: _Counted, now_ms: int) -> tuple[int, int, int]:
    """Add those whom SQL could not answer: (size, entered, left)."""
    size, entered, left = counted.size, counted.entered, counted.left
    if not counted.hard:
        return size, entered, left
    number = number_of(draft.segment_id)
    for known in answering.people(draft.asked, draft.site_id, counted.hard, now_ms):
        inside = truth(draft.asked.node, known.facts, now_ms) is True
        was = number is not None and is_inside(known.stays.get(number), now_ms) is True
        size += inside
        entered += inside and not was
        left += was and not inside
    return size, entered, left


def _samples(
    draft: Draft, chosen: list[UUID], now_ms: int, *, may_see_people: bool
) -> list[Sample]:
    found = []
    for known in answering.people(draft.asked, draft.site_id, chosen, now_ms):
        document = trace_json(trace(draft.asked.node, known.facts, now_ms))
        if not may_see_people:
            _strip(document)
        found.append(Sample(_opaque(draft, known.profile_id), document))
    return found


def _strip(document: dict[str, Any]) -> None:
    """Take out what was found about a person; what was asked and the verdicts stay."""
    for name in ("found", "evidence", "validUntilMs"):
        document.pop(name, None)
    for part in document.get("parts", ()):
        _strip(part)


def _opaque(draft: Draft, profile_id: UUID) -> str:
    """An id that leads nowhere and differs from segment to segment."""
    secret = settings.SIGNING_KEY.encode()
    content = f"preview:{draft.site_id}:{draft.segment_id}:{profile_id}".encode()
    return f"person_{hmac.new(secret, content, hashlib.sha256).hexdigest()[:12]}"

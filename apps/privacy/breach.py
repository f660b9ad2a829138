"""Who is affected by a breach: counted, and listed by opaque ids, for notice within 72 hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

NOTICE: Final = timedelta(hours=72)
PAGE: Final = 10_000

# One each; free text would end up in the audit trail, where nobody's name belongs.
REASONS: Final = (
    ("authority", "To notify the supervisory authority (GDPR 33)"),
    ("people", "To notify the people concerned (GDPR 34)"),
    ("recipients", "To notify a customer whose processor we are"),
    ("exercise", "To try the procedure"),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the breach has touched; what is not given does not narrow it.

    Args:
        segment_id: whoever was in it at any time of the window, or ever without a window.
        source_id: whose events came through this source.
        since, until: when events came in, the second not included.
    """

    site_id: UUID
    segment_id: UUID | None = None
    source_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_detail(self) -> dict[str, Any]:
        """Return it for the audit trail: ids and moments."""
        return {
            "segment": None if self.segment_id is None else str(self.segment_id),
            "source": None if self.source_id is None else str(self.source_id),
            "since": None if self.since is None else self.since.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Affected:
    """How many people, and of these how many can be named: who has signed in or left an address."""

    people: int
    known: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None


def affected_by(scope: Scope) -> Affected:
    """Count who is affected. One statement."""
    where, values = _where(scope)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM profiles_identity i
                WHERE i.profile_id = s.profile_id AND i.kind <> 'anonymous_id')),
              min(s.first_seen_at), max(s.last_seen_at)
            FROM profiles_profilestate s WHERE {where}
            """,  # nosec B608
            values,
        )
        return Affected(*cursor.fetchone())


def ids_of(scope: Scope) -> Iterator[tuple[str, bool]]:
    """Yield the public id of each person affected, and whether they can be named, in order."""
    where, values = _where(scope)
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT s.profile_id, EXISTS (SELECT FROM profiles_identity i
                  WHERE i.profile_id = s.profile_id AND i.kind <> 'anonymous_id')
                FROM profiles_profilestate s WHERE {where} AND s.profile_id > %s
                ORDER BY s.profile_id LIMIT {PAGE}
                """,  # nosec B608
                [*values, str(after)],
            )
            rows = cursor.fetchall()
        for profile_id, is_known in rows:
            yield f"prf_{profile_id.hex}", is_known
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def _where(scope: Scope) -> tuple[str, list[Any]]:
    tests = ["s.site_id = %s", "s.merged_into IS NULL"]
    bound: list[Any] = [str(scope.site_id)]
    if scope.segment_id is not None:
        stay = "m.segment_id = %s AND m.profile_id = s.profile_id"
        bound.append(str(scope.segment_id))
        if scope.until is not None:
            stay += " AND m.since < %s"
            bound.append(scope.until)
        if scope.since is not None:
            stay += " AND (m.left_at IS NULL OR m.left_at >= %s)"
            bound.append(scope.since)
        tests.append(f"EXISTS (SELECT FROM segments_membership m WHERE {stay})")
    is_windowed = scope.segment_id is None and (scope.since or scope.until)
    if scope.source_id is not None or is_windowed:
        event = "e.profile_id = s.profile_id"
        for column, operator, value in (
            ("source_id", "=", scope.source_id and str(scope.source_id)),
            ("received_at", ">=", scope.since),
            ("received_at", "<", scope.until),
        ):
            if value is not None:
                event += f" AND e.{column} {operator} %s"
                bound.append(value)
        tests.append(f"EXISTS (SELECT FROM events_event e WHERE {event})")
    return " AND ".join(tests), bound

"""The search inside an erasure: every index that leads to a person, whatever the number of others.

What no index leads to, `searching` looks through, all of it: by command and every night.
"""

from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.decisions import hot_forgetting
from apps.events import quarantine
from apps.privacy.needles import GOES_ON, Needle, Needles, needles_of
from apps.privacy.sought import Sought
from apps.profiles.state import uuid_array

# Columns that name a profile, wherever an index begins with one of them.
_POINTERS: Final = (
    "profile_id", "from_profile_id", "merged_into", "merged_into_id", "winner_id", "loser_id",
    "one_id", "other_id",
)  # fmt: skip
_INDEXED: Final = """
SELECT DISTINCT c.relname, a.attname FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
JOIN pg_type t ON t.oid = a.atttypid AND t.typname = 'uuid'
WHERE NOT c.relispartition AND i.indisvalid AND a.attname = ANY(%s) ORDER BY 1, 2
"""
_IDENTITIES: Final = """
SELECT count(*) FROM profiles_identity i
JOIN unnest(%s::text[], %s::text[]) AS w(kind, value) ON i.kind = w.kind AND i.value = w.value
WHERE i.site_id = %s AND i.profile_id = ANY(%s::uuid[])
"""
# Where internal ids may stand though nobody is behind them any more, and why.
KEPT_IDS: Final = {
    "table access_auditentry": "the audit trail says what was done with which internal id",
    "Redis: hot state": "a mark keeps late answers out for ten minutes",
    "Redis: notices": "open pages are told for five and a half minutes",
    "table privacy_erasure": "an erasure that runs knows whom it erases",
    "files: logs": "log lines name internal ids; they are gone in 30 days",
    "table work_intent": "tasks carry internal ids only, and find nobody",
}
_STATISTICS: Final = """
SELECT tablename, attname, inherited, coalesce(most_common_vals::text, ''),
  coalesce(histogram_bounds::text, ''), coalesce(most_common_elems::text, '')
FROM pg_stats WHERE schemaname = current_schema()
"""
# Values stand there between commas, quotes and braces, and names after their kind and a colon: they
# may go on with whatever else.
_VALUE_GOES_ON: Final = GOES_ON | frozenset(b"|/#~=!$&*") | frozenset(range(0x80, 0x100))
# Postgres 18 and later ones.
_CAN_CLEAR: Final = "SELECT to_regproc('pg_clear_attribute_stats') IS NOT NULL"
_CLEAR: Final = "SELECT pg_clear_attribute_stats(current_schema(), %s, %s, %s)"


class Trace(NamedTuple):
    """Something of the person's that is still there. `place` names the store and nobody."""

    place: str
    times: int = 1


def indexed(site_id: UUID, sought: Sought) -> list[Trace]:
    """Return what is left of a person where an index leads, and in the planner's statistics."""
    found: list[Trace] = []
    ids = uuid_array(sought.profiles)
    with connection.cursor() as cursor:
        cursor.execute(_INDEXED, [list(_POINTERS)])
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" WHERE "{column}" = ANY(%s::uuid[])', [ids]
            )
            found += _counted(table, cursor.fetchone()[0])
        kinds, values = [kind for kind, _ in sought.names], [value for _, value in sought.names]
        cursor.execute(_IDENTITIES, [kinds, values, str(site_id), ids])
        found += _counted("profiles_identity", cursor.fetchone()[0])
        needles = needles_in(sought)
        found += [
            Trace(f"pg_statistic of {one.table}")
            for one in statistics_with(cursor, needles)
            # A part of a longer word is of a row that is there: the statistics were made anew.
            if one.needle.kind != "value" and not one.is_kept and one.words is None
        ]
    found += _counted("events_quarantine", quarantine.count_of(site_id, sought.names))
    found += _counted("hot state", hot_forgetting.count_of(site_id, sought.profiles, sought.names))
    return found


def _counted(place: str, count: int) -> list[Trace]:
    return [Trace(place, count)] if count else []


def needles_in(sought: Sought, into: Needles | None = None, owner: str = "") -> Needles:
    """Return what is looked for, ready to be looked for."""
    return needles_of(
        names=sought.names,
        ids=sought.profiles,
        values=sought.values,
        messages=sought.messages,
        into=into,
        owner=owner,
    ).prepare()


class Kept(NamedTuple):
    """Something of what is looked for in the planner's statistics of a column.

    `words`: the longer ones that a name is a part of there; None where it stands by itself.
    """

    table: str
    column: str
    is_inherited: bool
    needle: Needle
    words: set[str] | None

    @property
    def is_kept(self) -> bool:
        """Whether rows of the table may say the same: its statistics tell nothing else."""
        return self.needle.kind == "id" and f"table {self.table}" in KEPT_IDS


def statistics_with(cursor: Any, needles: Needles) -> list[Kept]:
    """Return what the planner still keeps of what is looked for."""
    cursor.execute(_STATISTICS)
    found = []
    for table, column, is_inherited, *kept in cursor.fetchall():
        content = "\n".join(kept).encode("utf-8", "replace")
        found += [
            Kept(
                table,
                column,
                is_inherited,
                hit.needle,
                needles.longer_words(content, hit.form, _VALUE_GOES_ON),
            )
            for hit in needles.in_bytes(content)
        ]
    return found


def refresh_statistics(needles: Needles) -> None:
    """Have the planner look anew at tables of which it keeps something of what is looked for.

    What is in a row that is still there, it keeps again.
    """
    with connection.cursor() as cursor:
        found = statistics_with(cursor, needles)
        cursor.execute(_CAN_CLEAR)
        if found and cursor.fetchone()[0]:
            # ANALYZE of a table without rows leaves the statistics as they were.
            for table, column, is_inherited in sorted({one[:3] for one in found}):
                cursor.execute(_CLEAR, [table, column, is_inherited])
        for table in sorted({one.table for one in found}):
            cursor.execute(f'ANALYZE "{table}"')

"""The set-based part of a refresh: every verdict of a site's profiles in one statement.

Each different leaf is answered once a profile, and conditions are put together from the answers.
The verdicts lie in words of bits as the memberships do in the state row (`inside`), so that many
are compared in one go.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from apps.profiles.state import WORD_BITS, uuid_array
from apps.segments.definitions import Definition, LiveDefinitions
from apps.segments.foreseeing import CLOCKS_APART_MS
from apps.segments.sql import compile_query
from apps.segments.sql import dialect as sql
from apps.segments.sql.placing import may_be_placed
from apps.segments.sql.rollup_rows import moment_text
from apps.segments.sql.statement import OpenSource
from engine.conditions.nodes import All, AnyOf, AtLeast, Nested, Node, NoneOf, Not
from engine.conditions.scope import leaves_of

WORK_MEM = "64MB"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that must be looked at.

    Attributes:
        numbers: the segments that may be other than recorded; None: all of them.
        differs: those of which SQL says so, exactly.
    """

    profile_id: UUID
    numbers: frozenset[int] | None
    differs: frozenset[int] = frozenset()


@dataclass(slots=True)
class CutTable:
    """The temporary table `segments_cut` of a refresh: a row a profile that was asked about.

    Args:
        definitions: what is asked.
        fresh: keys of segments whose version has never been refreshed: what becomes of their
            members is not in the state rows yet, even where the verdict stays the same.
        source: what is kept ready.
        only: the profiles asked about; None: all of the site.
    """

    site_id: UUID
    definitions: LiveDefinitions
    fresh: Collection[str] = ()
    source: OpenSource | None = None
    only: Sequence[UUID] | None = None

    @property
    def _asked(self) -> Sequence[Definition]:
        return self.definitions.definitions

    @property
    def _words(self) -> int:
        numbers = {definition.number for definition in self._asked} | self.definitions.broken
        return max(numbers, default=0) // WORD_BITS + 1

    @property
    def _fresh(self) -> list[Definition]:
        keys = set(self.fresh)
        return [d for d in self._asked if d.key in keys or d.reads.stands_on & keys]

    def fill(self, now_ms: int) -> tuple[int, int]:
        """Answer everything as of an instant; return how many profiles and candidates there are."""
        leaves = {repr(leaf): leaf for d in self._asked for leaf in leaves_of(d.node)}
        query = compile_query(
            list(leaves.values()),
            watched=[definition.node for definition in self._fresh],
            site_id=self.site_id,
            first_ms=now_ms,
            last_ms=now_ms,
            source=self.source,
            zone=self.definitions.site_zone,
        )
        columns = {leaf: f"l{place}" for place, leaf in enumerate(leaves)}
        answers = "".join(
            f", {verdict} AS {column}"
            for verdict, column in zip(query.verdicts, columns.values(), strict=True)
        )
        words = "".join(f", {self._word(w, columns)} AS d{w}" for w in range(self._words))
        statement = f"""
CREATE TEMPORARY TABLE segments_cut ON COMMIT PRESERVE ROWS AS
WITH pair AS ({self._pairs()}){"".join(f", {cte}" for cte in query.ctes)},
found AS (
  SELECT p.profile_id, p.version, p.inside, p.has_future, p.may_be,
    p.may_be AND ({query.hard}) AS is_hard,
    p.may_be AND ({query.changing}) AS is_changing{answers}
  FROM pair p {query.joins} OFFSET 0
), compared AS (
  SELECT f.profile_id, f.version, f.is_hard, f.is_changing, f.has_future,
    cardinality(f.inside) > {self._words} AS is_stray{words}
  FROM found f OFFSET 0
)
SELECT c.*, ({self._is_candidate()}) AS is_candidate FROM compared c
"""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS segments_cut")
            # Memory for one statement of one job, instead of temporary files.
            cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
            # Several processes would each read the edges anew: half as much CPU again for all.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            cursor.execute(statement, {**query.params, **self._params(now_ms)})
            cursor.execute(
                "SELECT count(*), count(*) FILTER (WHERE is_candidate) FROM segments_cut"
            )
            profiles, candidates = cursor.fetchone()
        return profiles, candidates

    def _params(self, now_ms: int) -> dict[str, Any]:
        return {
            "cut_site": str(self.site_id),
            "cut_ms": now_ms,
            "cut_end": moment_text(now_ms + 1),
            "cut_future": moment_text(now_ms + CLOCKS_APART_MS),
            "cut_only": None if self.only is None else uuid_array(self.only),
        }

    def _pairs(self) -> str:
        may_be = may_be_placed("s", site="%(cut_site)s::uuid", now="%(cut_end)s::timestamptz")
        few = "" if self.only is None else "AND s.profile_id = ANY(%(cut_only)s::uuid[])"
        return f"""SELECT s.profile_id AS n, s.profile_id, %(cut_ms)s::bigint AS at_ms,
    %(cut_end)s::timestamptz AS at_end, s.unit_id, s.traits, s.version, s.inside,
    coalesce(s.last_seen_at > %(cut_future)s::timestamptz, false) AS has_future,
    {may_be} AS may_be
  FROM profiles_profilestate s
  WHERE s.site_id = %(cut_site)s::uuid AND s.merged_into IS NULL {few}"""

    def _word(self, word: int, columns: Mapping[str, str]) -> str:
        """The verdicts of a word against what is recorded: a bit is set where they differ.

        Also for who is in a segment that has no definition any more, or may be in none.
        """
        bits = [
            f"CASE WHEN f.may_be AND {_composed(definition.node, columns)}"
            f" THEN {1 << bit}::bigint ELSE 0 END"
            for definition in self._asked
            for its_word, bit in [divmod(definition.number, WORD_BITS)]
            if its_word == word
        ]
        recorded = f"coalesce(f.inside[{word + 1}], 0)"
        differs = f"(({' | '.join(bits)}) # {recorded})" if bits else recorded
        unknown = [n % WORD_BITS for n in self.definitions.broken if n // WORD_BITS == word]
        left_alone = sum(1 << bit for bit in unknown)
        return f"({differs} & ~{left_alone}::bigint)" if left_alone else differs

    def _is_candidate(self) -> str:
        if any(definition.latched is not None for definition in self._fresh):
            return "true"  # who is in is told by the past of each, not by the condition now
        differs = [f"c.d{word} <> 0" for word in range(self._words)]
        return " OR ".join(["c.is_hard", "c.is_changing", "c.is_stray", "c.has_future", *differs])

    def candidates(self) -> list[Candidate]:
        """Who must be looked at, in the order in which everyone locks state rows."""
        words = "".join(f", d{word}" for word in range(self._words))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT profile_id, is_hard OR is_stray OR has_future, is_changing"
                f"{words} FROM segments_cut"
                " WHERE is_candidate ORDER BY profile_id"
            )
            rows = cursor.fetchall()
        asked_numbers = {definition.number for definition in self._asked}
        fresh = frozenset(definition.number for definition in self._fresh)
        remembers = any(definition.latched is not None for definition in self._fresh)
        known: dict[tuple[int, ...], frozenset[int]] = {}
        found: list[Candidate] = []
        for profile_id, is_beyond_sql, is_changing, *differs in rows:
            key = tuple(differs)
            other = known.get(key)
            if other is None:
                other = known[key] = _numbers(differs)
            if is_beyond_sql or not other <= asked_numbers:
                found.append(Candidate(profile_id, None))
                continue
            asked = other | fresh if is_changing or remembers else other
            found.append(Candidate(profile_id, asked, other))
        return found


def _numbers(words: Sequence[int]) -> frozenset[int]:
    """The numbers of the segments whose bits are set."""
    return frozenset(
        word * WORD_BITS + bit
        for word, bits in enumerate(words)
        for bit in range(bits.bit_length())
        if bits >> bit & 1
    )


def _composed(node: Node, columns: Mapping[str, str]) -> str:
    """A condition over the columns of its leaves, three-valued."""
    match node:
        case All(parts):
            return f"({' AND '.join(_each(parts, columns))})" if parts else "true"
        case AnyOf(parts):
            return f"({' OR '.join(_each(parts, columns))})"
        case NoneOf(parts):
            return f"(NOT ({' OR '.join(_each(parts, columns))}))"
        case Not(part):
            return f"(NOT {_composed(part, columns)})"
        case AtLeast(k, parts):
            return sql.at_least(k, _each(parts, columns))
        case Nested(_, part):
            return f"coalesce({_composed(part, columns)}, false)"
    return f"f.{columns[repr(node)]}"


def _each(parts: Sequence[Node], columns: Mapping[str, str]) -> list[str]:
    return [_composed(part, columns) for part in parts]

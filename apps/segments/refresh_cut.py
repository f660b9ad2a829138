"""The set-based part of a refresh: every verdict of a site's profiles in one statement.

Each different leaf is answered once a profile, conditions are put together from the answers, and
62 verdicts at a time lie in one number: so they are compared with the open memberships in one go.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from apps.profiles.state import uuid_array
from apps.segments.definitions import Definition, LiveDefinitions
from apps.segments.sql import compile_query
from apps.segments.sql import dialect as sql
from apps.segments.sql.statement import OpenSource
from engine.conditions.nodes import All, AnyOf, AtLeast, Nested, Node, NoneOf, Not
from engine.conditions.scope import leaves_of, segment_keys

BITS = 62
STRAY = 1 << BITS  # a membership of a segment that has no definition any more
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
    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # number -> (word, bit)

    def __post_init__(self) -> None:
        for place, definition in enumerate(self._asked):
            self.places[definition.number] = divmod(place, BITS)

    @property
    def _asked(self) -> Sequence[Definition]:
        return self.definitions.definitions

    @property
    def _words(self) -> int:
        return max(1, -(-len(self._asked) // BITS))

    @property
    def _fresh(self) -> list[Definition]:
        keys = set(self.fresh)
        return [d for d in self._asked if d.key in keys or segment_keys(d.node) & keys]

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
recorded AS ({self._recorded()}),
found AS (
  SELECT p.profile_id, p.version, ({query.hard}) AS is_hard, ({query.changing}) AS is_changing
    {answers}
  FROM pair p {query.joins} OFFSET 0
), compared AS (
  SELECT f.profile_id, f.version, f.is_hard, f.is_changing{words}
  FROM found f LEFT JOIN recorded r ON r.profile_id = f.profile_id OFFSET 0
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
        numbers = list(self.places)
        return {
            "cut_site": str(self.site_id),
            "cut_ms": now_ms,
            "cut_only": None if self.only is None else uuid_array(self.only),
            "cut_numbers": numbers,
            "cut_words": [self.places[number][0] for number in numbers],
            "cut_bits": [1 << self.places[number][1] for number in numbers],
            "cut_broken": sorted(self.definitions.broken),
        }

    def _pairs(self) -> str:
        few = "" if self.only is None else "AND s.profile_id = ANY(%(cut_only)s::uuid[])"
        return f"""SELECT s.profile_id AS n, s.profile_id, %(cut_ms)s::bigint AS at_ms,
    timestamptz 'epoch' + (%(cut_ms)s::bigint + 1) * interval '1 millisecond' AS at_end,
    s.unit_id, s.traits, s.version
  FROM profiles_profilestate s
  WHERE s.site_id = %(cut_site)s::uuid AND s.merged_into IS NULL {few}"""

    def _recorded(self) -> str:
        """The open memberships as words; those of segments that are not asked set a bit too."""
        few = "" if self.only is None else "AND m.profile_id = ANY(%(cut_only)s::uuid[])"
        words = "".join(
            f", bit_or(CASE WHEN b.word = {word} THEN b.bit END) AS w{word}"
            for word in range(self._words)
        )
        if self._words <= 1:
            words = ", bit_or(b.bit) AS w0"
        return f"""SELECT m.profile_id{words}
  FROM segments_membership m
  JOIN (SELECT g.id, coalesce(i.word, 0) AS word, coalesce(i.bit, {STRAY}) AS bit
    FROM segments_segment g
    LEFT JOIN unnest(%(cut_numbers)s::int[], %(cut_words)s::int[], %(cut_bits)s::bigint[])
      AS i(number, word, bit) USING (number)
    WHERE g.site_id = %(cut_site)s::uuid AND g.number <> ALL(%(cut_broken)s::int[])
  ) b ON b.id = m.segment_id
  WHERE m.left_at IS NULL {few} GROUP BY m.profile_id"""

    def _word(self, word: int, columns: Mapping[str, str]) -> str:
        """The verdicts of a word, less what is recorded: a bit is set where they differ."""
        bits = [
            f"CASE WHEN {_composed(definition.node, columns)} THEN {1 << bit}::bigint ELSE 0 END"
            for definition in self._asked
            for its_word, bit in [self.places[definition.number]]
            if its_word == word
        ]
        return f"(({' | '.join(bits) or '0::bigint'}) # coalesce(r.w{word}, 0))"

    def _is_candidate(self) -> str:
        if any(definition.latched is not None for definition in self._fresh):
            return "true"  # who is in is told by the past of each, not by the condition now
        differs = [f"c.d{word} <> 0" for word in range(self._words)]
        return " OR ".join(["c.is_hard", "c.is_changing", *differs])

    def candidates(self) -> list[Candidate]:
        """Who must be looked at, in the order in which everyone locks state rows."""
        words = "".join(f", d{word}" for word in range(self._words))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT profile_id, is_hard, is_changing{words} FROM segments_cut"
                " WHERE is_candidate ORDER BY profile_id"
            )
            rows = cursor.fetchall()
        numbers = {place: number for number, place in self.places.items()}
        fresh = frozenset(definition.number for definition in self._fresh)
        remembers = any(definition.latched is not None for definition in self._fresh)
        known: dict[tuple[int, ...], frozenset[int]] = {}
        found: list[Candidate] = []
        for profile_id, is_hard, is_changing, *differs in rows:
            if is_hard or differs[0] & STRAY:
                found.append(Candidate(profile_id, None))
                continue
            key = tuple(differs)
            other = known.get(key)
            if other is None:
                other = known[key] = frozenset(
                    numbers[word, bit]
                    for word, bits in enumerate(differs)
                    for bit in range(bits.bit_length())
                    if bits >> bit & 1
                )
            asked = other | fresh if is_changing or remembers else other
            found.append(Candidate(profile_id, asked, other))
        return found


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

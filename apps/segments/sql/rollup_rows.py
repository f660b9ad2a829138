"""Events as rows for counting, without pairs: every profile's, with what measures ask of them."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apps.segments.sql import dialect as sql
from apps.segments.sql.comparison import Binder, compare
from engine.conditions.nodes import ANY_EVENT, FactOf, Match

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted by day: the events of a match, and a property of theirs if any."""

    match: Match
    of: str | None = None

    @property
    def digest(self) -> str:
        """Equal for equal measures, and for no others."""
        tests = sorted(repr((t.property, t.op.value, t.value)) for t in self.match.where)
        text = repr((self.match.name, tests, self.of))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def is_plain(self) -> bool:
        """Whether it asks nothing of the request."""
        return not any(isinstance(test.value, FactOf) for test in self.match.where)


@dataclass(slots=True)
class EventRows:
    """Events of the table `e`, and what is asked of them as expressions.

    No column is worked out before it is asked for: the name comes first, and most events of most
    names are then done with. So a property is extracted for those that need it only.
    """

    bind: Binder
    has_all_names: bool = False
    names: dict[str, int] = field(default_factory=dict)  # -> its number, from 1
    readers: dict[str, set[str]] = field(default_factory=dict)  # property -> names

    def meets(self, match: Match) -> str:
        """Whether `e` is an event of the match: true, or false or NULL."""
        tests = [self.named(match.name)] if match.name != ANY_EVENT else []
        self.has_all_names |= match.name == ANY_EVENT
        tests += [
            compare(self.bind, test.op, self.property(match, test.property), test.value)
            for test in match.where
            if not isinstance(test.value, FactOf)
        ]
        return f"({' AND '.join(tests)})" if tests else "true"

    def named(self, name: str) -> str:
        """Whether `e` has the name."""
        self.names.setdefault(name, len(self.names) + 1)
        return f"e.name = {self.bind(name, 'text')}"

    def property(self, match: Match, name: str) -> str:
        """A scalar property of an event of the match."""
        self.readers.setdefault(name, set()).add(match.name)
        return f"({sql.scalar(self.raw(name))})"

    def raw(self, name: str) -> str:
        """A property as it was sent."""
        return sql.member("e.properties", self.bind(name, "text"))

    def hard(self) -> str:
        """Whether `e` has a number that is read but cannot be cast."""
        tests = []
        for name, readers in self.readers.items():
            test = sql.is_hard(self.raw(name))
            if ANY_EVENT not in readers:
                named = " OR ".join(self.named(reader) for reader in sorted(readers))
                test = f"(({named}) AND {test})"
            tests.append(test)
        return f"({' OR '.join(tests) or 'false'})"

    def bounds(self, site_id: str) -> str:
        """A test that all events pass that are asked about; `site_id` is bound."""
        if self.has_all_names:
            return f"e.site_id = {site_id}"
        names = self.bind(list(self.names), "text[]")
        return f"e.site_id = {site_id} AND e.name = ANY({names})"


ORDER = 'e.occurred_at, coalesce(e.original_at, e.occurred_at), e.message_id COLLATE "C"'


def last_field(row: str, fields: int) -> str:
    """The last of the fields of a row without names: the greatest row is found without sorting."""
    return f"(to_jsonb({row}) -> 'f{fields}')"


def moment(bind: Binder, ms: int) -> str:
    """An instant as a constant: an addition would be made anew for every row."""
    return bind(moment_text(ms), "timestamptz")


def moment_text(ms: int) -> str:
    """Milliseconds since 1970 as Postgres reads them."""
    return (EPOCH + timedelta(milliseconds=ms)).isoformat()

"""What a ledger is, and the digests that seal it.

A ledger is a table of an app to which rows are only added. Each gets a link in the chain of its
site, in a table of its own, so that writers never wait for each other and a row may go, when its
time is over, while its link stays:

    content_n = sha256(salt || the columns, as JSON)
    chain_n   = sha256(chain_(n-1) || everything that the link says, as JSON)

The salt stands in the row and goes with it: a digest that outlives the row tells nobody what it
said. What an erasure takes from a row that stays has a digest and a salt of its own, `apart`.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final
from uuid import UUID

from django.db import connection

NO_SITE: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Form:
    """Which columns of a row are sealed; a ledger that gets new ones gets a new form for them.

    Args:
        columns: what never changes, the time and the site among them.
        apart: what an erasure takes from a row that stays.
    """

    columns: tuple[str, ...]
    apart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """A table that is sealed.

    Args:
        name: what people and the command call it, at most 20 characters.
        forms: the first ever to the present one; new rows are sealed by the last. Never edit one.
        keeps: how long rows are kept at least. One that is gone sooner was deleted.
        salt_column: 16 random bytes of a row (uuid) that nothing else tells.
        apart_salt_column: the same for the columns apart; NULL once an erasure has taken them.
        after_erasure: how an erasure leaves a row, column by column, in Postgres' own words.
        id_type: "uuid" or "bigint".
    """

    name: str
    title: str
    table: str
    forms: tuple[Form, ...]
    keeps: timedelta
    id_column: str = "id"
    id_type: str = "uuid"
    site_column: str = "site_id"
    at_column: str = "at"
    salt_column: str = "salt"
    apart_salt_column: str | None = None
    after_erasure: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column that a check looks at, each once."""
        wanted = [self.id_column, self.site_column, self.at_column, self.salt_column]
        wanted += [self.apart_salt_column] if self.apart_salt_column else []
        for form in self.forms:
            wanted += [*form.columns, *form.apart]
        return tuple(dict.fromkeys([*wanted, *self.after_erasure]))

    def rows(self, row_ids: Collection[str]) -> dict[str, "Row"]:
        """Return the rows with these ids that are there, and can be read. One statement.

        What Postgres holds and Python cannot read, such as the year 20000, nobody wrote by us: it
        counts as gone, and hides no other.
        """
        known = [one for one in row_ids if self._is_id(one)]
        if not known:
            return {}
        try:
            return self._read(known)
        except ValueError:
            half = len(known) // 2
            return self.rows(known[:half]) | self.rows(known[half:]) if half else {}

    def _read(self, known: Sequence[str]) -> dict[str, "Row"]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(self.columns)} FROM {self.table}"
                f" WHERE {self.id_column} = ANY(%s::{self.id_type}[])",
                [list(known)],
            )
            found = (dict(zip(self.columns, values, strict=True)) for values in cursor.fetchall())
            return {str(values[self.id_column]): Row(self, values) for values in found}

    def _is_id(self, text: str) -> bool:
        """Somebody may have written anything into a link or among what waits."""
        try:
            # As Postgres writes it: Python takes many another text for a number or a UUID.
            one = UUID(text) if self.id_type == "uuid" else int(text)
        except ValueError:
            return False
        return str(one) == text and (isinstance(one, UUID) or 0 <= one < 2**63)


class Row:
    """A row of a ledger as it stands now."""

    def __init__(self, ledger: Ledger, values: Mapping[str, object]) -> None:
        """Hold the values of `ledger.columns`."""
        self._ledger = ledger
        self._values = values
        site_id, at = values[ledger.site_column], values[ledger.at_column]
        assert isinstance(at, datetime)
        self.at = at
        self.site_id = site_id if isinstance(site_id, UUID) else NO_SITE

    def content(self, form: Form) -> bytes | None:
        """Return the digest of what never changes; None: the salt is gone, which nobody may do."""
        return self._digest(self._ledger.salt_column, form.columns)

    def apart(self, form: Form) -> bytes | None:
        """Return the digest of what an erasure takes; None: there is nothing (left) of it."""
        salt = self._ledger.apart_salt_column
        return self._digest(salt, form.apart) if salt and form.apart else None

    @property
    def is_erased(self) -> bool:
        """Is it as an erasure leaves it?"""
        salt = self._ledger.apart_salt_column
        if salt is None or self._values[salt] is not None:
            return False
        expected = self._ledger.after_erasure
        return all(self._values[name] == value for name, value in expected.items())

    def _digest(self, salt_column: str, names: tuple[str, ...]) -> bytes | None:
        salt = self._values[salt_column]
        if not isinstance(salt, UUID):
            return None
        text = as_text({name: _plain(self._values[name]) for name in names})
        return hashlib.sha256(salt.bytes + text).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """What one link of a chain says, besides the digest that chains it."""

    seq: int
    row_id: str
    form: int
    row_at: datetime
    since: datetime | None
    sealed_at: datetime
    content: bytes | None
    apart: bytes | None

    def after(self, chain: bytes) -> bytes:
        """Return the digest that chains this link to the one before."""
        said = [
            self.seq,
            self.row_id,
            self.form,
            *(_plain(at) for at in (self.row_at, self.since, self.sealed_at)),
            *(one.hex() if one is not None else None for one in (self.content, self.apart)),
        ]
        return hashlib.sha256(chain + as_text(said)).digest()


def beginning(ledger: str, site_id: UUID) -> bytes:
    """Return what the first link of a chain is chained to."""
    return hashlib.sha256(f"attune:{ledger}:{site_id.hex}".encode()).digest()


def as_text(value: object) -> bytes:
    """Return JSON that is the same for the same value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _plain(value: object) -> object:
    """Times to the microsecond in UTC, ids in hex; a JSON column is the text Postgres has of it."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case UUID():
            return value.hex
    assert value is None or isinstance(value, str | int | float), type(value)
    return value


_ledgers: Final[dict[str, Ledger]] = {}


def register(ledger: Ledger) -> None:
    """Have a table sealed, from its app's ready(). Its migration sets the triggers.

    These are `work_to_seal` after each INSERT, and one that refuses what a ledger may not do.
    """
    assert len(ledger.name) <= 20 and ledger.id_type in ("uuid", "bigint"), ledger.name
    assert all(ledger.at_column in f.columns and ledger.site_column in f.columns
               for f in ledger.forms), ledger.name  # fmt: skip
    assert _ledgers.get(ledger.name, ledger) == ledger, f"{ledger.name} is registered twice"
    _ledgers[ledger.name] = ledger


def registered() -> tuple[Ledger, ...]:
    """Return the ledgers, by name."""
    return tuple(_ledgers[name] for name in sorted(_ledgers))


def named(name: str) -> Ledger:
    """Return a ledger that is registered."""
    return _ledgers[name]

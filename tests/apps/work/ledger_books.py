"""The ledgers as tests write them, and as somebody with the rights of their owner tampers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.access import services as access
from apps.access.models import Site
from apps.consent import services as consent
from apps.work import ledgers
from apps.work.models import Seal
from apps.work.verifying import Verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@contextmanager
def owner() -> Iterator[Any]:
    """A cursor of somebody whom no trigger stops."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


class Book(ABC):
    """A site and one of its ledgers."""

    name: str
    table: str
    # A column of what never changes, and another value for it.
    change: tuple[str, str]

    def __init__(self, key: str = "shop") -> None:
        self.site = access.create_site(key=key, name=key, now=NOW)

    @abstractmethod
    def write(self, count: int = 1, *, now: datetime = NOW) -> None:
        """Write so many entries, as the product does."""

    def ids(self) -> list[str]:
        """Of all entries, in their order."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id::text FROM {self.table} AS one ORDER BY one.id")
            return [one for (one,) in cursor.fetchall()]

    def seal(self, *, now: datetime = NOW) -> int:
        return ledgers.seal(now=now)

    def verify(self, *, now: datetime = NOW) -> Verdict:
        return ledgers.verify(self.name, now=now)

    def first_bad(self, *, now: datetime = NOW) -> tuple[str, str]:
        """What a check says is wrong first: the kind, and the row."""
        bad = self.verify(now=now).first_bad
        assert bad is not None, "it says that all is well"
        return bad.kind, bad.row_id

    def links(self, site: Site | None = None) -> list[Seal]:
        """The chain of the site."""
        site_id = (site or self.site).pk
        return list(Seal.objects.filter(ledger=self.name, site_id=site_id).order_by("seq"))

    def tamper(self, row_id: str, **values: object) -> None:
        """Set columns of an entry past the trigger; values are SQL."""
        sets = ", ".join(f"{column} = {value}" for column, value in values.items())
        with owner() as cursor:
            cursor.execute(f"UPDATE {self.table} SET {sets} WHERE id::text = %s", [row_id])
            assert cursor.rowcount == 1

    def remove(self, row_ids: Sequence[str]) -> None:
        """Delete entries past the trigger."""
        with owner() as cursor:
            cursor.execute(f"DELETE FROM {self.table} WHERE id::text = ANY(%s)", [list(row_ids)])
            assert cursor.rowcount == len(row_ids)

    @abstractmethod
    def copy_sql(self) -> str:
        """SQL that puts in a copy of the entry with the id %s, of the moment %s."""

    def forge(self, *, now: datetime, past_triggers: bool) -> str:
        """Put in a copy of the first entry that is said to be of `now`; return its id."""
        first = self.ids()[0]
        if past_triggers:
            with owner() as cursor:
                cursor.execute(self.copy_sql(), [now, first])
                return str(cursor.fetchone()[0])
        with connection.cursor() as cursor:
            cursor.execute(self.copy_sql(), [now, first])
            return str(cursor.fetchone()[0])


class Audit(Book):
    """The audit trail."""

    name = "audit"
    table = "access_auditentry"
    change = ("action", "'nothing.happened'")

    def write(self, count: int = 1, *, now: datetime = NOW) -> None:
        for number in range(count):
            access.record_audit(
                action="shop.opened", actor=None, site_id=self.site.pk, target_kind="door",
                target_id=str(number), detail={"why": "it is nine", "doors": [1, 2.5]}, now=now,
            )  # fmt: skip

    def copy_sql(self) -> str:
        kept = "site_id, actor_id, actor_label, action, target_kind, target_id, detail"
        return (
            f"INSERT INTO access_auditentry (at, {kept}) SELECT %s, {kept}"
            " FROM access_auditentry WHERE id::text = %s RETURNING id"
        )


class Consent(Book):
    """The consent ledger."""

    name = "consent"
    table = "consent_consentevent"
    change = ("granted_after", "granted_after | 16")

    def write(self, count: int = 1, *, now: datetime = NOW) -> None:
        for number in range(count):
            self.say(f"a{number}", now=now)

    def say(self, visitor: str, *, now: datetime = NOW, is_yes: bool = True) -> None:
        consent.record_choice(
            site_id=self.site.pk, source_id=None, identities=[("anonymous_id", visitor)],
            purposes={"analytics": is_yes}, method="banner", policy_version="3", gpc=False,
            signals={"banner": "shop-banner 2", "of": visitor}, client_at=None, regime="eu_opt_in",
            now=now,
        )  # fmt: skip

    def profile_of(self, row_id: str) -> UUID:
        with connection.cursor() as cursor:
            cursor.execute("SELECT profile_id FROM consent_consentevent WHERE id = %s", [row_id])
            found: UUID = cursor.fetchone()[0]
        return found

    def copy_sql(self) -> str:
        kept = (
            "site_id, profile_id, identity_id, subject_digest, kind, purposes, granted_before,"
            " denied_before, granted_after, denied_after, epoch, regime, policy_version, method,"
            " has_gpc, signals, client_at, source_id"
        )
        return (
            f"INSERT INTO consent_consentevent (id, at, {kept})"
            f" SELECT gen_random_uuid(), %s, {kept}"
            " FROM consent_consentevent WHERE id::text = %s RETURNING id"
        )


BOOKS: dict[str, type[Book]] = {"audit": Audit, "consent": Consent}


def bad(verdict: Verdict) -> list[tuple[str, str]]:
    """Every first bad row of a verdict: kind and row."""
    return [(one.kind, one.row_id) for one in verdict.bad]

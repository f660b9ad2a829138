"""The kinds of data that are kept for a time, where they lie, and how what is over is removed.

Most are rows of one table with a moment in it. Each kind says its own in plain words: the page of
retention and the record of processing are made from this list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.consent.types import ERASING_SETTING

BATCH: Final = 5_000


@dataclass(slots=True)
class Removed:
    """What a run removed of one kind, or would. `tables` says it table by table."""

    tables: dict[str, int] = field(default_factory=dict)
    partitions: int = 0
    is_partly: bool = False
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All of them together."""
        return sum(self.tables.values())

    def add(self, table: str, rows: int) -> None:
        """Count rows of a table."""
        self.tables[table] = self.tables.get(table, 0) + rows


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that go by a moment in them.

    Args:
        clock: the column, or an expression of it, by which they are old; `t` is the table.
        of_site: a condition with one %s for the site's id; "" when rows are of no site.
        more: what else must hold.
        is_sealed: the table is append-only, and lets retention through when it says so.
        shown: what is told of the oldest, if it is not `clock`.
    """

    table: str
    clock: str
    of_site: str = "t.site_id = %s"
    more: str = ""
    key: str = "id"
    is_sealed: bool = False
    shown: str = ""

    def where(self) -> str:
        """The condition, with %s for the site (if any) and the cutoff."""
        return " AND ".join(filter(None, (self.of_site, f"{self.clock} < %s", self.more)))

    def count(self, site_id: UUID | None, cutoff: datetime) -> int:
        """How many are over."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {self.table} t WHERE {self.where()}",  # nosec B608
                self._values(site_id, cutoff),
            )
            return int(cursor.fetchone()[0])

    def delete(self, site_id: UUID | None, cutoff: datetime) -> int:
        """Delete what is over, in batches that are transactions of their own; how many."""
        total, deleted = 0, BATCH
        while deleted == BATCH:
            with transaction.atomic(), connection.cursor() as cursor:
                if self.is_sealed:
                    cursor.execute(f"SET LOCAL {ERASING_SETTING} = 'on'")
                cursor.execute(
                    f"DELETE FROM {self.table} WHERE {self.key} IN (SELECT t.{self.key}"  # nosec B608
                    f" FROM {self.table} t WHERE {self.where()} LIMIT {BATCH})",
                    self._values(site_id, cutoff),
                )
                deleted = int(cursor.rowcount)
                if self.is_sealed:
                    cursor.execute(f"SET LOCAL {ERASING_SETTING} = 'off'")
            total += deleted
        return total

    def oldest(self, site_id: UUID | None) -> datetime | None:
        """The moment of the oldest row there is."""
        condition = " AND ".join(filter(None, (self.of_site, self.more))) or "true"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT min({self.shown or self.clock}) FROM {self.table} t WHERE {condition}",  # nosec B608
                [] if not self.of_site else [str(site_id)],
            )
            found: datetime | None = cursor.fetchone()[0]
        return found

    def _values(self, site_id: UUID | None, cutoff: datetime) -> list[Any]:
        return [cutoff] if not self.of_site else [str(site_id), cutoff]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data.

    Args:
        key: its name in settings, pages and proof; for good.
        title, what: in plain words: what it is, and what happens when its time is over.
        days: None where `apps.access.keeping` has the number, which sites can change.
        rows: where it lies; empty for those with an `act` of their own.
        act: removes (or counts, if dry) what a site has of it: (site, cutoff, is_dry).
        oldest: of a site, for kinds without rows.
        elsewhere: who removes it, if it is not this run: it is only looked at.
        slack: by so much what is left may be older than the cutoff, for a reason that `what` says.
    """

    key: str
    title: str
    what: str
    rows: Sequence[Rows] = ()
    days: int | None = None
    act: Callable[[UUID | None, datetime, bool], Removed] | None = None
    oldest: Callable[[UUID | None], datetime | None] | None = None
    elsewhere: str = ""
    slack: timedelta = timedelta()
    is_of_sites: bool = True

    def carry_out(self, site_id: UUID | None, cutoff: datetime, *, is_dry: bool) -> Removed:
        """Remove what is over of a site, or count it."""
        removed = Removed()
        if self.act is not None:
            removed = self.act(site_id, cutoff, is_dry)
        for rows in self.rows:
            if is_dry or self.elsewhere:
                removed.add(rows.table, rows.count(site_id, cutoff))
            else:
                removed.add(rows.table, rows.delete(site_id, cutoff))
        return removed

    def oldest_left(self, site_id: UUID | None) -> datetime | None:
        """The moment of the oldest that there is."""
        found = [rows.oldest(site_id) for rows in self.rows]
        if self.oldest is not None:
            found.append(self.oldest(site_id))
        return min(filter(None, found), default=None)


# A table without a site of its own, by the row that has one.
_BY_TRIGGER: Final = (
    "EXISTS (SELECT FROM rules_trigger g WHERE g.id = t.trigger_id AND g.site_id = %s)"
)
_BY_RECIPIENT: Final = (
    "EXISTS (SELECT FROM consent_recipient r WHERE r.id = t.recipient_id AND r.site_id = %s)"
)
# A yes ends after twelve months at most, and what it allowed must be provable for three years more.
# Of people who are still known, everything is kept that their present state was made of.
_AFTER_THE_LAST: Final = (
    "((SELECT max(n.at) FROM consent_consentevent n WHERE n.site_id = t.site_id"
    " AND n.subject_digest = t.subject_digest) + interval '12 months')"
)

ROWS: Final[tuple[Kind, ...]] = (
    Kind(
        "decisions",
        "Decision log",
        "What each visitor was shown and why. Rows are deleted; counts by day stay.",
        [Rows("decisions_decisionrecord", "t.at")],
    ),
    Kind(
        "quarantine",
        "Quarantine",
        "Refused events, whether they wait, were replayed or were discarded.",
        [Rows("events_quarantine", "t.received_at")],
    ),
    Kind(
        "firings",
        "Firings of triggers",
        "Whom a trigger fired for, and whom it told, in every state.",
        [Rows("rules_firing", "t.at", _BY_TRIGGER)],
    ),
    Kind(
        "disclosures",
        "Who was told about whom",
        "Which recipients got data about a person. Erasures and corrections are told to them.",
        [Rows("consent_disclosure", "t.last_at", _BY_RECIPIENT)],
    ),
    Kind(
        "feed",
        "Change feed",
        "Lines that say what changed about a person. Readers that are further behind miss them.",
        [Rows("work_changefeed", "t.at")],
    ),
    Kind(
        "consent",
        "Proof of consent",
        "Of people who were erased: kept under a pseudonym until twelve months after their last"
        " choice (when a yes ends) and the time given here are over. Its seal stays.",
        [
            Rows(
                "consent_consentevent",
                _AFTER_THE_LAST,
                more="t.profile_id IS NULL",
                is_sealed=True,
                shown="t.at",
            )
        ],
        # A person's first choice stays for as long as the last one does.
        slack=timedelta(days=36_500),
    ),
)
# Of no site, or removed by those who write it; looked at here, so that nothing is forgotten.
GENERAL: Final[tuple[Kind, ...]] = (
    Kind(
        "audit",
        "Audit trail",
        "Who of the staff did what. Its seals stay.",
        [Rows("access_auditentry", "t.at", "", is_sealed=True)],
        days=730,
        is_of_sites=False,
    ),
    Kind(
        "message_ids",
        "Ids of messages",
        "By which an event that is sent twice is known.",
        [Rows("events_dedupekey", "t.received_at", "")],
        days=30,
        elsewhere="Forget old message ids",
        is_of_sites=False,
    ),
    Kind(
        "answers",
        "Answers kept for repeated calls",
        "For calls with an Idempotency-Key.",
        [Rows("access_idempotentcall", "t.started_at", "")],
        days=1,
        elsewhere="Forget old message ids",
        is_of_sites=False,
    ),
    Kind(
        "cms_calls",
        "Calls of content systems",
        "What they sent and what came of it.",
        [Rows("integrations_incoming", "t.received_at", "", "t.ended_at IS NULL")],
        days=30,
        is_of_sites=False,
    ),
    Kind(
        "person_lists",
        "Lists of items for people",
        "What a recommender lists for each person, for e-mail. Written anew with each training.",
        [Rows("recommendations_personlist", "t.as_of", "")],
        days=30,
        is_of_sites=False,
    ),
    Kind(
        "packages",
        "Packages for people",
        "Copies of a person's data that wait to be fetched.",
        [Rows("privacy_package", "t.expires_at - interval '7 days'", "", "t.closed_at IS NULL")],
        days=7,
        elsewhere="Privacy requests",
        is_of_sites=False,
    ),
    Kind(
        "sessions",
        "Sessions of staff",
        "Who is signed in to the admin. They end after two weeks without a visit.",
        [Rows("django_session", "t.expire_date", "", key="session_key")],
        days=0,
        is_of_sites=False,
    ),
    Kind(
        "proof",
        "Runs of retention",
        "The list on this page.",
        [Rows("privacy_retentionrun", "t.at", "")],
        days=730,
        is_of_sites=False,
    ),
)

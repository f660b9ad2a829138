"""Whether a ledger is what was sealed, and which row is the first that is not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.work.anchors import Anchor, anchors_of
from apps.work.ledger_rows import NO_SITE, Ledger, Link, Row, beginning, named
from apps.work.models import Seal, SealHead

PAGE: Final = 2_000  # links
# Of a row that waits longer than this the sealer should have heard.
PATIENCE: Final = timedelta(minutes=10)
# Who writes a row may have begun hours ago, and tell that moment; nobody takes a day.
LATE: Final = timedelta(days=1)

WORDS: Final = {
    "changed": "The entry is not what was sealed.",
    "deleted": "The entry is gone before its time was over.",
    "inserted": "The entry was put in past the ledger, or long after the moment that it tells.",
    "link": "The chain breaks here: a link was changed, moved, taken out or put in.",
    "cut": "The chain ends before a link that is known to have been there.",
    "unsealed": "The entry waits for its seal for more than ten minutes: is a worker running?",
}

_STRAYS: Final = """
SELECT one.{id}::text, one.{site} FROM {table} one
WHERE NOT EXISTS (SELECT FROM work_seal s WHERE s.ledger = %(ledger)s AND s.row_id = one.{id}::text)
  AND NOT EXISTS (
    SELECT FROM work_unsealed u WHERE u.ledger = %(ledger)s AND u.row_id = one.{id}::text)
  AND (%(site)s::uuid IS NULL OR one.{site} = %(site)s::uuid)
ORDER BY one.{id} LIMIT 1
"""
_WAITING: Final = """
SELECT row_id FROM work_unsealed
WHERE ledger = %s AND at < clock_timestamp() - make_interval(secs => %s) ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Bad:
    """The first bad row of a chain. `kind` is a key of WORDS; `seq` 0: the row has no link."""

    kind: str
    site_id: UUID | None
    seq: int
    row_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check has found.

    Args:
        sealed: links looked at.
        redacted: rows of these that an erasure has taken a part from, or whose time was over.
        anchored: heads outside the database that were compared.
        bad: the first bad row of each chain that has one; empty: all is as it was sealed.
    """

    ledger: str
    sealed: int
    redacted: int
    anchored: int
    bad: tuple[Bad, ...] = ()

    @property
    def first_bad(self) -> Bad | None:
        """The first bad row, or None."""
        return self.bad[0] if self.bad else None

    def as_json(self) -> dict[str, Any]:
        """What is kept of it, and what the command prints."""
        return {
            "ledger": self.ledger,
            "sealed": self.sealed,
            "redacted": self.redacted,
            "anchored": self.anchored,
            "bad": [
                {
                    "kind": one.kind,
                    "site": str(one.site_id) if one.site_id else None,
                    "seq": one.seq,
                    "row": one.row_id,
                    "words": WORDS[one.kind],
                }
                for one in self.bad
            ],
        }


def verify(
    name: str,
    site_id: UUID | None = None,
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Compare every row of a ledger with its link, and every chain with its anchors.

    Reads all of it, by pages: a minute or two for a million rows. What is sealed meanwhile is
    looked at or not. A chain is followed no further than to its first bad row.

    Args:
        site_id: of one site only; without it of all, and of what belongs to none.
        progress: told after each page how many links were looked at.
    """
    ledger = named(name)
    verdict = Verdict(name, 0, 0, 0)
    anchors = _by_site(ledger)
    for chain_of in _sites(ledger, anchors) if site_id is None else [site_id]:
        walk = _Walk(ledger, chain_of, anchors.get(chain_of, []), now)
        for looked_at in walk.pages():
            if progress is not None:
                progress(verdict.sealed + looked_at)
        verdict = replace(
            verdict,
            sealed=verdict.sealed + walk.sealed,
            redacted=verdict.redacted + walk.redacted,
            anchored=verdict.anchored + walk.anchored,
            bad=(*verdict.bad, *([walk.bad] if walk.bad else [])),
        )
    return replace(verdict, bad=(*verdict.bad, *_without_link(ledger, site_id)))


class _Walk:
    """One chain, link by link."""

    def __init__(
        self, ledger: Ledger, site_id: UUID, anchors: Sequence[Anchor], now: datetime
    ) -> None:
        self._ledger, self._site_id, self._now = ledger, site_id, now
        self._anchors: dict[int, set[bytes]] = {}
        for one in anchors:
            self._anchors.setdefault(one.seq, set()).add(one.chain)
        self.sealed = self.redacted = self.anchored = 0
        self.bad: Bad | None = None

    def pages(self) -> Iterator[int]:
        """Follow the chain; yield how many links were looked at, page by page."""
        # Before the links: the sealer goes on meanwhile, and a head never goes back.
        head = SealHead.objects.filter(ledger=self._ledger.name, site_id=self._site_id).first()
        chain, last = beginning(self._ledger.name, self._site_id), 0
        ends = dict(self._anchors)
        if head is not None:
            ends[head.seq] = ends.get(head.seq, set()) | {bytes(head.chain)}
        seals_of = Seal.objects.filter(ledger=self._ledger.name, site_id=self._site_id)
        size = PAGE
        while self.bad is None:
            try:
                seals = list(seals_of.filter(seq__gt=last).order_by("seq")[:size])
            except ValueError:  # a moment that Python does not know: one by one up to that link
                if size == 1:
                    self.bad = Bad("link", _shown(self._site_id), last + 1, "")
                size = 1
                continue
            rows = self._ledger.rows([seal.row_id for seal in seals])
            for seal in seals:
                link = _link(seal)
                follows = link.after(chain)
                is_next = link.seq == last + 1
                if is_next and {bytes(seal.chain), *ends.get(link.seq, ())} == {follows}:
                    kind = self._judge(link, rows.get(link.row_id))
                else:
                    kind = "link"
                if kind is not None:
                    self.bad = Bad(kind, _shown(self._site_id), link.seq, link.row_id)
                    break
                chain, last = follows, link.seq
                self.sealed += 1
                self.anchored += link.seq in self._anchors
            yield self.sealed
            if len(seals) < size:
                break
        if self.bad is None and max(ends, default=0) > last:
            self.bad = Bad("cut", _shown(self._site_id), last + 1, "")

    def _judge(self, link: Link, row: Row | None) -> str | None:
        """Compare a row with its link; None: it is what was sealed, as far as it is still there."""
        ledger = self._ledger
        if row is None:
            if self._now - link.row_at < ledger.keeps:
                return "deleted"
            self.redacted += 1
            return None
        if not 1 <= link.form <= len(ledger.forms):
            return "link"
        form = ledger.forms[link.form - 1]
        if link.content is None or row.content(form) != link.content or row.at != link.row_at:
            return "changed"
        if link.since is not None and link.row_at < link.since - LATE:
            return "inserted"
        if row.is_erased:
            self.redacted += 1
        elif row.apart(form) != link.apart:
            return "changed"
        return None


def _without_link(ledger: Ledger, site_id: UUID | None) -> list[Bad]:
    """Return the first row that nobody told the sealer of, and the first that waits too long."""
    sql = _STRAYS.format(id=ledger.id_column, site=ledger.site_column, table=ledger.table)
    wanted = site_id if site_id != NO_SITE else None
    with transaction.atomic(), connection.cursor() as cursor:
        # Where statistics are old, a loop over all notes for each row: hours instead of a second.
        cursor.execute("SET LOCAL enable_nestloop = off")
        # One statement sees rows, links and notes as they are at one moment.
        cursor.execute(sql, {"ledger": ledger.name, "site": wanted})
        found = [Bad("inserted", site, 0, row_id) for row_id, site in cursor.fetchall()]
        cursor.execute(_WAITING, [ledger.name, PATIENCE.total_seconds()])
        found += [Bad("unsealed", None, 0, row_id) for (row_id,) in cursor.fetchall()]
    return found


def _by_site(ledger: Ledger) -> dict[UUID, list[Anchor]]:
    found: dict[UUID, list[Anchor]] = {}
    for one in anchors_of(ledger):
        found.setdefault(one.site_id, []).append(one)
    return found


def _sites(ledger: Ledger, anchors: dict[UUID, list[Anchor]]) -> list[UUID]:
    """Every site that has a chain, or is known to have had one."""
    of_seals = Seal.objects.filter(ledger=ledger.name).values_list("site_id", flat=True).distinct()
    of_heads = SealHead.objects.filter(ledger=ledger.name).values_list("site_id", flat=True)
    return sorted({*of_seals, *of_heads, *anchors})


def _link(seal: Seal) -> Link:
    return Link(
        seq=seal.seq,
        row_id=seal.row_id,
        form=seal.form,
        row_at=seal.row_at,
        since=seal.since,
        sealed_at=seal.sealed_at,
        content=bytes(seal.content) if seal.content is not None else None,
        apart=bytes(seal.apart) if seal.apart is not None else None,
    )


def _shown(site_id: UUID) -> UUID | None:
    return site_id if site_id != NO_SITE else None

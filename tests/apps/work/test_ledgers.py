"""One changed, deleted, added or moved row of a sealed ledger is found, and named."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.work import ledgers
from apps.work.ledger_rows import Link
from apps.work.models import LedgerState, Seal, SealHead, Unsealed
from tests.apps.work.ledger_books import BOOKS, NOW, Audit, Book, Consent, bad, owner

YEARS = timedelta(days=4 * 365)
FAR = "20000-01-01T00:00:00Z"  # Postgres knows it, Python does not


@pytest.fixture(params=sorted(BOOKS))
def book(request: pytest.FixtureRequest, db: None, settings: Any, tmp_path: Path) -> Book:
    settings.ANCHOR_DIR = tmp_path / "anchors"
    return BOOKS[request.param]()


@pytest.fixture
def sealed(book: Book) -> Book:
    """Ten entries, sealed in two goes."""
    book.write(6)
    book.seal()
    book.write(4)
    book.seal(now=NOW + timedelta(seconds=5))
    return book


def test_what_was_written_is_sealed_and_whole(book: Book) -> None:
    book.write(5)
    assert book.seal() >= 5
    assert book.seal() == 0
    assert not Unsealed.objects.exists()
    assert {link.row_id for link in book.links()} == set(book.ids())
    verdict = book.verify()
    assert verdict.bad == ()
    assert (verdict.sealed, verdict.redacted) == (len(book.ids()), 0)


def test_each_site_has_a_chain_of_its_own(sealed: Book) -> None:
    one = sealed.links()
    assert [link.seq for link in one] == list(range(1, len(one) + 1))
    other = type(sealed)("second")
    other.write(3)
    other.seal()
    assert [link.seq for link in other.links()][:3] == [1, 2, 3]
    assert sealed.links() == one
    assert ledgers.verify(sealed.name, other.site.pk, now=NOW).sealed == len(other.links())


def test_a_changed_row_is_found_and_named(sealed: Book) -> None:
    victim = sealed.ids()[4]
    column, value = sealed.change
    sealed.tamper(victim, **{column: value})
    assert bad(sealed.verify()) == [("changed", victim)]


def test_the_first_of_several_is_named(sealed: Book) -> None:
    column, value = sealed.change
    third, fourth = (link.row_id for link in sealed.links()[2:4])
    sealed.tamper(fourth, **{column: value})
    sealed.remove([third])
    assert sealed.first_bad() == ("deleted", third)


@pytest.mark.parametrize("value", ["at + interval '1 microsecond'", "at - interval '1 year'"])
def test_a_moved_moment_is_found(sealed: Book, value: str) -> None:
    victim = sealed.ids()[-1]
    sealed.tamper(victim, at=value)
    assert sealed.first_bad() == ("changed", victim)


def test_a_row_with_another_salt_is_found(sealed: Book) -> None:
    victim = sealed.ids()[1]
    sealed.tamper(victim, salt="gen_random_uuid()")
    assert sealed.first_bad() == ("changed", victim)


@pytest.mark.parametrize("place", [0, 5, -1], ids=["first", "middle", "last"])
def test_a_deleted_row_is_found_and_named(sealed: Book, place: int) -> None:
    victim = sealed.ids()[place]
    sealed.remove([victim])
    assert bad(sealed.verify()) == [("deleted", victim)]


def test_a_row_deleted_before_its_seal_is_found(sealed: Book) -> None:
    sealed.write()
    victim = sealed.ids()[-1]
    sealed.remove([victim])
    sealed.seal()
    assert sealed.first_bad() == ("deleted", victim)


def test_a_row_put_in_past_the_triggers_is_found(sealed: Book) -> None:
    forged = sealed.forge(now=NOW, past_triggers=True)
    sealed.seal()
    assert bad(sealed.verify()) == [("inserted", forged)]


def test_a_row_of_long_ago_put_in_today_is_found(sealed: Book) -> None:
    forged = sealed.forge(now=NOW - timedelta(days=3), past_triggers=False)
    sealed.seal()
    assert bad(sealed.verify()) == [("inserted", forged)]


def test_what_a_long_piece_of_work_writes_at_its_end_is_in_order(sealed: Book) -> None:
    sealed.forge(now=NOW - timedelta(hours=5), past_triggers=False)
    sealed.seal()
    assert sealed.verify().bad == ()


def test_what_was_there_before_the_first_seal_is_in_order(book: Book) -> None:
    book.write(3, now=NOW - timedelta(days=100))
    book.seal()
    assert book.verify().bad == ()


def test_two_rows_that_changed_places_are_found(sealed: Book) -> None:
    second, third = (link.row_id for link in sealed.links()[1:3])
    with owner() as cursor:
        free = "0" if sealed.name == "audit" else str(sealed.site.pk)
        for old, new in ((second, free), (third, second), (free, third)):
            cursor.execute(
                f"UPDATE {sealed.table} SET id = %s WHERE id::text = %s", [new, str(old)]
            )
    assert sealed.first_bad() == ("changed", second)


def test_two_links_that_changed_places_are_found(sealed: Book) -> None:
    with owner() as cursor:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            cursor.execute(
                "UPDATE work_seal SET seq = %s WHERE ledger = %s AND site_id = %s AND seq = %s",
                [new, sealed.name, sealed.site.pk, old],
            )
    verdict = sealed.verify()
    assert [(one.kind, one.seq) for one in verdict.bad] == [("link", 2)]


def test_a_row_and_its_link_taken_out_are_found(sealed: Book) -> None:
    victim = sealed.links()[3]
    sealed.remove([victim.row_id])
    with owner() as cursor:
        cursor.execute("DELETE FROM work_seal WHERE row_id = %s", [victim.row_id])
    found = sealed.verify().first_bad
    assert found is not None
    assert (found.kind, found.seq) == ("link", 5)


def relinked(book: Book, since: int) -> None:
    """Link the chain anew from a link on, after its rows: as good as it can be forged."""
    ledger = next(one for one in ledgers.registered() if one.name == book.name)
    links = book.links()
    chain = bytes(links[since - 2].chain)
    for seal in links[since - 1 :]:
        row = ledger.rows([seal.row_id])[seal.row_id]
        form = ledger.forms[-1]
        link = Link(
            seal.seq, seal.row_id, seal.form, row.at, seal.since, seal.sealed_at,
            row.content(form), row.apart(form),
        )  # fmt: skip
        chain = link.after(chain)
        with owner() as cursor:
            cursor.execute(
                "UPDATE work_seal SET content = %s, row_at = %s, chain = %s"
                " WHERE ledger = %s AND row_id = %s",
                [link.content, link.row_at, chain, book.name, seal.row_id],
            )
    SealHead.objects.filter(ledger=book.name, site_id=book.site.pk).update(chain=chain)


def test_a_row_and_its_link_changed_together_are_found(sealed: Book) -> None:
    victim = sealed.links()[3]
    column, value = sealed.change
    sealed.tamper(victim.row_id, **{column: value})
    ledger = next(one for one in ledgers.registered() if one.name == sealed.name)
    content = ledger.rows([victim.row_id])[victim.row_id].content(ledger.forms[-1])
    with owner() as cursor:
        cursor.execute(
            "UPDATE work_seal SET content = %s WHERE row_id = %s", [content, victim.row_id]
        )
    found = sealed.verify().first_bad
    assert found is not None
    assert (found.kind, found.row_id) == ("link", victim.row_id)


def test_a_ledger_linked_anew_is_found_by_what_was_noted_elsewhere(sealed: Book) -> None:
    ledgers.anchor(now=NOW)
    assert sealed.verify().anchored >= 1
    victim = sealed.links()[3]
    column, value = sealed.change
    sealed.tamper(victim.row_id, **{column: value})
    relinked(sealed, victim.seq)
    last = sealed.links()[-1]
    found = sealed.verify().first_bad
    assert found is not None
    assert (found.kind, found.seq) == ("link", last.seq)


def test_an_end_that_was_cut_off_is_found_by_what_was_noted_elsewhere(sealed: Book) -> None:
    ledgers.anchor(now=NOW)
    links = sealed.links()
    sealed.remove([links[-1].row_id])
    with owner() as cursor:
        cursor.execute("DELETE FROM work_seal WHERE row_id = %s", [links[-1].row_id])
    before = links[-2]
    heads = SealHead.objects.filter(ledger=sealed.name, site_id=sealed.site.pk)
    heads.update(seq=before.seq, chain=bytes(before.chain))
    found = sealed.verify().first_bad
    assert found is not None
    assert (found.kind, found.seq) == ("cut", links[-1].seq)


def test_an_end_that_was_cut_off_is_found_by_the_head(sealed: Book) -> None:
    last = sealed.links()[-1]
    sealed.remove([last.row_id])
    with owner() as cursor:
        cursor.execute("DELETE FROM work_seal WHERE row_id = %s", [last.row_id])
    assert sealed.first_bad()[0] == "cut"


def test_rows_whose_time_is_over_may_go(sealed: Book) -> None:
    gone = sealed.ids()[:3]
    sealed.remove(gone)
    assert sealed.first_bad() == ("deleted", gone[0])
    later = sealed.verify(now=NOW + YEARS)
    assert (later.bad, later.redacted) == ((), 3)


def test_a_row_that_waits_too_long_is_named(sealed: Book) -> None:
    sealed.write()
    assert sealed.verify().bad == (), "it waits, as it should"
    waiting = sealed.ids()[-1]
    Unsealed.objects.filter(row_id=waiting).update(at=NOW - timedelta(days=400))
    assert sealed.first_bad() == ("unsealed", waiting)


def test_a_note_written_twice_and_one_of_nothing_stop_nobody(sealed: Book) -> None:
    known = sealed.ids()[0]
    for row_id in (known, "' OR 1=1", "99999999999999999999"):
        Unsealed.objects.create(ledger=sealed.name, row_id=row_id)
    sealed.write()
    assert sealed.seal() == 3
    assert sealed.ids()[-1] in {link.row_id for link in sealed.links()}
    assert [kind for kind, _ in bad(sealed.verify())] == ["deleted"]


ODD_IDS = {
    "full-width": "\uff11", "underscore": "1_0", "spaces": " 7 ", "zeros": "007", "minus": "-1",
    "plus": "+1", "urn": "uuid:" + "0" * 32, "braces": "{" + "0" * 32 + "}", "hex": "0" * 32,
}  # fmt: skip


@pytest.mark.parametrize("row_id", ODD_IDS.values(), ids=ODD_IDS)
def test_a_note_that_only_python_takes_for_an_id_stops_nobody(sealed: Book, row_id: str) -> None:
    Unsealed.objects.create(ledger=sealed.name, row_id=row_id)
    sealed.write()
    assert sealed.seal() == 2
    assert sealed.ids()[-1] in {link.row_id for link in sealed.links()}
    assert bad(sealed.verify()) == [("deleted", row_id)]


def test_a_ledger_that_cannot_be_read_stops_no_other(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.ANCHOR_DIR = tmp_path / "anchors"
    audit, consent = Audit(), Consent("second")
    audit.write()
    consent.write(2)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO work_ledgerstate (ledger, looked_at, checked)"
                       " VALUES ('audit', %s, '{}')", [FAR])  # fmt: skip
    ledgers.seal(now=NOW)
    assert not audit.links()
    assert {link.row_id for link in consent.links()} == set(consent.ids())
    assert consent.verify().bad == ()


def test_a_new_row_that_cannot_be_read_is_named_and_holds_up_no_other(sealed: Book) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{sealed.copy_sql()}::text", [FAR, sealed.ids()[0]])
        far = cursor.fetchone()[0]
    sealed.write(2)
    sealed.seal()
    assert set(sealed.ids()) == {link.row_id for link in Seal.objects.filter(ledger=sealed.name)}
    assert bad(sealed.verify()) == [("deleted", far)]


def test_a_sealed_row_that_cannot_be_read_any_more_is_named(sealed: Book) -> None:
    victim = sealed.ids()[4]
    sealed.tamper(victim, at=f"'{FAR}'")
    assert bad(sealed.verify()) == [("deleted", victim)]


def test_a_link_that_cannot_be_read_is_where_the_chain_breaks(sealed: Book) -> None:
    with owner() as cursor:
        cursor.execute("UPDATE work_seal SET row_at = %s WHERE seq = 4", [FAR])
    broken = sealed.verify().first_bad
    assert broken is not None and (broken.kind, broken.seq) == ("link", 4)


@pytest.mark.parametrize("table", ["ledger", "work_seal"])
def test_truncate_is_refused(sealed: Book, table: str) -> None:
    name = sealed.table if table == "ledger" else table
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing else stands in its way
        cursor.execute(f"TRUNCATE {name} CASCADE")
    assert sealed.verify().bad == ()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_no_link_is_rewritten_or_deleted(sealed: Book, change: str) -> None:
    seals = Seal.objects.filter(ledger=sealed.name)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        if change == "update":
            seals.update(row_id="x")
        else:
            seals._raw_delete(seals.db)  # past the collector


def test_a_check_is_kept_for_the_page(sealed: Book) -> None:
    victim = sealed.ids()[0]
    sealed.remove([victim])
    ledgers.check(sealed.name, now=NOW)
    standing = ledgers.standing_of(sealed.name)
    assert standing.checked_at == NOW
    assert [one["row"] for one in standing.checked["bad"]] == [victim]
    assert standing.sealed == sum(h.seq for h in SealHead.objects.filter(ledger=sealed.name))
    assert LedgerState.objects.get(ledger=sealed.name).looked_at == NOW + timedelta(seconds=5)

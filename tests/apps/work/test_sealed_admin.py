"""The lists of sealed ledgers: how they stand, and the button."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access import services as access
from apps.access.models import Site
from apps.access.roles import ROLES
from apps.work import ledgers, performing
from apps.work.models import Intent, Unsealed
from tests.apps.work.ledger_books import BOOKS, NOW, Book, owner

LISTS = {"audit": "/admin/access/auditentry/", "consent": "/admin/consent/consentevent/"}


@pytest.fixture(params=sorted(BOOKS))
def book(request: pytest.FixtureRequest, db: None, settings: Any, tmp_path: Path) -> Book:
    settings.ANCHOR_DIR = tmp_path / "anchors"
    made = BOOKS[request.param]()
    made.write(3)
    return made


def somebody(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def check_by_button(client: Client, book: Book) -> None:
    """Press it, and do what a worker does."""
    answer = client.post(f"{LISTS[book.name]}check/", follow=True)
    assert "Being checked" in answer.content.decode()
    intent = Intent.objects.get(kind=ledgers.CHECK, state="waiting")
    assert performing.perform(intent.pk, now=intent.run_after)


def test_an_unsealed_list_says_so_and_a_sealed_one_too(book: Book) -> None:
    client = somebody("auditor")
    page = client.get(LISTS[book.name]).content.decode()
    assert "No entry is sealed yet" in page and "not checked yet" in page
    book.seal()
    assert "Sealed up to" in client.get(LISTS[book.name]).content.decode()


def test_whoever_sees_the_list_has_it_checked(book: Book) -> None:
    book.seal()
    client = somebody("auditor")
    check_by_button(client, book)
    page = client.get(LISTS[book.name]).content.decode()
    assert ">whole<" in page and "Check now" in page


def test_a_bad_row_is_named_and_led_to(book: Book) -> None:
    book.seal()
    victim = book.ids()[1]
    column, value = book.change
    book.tamper(victim, **{column: value})
    client = somebody("auditor")
    check_by_button(client, book)
    page = client.get(LISTS[book.name]).content.decode()
    assert ">not whole<" in page
    address = f"{LISTS[book.name]}{victim}/change/"
    assert f'href="{address}"' in page
    assert client.get(address).status_code == 200


def test_a_bad_row_with_an_id_of_nothing_is_told_too(book: Book) -> None:
    Unsealed.objects.create(ledger=book.name, row_id="no\n/id")
    book.seal()
    client = somebody("auditor")
    with owner() as cursor:  # so that it counts as a row that is there
        cursor.execute("UPDATE work_seal SET form = 9 WHERE row_id = %s", ["no\n/id"])
    check_by_button(client, book)
    answer = client.get(LISTS[book.name])
    assert answer.status_code == 200
    assert f'href="{LISTS[book.name]}no_0A_2Fid/change/"' in answer.content.decode()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_may_not_see_the_list_may_not_ask(book: Book, role: str) -> None:
    client = somebody(role)
    sees = client.get(LISTS[book.name]).status_code
    assert client.post(f"{LISTS[book.name]}check/").status_code == (302 if sees == 200 else 403)
    assert Intent.objects.filter(kind=ledgers.CHECK).exists() == (sees == 200)


def test_whoever_watches_the_server_is_told(book: Book, client: Client) -> None:
    def figures() -> dict[str, float]:
        lines = client.get("/metrics").content.decode().splitlines()
        pairs = (line.split() for line in lines if not line.startswith("#"))
        return {pair[0]: float(pair[1]) for pair in pairs}

    assert figures()["attune_unsealed_seconds"] > 0
    book.seal()
    ledgers.check(book.name, now=NOW)
    assert (figures()["attune_unsealed_seconds"], figures()["attune_ledgers_broken"]) == (0, 0)
    book.remove(book.ids()[:1])
    ledgers.check(book.name, now=NOW)
    assert figures()["attune_ledgers_broken"] == 1


def test_the_button_is_no_link(book: Book) -> None:
    assert somebody("auditor").get(f"{LISTS[book.name]}check/").status_code == 405


def test_an_entry_of_an_account_and_a_site_that_are_gone_is_still_shown(db: None) -> None:
    ada = User.objects.create_user("ada")
    site = Site.objects.create(key="gone", name="Gone", created_at=NOW)
    entry = access.record_audit(action="shop.opened", actor=ada, site_id=site.pk, now=NOW)
    ada.delete()
    site.delete()
    client = somebody("auditor")
    assert "shop.opened" in client.get(LISTS["audit"]).content.decode()
    answer = client.get(f"{LISTS['audit']}{entry.pk}/change/")
    assert answer.status_code == 200
    assert ">ada<" in answer.content.decode()


def test_asking_twice_is_one_check(book: Book) -> None:
    client = somebody("auditor")
    for _ in range(2):
        client.post(f"{LISTS[book.name]}check/")
    assert Intent.objects.filter(kind=ledgers.CHECK).count() == 1


def test_a_list_costs_the_same_however_much_is_sealed(
    book: Book, django_assert_max_num_queries: Any
) -> None:
    client = somebody("auditor")
    client.get(LISTS[book.name])
    book.write(20)
    book.seal(now=NOW)
    with django_assert_max_num_queries(20):
        client.get(LISTS[book.name])

"""What one test commits, the next one does not find: see tests/emptying.py."""

import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.core.signals import request_finished, request_started
from django.db import connection
from django.test import TransactionTestCase

from apps.consent.models import ConsentEvent
from tests.apps.delivery.conftest import NOW, World
from tests.emptying import FEW, Emptier

pytestmark = pytest.mark.django_db(transaction=True)


def write_nothing() -> None:
    """A test that only reads."""


def write_a_shop() -> None:
    World().hero()


def write_many() -> None:
    source = World().source
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
            " SELECT 0, %s, %s, %s, '{}' FROM generate_series(1, %s)",
            [source.site_id, source.pk, NOW, FEW + 1],
        )


def write_what_may_not_be_deleted() -> None:
    choice = {"anonymousId": "a1", "purposes": {"analytics": True}}
    assert World().post("/v1/consent", choice).status_code == 200
    assert ConsentEvent.objects.exists()


def change_what_migrations_wrote() -> None:
    group = Group.objects.order_by("name")[0]
    group.permissions.clear()
    User.objects.create_user("somebody").groups.add(group)


def contents() -> dict[str, set[tuple[object, ...]]]:
    """Every table, without the numbers that flush gives anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
        )
        found: dict[str, set[tuple[object, ...]]] = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = set(cursor.fetchall())
        cursor.execute(
            "SELECT g.name, p.codename FROM auth_group g"
            " JOIN auth_group_permissions gp ON gp.group_id = g.id"
            " JOIN auth_permission p ON p.id = gp.permission_id"
        )
        found["roles"] = set(cursor.fetchall())
    return found


@pytest.mark.parametrize(
    "write",
    [
        write_nothing,
        write_a_shop,
        write_many,
        write_what_may_not_be_deleted,
        change_what_migrations_wrote,
    ],
)
def test_what_is_written_is_gone_and_what_migrations_wrote_is_there(
    django_db_setup: Emptier, write: Callable[[], None]
) -> None:
    django_db_setup.empty()
    before = contents()
    assert before["access_site"] == {(0,)} and len(before["roles"]) > 3
    write()
    django_db_setup.empty()
    assert contents() == before


def test_what_a_live_server_is_still_answering_is_gone_too(django_db_setup: Emptier) -> None:
    has_begun = threading.Event()

    def answer() -> None:
        request_started.send(sender=None)
        has_begun.set()
        time.sleep(0.2)
        write_a_shop()
        connection.close()
        request_finished.send(sender=None)

    answering = threading.Thread(target=answer)
    answering.start()
    has_begun.wait()
    django_db_setup.empty()
    assert contents()["access_site"] == {(0,)}
    answering.join()


def test_tests_that_commit_are_followed_by_it(django_db_setup: Emptier) -> None:
    write_a_shop()
    TransactionTestCase()._fixture_teardown()  # type: ignore[attr-defined]
    assert contents()["access_site"] == {(0,)}

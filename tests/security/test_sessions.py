"""Sessions of staff: they end by the clock, by signing out, and when somebody says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from apps.access.models import AuditEntry

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada(clock: Any) -> User:
    return User.objects.create_superuser("ada", password="right-horse-7")


def signed_in(name: str = "ada", password: str = "right-horse-7") -> Client:
    client = Client()
    answer = client.post("/admin/login/", {"username": name, "password": password})
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_two_hours_without_a_page_end_a_session(ada: User, clock: Any) -> None:
    client = signed_in()
    clock.shift(timedelta(minutes=119))
    assert is_in(client)
    clock.shift(timedelta(minutes=119))
    assert is_in(client)
    clock.shift(timedelta(minutes=121))
    assert not is_in(client)


def test_twelve_hours_end_it_however_busy_it_is(ada: User, clock: Any) -> None:
    client = signed_in()
    for _ in range(11):
        clock.shift(timedelta(hours=1))
        assert is_in(client)
    clock.shift(timedelta(hours=1))
    assert not is_in(client)


def test_signing_in_draws_another_id(ada: User) -> None:
    client = Client()
    client.get("/admin/login/")
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key
    client.post("/admin/login/", {"username": "ada", "password": "right-horse-7"})
    assert client.session.session_key not in {None, before}


def test_signing_out_ends_it_on_the_server_too(ada: User) -> None:
    client = signed_in()
    kept = client.cookies["sessionid"].value
    client.post("/admin/logout/")
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert not is_in(client) and not is_in(thief)


def test_an_account_that_is_switched_off_is_out_at_once(ada: User) -> None:
    client = signed_in()
    User.objects.update(is_active=False)
    assert not is_in(client)


def test_another_password_ends_the_other_sessions(ada: User) -> None:
    here, there = signed_in(), signed_in()
    data = {
        "old_password": "right-horse-7",
        "new_password1": "left-horse-900",
        "new_password2": "left-horse-900",
    }
    assert here.post("/admin/password_change/", data).status_code == 302
    assert is_in(here) and not is_in(there)


def test_a_password_is_not_changed_without_the_one_before(ada: User) -> None:
    data = {"new_password1": "left-horse-900", "new_password2": "left-horse-900"}
    signed_in().post("/admin/password_change/", data)
    assert signed_in()


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [("short-7", False), ("password123", False), ("x y" * 40, True), ("ünïcödé-räder", True)],
    ids=["too short", "known to all", "long, with blanks", "any letters"],
)
def test_passwords_are_long_and_not_known_to_all(ada: User, password: str, is_taken: bool) -> None:
    data = {
        "old_password": "right-horse-7", "new_password1": password, "new_password2": password,
    }  # fmt: skip
    answer = signed_in().post("/admin/password_change/", data)
    assert (answer.status_code == 302) is is_taken


def test_an_administrator_signs_somebody_out_everywhere(ada: User) -> None:
    bob = User.objects.create_user("bob", password="right-horse-7", is_staff=True)
    one, two, own = signed_in("bob"), signed_in("bob"), signed_in()
    own.post("/admin/auth/user/", {"action": "end_sessions", "_selected_action": [str(bob.pk)]})
    assert not is_in(one) and not is_in(two) and is_in(own)
    (entry,) = AuditEntry.objects.filter(action="access.sessions_ended")
    assert entry.detail == {"sessions": 2}

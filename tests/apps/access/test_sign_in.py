"""Signing in: guessing is slowed for the one who guesses, and for nobody else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from apps.access.addresses import forget_settings
from apps.access.sign_in import COOL_OFF, FAILURES, network_of

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOGIN = "/admin/login/"


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada(clock: Any) -> User:
    return User.objects.create_user("ada", password="right-horse-7", is_staff=True)


def tries(password: str, *, name: str = "ada", address: str = "198.51.100.7") -> Any:
    return Client(REMOTE_ADDR=address).post(
        f"{LOGIN}?next=/admin/", {"username": name, "password": password}
    )


def fails(times: int = FAILURES, **more: Any) -> Any:
    answers = [tries("wrong", **more) for _ in range(times)]
    return answers[-1]


def test_the_right_password_lets_in(ada: User) -> None:
    assert tries("right-horse-7").status_code == 302


def test_four_wrong_ones_are_forgiven_by_the_right_one(ada: User) -> None:
    assert fails(FAILURES - 1).status_code == 200
    assert tries("right-horse-7").status_code == 302
    assert fails(FAILURES - 1).status_code == 200


def test_after_five_even_the_right_one_waits_and_the_page_says_what_to_do(ada: User) -> None:
    answer = fails()
    assert answer.status_code == 429
    assert tries("right-horse-7").status_code == 429
    page = answer.content.decode()
    assert "Wait 15 minutes" in page and "an administrator gives you a new one" in page
    assert answer["Retry-After"] == "900"


def test_the_wait_ends_by_the_clock_and_tries_meanwhile_do_not_lengthen_it(
    ada: User, clock: Any
) -> None:
    fails()
    clock.shift(COOL_OFF - timedelta(seconds=1))
    answer = tries("right-horse-7")
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    clock.shift(timedelta(seconds=2))
    assert tries("right-horse-7").status_code == 302


@pytest.mark.parametrize(
    ("guesser", "own", "is_locked"),
    [
        ("203.0.113.9", "198.51.100.7", False),
        ("198.51.100.200", "198.51.100.7", True),
        ("2001:db8:1:2::9", "2001:db8:2:2::9", False),
        ("2001:db8:1:2::9", "2001:db8:1:ffff::1", True),
    ],
    ids=["another network", "the same /24", "another /48", "the same /48"],
)
def test_a_guesser_locks_an_account_for_the_guesser_s_network_alone(
    ada: User, guesser: str, own: str, is_locked: bool
) -> None:
    fails(address=guesser)
    assert tries("right-horse-7", address=own).status_code == (429 if is_locked else 302)


def test_one_account_s_failures_do_not_count_for_another(ada: User) -> None:
    User.objects.create_user("bob", password="left-horse-8", is_staff=True)
    fails()
    assert tries("left-horse-8", name="bob").status_code == 302


def test_an_account_that_does_not_exist_is_answered_like_one_that_does(ada: User) -> None:
    for times in range(1, FAILURES + 1):
        known, unknown = fails(1), fails(1, name="nobody")
        assert known.status_code == unknown.status_code, times
        assert sized(known) == sized(unknown), times


def sized(answer: Any) -> str:
    """A page without what is drawn for each, and without the name that was typed."""
    text = answer.content.decode()
    for name in ("ada", "nobody"):
        text = text.replace(f'value="{name}"', "")
    return "".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)


def test_what_is_kept_of_a_failure_holds_no_name_no_address_and_no_form(ada: User) -> None:
    Client(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT="Agent of mine").post(
        f"{LOGIN}?next=/admin/?q=somebody",
        {"username": "my-password!", "password": "ada", "x": "y"},
    )
    (row,) = AccessAttempt.objects.values()
    assert row["ip_address"] == "198.51.100.0"
    kept = {name: value for name, value in row.items() if isinstance(value, str)}
    for typed in ("my-password!", "ada", "198.51.100.7", "Agent", "somebody", "x=y"):
        assert not any(typed in value for value in kept.values()), (typed, kept)
    assert not AccessLog.objects.exists() and not AccessFailureLog.objects.exists()


def test_failures_are_logged_without_a_name(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        fails()
    words = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "access.sign_in_failed" in words
    assert "198.51.100.7" not in words and "wrong" not in words
    assert "'ada'" not in words and '"ada"' not in words


def test_a_forwarded_address_counts_behind_a_trusted_proxy_only(
    settings: Any, rf: RequestFactory
) -> None:
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.77")
    forget_settings()
    assert network_of(request) == "10.0.0.0"
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    forget_settings()
    assert network_of(request) == "203.0.113.0"
    settings.TRUSTED_PROXIES = []
    forget_settings()


@pytest.mark.parametrize(
    ("address", "network"),
    [("::ffff:198.51.100.7", "198.51.100.0"), ("", None), ("unix:", None)],
    ids=["IPv4 in IPv6", "none", "no address"],
)
def test_odd_addresses_have_a_network_or_none(
    rf: RequestFactory, address: str, network: str | None
) -> None:
    assert network_of(rf.get("/", REMOTE_ADDR=address)) == network

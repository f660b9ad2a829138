"""Four eyes: several people's data at once needs a second officer."""

import pytest

from apps.access.roles import ADMINISTRATOR
from apps.privacy import bulk
from apps.privacy.errors import ReasonRequired, RequestNotOpen, SecondOfficerRequired
from apps.privacy.models.requests import BulkAction, BulkVote, Request
from apps.work.models import Intent
from tests.apps.privacy.desk import Desk, desk  # noqa: F401

WHY = "A branch was closed and its customers asked together."


def two(desk: Desk, kind: str = "erasure") -> list[Request]:  # noqa: F811
    return [desk.verified(kind, names=[("user_id", number)], contact="") for number in ("41", "42")]


def asked(desk: Desk, rows: list[Request]) -> BulkAction:  # noqa: F811
    return bulk.ask(
        request_ids=[row.pk for row in rows], reason=WHY, actor=desk.officer, now=desk.now
    )


def test_a_second_officers_yes_begins_them_all(desk: Desk) -> None:  # noqa: F811
    rows = two(desk)
    action = asked(desk, rows)
    assert not Intent.objects.filter(kind="privacy.carry_out").exists()

    bulk.vote(bulk_id=action.pk, is_yes=True, words="", actor=desk.staff("second"), now=desk.now)

    assert {desk.again(row).state for row in rows} == {"approved"}
    assert Intent.objects.filter(kind="privacy.carry_out").count() == 2
    assert BulkVote.objects.get().is_yes


def test_nobody_decides_what_they_asked_for(desk: Desk) -> None:  # noqa: F811
    rows = two(desk)
    action = asked(desk, rows)

    with pytest.raises(SecondOfficerRequired):
        bulk.vote(bulk_id=action.pk, is_yes=True, words="", actor=desk.officer, now=desk.now)
    with pytest.raises(RequestNotOpen, match="another officer"):
        desk.approve(rows[0])

    assert {desk.again(row).state for row in rows} == {"verifying"}


def test_an_administrator_is_no_second_officer(desk: Desk) -> None:  # noqa: F811
    action = asked(desk, two(desk))

    with pytest.raises(SecondOfficerRequired):
        bulk.vote(
            bulk_id=action.pk,
            is_yes=True,
            words="",
            actor=desk.staff("ines", ADMINISTRATOR),
            now=desk.now,
        )


def test_a_no_needs_a_reason_and_lets_the_requests_go(desk: Desk) -> None:  # noqa: F811
    rows = two(desk)
    action = asked(desk, rows)
    second = desk.staff("second")
    with pytest.raises(ReasonRequired):
        bulk.vote(bulk_id=action.pk, is_yes=False, words="no", actor=second, now=desk.now)

    bulk.vote(
        bulk_id=action.pk, is_yes=False, words="Look at each of them", actor=second, now=desk.now
    )

    assert desk.approve(rows[0]).state == "approved"
    with pytest.raises(RequestNotOpen):
        bulk.vote(bulk_id=action.pk, is_yes=True, words="", actor=second, now=desk.now)


def test_what_was_asked_for_can_be_taken_back(desk: Desk) -> None:  # noqa: F811
    rows = two(desk, "access")
    action = asked(desk, rows)
    with pytest.raises(SecondOfficerRequired):
        bulk.withdraw(bulk_id=action.pk, actor=desk.staff("second"), now=desk.now)

    bulk.withdraw(bulk_id=action.pk, actor=desk.officer, now=desk.now)

    assert {desk.again(row).bulk_id for row in rows} == {None}


def test_only_verified_requests_of_one_kind_are_put_together(desk: Desk) -> None:  # noqa: F811
    erasures, accesses = two(desk), two(desk, "access")
    unverified = desk.receive("erasure", names=[("user_id", "43")])

    for rows in (
        [erasures[0]],
        [erasures[0], accesses[0]],
        [*erasures, unverified],
        [desk.verified("rectification"), desk.verified("review")],
    ):
        with pytest.raises(RequestNotOpen):
            asked(desk, rows)
    assert not BulkAction.objects.exists()


def test_what_was_cancelled_meanwhile_is_not_begun(desk: Desk) -> None:  # noqa: F811
    from apps.privacy import requests

    rows = two(desk)
    action = asked(desk, rows)
    requests.cancel(request_id=rows[0].pk, actor=desk.officer, now=desk.now)

    bulk.vote(bulk_id=action.pk, is_yes=True, words="", actor=desk.staff("second"), now=desk.now)

    assert [desk.again(row).state for row in rows] == ["cancelled", "approved"]

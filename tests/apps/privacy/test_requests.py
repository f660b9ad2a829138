"""Requests from receipt to their end: states, clocks, duplicates, reasons, reminders, the log."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from apps.privacy import carrying_out, reminding, requests, verification
from apps.privacy.clocks import end_of
from apps.privacy.errors import ReasonRequired, RequestNotOpen, RequestNotVerified
from apps.privacy.models.outbox import Message
from apps.privacy.models.requests import Reminder, Request, RequestEvent
from apps.privacy.subjects import NOBODY, evidence_of, names_of
from apps.work import ledgers
from apps.work.models import Intent
from tests.apps.privacy.desk import ADA, Desk, desk  # noqa: F401

REASON = "The records of three years have to be put together."
State = Request.State


def test_a_request_starts_its_clock_on_the_sites_own_day(desk: Desk) -> None:  # noqa: F811
    desk.now = datetime(2026, 1, 30, 23, 30, tzinfo=UTC)  # the 31st in Berlin

    request = desk.receive()

    assert request.due_on == date(2026, 2, 28)
    assert request.extended_due_on == date(2026, 4, 30)
    assert request.state == State.RECEIVED
    assert desk.log_of(request) == ["received"]


def test_names_are_never_in_a_row_in_clear(desk: Desk) -> None:  # noqa: F811
    request = desk.receive("erasure", told="It is about Lovelace")

    with connection.cursor() as cursor:
        for table in ("privacy_request", "privacy_requestevent", "privacy_message"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~* 'ada@|lovelace'")
            assert cursor.fetchone()[0] == 0, table
    assert names_of(request).given == (ADA,)


def test_nothing_is_approved_before_the_person_is_verified(desk: Desk) -> None:  # noqa: F811
    request = desk.receive()

    with pytest.raises(RequestNotVerified):
        desk.approve(request)

    assert desk.again(request).state == State.RECEIVED


def test_evidence_is_gone_with_the_decision(desk: Desk) -> None:  # noqa: F811
    request = desk.receive()
    words = "Called back, knew the last order"
    verification.note_evidence(request_id=request.pk, words=words, actor=desk.officer, now=desk.now)
    assert evidence_of(desk.again(request)) == words
    requests.verify(request_id=request.pk, how="officer", actor=desk.officer, now=desk.now)

    desk.approve(request)

    assert evidence_of(desk.again(request)) == ""
    assert desk.again(request).evidence_emptied_at == desk.now


@pytest.mark.parametrize("kind", ["opt_out", "limit", "objection", "restriction"])
def test_what_the_law_wants_at_once_is_begun_with_the_verification(
    desk: Desk,  # noqa: F811
    kind: str,
) -> None:
    assert desk.verified(kind).state == State.APPROVED
    assert Intent.objects.filter(kind="privacy.carry_out").count() == 1


def test_an_extension_is_told_with_its_reason_and_moves_the_end(desk: Desk) -> None:  # noqa: F811
    request = desk.receive()

    requests.extend(request_id=request.pk, reason=REASON, actor=desk.officer, now=desk.now)

    found = desk.again(request)
    assert found.due_on == date(2027, 2, 22)
    assert Message.objects.get().template == "request_extended"
    last = [one.remind_on for one in found.reminders.order_by("remind_on")]
    assert last == [date(2027, 1, 7), date(2027, 2, 15), date(2027, 2, 21)]


def test_an_extension_counts_until_the_last_second_of_the_first_time(
    desk: Desk,  # noqa: F811
) -> None:
    request = desk.receive()
    end = end_of(request.due_on, request.time_zone)

    desk.now = end
    with pytest.raises(RequestNotOpen):
        requests.extend(request_id=request.pk, reason=REASON, actor=desk.officer, now=desk.now)

    desk.now = end - timedelta(seconds=1)
    requests.extend(request_id=request.pk, reason=REASON, actor=desk.officer, now=desk.now)
    with pytest.raises(RequestNotOpen, match="once"):
        requests.extend(request_id=request.pk, reason=REASON, actor=desk.officer, now=desk.now)


def test_an_opt_out_in_california_cannot_be_extended(desk: Desk) -> None:  # noqa: F811
    request = desk.receive("opt_out", regulation="ccpa")

    with pytest.raises(RequestNotOpen):
        requests.extend(request_id=request.pk, reason=REASON, actor=desk.officer, now=desk.now)


@pytest.mark.parametrize(
    ("article", "reason"),
    [
        ("", REASON),
        ("17(3)(z)", REASON),
        ("17(3)(b)", "no"),
        ("17(3)(b)", "We must keep the invoices of Ada@Example.com for ten years."),
    ],
    ids=["no article", "unknown article", "no reason", "names the person"],
)
def test_a_refusal_needs_an_article_and_a_reason_without_names(
    desk: Desk,  # noqa: F811
    article: str,
    reason: str,
) -> None:
    request = desk.verified("erasure")

    with pytest.raises(ReasonRequired):
        requests.refuse(
            request_id=request.pk, article=article, reason=reason, actor=desk.officer, now=desk.now
        )

    assert desk.again(request).state == State.VERIFYING


def test_an_erasure_that_failed_to_begin_can_still_be_refused(desk: Desk) -> None:  # noqa: F811
    request = desk.approve(desk.verified("erasure"))
    requests.begin_work(request_id=request.pk, now=desk.now)
    requests.fail(request_id=request.pk, trouble="UnknownPerson", now=desk.now)

    said = {"article": "12(6)", "reason": REASON, "actor": desk.officer, "now": desk.now}
    requests.refuse(request_id=request.pk, **said)

    assert desk.again(request).state == State.REFUSED


def test_a_refusal_is_told_and_kept_and_says_when_it_is_late(desk: Desk) -> None:  # noqa: F811
    request = desk.verified("erasure")
    desk.later(days=40)

    requests.refuse(
        request_id=request.pk,
        article="17(3)(b)",
        reason="Invoices have to be kept for ten years.",
        actor=desk.officer,
        now=desk.now,
    )

    found = desk.again(request)
    assert (found.state, found.refusal_article) == (State.REFUSED, "17(3)(b)")
    assert names_of(found) == NOBODY
    event = RequestEvent.objects.get(request_id=request.pk, kind="refused")
    assert event.detail == {"article": "17(3)(b)", "told": True, "late": True}
    assert Message.objects.get().template == "request_refused"


def test_a_duplicate_joins_the_first_and_is_verified_by_itself(desk: Desk) -> None:  # noqa: F811
    first = desk.approve(desk.verified("erasure"))
    second = desk.receive("erasure")

    assert second.joined_to_id == first.pk
    with pytest.raises(RequestNotVerified):
        desk.approve(second)


def test_a_duplicate_has_its_own_clock(desk: Desk) -> None:  # noqa: F811
    first = desk.receive("erasure")
    desk.later(days=9)
    second = desk.receive("erasure", names=[("email", "ADA@example.com ")])

    assert second.joined_to_id == first.pk
    assert (first.due_on, second.due_on) == (date(2026, 12, 22), date(2027, 1, 1))


def test_cancelling_the_first_lets_its_duplicate_go_on(desk: Desk) -> None:  # noqa: F811
    first = desk.approve(desk.verified("portability"))
    second = desk.approve(desk.verified("portability"))
    assert Intent.objects.filter(kind="privacy.carry_out").count() == 1

    requests.cancel(request_id=first.pk, actor=desk.officer, now=desk.now)

    assert desk.again(first).state == State.CANCELLED
    assert desk.again(second).joined_to_id is None
    assert desk.carry_out(second).state == State.COMPLETED


def test_a_duplicate_that_is_decided_first_does_not_wait_for_one_that_is_not(
    desk: Desk,  # noqa: F811
) -> None:
    first, second, third = (desk.receive("portability") for _ in range(3))
    requests.verify(request_id=second.pk, how="officer", actor=desk.officer, now=desk.now)
    desk.approve(second)

    assert desk.carry_out(second).state == State.COMPLETED
    assert desk.again(second).joined_to_id is None
    assert desk.again(first).joined_to_id == desk.again(third).joined_to_id == second.pk
    # The others are still verified, each by itself, and then done.
    requests.verify(request_id=first.pk, how="officer", actor=desk.officer, now=desk.now)
    desk.approve(first)
    assert desk.carry_out(first).state == State.COMPLETED
    assert desk.again(third).state == State.RECEIVED


def test_a_duplicate_that_is_decided_while_the_first_is_being_done_ends_with_it(
    desk: Desk,  # noqa: F811
) -> None:
    first = desk.approve(desk.verified("erasure"))
    second = desk.approve(desk.verified("erasure"))
    requests.begin_work(request_id=first.pk, now=desk.now)

    requests.complete(request_id=first.pk, outcome={}, actor=desk.officer, now=desk.now)

    assert desk.again(second).state == State.COMPLETED
    assert desk.again(second).outcome["joined"] == first.public_ref


@pytest.mark.parametrize(
    ("kind", "names"),
    [("erasure", [ADA, ("user_id", "other-17")]), ("rectification", [ADA]), ("review", [ADA])],
    ids=["names more", "another correction", "another decision"],
)
def test_a_duplicate_that_asks_for_more_is_not_ended_with_the_first(
    desk: Desk,  # noqa: F811
    kind: str,
    names: list[tuple[str, str]],
) -> None:
    first = desk.approve(desk.verified(kind))
    second = desk.approve(desk.verified(kind, names=names))
    assert second.joined_to_id == first.pk
    requests.begin_work(request_id=first.pk, now=desk.now)

    requests.complete(request_id=first.pk, outcome={}, actor=desk.officer, now=desk.now)

    assert desk.again(second).joined_to_id is None
    assert desk.carry_out(second).state == State.IN_PROGRESS


def test_what_nobody_took_in_hand_is_found_by_the_schedule(desk: Desk) -> None:  # noqa: F811
    first = desk.approve(desk.verified("portability"))
    second = desk.approve(desk.verified("portability"))
    Intent.objects.all().delete()
    assert carrying_out.carry_on(now=desk.now) == 1  # the second waits for the first
    desk.carry_out(first)
    Intent.objects.all().delete()

    assert carrying_out.carry_on(now=desk.now) == 1

    desk.work()
    assert desk.again(second).state == State.COMPLETED
    assert carrying_out.carry_on(now=desk.now) == 0


def test_another_kind_or_another_person_is_no_duplicate(desk: Desk) -> None:  # noqa: F811
    desk.receive("erasure")

    assert desk.receive("access").joined_to_id is None
    assert desk.receive("erasure", names=[("user_id", "42")]).joined_to_id is None


def test_a_holiday_of_the_site_is_no_business_day(desk: Desk) -> None:  # noqa: F811
    plain = desk.receive(regulation="ccpa", names=[("user_id", "1")])
    desk.site.privacy_settings = {"holidays": ["2026-11-26", "soon", 5]}
    desk.site.save(update_fields=["privacy_settings"])

    request = desk.receive(regulation="ccpa", names=[("user_id", "2")])

    assert (plain.confirm_by, request.confirm_by) == (date(2026, 12, 4), date(2026, 12, 7))


def test_nobody_is_reminded_to_confirm_what_was_confirmed(desk: Desk) -> None:  # noqa: F811
    told, untold = (
        desk.receive(regulation="ccpa", names=[("user_id", number)]) for number in ("1", "2")
    )
    requests.confirm_receipt(request_id=told.pk, actor=desk.officer, now=desk.now)
    desk.later(days=12)

    reminding.remind(now=desk.now)

    assert "reminded" in desk.log_of(untold)
    assert "reminded" not in desk.log_of(told)


def test_officers_are_reminded_once_and_not_of_what_has_ended(desk: Desk) -> None:  # noqa: F811
    request, ended = desk.receive(), desk.receive("portability")
    requests.cancel(request_id=ended.pk, actor=desk.officer, now=desk.now)
    desk.later(days=16)

    assert reminding.remind(now=desk.now) == 1
    assert reminding.remind(now=desk.now) == 0

    assert Reminder.objects.exclude(sent_at=None).get().request_id == request.pk
    told = Message.objects.filter(template="officer_reminder")
    assert told.count() == 1


def test_a_reminder_is_a_mail_that_names_nobody(desk: Desk) -> None:  # noqa: F811
    desk.receive()
    desk.later(days=30)
    reminding.remind(now=desk.now)

    desk.work()

    body = "".join(message.body for message in mail.outbox if "olivia" in message.to[0])
    assert "R-" in body and "ada" not in body.lower()


def test_the_log_is_append_only_and_sealed(desk: Desk) -> None:  # noqa: F811
    request = desk.receive()
    event = RequestEvent.objects.get(request_id=request.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        RequestEvent.objects.filter(pk=event.pk).update(kind="nothing")

    ledgers.seal(now=desk.now)
    assert not ledgers.verify("requests", now=desk.now).bad


def test_an_erased_persons_request_keeps_no_name_and_no_digest(desk: Desk) -> None:  # noqa: F811
    request = desk.approve(desk.verified("erasure"))
    requests.begin_work(request_id=request.pk, now=desk.now)

    requests.complete(request_id=request.pk, outcome={}, actor=None, now=desk.now)

    found = desk.again(request)
    assert names_of(found) == NOBODY and found.subject_digests == []
    assert found.subjects.count() == 0

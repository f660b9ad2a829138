"""The outbox: a message is sent once, and then nobody can say to whom."""

import smtplib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.access.errors import InvalidRequest
from apps.privacy import mailing
from apps.privacy.models.outbox import Message
from apps.profiles.holders import Subject
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW, World
from tests.apps.privacy.visiting_centre import sent_mails

ADDRESS = "ada.lovelace@mail.example"
pytestmark = pytest.mark.django_db


def ask(world: World, **given: Any) -> UUID:
    values = {"site": "Shop", "link": "https://attune.example/privacy/shop?k=secret-word"}
    asked = {"to": ADDRESS, "template": "preferences_link", "values": values, "now": NOW}
    return mailing.ask_to_send(site_id=world.site.pk, **{**asked, **given})


def whole_row(message_id: UUID) -> bytes:
    """Every column of the message, its work and its changes, as bytes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM privacy_message m WHERE id = %s", [str(message_id)])
        row = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(string_agg(i::text, ' '), '') FROM work_intent i")
        return f"{row} {cursor.fetchone()[0]}".encode()


def test_what_is_asked_for_is_sent_once_and_then_names_nobody(world: World):
    message_id = ask(world)
    (first,) = sent_mails()
    mailing.send(message_id, now=NOW, is_last=False)
    assert [len(mail.outbox), first.to, first.subject] == [
        1, [ADDRESS], "Your privacy choices on Shop",
    ]  # fmt: skip
    assert "secret-word" in first.body
    message = Message.objects.get()
    assert (message.state, bytes(message.sealed), message.attempts) == ("sent", b"", 1)


def test_while_it_waits_neither_address_nor_words_can_be_read(world: World):
    message_id = ask(world)
    row = whole_row(message_id)
    sealed = bytes(Message.objects.get().sealed)
    for secret in (ADDRESS, "ada.lovelace", "secret-word"):
        assert secret.encode() not in row + sealed
        assert secret.encode().hex().encode() not in row


def test_what_the_caller_takes_back_is_never_sent(world: World):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ask(world)
        raise ZeroDivisionError
    assert sent_mails() == []
    assert not Message.objects.exists()


def test_the_same_is_written_for_an_address_that_nobody_here_has(world: World):
    world.person(("user_id", ADDRESS))
    ask(world, to="warm.up@mail.example", is_for_known=True)
    with CaptureQueriesContext(connection) as for_known:
        ask(world, is_for_known=True)
    with CaptureQueriesContext(connection) as for_stranger:
        ask(world, to="nobody@mail.example", is_for_known=True)
    shapes = [
        [query["sql"].partition(" VALUES ")[0][:80] for query in found.captured_queries]
        for found in (for_known, for_stranger)
    ]
    assert shapes[0] == shapes[1] != []
    assert [one.to for one in sent_mails()] == [[ADDRESS]]
    states = Message.objects.order_by("pk").values_list("state", "sealed")
    assert [(state, bytes(sealed)) for state, sealed in states] == [
        ("closed", b""), ("sent", b""), ("closed", b""),
    ]  # fmt: skip


def test_an_address_is_known_by_its_digest_too(world: World):
    digest = mailing.names_of("Ada.Lovelace@mail.example ")[0]
    world.person(digest)
    assert mailing.known_names(world.site.pk, ADDRESS) == [digest]
    assert mailing.known_names(world.site.pk, "other@mail.example") == []


def test_a_server_that_refuses_is_asked_five_times_and_its_words_are_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self: object, messages: object) -> int:
        raise smtplib.SMTPRecipientsRefused({ADDRESS: (550, ADDRESS.encode())})

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", refuse)
        message_id = ask(world)
        now = NOW
        for _ in range(5):
            intent = Intent.objects.get(kind=mailing.SEND)
            perform(intent.pk, now=intent.run_after)
            now += timedelta(minutes=1)
    message = Message.objects.get()
    assert (message.state, message.attempts) == ("failed", 5)
    assert message.error == "SMTPRecipientsRefused"
    assert Intent.objects.get(kind=mailing.SEND).state == "failed"
    assert ADDRESS.encode() not in whole_row(message_id)

    assert mailing.send_again(message_ids=[message_id], now=NOW) == 1
    assert [one.to for one in sent_mails()] == [[ADDRESS]]
    assert Message.objects.get().state == "sent"


def test_what_could_not_be_sent_in_two_days_is_emptied(world: World):
    ask(world)
    assert mailing.close_old(NOW + timedelta(days=1)) == 0
    assert mailing.close_old(NOW + timedelta(days=3)) == 1
    assert sent_mails() == []
    assert bytes(Message.objects.get().sealed) == b""
    mailing.close_old(NOW + timedelta(days=731))
    assert not Message.objects.exists()


def test_the_database_refuses_a_sent_message_that_still_says_to_whom(world: World):
    ask(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.update(state="sent")


@pytest.mark.parametrize(
    "odd", ["", "ada", "ada@", "a@b.example\nBcc: all@b.example", f"{'a' * 250}@mail.example"]
)
def test_what_is_no_address_is_refused_before_anything_is_written(world: World, odd: str):
    with pytest.raises(InvalidRequest):
        ask(world, to=odd)
    assert not Message.objects.exists()


def test_what_waits_for_somebody_who_is_erased_is_never_sent(world: World):
    ada = world.person(("user_id", ADDRESS))
    ask(world)
    ask(world, to="grace@mail.example")
    names = (("user_id", ADDRESS),)
    subject = Subject(world.site.pk, (ada.profile_id,), names, lambda: iter(()))
    assert mailing.forget(subject) == 1
    assert mailing.forget(subject) == 0
    assert [one.to for one in sent_mails()] == [["grace@mail.example"]]
    assert [bytes(one.sealed) for one in Message.objects.all()] == [b"", b""]

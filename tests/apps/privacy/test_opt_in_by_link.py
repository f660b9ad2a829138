"""Double opt-in: only whoever reads the mail and presses its button has agreed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from apps.consent.models import ConsentEvent
from apps.privacy import double_opt_in, mailing
from apps.profiles.models import Profile
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.privacy.visiting_centre import (
    Visitor,
    assert_leaves_nothing,
    link_in,
    sent_mails,
)

EMAIL = "ada@mail.example"
DIGEST = mailing.names_of(EMAIL)[0][1]


def ask(visitor: Visitor, key: str | None = None, **body: Any) -> Any:
    given = {"email": EMAIL, "purposes": ["personalization"], **body}
    return visitor.world.post("/v1/consent/opt-in", given, key=key or visitor.world.pk)


def mailed_link(visitor: Visitor, **body: Any) -> str:
    assert ask(visitor, **body).status_code == 202
    sent_mails()
    return link_in(mail.outbox[-1].body)


def test_asking_records_nothing_and_makes_nobody_known(visitor: Visitor):
    mailed_link(visitor)
    assert not ConsentEvent.objects.exists()
    assert not Profile.objects.exists()


def test_opening_the_link_shows_and_only_its_button_agrees(visitor: Visitor):
    link = mailed_link(visitor)
    for _ in range(3):  # programs that guard mailboxes open every link
        page = visitor.client.get(link)
        assert page.status_code == 200
        assert_leaves_nothing(page)
        assert "Nothing is recorded unless you press" in page.content.decode()
    visitor.client.head(link)
    assert not ConsentEvent.objects.exists()

    done = visitor.client.post(link, headers={"Origin": "http://testserver"})
    assert "Your permission is recorded" in done.content.decode()
    (entry,) = ConsentEvent.objects.all()
    assert (entry.method, entry.purposes) == ("opt_in_link", {"personalization": True})
    headers = {"Authorization": f"Bearer {visitor.world.sk}"}
    part = visitor.client.get(f"/v1/profiles/email_sha256:{DIGEST}/consent", headers=headers)
    assert '"granted":["personalization"]' in part.content.decode().replace(" ", "")


def test_a_link_is_over_after_three_days(visitor: Visitor, monkeypatch: Any):
    link = mailed_link(visitor)
    later = NOW + double_opt_in.LASTS
    monkeypatch.setattr(clock, "now", lambda: later + timedelta(seconds=1))
    assert visitor.client.get(link).status_code == 410
    assert visitor.client.post(link).status_code == 410
    assert not ConsentEvent.objects.exists()


def test_an_old_link_does_not_undo_a_withdrawal(visitor: Visitor):
    link = mailed_link(visitor, key=visitor.world.sk, userId="anna")
    visitor.client.post(link)
    withdrawal = {"userId": "anna", "purposes": {"personalization": False}}
    assert visitor.world.post("/v1/consent", withdrawal, key=visitor.world.sk).status_code == 200

    assert visitor.client.post(link).status_code == 410
    assert visitor.state(userId="anna") == {"personalization": False}


def test_a_changed_link_is_none(visitor: Visitor):
    link = mailed_link(visitor)
    assert visitor.client.get(link[:-6] + "AAAAAA").status_code == 410


def test_a_form_of_another_site_agrees_to_nothing(visitor: Visitor):
    link = mailed_link(visitor)
    answer = visitor.client.post(link, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not ConsentEvent.objects.exists()


def test_a_page_cannot_have_a_login_agree_and_a_server_can(visitor: Visitor):
    link = mailed_link(visitor, userId="anna")
    visitor.client.post(link)
    assert visitor.state(userId="anna") == {}
    link = mailed_link(visitor, key=visitor.world.sk, userId="anna")
    visitor.client.post(link)
    assert visitor.state(userId="anna") == {"personalization": True}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "ada"}, 400),
        ({"purposes": []}, 400),
        ({"purposes": ["everything"]}, 400),
        ({"policyVersion": "nine"}, 400),
        ({}, 202),
    ],
    ids=["no-address", "no-purpose", "unknown-purpose", "unknown-notice", "good"],
)
def test_what_cannot_be_asked_for_is_refused(visitor: Visitor, body: dict[str, Any], status: int):
    assert ask(visitor, **body).status_code == status


def test_an_address_is_asked_three_times_a_day_and_the_answer_stays_the_same(visitor: Visitor):
    answers = {ask(visitor).content for _ in range(5)}
    assert answers == {b'{"state":"asked"}'}
    assert len(sent_mails()) == 3


def test_one_browser_cannot_have_mail_sent_to_everybody_and_a_server_may(visitor: Visitor):
    answers = [ask(visitor, email=f"ada{n}@mail.example").status_code for n in range(22)]
    assert answers == [202] * 20 + [429] * 2
    assert ask(visitor, key=visitor.world.sk, email="grace@mail.example").status_code == 202

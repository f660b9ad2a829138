"""The preference centre, the notice and the explanation, as visitors without script meet them."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.access.models import Site
from apps.consent.built_in_notice import BUILT_IN, TEXTS, digest_of
from apps.consent.models import ConsentEvent, NoticeVersion
from apps.decisions import records
from apps.privacy import links, notices
from apps.privacy.models import Request
from apps.privacy.models.outbox import Message
from apps.profiles.models import Identity, Profile
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.privacy.visiting_centre import (
    Visitor,
    assert_leaves_nothing,
    link_in,
    sent_mails,
)

ALL_NO = dict.fromkeys(("functional", "analytics", "personalization", "advertising", "sale"), False)
ALL_YES = dict.fromkeys(ALL_NO, True)
EMAIL = "ada@mail.example"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    notices._answers.clear()


def publish_notice(world: World, version: str, language: str, text: str, **more: Any) -> None:
    NoticeVersion.objects.create(
        site=world.site, version=version, language=language, text=text,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
        published_at=more.pop("at", NOW), **more,
    )  # fmt: skip


# Who is shown what


def test_without_a_link_the_page_explains_and_shows_nobodys_choices(visitor: Visitor):
    page = visitor.client.get(visitor.home)
    assert page.status_code == 200
    assert_leaves_nothing(page)
    text = page.content.decode()
    assert "does not know who you are" in text
    assert 'type="radio"' not in text and "<script" not in text and " style=" not in text
    assert not Profile.objects.exists()


def test_a_link_shows_choices_with_nothing_ticked_that_was_not_said(visitor: Visitor):
    path = visitor.link(anonymousId="a1")
    page = visitor.client.get(path)
    assert_leaves_nothing(page)
    text = page.content.decode()
    assert text.count('type="radio"') == 8
    assert "checked" not in text
    assert text.count("Not answered") == 4
    assert not Profile.objects.exists()  # looking makes nobody known


@pytest.mark.parametrize(("act", "expected"), [("refuse", ALL_NO), ("accept", ALL_YES)])
def test_one_press_refuses_and_one_press_accepts(
    visitor: Visitor, act: str, expected: dict[str, bool]
):
    token = visitor.token(anonymousId="a1")
    answer = visitor.press(act, token)
    assert (answer.status_code, answer["Location"]) == (
        303, f"{visitor.home}?k={token}&saved=choice",
    )  # fmt: skip
    assert visitor.state(anonymousId="a1") == expected
    page = visitor.client.get(answer["Location"]).content.decode()
    assert page.count("checked") == 4 and "Your choice is saved" in page
    (entry,) = ConsentEvent.objects.all()
    assert (entry.method, entry.policy_version) == ("preferences", BUILT_IN)
    assert (entry.controls["control"], entry.network) == (act, "127.0.0.0/24")
    # The words under which it was made are kept from then on, and were not before.
    assert entry.notice is not None and entry.notice.text == TEXTS["en"]
    assert entry.text_sha256 == digest_of(TEXTS["en"])


def test_answers_one_by_one_leave_what_was_not_answered_as_it_is(visitor: Visitor):
    token = visitor.token(anonymousId="a1")
    visitor.press("save", token, analytics="yes", advertising="no")
    assert visitor.state(anonymousId="a1") == {
        "analytics": True,
        "advertising": False,
        "sale": False,
    }
    visitor.press("save", token, analytics="maybe")
    assert ConsentEvent.objects.count() == 1
    answer = visitor.press("save", token)
    assert "Nothing was changed" in visitor.client.get(answer["Location"]).content.decode()


def test_the_browsers_signal_is_told_and_one_press_on_yes_does_not_override_it(visitor: Visitor):
    token = visitor.token(anonymousId="a1")
    visitor.client = Client(headers={"Sec-GPC": "1"})
    page = visitor.client.get(f"{visitor.home}?k={token}").content.decode()
    assert "Global Privacy Control" in page and "It is honoured" in page
    visitor.press("accept", token)
    state = visitor.state(anonymousId="a1")
    assert (state["analytics"], state["advertising"], state["sale"]) == (True, False, False)


@pytest.mark.parametrize(
    ("act", "kind", "refused"),
    [
        ("opt_out", "opt_out", "sale"),
        ("object", "objection", "personalization"),
        ("limit", "limit", "sensitive"),
    ],
)
def test_a_right_is_in_force_when_it_is_answered_and_the_desk_has_it(
    visitor: Visitor, act: str, kind: str, refused: str
):
    token = visitor.token(anonymousId="a1")
    visitor.press("accept", token)
    answer = visitor.press(act, token)
    assert answer.status_code == 303
    entry = ConsentEvent.objects.order_by("pk").last()
    assert entry is not None and entry.purposes[refused] is False
    (request,) = Request.objects.all()
    assert (request.kind, request.route) == (kind, "preferences")
    page = visitor.client.get(answer["Location"]).content.decode()
    assert "in force" in page


# Links


def test_a_link_is_good_for_its_site_and_its_time_only(visitor: Visitor, monkeypatch: Any):
    token = visitor.token(anonymousId="a1")
    other = World("other")
    assert visitor.client.get(f"/privacy/{other.site.key}?k={token}").status_code == 410
    assert visitor.client.get(f"{visitor.home}?k={token[:-4]}AAAA").status_code == 410
    later = NOW + links.LASTS["browser"] + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(later))
    assert visitor.client.get(f"{visitor.home}?k={token}").status_code == 410
    assert visitor.press("accept", token).status_code == 410
    assert not ConsentEvent.objects.exists()


def test_nothing_of_the_visitor_can_be_read_from_a_link(visitor: Visitor):
    token = visitor.token(anonymousId="ada-lovelace-1815")
    other = visitor.token(anonymousId="ada-lovelace-1816")
    assert "ada" not in token and len(token) > 40
    assert token[:20] != other[:20]


def test_a_page_gets_a_link_for_a_login_only_with_the_sites_proof(visitor: Visitor):
    made_up = {"userHash": "x"}, {"userToken": "x"}, {}
    for proof in made_up:
        claim = {"userId": "anna", **proof}
        refused = visitor.world.post("/v1/consent/link", claim, key=visitor.world.pk)
        assert refused.status_code == 400, proof
    token = visitor.token(key=visitor.world.sk, userId="anna")
    visitor.press("refuse", token)
    assert visitor.state(userId="anna") == ALL_NO
    both = visitor.token(userId="anna", anonymousId="a1")  # of these the browser's alone
    visitor.press("accept", both)
    assert visitor.state(userId="anna") == ALL_NO


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=["other-origin", "no-origin", "cross-site"],
)
def test_a_form_of_another_site_changes_nothing(visitor: Visitor, headers: dict[str, str]):
    token = visitor.token(anonymousId="a1")
    body = {"act": "accept", "k": token}
    assert visitor.client.post(visitor.home, body, headers=headers).status_code == 403
    assert not ConsentEvent.objects.exists()


# The link by mail


def test_a_link_goes_to_a_known_address_and_the_answer_tells_nobody_which(visitor: Visitor):
    visitor.world.person(("user_id", EMAIL))
    answers = [
        visitor.client.post(visitor.home, {"act": "link", "email": address})
        for address in (EMAIL, "stranger@mail.example")
    ]
    known, unknown = [(one.status_code, dict(one.items()), one.content) for one in answers]
    assert known == unknown
    assert [one.to for one in sent_mails()] == [[EMAIL]]
    link = link_in(mail.outbox[0].body)
    page = visitor.client.get(link)
    assert page.status_code == 200 and "Do not pass it on" in page.content.decode()
    visitor.press("accept", link.partition("?k=")[2])
    assert visitor.state(userId=EMAIL) == ALL_YES
    assert Identity.objects.count() == 1  # the address made nobody else known


def test_nobody_is_written_to_without_end_and_nobody_writes_to_everybody(visitor: Visitor):
    for _ in range(5):
        answer = visitor.client.post(visitor.home, {"act": "link", "email": EMAIL})
        assert answer.status_code == 303
    assert Message.objects.count() == 3
    asked = [{"act": "link", "email": f"ada{n}@mail.example"} for n in range(16)]
    statuses = [visitor.client.post(visitor.home, body).status_code for body in asked]
    assert statuses == [303] * 15 + [429]


# The notice


def test_the_notice_is_shown_in_the_language_asked_for(visitor: Visitor):
    publish_notice(
        visitor.world, "1", "en", "We count.\n\nAnd we choose.", contact="dpo@shop.example"
    )
    publish_notice(visitor.world, "1", "de", "Wir zählen.")
    page = visitor.client.get(f"{visitor.home}/notice", headers={"Accept-Language": "de-AT,de"})
    assert_leaves_nothing(page)
    text = page.content.decode()
    assert 'lang="de"' in text and "Wir zählen." in text and "Personalisierung" in text
    other = visitor.client.get(f"{visitor.home}/notice?language=fr").content.decode()
    assert "And we choose." in other and "dpo@shop.example" in other


def test_an_older_version_can_still_be_read_and_says_that_it_is_old(visitor: Visitor):
    publish_notice(visitor.world, "1", "en", "The first words.")
    publish_notice(visitor.world, "2", "en", "Other words.", at=NOW + timedelta(hours=1))
    assert "Other words." in visitor.client.get(f"{visitor.home}/notice").content.decode()
    old = visitor.client.get(f"{visitor.home}/notice/1").content.decode()
    assert "The first words." in old and "older version" in old
    assert visitor.client.get(f"{visitor.home}/notice/3").status_code == 404


def test_what_a_notice_says_cannot_become_markup(visitor: Visitor):
    publish_notice(visitor.world, "1", "en", "<script>alert(1)</script>")
    page = visitor.client.get(f"{visitor.home}/notice").content.decode()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_banner_is_told_the_notice_and_which_older_ones_still_hold(visitor: Visitor):
    world = visitor.world
    ask = {"writeKey": world.pk, "language": "de"}
    built_in = visitor.client.get("/v1/notice", ask).json()
    assert (built_in["version"], built_in["language"]) == (BUILT_IN, "de")
    assert built_in["lasting"] == [BUILT_IN]
    assert not NoticeVersion.objects.exists()  # asking for it writes nothing
    visitor.press("refuse", visitor.token(anonymousId="a2"))
    assert NoticeVersion.objects.get().version == BUILT_IN
    for number, is_material in enumerate((False, True, False)):
        at = NOW + timedelta(hours=number)
        publish_notice(
            world, f"v{number}", "en", f"Text {number}\n\nMore", is_material=is_material, at=at
        )
    visitor.press("accept", visitor.token(anonymousId="a1"))
    notices._answers.clear()
    answer = visitor.client.get("/v1/notice", {"site": world.site.key})
    told = answer.json()
    assert (told["version"], told["lead"], told["lasting"]) == ("v2", "Text 2", ["v2", "v1"])
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert [row["key"] for row in told["purposes"]] == [
        "functional", "analytics", "personalization", "advertising",
    ]  # fmt: skip
    assert visitor.client.get("/v1/notice", {"writeKey": "pk_nobody"}).status_code == 404


def test_a_notice_may_bring_its_own_words_and_asks_only_for_what_it_names(visitor: Visitor):
    layout = {"title": "Biscuits?", "accept": "Fine", "odd": 1}
    publish_notice(visitor.world, "1", "en", "Text", layout=layout, purposes=["analytics"])
    told = visitor.client.get("/v1/notice", {"site": visitor.world.site.key}).json()
    assert (told["title"], told["words"]["accept"]) == ("Biscuits?", "Fine")
    assert told["words"]["refuse"] == "Refuse all"
    assert [row["sends"] for row in told["purposes"]] == [["analytics"]]


# Why


def test_somebody_is_told_in_plain_words_why_they_saw_something(visitor: Visitor):
    world = visitor.world
    row = world.person(
        ("anonymous_id", "a1"), stays=inside([world.hero()]), traits={"name": ["Ann"]}
    )
    world.tell(row.profile_id)
    decision_id = world.hero_of("a1")["decisionId"]
    told = world.client.get(
        "/v1/why", {"decisionId": decision_id}, headers={"Authorization": f"Bearer {world.pk}"}
    ).json()
    path = told["page"].partition("8000")[2]
    before = visitor.client.get(path).content.decode()
    assert "No full record" in before
    records.flush()
    page = visitor.client.get(path)
    assert_leaves_nothing(page)
    text = page.content.decode()
    assert told["sentence"] in text and "No full record" not in text
    assert "what you have looked at and done on this site" in text
    assert not any(name in text for name in ("blouses", "Ann", "a1"))


def test_a_decision_of_another_site_is_not_explained(visitor: Visitor):
    visitor.world.hero()
    decision_id = visitor.world.hero_of("a1")["decisionId"]
    other = World("other")
    assert visitor.client.get(f"/privacy/{other.site.key}/why?d={decision_id}").status_code == 404
    assert visitor.client.get(f"{visitor.home}/why?d=dec_odd").status_code == 404
    Site.objects.filter(pk=visitor.world.site.pk).update(preferences_url="https://shop.example/p")
    page = visitor.client.get(f"{visitor.home}/why?d={decision_id}").content.decode()
    assert "https://shop.example/p" in page


@pytest.mark.parametrize("path", ["/privacy/nowhere", "/privacy/nowhere/notice"])
def test_a_site_that_is_not_here_is_not_found(visitor: Visitor, path: str):
    assert visitor.client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(visitor: Visitor, method: str):
    assert getattr(visitor.client, method)(visitor.home).status_code == 405

"""The public form: the same for everybody, confirmed by mail, and quiet about who is known."""

import re
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import Site, Source
from apps.privacy import form_limits, requests, verification
from apps.privacy.models.outbox import Message
from apps.privacy.models.requests import Request
from apps.privacy.subjects import names_of
from apps.work import clock
from tests.apps.privacy.desk import Desk
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    _new_process,
    identify,
    shop,
    world,
)

KNOWN, UNKNOWN = "ada@example.com", "eve@example.com"


class Visitor:
    """Somebody who fills the form of a shop."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.path = f"/privacy/{site.key}/request"
        self.client = Client()

    def form(self) -> str:
        page = self.client.get(self.path).content.decode()
        found = re.search(r'name="form" value="([^"]+)"', page)
        assert found is not None
        return found[1]

    def send(self, **given: str) -> Any:
        said = {"kind": "access", "email": KNOWN, "form": self.form(), **given}
        return self.client.post(self.path, said)


@pytest.fixture
def visitor(shop: Shop) -> Visitor:  # noqa: F811
    from apps.work.redis import connection as redis

    for key in redis().scan_iter("a:pf:*"):
        redis().delete(key)
    return Visitor(shop.world.site)


@pytest.fixture
def desk(shop: Shop) -> Desk:  # noqa: F811
    found = Desk(shop.world.site)
    found.now = clock.now()
    return found


def known(shop: Shop) -> None:  # noqa: F811
    shop.send(identify(KNOWN, traits={"email": KNOWN}))


def link_in_mail() -> str:
    found = re.search(r"https?://[^/\s]+(/privacy/confirm/\S+)", mail.outbox[-1].body)
    assert found is not None
    return found[1]


def test_known_and_unknown_people_get_the_same_answer_for_the_same_work(
    visitor: Visitor,
    shop: Shop,  # noqa: F811
) -> None:
    known(shop)
    forms = [visitor.form() for _ in range(3)]
    visitor.send(email="warm@example.com", form=forms[0])
    seen = []
    for address, form in ((KNOWN, forms[1]), (UNKNOWN, forms[2])):
        with CaptureQueriesContext(connection) as queries:
            answer = visitor.send(email=address, form=form)
        # Values are in the statements: what they do is compared.
        verbs = [re.sub(r"'[^']*'|\d+", "?", query["sql"])[:60] for query in queries]
        seen.append((answer.status_code, answer.content, sorted(answer.items()), verbs))

    one, other = seen
    assert one[:3] == other[:3]
    assert one[3] == other[3]
    assert Message.objects.filter(template="request_received").count() == 3


def test_nothing_is_looked_up_before_the_link_is_opened(visitor: Visitor, shop: Shop) -> None:  # noqa: F811
    known(shop)

    with CaptureQueriesContext(connection) as queries:
        visitor.send()

    assert not [query for query in queries if "profiles_" in query["sql"]]
    request = Request.objects.get()
    assert (request.state, request.subjects.count()) == ("verifying", 0)


def test_looking_at_the_link_confirms_nothing_and_the_button_does(
    visitor: Visitor,
    shop: Shop,  # noqa: F811
    desk: Desk,
) -> None:
    known(shop)
    visitor.send()
    desk.work()
    link = link_in_mail()

    assert visitor.client.get(link).status_code == 200
    assert Request.objects.get().verified_at is None

    assert visitor.client.post(link).status_code == 200
    request = Request.objects.get()
    assert (request.verified_how, request.subjects.count()) == ("link", 1)
    assert visitor.client.post(link).status_code == 200  # twice is once
    assert desk.log_of(request).count("verified") == 1


def test_somebody_elses_number_is_not_proved_by_ones_own_mail(
    visitor: Visitor,
    shop: Shop,  # noqa: F811
    desk: Desk,
) -> None:
    shop.send(identify("victim-17", anonymousId="v", traits={"plan": "pro"}))
    visitor.send(email=UNKNOWN, number="victim-17")
    desk.work()
    visitor.client.post(link_in_mail())

    request = Request.objects.get()
    assert request.verified_at is not None
    assert request.subjects.count() == 0


@pytest.mark.parametrize("is_proof_required", [False, True], ids=["believed", "proved"])
def test_an_address_that_any_browser_could_have_told_does_not_prove_whose_data_it_is(
    visitor: Visitor,
    shop: Shop,  # noqa: F811
    desk: Desk,
    is_proof_required: bool,
) -> None:
    # With a page's key: a stranger knows the number of somebody, and says that the address is his.
    shop.send(identify("victim-17", anonymousId="his", traits={"email": UNKNOWN}))
    sources = Source.objects.filter(site=shop.world.site, kind="browser")
    sources.update(is_user_proof_required=is_proof_required)
    visitor.send(email=UNKNOWN)
    desk.work()
    visitor.client.post(link_in_mail())

    request = Request.objects.get()
    assert (request.verified_at is not None) is is_proof_required
    assert ("address_confirmed" in desk.log_of(request)) is not is_proof_required
    requests.cancel(request_id=request.pk, actor=desk.officer, now=desk.now)


def test_a_number_that_no_database_takes_does_not_close_the_page(
    visitor: Visitor, desk: Desk
) -> None:
    assert visitor.send(email=UNKNOWN, number="a\0b").status_code == 200

    request = Request.objects.get()
    assert ("user_id", "ab") in names_of(request).given
    assert verification.ways_to(request) == {}


def test_who_asks_for_somebody_else_still_shows_a_mandate(visitor: Visitor, desk: Desk) -> None:
    visitor.send(agent="yes")
    desk.work()
    visitor.client.post(link_in_mail())

    request = Request.objects.get()
    assert request.verified_at is None
    assert "address_confirmed" in desk.log_of(request)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"email": "ada"}, "e-mail address"),
        ({"kind": "everything"}, "Choose what"),
        ({"form": "x"}, "open for too long"),
        ({"words": "x" * 1001}, "1,000 characters"),
    ],
    ids=["no address", "no right", "no token", "a novel"],
)
def test_a_wrong_form_is_given_back_with_what_is_wrong(
    visitor: Visitor, given: dict[str, str], words: str
) -> None:
    answer = visitor.send(**given)

    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Request.objects.exists()


def test_a_form_of_one_site_is_not_good_for_another(visitor: Visitor) -> None:
    other = Site.objects.create(key="other", name="Other", created_at=clock.now())

    assert Visitor(other).send(form=visitor.form()).status_code == 400


def test_a_form_from_another_page_is_refused(visitor: Visitor) -> None:
    said = {"kind": "access", "email": KNOWN, "form": visitor.form()}

    answer = visitor.client.post(
        visitor.path,
        said,
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert not Request.objects.exists()


def test_an_address_gets_no_flood_of_mail_and_nobody_is_told(visitor: Visitor) -> None:
    answers = [visitor.send() for _ in range(form_limits.MOST_TO_CONTACT + 2)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Message.objects.count() == form_limits.MOST_TO_CONTACT


def test_a_sender_without_measure_waits(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(form_limits.MOST_OF_SENDER):
        assert visitor.send(email=f"p{number}@example.com").status_code == 200

    answer = visitor.send(email="one-more@example.com")

    assert answer.status_code == 429 and int(answer["Retry-After"]) == 3600


def test_the_pages_set_no_cookie_and_load_nothing_from_elsewhere(visitor: Visitor) -> None:
    for answer in (visitor.client.get(visitor.path), visitor.send()):
        assert not answer.cookies
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"


def test_an_old_link_says_what_to_do(visitor: Visitor, desk: Desk) -> None:
    visitor.send()
    desk.work()
    link = link_in_mail()

    answer = visitor.client.get(link[:-3] + "abc")

    assert answer.status_code == 410
    assert "Send your request again" in answer.content.decode()


def test_the_link_of_a_request_that_has_ended_says_so(visitor: Visitor, desk: Desk) -> None:
    visitor.send()
    desk.work()
    link = link_in_mail()
    requests.cancel(request_id=Request.objects.get().pk, actor=desk.officer, now=desk.now)

    for answer in (visitor.client.get(link), visitor.client.post(link)):
        assert answer.status_code == 410
        assert "closed" in answer.content.decode()

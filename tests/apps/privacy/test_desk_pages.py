"""Who may open the desk's pages, and what they show to whom."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.access.models import Site, SiteStaff
from apps.access.roles import ADMINISTRATOR, ANALYST, AUDITOR, EDITOR
from apps.privacy import requests
from apps.privacy.models.requests import Request, RequestEvent
from apps.privacy.reminding import notices
from apps.privacy.statistics import lines_of
from tests.apps.privacy.desk import NOW, Desk, desk  # noqa: F401

INBOX = "/admin/privacy/request/"


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(request: Request) -> str:
    return f"{INBOX}{request.pk}/change/"


@pytest.mark.parametrize("role", [EDITOR, ANALYST])
def test_who_works_with_content_opens_no_request(desk: Desk, role: str) -> None:  # noqa: F811
    client = as_user(desk.staff("nina", role))

    for path in (INBOX, page_of(desk.receive()), f"{INBOX}statistics/", f"{INBOX}add/"):
        assert client.get(path).status_code == 403, path


@pytest.mark.parametrize("role", [AUDITOR, ADMINISTRATOR])
def test_who_may_only_look_changes_nothing_and_sees_no_name(
    desk: Desk,  # noqa: F811
    role: str,
) -> None:
    request = desk.verified("erasure")
    client = as_user(desk.staff("aude", role))

    page = client.get(page_of(request))

    assert page.status_code in (200, 403)
    assert "ada@example.com" not in page.content.decode()
    for step in ("show", "approve", "refuse", "link"):
        assert client.post(page_of(request), {"step": step}).status_code == 403, step
    assert desk.again(request).state == "verifying"


def test_names_are_shown_to_an_officer_who_asks_and_the_log_says_it(desk: Desk) -> None:  # noqa: F811
    request = desk.receive(told="About my order 1815")
    client = as_user(desk.officer)
    before = client.get(page_of(request)).content.decode()
    assert "ada@example.com" not in before and "1815" not in before
    assert "a***@example.com" in before

    after = client.post(page_of(request), {"step": "show"}).content.decode()

    assert "ada@example.com" in after and "order 1815" in after
    event = RequestEvent.objects.get(request_id=request.pk, kind="names_shown")
    assert event.actor_label == "olivia"


def test_an_officer_of_other_sites_finds_nothing_here(desk: Desk) -> None:  # noqa: F811
    request = desk.receive()
    elsewhere = Site.objects.create(key="elsewhere", name="Elsewhere", created_at=NOW)
    stranger = desk.staff("stella")
    SiteStaff.objects.create(user=stranger, site=elsewhere)
    client = as_user(stranger)

    inbox = client.get(INBOX).content.decode()
    assert request.public_ref not in inbox
    assert client.get(page_of(request)).status_code in (302, 403, 404)
    answer = client.post(page_of(request), {"step": "cancel"})
    assert answer.status_code in (302, 403, 404)
    assert desk.again(request).state == "received"
    assert "Shop" not in client.get(f"{INBOX}add/").content.decode()


def test_the_link_of_a_package_is_shown_once_it_is_asked_for(desk: Desk) -> None:  # noqa: F811
    request = desk.done()
    client = as_user(desk.officer)

    assert "/privacy/packages/" not in client.get(page_of(request)).content.decode()
    shown = client.post(page_of(request), {"step": "link"}).content.decode()

    assert "/privacy/packages/" in shown
    assert "link_shown" in desk.log_of(request)


@pytest.mark.parametrize(
    ("contact", "words"),
    [("ada@example.com", "is told why"), ("", "tell the person yourself")],
    ids=["by mail", "by hand"],
)
def test_an_officer_hears_who_tells_the_person(
    desk: Desk,  # noqa: F811
    contact: str,
    words: str,
) -> None:
    request = desk.receive(contact=contact)
    said = {"step": "extend", "reason": "The archive has to be searched."}

    page = as_user(desk.officer).post(page_of(request), said, follow=True).content.decode()

    assert words in page
    assert ("to be told by hand" in page) is (contact == "")


@pytest.mark.parametrize(
    ("show", "wanted"),
    [
        ("", {"late", "new", "known"}),
        ("verify", {"late", "new"}),
        ("decide", {"known"}),
        ("late", {"late"}),
        ("ended", {"over"}),
        ("all", {"late", "new", "known", "over"}),
    ],
    ids=["open", "verify", "decide", "late", "ended", "all"],
)
def test_the_inbox_shows_what_is_asked_for(
    desk: Desk,  # noqa: F811
    show: str,
    wanted: set[str],
) -> None:
    made = {"new": desk.receive("access"), "known": desk.verified("portability")}
    made["over"] = desk.receive("erasure")
    requests.cancel(request_id=made["over"].pk, actor=desk.officer, now=desk.now)
    made["late"] = desk.receive("review")
    Request.objects.filter(pk=made["late"].pk).update(due_on="2020-01-31")

    page = as_user(desk.officer).get(INBOX, {"show": show} if show else {}).content.decode()

    assert {name for name, request in made.items() if request.public_ref in page} == wanted


def test_figures_count_by_year_and_right_and_say_what_was_late(desk: Desk) -> None:  # noqa: F811
    desk.done("access")
    late = desk.verified("access", names=[("user_id", "2")])
    desk.receive("erasure", names=[("user_id", "3")])
    desk.later(days=40)
    requests.refuse(
        request_id=late.pk,
        article="12(5)",
        reason="Asked for the tenth time this month.",
        actor=desk.officer,
        now=desk.now,
    )

    access, erasure = lines_of(Request.objects.all())

    assert (access.kind, access.received, access.completed, access.refused) == ("Access", 2, 1, 1)
    assert (access.late, access.mean_days, access.median_days) == (1, 20.0, 20.0)
    assert (erasure.open, erasure.mean_days) == (1, None)
    answer = as_user(desk.officer).get(f"{INBOX}statistics/", {"form": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["year"], row["kind"], row["late"]) for row in rows] == [
        ("2026", "Access", "1"),
        ("2026", "Erasure", "0"),
    ]


def test_the_home_page_says_what_is_late_and_what_is_nearly(desk: Desk) -> None:  # noqa: F811
    desk.receive("access")
    assert notices(desk.site.pk, desk.now) == []

    desk.later(days=25)
    assert [notice.level for notice in notices(desk.site.pk, desk.now)] == ["warn"]

    desk.later(days=10)
    late = notices(desk.site.pk, desk.now)
    assert [(notice.level, notice.text) for notice in late] == [
        ("bad", "1 privacy request is late.")
    ]

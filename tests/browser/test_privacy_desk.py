"""The officer's desk and the public form by clicking: wide and on a phone."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.access.models import Site
from apps.privacy import bulk, requests
from apps.privacy.models.requests import Request
from apps.profiles.services import find_or_make
from apps.work import clock
from tests.apps.privacy.desk import Desk
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def desk(browser: Browser, transactional_db: None, settings: Any) -> Iterator[Desk]:
    from apps.work.redis import connection as redis

    for key in redis().scan_iter("a:pf:*"):
        redis().delete(key)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    site = Site.objects.create(
        key="shop", name="Shop", time_zone="Europe/Berlin", created_at=clock.now()
    )
    made = Desk(site)
    made.now = clock.now()
    yield made


def seen(visit: Visit, name: str, screen: str) -> None:
    """No complaint, no overflow, nothing that axe finds; a picture where somebody asks for it."""
    assert visit.overflow() <= 0, name
    folder = os.environ.get("ATTUNE_SCREENSHOTS")
    if folder:
        visit.page.screenshot(path=Path(folder) / f"{name}-{screen}.png", full_page=True)
    visit.must_be_readable(name)


def busy(desk: Desk) -> None:
    """An inbox with something of everything."""
    names = iter(range(40, 60))
    for kind, days in (("access", 29), ("objection", 3), ("rectification", 12), ("portability", 1)):
        desk.now = clock.now() - timedelta(days=days)
        desk.receive(kind, names=[("user_id", str(next(names)))])
    desk.now = clock.now() - timedelta(days=40)
    desk.receive("erasure", names=[("user_id", "late")])
    desk.now = clock.now()
    desk.done("access", names=[("user_id", "done")])


@pytest.mark.parametrize("screen", ["wide", "phone"])
def test_a_request_from_the_form_to_the_package(
    desk: Desk, live_server: Any, browser: Browser, screen: str, settings: Any
) -> None:
    settings.PUBLIC_ORIGIN = live_server.url
    find_or_make([(desk.site.pk, "user_id", "ada@example.com")], now=desk.now)
    viewport = WIDE if screen == "wide" else PHONE
    person = Visit(browser, live_server.url, viewport=viewport)
    person.open("/privacy/shop/request")
    seen(person, "privacy-form", screen)
    person.page.check("text=See the data you keep about me")
    person.page.fill("#email", "ada@example.com")
    person.page.click("button:has-text('Send the request')")
    expect(person.page.locator("h1")).to_have_text("Look into your mail")
    seen(person, "privacy-taken", screen)
    desk.now = clock.now()
    desk.work()
    link = re.search(r"(/privacy/confirm/\S+)", mail.outbox[-1].body)
    assert link is not None
    person.open(link[1])
    seen(person, "privacy-confirm", screen)
    person.page.click("button:has-text('this is my request')")
    expect(person.page.locator("h1")).to_have_text("Thank you")

    officer = Visit(browser, live_server.url, viewport=viewport)
    officer.come_as(desk.officer)
    officer.open("/admin/privacy/request/")
    seen(officer, "privacy-inbox-one", screen)
    officer.page.click("#result_list th.field-public_ref a")
    expect(officer.page.locator(".page-head .badge")).to_have_text("To be decided")
    seen(officer, "privacy-request", screen)
    assert "ada@example.com" not in officer.page.content()
    officer.page.click("button:has-text('Show the names')")
    expect(officer.page.locator("dl.facts").first).to_contain_text("ada@example.com")
    officer.page.click("button:has-text('Approve')")
    expect(officer.page.locator(".messagelist")).to_contain_text("it is being done")
    desk.now = clock.now()
    desk.work()
    officer.page.reload()
    expect(officer.page.locator(".page-head .badge")).to_have_text("Completed")
    seen(officer, "privacy-request-done", screen)

    package = re.search(r"(/privacy/packages/\S+)", mail.outbox[-1].body)
    assert package is not None
    person.open(package[1])
    seen(person, "privacy-package", screen)
    assert person.complaints == officer.complaints == []


@pytest.mark.parametrize("screen", ["wide", "phone"])
def test_the_pages_of_the_desk(desk: Desk, live_server: Any, browser: Browser, screen: str) -> None:
    officer = Visit(browser, live_server.url, viewport=WIDE if screen == "wide" else PHONE)
    officer.come_as(desk.officer)
    officer.open("/admin/privacy/request/")
    expect(officer.page.locator(".empty-words")).to_contain_text("OpenDSR")
    seen(officer, "privacy-inbox-empty", screen)
    officer.open("/admin/privacy/request/statistics/")
    seen(officer, "privacy-figures-empty", screen)

    busy(desk)
    officer.open("/admin/privacy/request/")
    seen(officer, "privacy-inbox", screen)
    officer.open("/admin/privacy/request/statistics/")
    seen(officer, "privacy-figures", screen)
    officer.open("/admin/")
    expect(officer.page.locator(".problems")).to_contain_text("1 privacy request is late")

    officer.open("/admin/privacy/request/add/")
    seen(officer, "privacy-add", screen)
    officer.page.select_option("#kind", "erasure")
    officer.page.fill("#number", "1815")
    officer.page.click("button:has-text('Receive it')")
    seen(officer, "privacy-request-new", screen)
    officer.page.fill("#evidence", "Showed a passport at the counter")
    officer.page.click("button:has-text('It is the person')")
    officer.page.fill("#note", "Call them on Monday")
    officer.page.click("button:has-text('Keep it')")
    officer.page.click("summary:has-text('Refuse')")
    officer.page.fill("#refuse-reason", "Invoices have to be kept for ten years.")
    officer.page.click(".desk-more button:has-text('Refuse')")
    expect(officer.page.locator(".problems")).to_contain_text("Choose the article")
    assert officer.page.input_value("#refuse-reason").startswith("Invoices")
    officer.page.select_option("#article", "17(3)(b)")
    seen(officer, "privacy-request-refusing", screen)
    officer.page.click(".desk-more button:has-text('Refuse')")
    expect(officer.page.locator(".page-head .badge")).to_have_text("Refused")
    seen(officer, "privacy-request-refused", screen)

    rows = [desk.verified("erasure", names=[("user_id", number)]) for number in ("a1", "b2")]
    asked = bulk.ask(
        request_ids=[row.pk for row in rows],
        reason="A branch was closed",
        actor=desk.staff("second"),
        now=desk.now,
    )
    officer.open(f"/admin/privacy/bulkaction/{asked.pk}/change/")
    seen(officer, "privacy-bulk", screen)
    officer.page.click("button:has-text('Approve them all')")
    expect(officer.page.locator(".page-head .badge")).to_have_text("Approved")
    for name in ("bulkaction", "requestevent"):
        officer.open(f"/admin/privacy/{name}/")
        seen(officer, f"privacy-{name}", screen)
    first = rows[0]
    requests.begin_work(request_id=first.pk, now=desk.now)
    desk.carry_out(first)
    officer.open(f"/admin/privacy/request/{first.pk}/change/")
    expect(officer.page.locator("#live")).to_contain_text("Erasure, store by store")
    seen(officer, "privacy-request-erasing", screen)
    assert Request.objects.filter(state="approved").exists()
    assert officer.complaints == []

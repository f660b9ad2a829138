"""Typing that is never lost: a lost connection, a login that ran out, two tabs, two people."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.content.models import Placement, Unsaved
from apps.content.revisions import changing
from tests.apps.studio.conftest import NOW, Shop
from tests.browser.visiting import becomes

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAID = ".keeper-said"
Open = Callable[..., Page]


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return Shop()


@pytest.fixture
def placement(shop: Shop) -> Placement:
    return Placement.objects.get(key="home.hero")


@pytest.fixture
def visits(browser: Browser, live_server: Any) -> Iterator[Callable[[str], BrowserContext]]:
    """Browsers of editors who are logged in; what they complain about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: Any) -> None:
        # Calls that fail on purpose are logged by the browser itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def visit(name: str) -> BrowserContext:
        user, is_new = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if is_new:
            user.set_password("x")
            user.save()
            user.groups.add(Group.objects.get(name="editor"))
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        log_in(context, live_server.url, user)
        context.on("console", heard)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(context: BrowserContext, origin: str, user: User) -> None:
    client = Client()
    client.force_login(user)
    value = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": origin}])


def opened(context: BrowserContext, live_server: Any, placement: Placement) -> Page:
    """The form, once the server knows that it is open."""
    page = context.new_page()
    with page.expect_response(f"**{reverse('admin:seen')}"):
        page.goto(live_server.url + reverse("admin:content_placement_change", args=[placement.pk]))
    return page


def typed(page: Page, text: str) -> None:
    page.locator("#id_name").press("End")
    page.locator("#id_name").press_sequentially(text)


def kept(field: str) -> list[str]:
    """What the server keeps unsaved of a field: more and more of it, while somebody types."""
    return [dict(row.form).get(field, "") for row in Unsaved.objects.order_by("at")]


def press_save(page: Page) -> None:
    page.locator("[name=_save]").first.click()


def test_what_is_typed_comes_back_after_the_tab_was_closed(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    page.locator("#id_name").fill("")
    typed(page, "Half a sent")
    expect(page.locator(SAID)).to_contain_text("not saved yet")
    becomes(page, lambda: kept("name") == ["Half a sent"])
    page.close()

    page = opened(context, live_server, placement)
    assert page.locator("#id_name").input_value() == "home.hero"
    page.get_by_role("button", name="Take them back").click()
    expect(page.locator("#id_name")).to_have_value("Half a sent")
    typed(page, "ence")
    press_save(page)
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    placement.refresh_from_db()
    assert placement.name == "Half a sentence"
    assert not Unsaved.objects.exists()


def test_a_save_without_a_connection_leaves_the_form_and_goes_through_later(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    context.set_offline(True)
    page.locator("#id_name").fill("Typed in a tunnel")
    press_save(page)
    expect(page.locator(SAID)).to_contain_text("The server cannot be reached")
    assert page.locator("#id_name").input_value() == "Typed in a tunnel"
    placement.refresh_from_db()
    assert placement.name == "home.hero"

    context.set_offline(False)
    press_save(page)
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    placement.refresh_from_db()
    assert placement.name == "Typed in a tunnel"


def test_what_was_typed_offline_is_offered_after_a_restart(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    context.set_offline(True)
    page.locator("#id_name").fill("Only in this browser")
    expect(page.locator(SAID)).to_contain_text("kept in this browser")
    page.close()
    assert not Unsaved.objects.exists()

    context.set_offline(False)
    page = opened(context, live_server, placement)
    page.get_by_role("button", name="Take them back").click()
    expect(page.locator("#id_name")).to_have_value("Only in this browser")
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('attune:'))") == []


def test_a_login_that_ran_out_loses_nothing(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    Session.objects.all().delete()
    page.locator("#id_name").fill("Written all morning")
    press_save(page)
    expect(page.locator(SAID)).to_contain_text("You have been logged out")
    assert page.locator("#id_name").input_value() == "Written all morning"

    with context.expect_page() as opening:
        page.get_by_role("link", name="Log in in a new tab").click()
    login = opening.value
    login.fill("#id_username", "mary")
    login.fill("#id_password", "x")
    with login.expect_navigation():
        login.click("input[type=submit]")
    expect(login).to_have_url(f"{live_server.url}/admin/")
    login.close()

    press_save(page)
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    placement.refresh_from_db()
    assert placement.name == "Written all morning"


def test_somebody_else_in_the_same_browser_does_not_save_for_them(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    visits("john")
    log_in(context, live_server.url, User.objects.get(username="john"))
    page.locator("#id_name").fill("By Mary")
    press_save(page)
    expect(page.locator(SAID)).to_contain_text("You are logged in as john now")
    placement.refresh_from_db()
    assert placement.name == "home.hero"


def test_two_people_on_one_form_see_each_other_and_choose(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    hers = opened(visits("mary"), live_server, placement)
    his = opened(visits("john"), live_server, placement)
    expect(his.locator(SAID)).to_contain_text("mary has this open, too.")
    hers.locator("#id_name").fill("Top of the page")
    press_save(hers)
    expect(hers.locator(".messagelist")).to_contain_text("Undo")
    his.locator("#id_name").fill("The big picture")
    press_save(his)
    expect(his.locator("h1", has_text="Two people changed")).to_be_visible()
    for text in ("home.hero", "Top of the page", "The big picture"):
        expect(his.get_by_text(text).first).to_be_visible()
    for width in (1280, 390):
        his.set_viewport_size({"width": width, "height": 800})
        assert his.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    his.get_by_label("Mary’s, saved").check()
    his.get_by_role("button", name="Save what I chose").click()
    expect(his.locator(".messagelist")).to_contain_text("Saved as you chose")
    placement.refresh_from_db()
    assert placement.name == "Top of the page"


def test_a_save_by_somebody_else_is_told_while_the_form_is_open(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    page = opened(visits("mary"), live_server, placement)
    john = User.objects.create_user("john")
    with changing("placement", placement.pk, actor=john, now=NOW):
        Placement.objects.filter(pk=placement.pk).update(name="By John")
    # The page asks every 20 seconds, and when somebody comes back to it.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(SAID)).to_contain_text("john has saved this")
    expect(page.get_by_role("link", name="See what changed")).to_be_visible()


def test_logging_out_takes_the_copies_out_of_the_browser(
    visits: Any, live_server: Any, placement: Placement
) -> None:
    context = visits("mary")
    page = opened(context, live_server, placement)
    page.evaluate("localStorage.setItem('attune:typed:1:a:b:c', '{}')")
    with page.expect_navigation():
        page.locator("#logout-form button").click()
    assert page.evaluate("localStorage.length") == 0


def test_a_new_variant_that_was_never_saved_comes_back_with_its_text(
    visits: Any, live_server: Any, shop: Shop
) -> None:
    url = live_server.url + reverse("admin:content_block_change", args=[shop.hero.pk])
    context = visits("mary")
    page = context.new_page()
    page.goto(url)
    page.click("text=Add a variant")
    page.locator("[name=variants-2-name]").fill("Sale")
    page.locator("[name=variants-2-key]").fill("sale")
    page.locator("[name=variants-2-field_headline]").fill("Half price")
    becomes(page, lambda: kept("variants-2-field_headline") == ["Half price"])
    page.close()

    page = context.new_page()
    page.goto(url)
    expect(page.locator("[name=variants-2-name]")).to_have_count(0)
    page.get_by_role("button", name="Take them back").click()
    expect(page.locator("[name=variants-2-field_headline]")).to_have_value("Half price")
    press_save(page)
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    assert shop.hero.variants.get(key="sale").fields == {"headline": "Half price"}


def test_enter_in_a_field_saves_and_presses_no_other_button(
    visits: Any, live_server: Any, shop: Shop
) -> None:
    page = visits("mary").new_page()
    page.goto(live_server.url + reverse("admin:content_block_change", args=[shop.hero.pk]))
    page.locator("#id_name").fill("Top")
    page.locator("#id_name").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    shop.hero.refresh_from_db()
    assert shop.hero.name == "Top"
    assert shop.hero.variants.filter(archived_at=None).count() == 2

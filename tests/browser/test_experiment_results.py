"""Results of an experiment and the archive in a real browser: at a desk, on a phone, on paper."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Browser

from apps.experiments.models import Experiment
from apps.work import clock
from apps.work.models import Intent
from tests.apps.experiments.results import NOW, Story, full_story
from tests.browser.visiting import PHONE, SECRET, WIDE, Visit, becomes

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    clock.replace(lambda: NOW)
    yield
    clock.replace(None)


@pytest.fixture
def ana(transactional_db: None) -> User:
    return User.objects.create_superuser("ana", password=SECRET)


def address(story: Story) -> str:
    return reverse("admin:experiment_results", args=[story.experiment.pk])


def test_results_are_read_at_a_desk_on_a_phone_and_on_paper(
    ana: User, live_server: object, browser: Browser
) -> None:
    story = full_story()
    story.looked_at_daily()
    visit = Visit(browser, str(live_server))
    visit.come_as(ana)
    visit.open(address(story))
    page = visit.page
    assert "raises Orders by" in page.inner_text(".verdict-words")
    assert page.locator(".over-time").count() == 6  # two goals and a guardrail, of two arms each
    assert page.locator(".whisker").count() > 6
    visit.must_be_readable("results")
    visit.must_fit(PHONE)
    # A number is explained by keyboard alone.
    visit.page.set_viewport_size(WIDE)
    tip = page.locator(".arms .tip").first
    tip.focus()
    page.keyboard.press("Enter")
    assert page.locator(".tip-words:popover-open").inner_text().startswith("Participants")
    page.keyboard.press("Escape")
    assert page.locator(".tip-words:popover-open").count() == 0
    page.emulate_media(media="print")
    assert not page.locator("nav.menu, .menu").first.is_visible()
    assert page.locator(".verdict-words").is_visible()
    page.emulate_media(media="screen")
    with page.expect_download() as download:
        page.click("text=Sums by day, CSV")
    assert download.value.suggested_filename == "headline-phase-1-days-results.csv"
    visit.close()


def test_on_a_phone_every_number_has_its_name_beside_it_and_words_below(
    ana: User, live_server: object, browser: Browser
) -> None:
    story = full_story()
    story.analysed()
    visit = Visit(browser, str(live_server), viewport=PHONE, scheme="dark")
    visit.come_as(ana)
    visit.open(address(story))
    page = visit.page
    label = page.locator(".arms td[data-label]").first.evaluate(
        "(cell) => getComputedStyle(cell, '::before').content"
    )
    assert label == '"Participants"'
    page.locator(".means summary").first.click()
    assert page.locator(".means dd").first.is_visible()
    assert "each counted once" in page.locator(".means dd").first.inner_text()
    for box in page.locator(".over-time").all():
        size = box.bounding_box()
        assert size is not None and size["x"] >= 0 and size["x"] + size["width"] <= 390
    visit.must_be_readable("results on a phone")
    visit.must_fit(PHONE)
    visit.close()


def test_the_button_says_that_newer_numbers_come_and_shows_them(
    ana: User, live_server: object, browser: Browser
) -> None:
    story = Story(per_arm=2_000)
    orders = story.metric("orders", "Orders")
    story.joined(40, 40)
    story.did(orders, (2_000, 2_000), (0.1, 0.1))
    story.analysed(NOW - timedelta(days=1))
    visit = Visit(browser, str(live_server))
    visit.come_as(ana)
    visit.open(address(story))
    visit.leads("text=Work it out now")
    assert "being worked out" in visit.page.inner_text("#live")
    assert visit.page.locator("button:has-text('Work it out now')").is_disabled()
    story.analysed()
    Intent.objects.filter(kind="experiments.refresh").update(state="done")
    becomes(visit.page, lambda: visit.page.locator("#live section").count() == 0)
    becomes(visit.page, lambda: "just now" in visit.page.inner_text(".standing"))
    visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_archive_is_searched_at_a_desk_and_on_a_phone(
    ana: User, live_server: object, browser: Browser, scheme: str
) -> None:
    story = Story(
        ("As it was", "\u202eمتجر\u202c " + "x" * 90), name="<script>alert(1)</script>", per_arm=900
    )
    orders = story.metric("orders", "Orders")
    story.joined(40, 40)
    story.did(orders, (2_000, 2_000), (0.1, 0.2))
    story.analysed()
    Experiment.objects.update(
        state="concluded", winner="arm1", concluded_at=NOW, learnings="Phones. " * 60
    )
    visit = Visit(browser, str(live_server), scheme=scheme)
    visit.come_as(ana)
    visit.open(reverse("admin:experiment_archive"))
    assert visit.page.locator(".outcomes rect").count() == 1
    visit.must_be_readable("archive")
    visit.must_fit(PHONE)
    visit.must_fit(WIDE)
    visit.page.fill("#q", "phones alert")
    visit.leads("button:has-text('Search')")
    visit.leads("article h2 a")
    assert visit.page.inner_text("h1") == "<script>alert(1)</script>"
    visit.must_fit(PHONE)
    visit.close()

"""Several people at one site: two who write the same, one who approves, one who only looks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, expect

from tests.apps.studio.conftest import Shop
from tests.browser.stories_people import Person, employ

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Come = Callable[[str, str], Person]


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    """A published site."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    made = Shop()
    made.publish("The first")
    return made


@pytest.fixture
def come(browser: Browser, live_server: Any, shop: Shop) -> Iterator[Come]:
    """Let somebody of a role log in, in a browser of their own."""
    here: list[Person] = []

    def come(name: str, role: str) -> Person:
        employ(name, role)
        here.append(Person(browser, live_server.url, name))
        return here[-1]

    yield come
    for person in here:
        person.leave()


def write(person: Person, headline: str, *, save: bool = True) -> None:
    """Write another headline for everybody into the hero."""
    person.go("Blocks")
    person.follow("Hero")
    panel = person.page.get_by_role("tabpanel")
    panel.get_by_label("Headline").fill(headline)
    if save:
        person.press("Save and continue editing")
        expect(person.main).to_contain_text("was changed successfully")


def test_two_editors_write_the_same_field_and_both_texts_are_there_to_choose_from(
    come: Come,
) -> None:
    anna, john = come("anna", "editor"), come("john", "editor")
    write(john, "Welcome to spring", save=False)
    write(anna, "Welcome, everybody")
    expect(anna.main).to_contain_text("was changed successfully")

    john.press("Save and continue editing")
    expect(john.page.get_by_role("heading", name="Two people changed Hero")).to_be_visible()
    for text in ("Welcome, everybody", "Welcome to spring"):
        expect(john.main.get_by_text(text, exact=True)).to_be_visible()
    john.follow("Leave it: my text stays under “unsaved changes”")
    panel = john.page.get_by_role("tabpanel")
    expect(panel.get_by_label("Headline")).to_have_value("Welcome, everybody")
    john.press("Take them back")
    expect(john.page.get_by_role("tabpanel").get_by_label("Headline")).to_have_value(
        "Welcome to spring"
    )
    john.press("Save and continue editing")
    john.page.get_by_label("Yours").check()
    john.press("Save what I chose")
    expect(john.main).to_contain_text("Saved as you chose")

    john.go("Blocks")
    john.follow("Hero")
    expect(panel.get_by_label("Headline")).to_have_value("Welcome to spring")
    john.follow("History")
    expect(john.main).to_contain_text("anna")
    expect(john.main).to_contain_text("john")


def test_what_one_refuses_is_amended_approved_by_another_and_served(come: Come) -> None:
    boss = come("ben", "administrator")
    boss.go("Sites")
    boss.follow("Shop")
    boss.page.get_by_label("Needs approval").check()
    boss.press("Save")
    expect(boss.main).to_contain_text("was changed successfully")

    anna, cora = come("anna", "editor"), come("cora", "editor")
    write(anna, "Half price")
    anna.go_to_publish()
    expect(anna.main).to_contain_text("Half price")
    expect(anna.page.get_by_role("button", name="Publish what is ticked")).to_have_count(0)
    anna.fill("Name of the release", "Spring")
    anna.press("Make a release of what is ticked")
    anna.press("Send for approval")
    expect(anna.main).to_contain_text("somebody else has to approve it")
    expect(anna.page.get_by_role("button", name="Approve")).to_have_count(0)
    assert posted(anna, anna.page.url, step="approve", site="shop") == 403

    boss.go("Releases")
    boss.follow("Spring", is_part=True)
    boss.press("Refuse")
    expect(boss.page.get_by_role("alert")).to_be_visible()
    boss.page.get_by_label("What do you say about it?").fill("Say until when.")
    boss.press("Refuse")
    expect(boss.main).to_contain_text("What was said")

    anna.go("Releases")
    anna.follow("Spring", is_part=True)
    expect(anna.main).to_contain_text("Say until when.")
    write(anna, "Half price until Sunday")
    anna.go("Releases")
    anna.follow("Spring", is_part=True)
    anna.press("Take the drafts in")
    anna.press("Send for approval")

    cora.go("Releases")
    cora.follow("Spring", is_part=True)
    expect(cora.main.get_by_role("insertion").first).to_contain_text("until Sunday")
    cora.press("Approve")
    cora.press("Publish now")
    expect(cora.main).to_contain_text("Publication 2 serves now.")
    cora.go("Preview")
    cora.fill("Placements", "home.hero")
    with cora.page.expect_navigation():
        cora.page.get_by_role("button", name="Show").first.click()
    seen = cora.page.frame_locator("iframe[title*='Picture A']")
    expect(seen.locator("body")).to_contain_text("Half price until Sunday")


def test_an_analyst_looks_at_everything_and_publishes_nothing(come: Come, shop: Shop) -> None:
    shop.headline("Blouses, reduced")
    ada = come("ada", "analyst")
    menu = ada.page.get_by_role("navigation", name="Menu")
    entries = [one.get_attribute("href") or "" for one in menu.get_by_role("link").all()]
    assert len(entries) > 15
    assert "/admin/publish/" not in entries
    for address in entries:
        ada.open(address)
        expect(ada.page.get_by_role("heading", level=1)).to_be_visible()

    ada.go("Blocks")
    ada.follow("Hero")
    expect(ada.page.get_by_role("button", name="Save")).to_have_count(0)
    ada.go("Publications")
    assert ada.page.get_by_role("button", name="Bring back").count() == 0
    for door, said in (
        ("/admin/publish/", {"site": "shop", "now": "1"}),
        ("/admin/publish/", {"site": "shop", "release": "1", "name": "Mine"}),
        ("/admin/publications/", {"site": "shop", "number": "1"}),
        (f"/admin/segments/segment/{shop.blouses.pk}/publish/", {"note": "Mine"}),
        (f"/admin/segments/segment/{shop.blouses.pk}/versions/", {"number": "1", "note": "Mine"}),
    ):
        assert posted(ada, f"{ada.origin}{door}", **said) == 403, door


def posted(person: Person, address: str, **said: str) -> int:
    """What the server answers to a form that no page offers: sent with the person's own token."""
    tokens = [one for one in person.context.cookies() if one.get("name") == "csrftoken"]
    headers = {"X-CSRFToken": tokens[0].get("value", "")}
    answer = person.context.request.post(address, form=dict(said), headers=headers, max_redirects=0)
    return answer.status

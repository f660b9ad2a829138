"""A computed trait is made with a form: begin with a preset, see the sentence and real values."""

from datetime import timedelta

import pytest

from apps.access.models import Site
from apps.segments.models import ComputedTrait
from apps.work import clock
from engine.conditions.computed import computed_text, parse_computed
from tests.browser.condition_pages import site, visit
from tests.browser.editing import Editing, Happened, make_profile
from tests.browser.visiting import PHONE, Visit

__all__ = ["site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADD = "/admin/segments/computedtrait/add/"


@pytest.fixture
def people(site: Site) -> Site:
    """Twelve people with one purchase each, whose worth shops of this site call revenue."""
    at_ms = clock.to_ms(clock.now() - timedelta(days=3))
    for number in range(12):
        bought = Happened(at_ms, "Purchase", {"revenue": 10.5 + number, "category": "hats"})
        make_profile(site, [bought])
    make_profile(site)
    return site


def begun(visit: Visit, site: Site) -> Editing:
    visit.open(ADD)
    visit.page.locator("definition-editor").wait_for()
    visit.page.select_option("#id_site", str(site.pk))
    # Events seen on the site are offered: presets take their names.
    visit.page.locator("definition-editor option[value='Purchase']").first.wait_for(
        state="attached"
    )
    return Editing(visit.page, "cd", "definition")


def settle(visit: Visit) -> None:
    visit.page.locator("definition-panel:not([aria-busy])").wait_for()


def words(visit: Visit) -> str:
    settle(visit)
    return visit.page.locator(".cp-words").inner_text()


def test_a_preset_takes_the_names_that_were_seen_and_shows_what_it_comes_to(
    people: Site, visit: Visit
) -> None:
    do = begun(visit, people)
    do.choose("preset", "lifetime-value")
    assert do.at("name").input_value() == "Purchase"
    assert do.at("of").input_value() == "revenue"
    assert words(visit) == 'The sum of revenue of "Purchase" events.'
    panel = visit.page.locator("definition-panel").inner_text()
    assert "Of the 13 people seen last, 13 have a value." in panel
    assert visit.page.locator(".cp-counts dd").all_inner_texts() == ["12.5", "15.5", "18.5"]
    assert visit.page.input_value("#id_name") == "Lifetime value"
    assert visit.page.input_value("#id_key") == "lifetime-value"
    visit.page.fill("#id_unit", "EUR")
    visit.page.click("input[name=_save]")
    visit.page.wait_for_url("**/admin/segments/computedtrait/")
    made = ComputedTrait.objects.get(key="lifetime-value")
    assert computed_text(parse_computed(made.definition)) == (
        'the sum of revenue of "Purchase" events'
    )


def test_the_form_changes_everything_that_a_definition_says(people: Site, visit: Visit) -> None:
    do = begun(visit, people)
    do.choose("preset", "favourite-category").fill("name", "Purchase")
    do.lasts("window.last", 30, "d").filter("", 0, "revenue", 12, "gt")
    assert "the most frequent category" in words(visit).lower()
    values = visit.page.locator(".cp-counts").inner_text()
    assert "“hats”" in values and "10 of 10" in values
    do.choose("aggregate", "recency")
    settle(visit)
    assert visit.page.locator(".cp-problem").count() == 0


def test_what_is_wrong_is_said_at_its_field(people: Site, visit: Visit) -> None:
    do = begun(visit, people)
    do.choose("preset", "orders").fill("name", "")
    settle(visit)
    assert visit.page.locator(".cp-problem").count() == 1
    assert do.at("name").get_attribute("aria-invalid") == "true"


def test_the_form_fits_a_phone(people: Site, visit: Visit) -> None:
    visit.page.set_viewport_size(PHONE)
    do = begun(visit, people)
    for preset in ("adds-per-view", "favourite-category", "days-active"):
        do.choose("preset", preset)
        settle(visit)
        assert visit.overflow() <= 0

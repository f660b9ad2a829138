"""Editors write a block in a real browser: variants, chips, fields, values, pictures, text."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from apps.access.models import Site
from apps.content.assets import add_asset
from apps.content.models import Asset, Block
from apps.content.services import create_block, create_variant
from tests.apps.segments.world import NOW
from tests.apps.studio.conftest import Shop
from tests.browser.test_admin import shop
from tests.browser.visiting import PHONE, WIDE, Visit, rest

__all__ = ["shop"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCHEMA = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "story", "type": "rich"},
    {"name": "photo", "type": "image"},
    {"name": "points", "type": "list"},
]
# What a word processor puts into the clipboard.
OF_A_WORD_PROCESSOR = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head>
<meta name=Generator content="Microsoft Word 15">
<style><!-- p.MsoNormal {margin:0cm;} --></style></head>
<body lang=EN-GB style='tab-interval:35.4pt'><!--StartFragment-->
<p class=MsoNormal style='margin-bottom:8.0pt'><b><span style='font-size:12.0pt;
font-family:"Calibri",sans-serif'>Summer</span></b><span style='color:red'> is here<o:p>
</o:p></span></p><!--EndFragment--></body></html>"""


def picture(side: int = 300) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (side, side // 2), (200, 60, 40)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def story(shop: Shop) -> Block:
    Site.objects.update(locales=["en", "de"])
    block = create_block(site_id=shop.site.pk, key="story", name="Story", schema=SCHEMA)
    fields = {"headline": "Welcome", "story": "<p>Hello <strong>you</strong></p>"}
    create_variant(block=block, key="all", name="All", is_default=True, fields=fields)
    create_variant(block=block, key="vip", name="VIPs", fields={"headline": "Dear VIP"})
    return block


@pytest.fixture(params=[WIDE, PHONE], ids=["desktop", "phone"])
def visit(
    request: pytest.FixtureRequest, story: Block, live_server: Any, browser: Browser
) -> Iterator[Visit]:
    """An editor at the block's page; what the browser complains about fails the test."""
    visit = Visit(browser, live_server.url, viewport=request.param)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open(f"/admin/content/block/{story.pk}/change/")
    yield visit
    assert visit.overflow() <= 0
    visit.close()


def save(page: Page) -> None:
    with page.expect_navigation():
        page.click("input[name=_continue]")
    expect(page.locator(".messagelist .success")).to_be_visible()


def choose(page: Page, name: str) -> None:
    """Show a variant: by its tab, or on a phone in the list."""
    if page.locator(".variant-tabs").is_visible():
        page.click(f".variant-tabs [role=tab]:has-text('{name}')")
    else:
        label = page.locator(".variant-list option", has_text=name).first.text_content()
        page.select_option(".variant-list select", label=label)


def test_an_editor_adds_a_variant_and_chooses_its_segment_by_keys(
    visit: Visit, story: Block
) -> None:
    page = visit.page
    page.click("text=Add a variant")
    page.keyboard.type("For blouses")
    box = page.locator("article:not([hidden]) .chip-box").first
    box.get_by_role("combobox").fill("blou")
    expect(box.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box.locator(".chips .chip")).to_contain_text("Browsing blouses")
    page.fill("article:not([hidden]) [name$=-field_headline]", "Blouses")
    save(page)
    variant = story.variants.get(key="for-blouses")
    assert [segment.key for segment in variant.segments.all()] == ["blouses"]
    assert variant.fields == {"headline": "Blouses"}


def test_every_variant_is_sent_though_one_is_shown(visit: Visit, story: Block) -> None:
    page = visit.page
    page.fill("article:not([hidden]) [name$=-field_headline]", "First")
    choose(page, "VIPs")
    page.fill("article:not([hidden]) [name$=-field_headline]", "Second")
    save(page)
    found = dict(story.variants.values_list("key", "fields__headline"))
    assert found == {"all": "First", "vip": "Second"}


def test_the_other_language_stands_behind_a_tab(visit: Visit, story: Block) -> None:
    page = visit.page
    page.click("article:not([hidden]) .language-tabs [role=tab]:has-text('de')")
    page.fill("article:not([hidden]) [name$=-in_de_field_headline]", "Willkommen")
    save(page)
    translation = story.variants.get(key="all").translations.get()
    assert (translation.locale, translation.fields) == ("de", {"headline": "Willkommen"})


def test_a_value_is_put_in_with_its_fallback_and_shown_at_once(visit: Visit) -> None:
    page = visit.page
    page.click("article:not([hidden]) .field-field_headline .value-open")
    page.fill("#picker-fallback", "your phone")
    page.fill("#picker-search", "device")
    page.click(".picker-list button:has-text('context.device')")
    headline = page.locator("article:not([hidden]) [name$=-field_headline]")
    expect(headline).to_have_value('Welcome{{ context.device | default: "your phone" }}')
    sample = page.locator("article:not([hidden]) .field-field_headline .value-sample")
    expect(sample).to_contain_text("Welcomemobile")
    expect(sample).to_contain_text("When nothing is known: Welcomeyour phone")
    headline.fill("{{ nobody }}")
    expect(sample).to_contain_text("Line 1: Nothing is called 'nobody' here.")


def test_fields_are_a_list_to_change_and_a_renamed_one_keeps_its_texts(
    visit: Visit, story: Block
) -> None:
    page = visit.page
    page.click("summary:has-text('Fields of every variant')")
    page.fill("#field-row-0-name", "title")
    page.locator("#field-row-0-name").blur()
    page.get_by_role("button", name="Move title down").click()
    page.click("text=Add a field")
    page.keyboard.type("note")
    page.fill("#field-row-4-help", "Small print")
    page.get_by_role("button", name="Remove points").click()
    save(page)
    story.refresh_from_db()
    assert [(one["name"], one["type"]) for one in story.schema] == [
        ("story", "rich"),
        ("title", "string"),
        ("photo", "image"),
        ("note", "string"),
    ]
    assert story.schema[3]["help"] == "Small print"
    assert story.variants.get(key="all").fields["title"] == "Welcome"


def test_text_is_formatted_by_buttons_and_the_textarea_holds_it(visit: Visit, story: Block) -> None:
    page = visit.page
    text = page.locator("article:not([hidden]) .field-field_story .rich-text")
    expect(text).to_contain_text("Hello you")
    text.click()
    page.keyboard.press("Control+End")
    rest(page)  # nobody types faster than a browser tells where the caret is
    page.keyboard.press("Enter")
    page.get_by_role("button", name="List", exact=True).first.click()
    page.keyboard.type("One {{ traits.first_name }}")
    save(page)
    stored = story.variants.get(key="all").fields["story"]
    assert stored == (
        "<p>Hello <strong>you</strong></p>\n<ul><li><p>One {{ traits.first_name }}</p></li></ul>"
    )


def test_what_a_word_processor_pastes_is_plain_and_breaks_no_policy(
    visit: Visit, story: Block
) -> None:
    page = visit.page
    page.locator("article:not([hidden]) .field-field_story .rich-text").click()
    page.keyboard.press("Control+a")
    rest(page)
    page.evaluate(
        """(html) => {
          const data = new DataTransfer();
          data.setData("text/html", html);
          data.setData("text/plain", "Summer is here");
          document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        OF_A_WORD_PROCESSOR,
    )
    save(page)
    stored = story.variants.get(key="all").fields["story"]
    assert stored == "<p><strong>Summer</strong> is here</p>"


def test_a_picture_is_chosen_from_the_library(visit: Visit, story: Block) -> None:
    asset, _ = add_asset(
        site_id=story.site_id,
        data=picture(),
        file_name="coat.png",
        actor=None,
        now=NOW,
        alt={"en": "A red coat"},
    )
    page = visit.page
    page.click("article:not([hidden]) button:has-text('Choose a picture')")
    page.fill("#pictures-search", "red")
    page.click(".picker .picture:has-text('Coat')")
    save(page)
    stored = story.variants.get(key="all").fields["photo"]
    assert stored["asset"] == "coat"
    assert stored["alt"] == "A red coat"
    assert stored["focal"] == [0.5, 0.5]
    assert asset.digest in stored["url"]


def test_pictures_are_sent_and_the_focal_point_moves_by_key(visit: Visit, story: Block) -> None:
    page = visit.page
    visit.open("/admin/content/asset/")
    files = [
        {"name": "coat.png", "mimeType": "image/png", "buffer": picture()},
        {"name": "lie.png", "mimeType": "image/png", "buffer": b"<svg onload=x()>"},
    ]
    page.set_input_files("#upload-files", files)  # type: ignore[arg-type]  # a list of payloads
    expect(page.locator(".upload-list")).to_contain_text("Coat: added")
    expect(page.locator(".upload-list")).to_contain_text("can hold programs")
    visit.leads(".upload-list a:has-text('Open')")
    page.locator(".focal-point").press("ArrowRight")
    page.locator(".focal-point").press("Shift+ArrowUp")
    page.fill("#id_alt_en", "A coat")
    visit.leads("input[name=_save]")
    expect(page.locator(".wall")).to_be_visible()
    found = Asset.objects.get()
    assert (found.focal_x, found.focal_y, found.alt) == (51, 40, {"en": "A coat"})


def test_no_page_of_content_has_a_serious_finding(visit: Visit, story: Block) -> None:
    page = visit.page
    choose(page, "VIPs")
    for summary in page.locator("#block_form details:visible > summary").all():
        summary.click()
    visit.must_be_readable("the block")
    for path in ("block/", "block/add/", "asset/", "theme/add/", "placement/"):
        visit.open(f"/admin/content/{path}")
        visit.must_be_readable(path)


def test_fields_are_dragged_to_their_place(visit: Visit, story: Block) -> None:
    page = visit.page
    page.click("summary:has-text('Fields of every variant')")
    page.locator(".can-drag").wait_for(state="attached")
    grip = page.locator(".can-drag .field-grip").first
    if not grip.is_visible():
        return  # a phone has the buttons
    page.locator(".field-lines").scroll_into_view_if_needed()
    begin, end = grip.bounding_box(), page.locator(".field-row").nth(2).bounding_box()
    assert begin is not None and end is not None
    page.mouse.move(begin["x"] + 5, begin["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] - 8, steps=12)
    rest(page)  # the rows make room
    page.mouse.up()
    expect(page.locator("#field-row-2-name")).to_have_value("headline")
    expect(page.locator("#field-row-0-name")).to_have_value("story")
    save(page)
    story.refresh_from_db()
    names = [one["name"] for one in story.schema]
    assert names == ["story", "photo", "headline", "points"]

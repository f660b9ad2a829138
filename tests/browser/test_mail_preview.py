"""A letter in the frame of a preview: its own styles are drawn, the page's are not."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.content import services as content
from apps.delivery.previewing import content as contents
from tests.apps.studio.conftest import Shop
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LETTER = (
    '<table width="600" style="background-color: rgb(0, 51, 102); color: rgb(255, 255, 255)">'
    '<tr><td style="padding: 24px"><h1 style="font-size: 28px">Sale</h1>'
    '<a href="https://shop.example/sale" style="color: rgb(255, 200, 0)">Look</a></td></tr></table>'
)


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    contents.forget()
    made = Shop()
    block = content.create_block(
        site_id=made.site.pk, key="letter", name="Letter",
        schema=[{"name": "subject", "type": "string"}], channel="email",
    )  # fmt: skip
    content.create_variant(
        block=block, key="all", is_default=True, fields={"subject": "Sale!"}, template=LETTER
    )
    made.publish()
    return made


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_a_letter_is_drawn_by_the_styles_in_its_elements(
    shop: Shop, live_server: Any, browser: Browser, viewport: Any
) -> None:
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    visit = Visit(browser, live_server.url, viewport=viewport)
    visit.come_as(user)
    visit.open("/admin/preview/?block=letter")
    frame = visit.page.frame_locator("#picture-a iframe")
    expect(frame.locator(".mail-head")).to_contain_text("Sale!")
    expect(frame.locator(".mail table")).to_have_css("background-color", "rgb(0, 51, 102)")
    expect(frame.locator(".mail a")).to_have_css("color", "rgb(255, 200, 0)")
    # What the preview's own sheet says of tables, links and headings is not the letter's.
    expect(frame.locator(".mail")).to_have_css("font-family", "Arial, Helvetica, sans-serif")
    visit.must_fit(viewport)
    visit.close()

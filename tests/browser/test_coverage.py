"""The pages of effect, dry run, coverage and audit in a real browser: wide and on a phone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.access import roles
from apps.content import services as content
from apps.content.models import Placement
from apps.decisions import snapshots
from apps.decisions.models import CountedDay, DecisionRecord, ServedDay
from apps.rules.models import Rule
from apps.studio import audit
from apps.work import clock, performing
from apps.work.models import Intent
from tests.apps.studio.conftest import Shop
from tests.apps.studio.crowd import people
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "coverage/", "coverage/themes/", "coverage/block/hero/", "coverage/block/footer/", "effect/",
    "dry-run/", "audit/", "audit/?aside=1", "",
)  # fmt: skip


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    roles.ensure_roles()
    snapshots.forget()
    return Shop()


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A published shop that visitors came to, with a change in the drafts and things to mend."""
    site, now = shop.site, clock.now()
    shop.rule("phones-in-the-evening")
    late = shop.segment("late", "Comes back after thirty days without a visit")
    content.create_theme(
        site_id=site.pk, key="deals", name="Deals for those who compare prices",
        segment_keys=["late"], messages={},
    )  # fmt: skip
    content.create_theme(
        site_id=site.pk, key="depth", name="Depth", segment_keys=["blouses"], messages={}
    )
    footer = content.create_block(site_id=site.pk, key="footer", name="Footer", schema=[])
    content.create_variant(block=footer, key="all", is_default=True, template="<p>x</p>")
    shop.publish("The first one")
    content.create_placement(site_id=site.pk, key="home.footer.with.a.long.name", block=footer)
    people(site, 40, [shop.blouses.number], seen_at=now)
    people(site, 25, [late.number], seen_at=now)
    people(site, 300, seen_at=now)
    for ago in range(14):
        day = (now - timedelta(days=ago)).date()
        for variant, reason, calls in (
            ("all", "DEFAULT", 900 - 40 * ago), ("all", "NO_CONSENT", 200),
            ("blouses", "TARGETING_MATCH", 300 - 10 * ago),
        ):  # fmt: skip
            ServedDay.objects.create(
                site=site, day=day, placement="home.hero", variant=variant, reason=reason,
                calls=calls, visitors=calls // 3,
            )  # fmt: skip
    CountedDay.objects.create(site=site, day=now.date(), records=1, counted_at=now, took_ms=1)
    content.update_variant(variant_id=shop.tagged.pk, segment_keys=["blouses", "late"])
    shop.headline("Blouses of {{ traits.nobody_has_this }}")
    Placement.objects.create(site=site, key="home.side", name="Beside the text")
    Rule.objects.update(ends_at=now - timedelta(days=1))
    audit.ask(site.pk, now)
    assert performing.perform(Intent.objects.get(kind=audit.KIND).pk, now=now)
    return shop


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_the_policy_or_its_width(
    busy: Shop, live_server: Any, browser: Browser, scheme: str, tmp_path: Path
) -> None:
    viewport = PHONE if scheme == "dark" else WIDE
    visit = Visit(browser, live_server.url, viewport=viewport, scheme=scheme)
    visit.come_as(User.objects.create_superuser("root"))
    for number, path in enumerate(PAGES):
        visit.open(f"/admin/{path}")
        visit.must_fit(viewport)
        visit.must_be_readable(path)
        visit.page.screenshot(path=tmp_path / f"{number}-{viewport['width']}.png", full_page=True)
    visit.close()


def test_the_publish_page_counts_the_effect_by_itself(
    busy: Shop, live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    visit = Visit(browser, live_server.url)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open("/admin/publish/")
    expect(visit.page.locator(".effect-table")).to_be_visible()
    expect(visit.page.locator(".effect")).to_contain_text("Comes back after thirty days")
    visit.page.screenshot(path=tmp_path / "publish.png", full_page=True)
    visit.close()


def test_an_editor_tries_the_drafts_and_reads_the_answer(
    busy: Shop, live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    DecisionRecord.objects.create(
        site_id=busy.site.pk, request_id="req_1", source_id=busy.source.pk, snapshot=1,
        at=clock.now(), took_us=1,
        placements=[{"placement": "home.hero", "block": "hero", "variant": "all",
                     "reason": "DEFAULT", "rule": None}],
    )  # fmt: skip
    visit = Visit(browser, live_server.url, viewport=PHONE)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open("/admin/dry-run/")
    visit.leads("button:has-text('Try it')")
    expect(visit.page.get_by_text("Being worked out").first).to_be_visible()
    intent = Intent.objects.get(kind="studio.dry_run")
    assert performing.perform(intent.pk, now=clock.now())
    # By itself: nobody reloads.
    expect(visit.page.get_by_text("none can be told").first).to_be_visible()
    assert visit.overflow() <= 0
    visit.page.screenshot(path=tmp_path / "answer.png", full_page=True)
    visit.leads("text=Try something else")
    visit.close()


def test_a_line_is_set_aside_by_clicking(busy: Shop, live_server: Any, browser: Browser) -> None:
    visit = Visit(browser, live_server.url)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open("/admin/audit/?kind=no_block")
    visit.page.click("summary:has-text('Set it aside')")
    visit.page.fill("input[name=reason]", "It is filled next week")
    visit.leads("button:has-text('Set aside')")
    said = visit.page.get_by_text("Set aside, until what was found changes.")
    expect(said.first).to_be_visible()
    visit.open("/admin/audit/?aside=1")
    expect(visit.page.locator("#live")).to_contain_text("It is filled next week")
    visit.close()

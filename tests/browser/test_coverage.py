"""The pages of effect, dry run, coverage and audit in a real browser: wide and on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser

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
from tests.browser.test_admin import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "coverage/", "coverage/themes/", "coverage/block/hero/", "coverage/block/footer/", "effect/",
    "dry-run/", "audit/", "audit/?aside=1", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


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
    user = User.objects.create_superuser("root", password="x")
    viewport = PHONE if scheme == "dark" else WIDE
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    for number, path in enumerate(PAGES):
        visit.open(f"/admin/{path}")
        if visit.overflow() > 0:
            visit.complaints.append(f"{path}: {visit.overflow()} px too wide")
        found = Axe().run(visit.page).response["violations"]
        visit.complaints += [
            f"{path}: {one['id']} at {[node['target'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        visit.page.screenshot(path=tmp_path / f"{number}-{viewport['width']}.png", full_page=True)
    context.close()
    assert visit.complaints == [], "\n".join(visit.complaints)


def test_the_publish_page_counts_the_effect_by_itself(
    busy: Shop, live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.open("/admin/publish/")
    visit.page.wait_for_selector(".effect-table")
    assert "Comes back after thirty days" in visit.page.inner_text(".effect")
    visit.page.screenshot(path=tmp_path / "publish.png", full_page=True)
    context.close()
    assert visit.complaints == []


def test_an_editor_tries_the_drafts_and_reads_the_answer(
    busy: Shop, live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    DecisionRecord.objects.create(
        site_id=busy.site.pk, request_id="req_1", source_id=busy.source.pk, snapshot=1,
        at=clock.now(), took_us=1,
        placements=[{"placement": "home.hero", "block": "hero", "variant": "all",
                     "reason": "DEFAULT", "rule": None}],
    )  # fmt: skip
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=PHONE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.open("/admin/dry-run/")
    visit.page.click("button:has-text('Try it')")
    visit.page.wait_for_selector("text=Being worked out")
    intent = Intent.objects.get(kind="studio.dry_run")
    assert performing.perform(intent.pk, now=clock.now())
    visit.page.wait_for_selector("text=none can be told")  # by itself: nobody reloads
    assert visit.overflow() <= 0
    visit.page.screenshot(path=tmp_path / "answer.png", full_page=True)
    visit.page.click("text=Try something else")
    assert visit.complaints == []
    context.close()


def test_a_line_is_set_aside_by_clicking(busy: Shop, live_server: Any, browser: Browser) -> None:
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.open("/admin/audit/?kind=no_block")
    visit.page.click("summary:has-text('Set it aside')")
    visit.page.fill("input[name=reason]", "It is filled next week")
    visit.page.click("button:has-text('Set aside')")
    visit.page.wait_for_selector("text=Set aside, until what was found changes.")
    visit.open("/admin/audit/?aside=1")
    assert "It is filled next week" in visit.page.inner_text("#live")
    assert visit.complaints == []
    context.close()

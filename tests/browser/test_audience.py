"""The studies of the audience in a real browser: nothing breaks the policy or the page's width."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.access import roles
from apps.segments import services
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import adapting
from apps.work import clock
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DAY_MS = 86_400_000
PAGES = (
    "?left=pro&right=buyers",
    "rfm/",
    "adapting/?segment=buyers",
    "scores/",
    "models/?cost=2&gain=10",
)


@pytest.fixture
def crowd(browser: Browser, transactional_db: None) -> Iterator[None]:
    """A shop's four hundred visitors, of whom most have bought something."""
    clock.replace(lambda: NOW)
    roles.ensure_roles()
    site = make_site("shop")
    for number in range(400):
        orders = [
            Happened(
                NOW_MS - (number * 7 % 90 + 9 * n) * DAY_MS - 1000,
                "Order Completed",
                {"total": 10 + number * 13 % 170},
            )
            for n in range(number * 5 % 7)
        ]
        traits = {"plan": "pro" if number % 3 else "free", "age": 20 + number % 50}
        make_profile(site, orders, traits=traits | {"score.purchase": number * 37 % 100 / 100})
    for key, name, where in (
        ("pro", "Pro plan", {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}),
        ("young", "Under forty", {"kind": "trait", "name": "age", "op": "lt", "value": 40}),
        ("buyers", "Bought twice or more", count(2)),
        ("loyal", "Loyal on the pro plan", {"all": [nested("pro"), nested("buyers"), count(4)]}),
        (
            "likely",
            "Likely to buy",
            {"kind": "model", "name": "purchase", "op": "gte", "value": 0.75},
        ),
    ):
        made = services.create_segment(
            site_id=site.pk, key=key, name=name, condition={"v": 1, "where": where}, now=NOW
        )
        services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
        refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    buyers = Segment.objects.get(key="buyers")
    numbers = [{"path": "", "share": 0.6}]
    adapting.adapt(
        site_id=site.pk, segment_id=buyers.pk, every_days=7, numbers=numbers,
        publishes_itself=False, actor=None, now=NOW,
    )  # fmt: skip
    adapting.look_again(buyers.pk, now=NOW)
    # Some have been in for long, others have left since.
    old = Membership.objects.filter(segment__key__in=["pro", "buyers"])
    old.update(since=NOW - timedelta(days=9))
    ids = list(Membership.objects.filter(segment__key="young").values_list("pk", flat=True))
    Membership.objects.filter(pk__in=ids[::2]).update(since=NOW - timedelta(days=9))
    Membership.objects.filter(pk__in=ids[::4]).update(left_at=NOW - timedelta(days=2))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a server does by itself a minute after so many rows
    yield
    clock.replace(None)


def count(least: int) -> dict[str, object]:
    return {
        "kind": "event", "name": "Order Completed", "aggregate": "count", "window": "ever",
        "op": "gte", "value": least,
    }  # fmt: skip


def nested(key: str) -> dict[str, object]:
    return {"kind": "segment", "key": key}


def fill_score(visit: Visit) -> None:
    """Two rows of a score, and what they come to."""
    for field, value in (
        ("name0", "Order Completed"), ("weight0", "20"), ("half_life0", "14d"), ("cap0", "60"),
        ("name1", "plan"), ("equals1", "pro"), ("weight1", "10"), ("enter", "25"), ("leave", "15"),
    ):  # fmt: skip
        visit.page.fill(f"input[name={field}]", value)
    visit.page.select_option("select[name=kind1]", "trait")
    visit.leads("text=Score everyone")
    expect(visit.page.get_by_text("Everyone by score").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_study_breaks_the_policy_or_its_width(
    crowd: None, live_server: Any, browser: Browser, scheme: str, tmp_path: Path
) -> None:
    viewport = PHONE if scheme == "dark" else WIDE
    visit = Visit(browser, live_server.url, viewport=viewport, scheme=scheme)
    visit.come_as(User.objects.create_superuser("root"))
    for number, path in enumerate(PAGES):
        visit.open(f"/admin/audience/{path}")
        visit.must_fit(viewport)
        if path == "scores/":
            fill_score(visit)
        visit.page.screenshot(path=tmp_path / f"{number}.png", full_page=True)
    visit.close()

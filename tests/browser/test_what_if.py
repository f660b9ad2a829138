"""An analyst asks what another rule would have earned, and reads the answer."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Browser, expect

from apps.decisions.services import publish
from apps.experiments import what_ifs
from apps.experiments.models import Metric, WhatIf
from apps.work import clock
from tests.apps.studio.conftest import Shop
from tests.browser.test_admin import shop
from tests.browser.visiting import PHONE, WIDE, Visit

__all__ = ["shop"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ANSWER = {
    "people": 900, "sampled": 900, "unlikely": 3, "unknown": 12, "estimated": 5, "rounds": 870,
    "certain": 18, "since": "2026-10-01T00:00:00+00:00", "until": "2026-10-28T00:00:00+00:00",
    "observed": 0.1, "interval": [0.08, 0.12], "chosen": "snips", "why": "Weights.",
    "value": 0.14, "value_interval": [0.11, 0.17], "gain": 0.04, "gain_interval": [0.01, 0.07],
    "reason": None, "ess": 430.0, "max_weight": 2.0, "mean_weight": 0.99,
    "estimators": [
        {"name": "ips", "value": 0.139, "interval": [0.1, 0.18]},
        {"name": "snips", "value": 0.14, "interval": [0.11, 0.17]},
    ],
    "actions": [
        {"variant": "all", "served": 0.51, "rule": 0.0, "observed": 0.06},
        {"variant": "blouses", "served": 0.49, "rule": 1.0, "observed": 0.14},
    ],
    "weights": [[0.0, 444.0], [0.0, 0.0], [0.5, 0.0], [1.0, 426.0], [2.0, 0.0], [5.0, 0.0],
                [10.0, 0.0], [50.0, 0.0]],
}  # fmt: skip


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_an_analyst_asks_what_would_have_happened(
    shop: Shop, live_server: Any, browser: Browser, viewport: Any
) -> None:
    publish(site_id=shop.site.pk, actor=None, note="", now=clock.now())
    Metric.objects.create(site=shop.site, key="orders", name="Orders", event="Order Completed")
    visit = Visit(browser, live_server.url, viewport=viewport)
    visit.come_as(User.objects.create_superuser("root"))
    page = visit.page
    visit.open(reverse("admin:experiments_what_if"))
    page.select_option("#placement-choice", "home.hero")
    visit.leads("button:has-text('Choose')")
    expect(page.locator("condition-editor")).to_be_visible()
    visit.must_be_readable("what if")
    assert visit.overflow() <= 0
    page.check("input[name=what][value=always]")
    page.select_option("select[name=always]", "blouses")
    visit.leads("#what-if button[type=submit]")
    expect(page.locator("text=Being worked out")).to_be_visible()
    made = WhatIf.objects.get()
    assert made.policy == {"what": "always", "variant": "blouses"}
    what_ifs.answer(made.pk, ANSWER)
    visit.open(reverse("admin:experiments_what_if_result", args=[made.pk]))
    expect(page.locator(".verdict-words")).to_contain_text("14.00% instead of 10.00%: surely more")
    expect(page.get_by_text("12 people of whom nobody can tell")).to_be_visible()
    visit.must_be_readable("what if, answered")
    assert visit.overflow() <= 0
    refused = {**ANSWER, "value": None, "gain": None, "gain_interval": None, "estimators": [],
               "value_interval": None, "reason": "Too few of the logged decisions."}  # fmt: skip
    what_ifs.answer(made.pk, refused)
    visit.open(reverse("admin:experiments_what_if_result", args=[made.pk]))
    expect(page.locator(".verdict-words")).to_contain_text("Too few")
    visit.close()

"""The shop may be framed by the preview desk, and only while a good token stands in its address."""

import pytest
from django.test import Client

from apps.access import services as access
from apps.delivery.previewing.tokens import token_of
from apps.delivery.previewing.types import PreviewSpec
from apps.demo.models import DemoRun
from apps.work import clock
from tests.apps.delivery.conftest import NOW, NOW_MS

HOUR_MS = 3_600_000


@pytest.fixture
def run(db: None) -> DemoRun:
    site = access.create_site(key="demo", name="Demo", now=NOW)
    source = access.create_source(site_id=site.pk, name="Shop", now=NOW)
    access.issue_key(source_id=source.pk, kind="pk", now=NOW)
    return DemoRun.objects.create(
        site_id=site.pk, shop_source_id=source.pk, name="demo", clicks_digest="", sessions=0,
        learn_until=NOW.date(), shift_s=0.0, created_at=NOW, finished_at=NOW,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    clock.replace(lambda: NOW)
    yield
    clock.replace(None)


def test_a_good_token_lets_the_desk_frame_the_shop(run: DemoRun) -> None:
    token = token_of(PreviewSpec(run.site_id), NOW_MS + HOUR_MS)
    page = Client().get("/demo/", {"attune_preview": token})
    assert page.status_code == 200
    assert page["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("kind", ["none", "nonsense", "over", "foreign"])
def test_nothing_else_does(run: DemoRun, kind: str) -> None:
    other = access.create_site(key="other", name="Other", now=NOW)
    tokens = {
        "none": "",
        "nonsense": "prv_nonsense",
        "over": token_of(PreviewSpec(run.site_id), NOW_MS),
        "foreign": token_of(PreviewSpec(other.pk), NOW_MS + HOUR_MS),
    }
    page = Client().get("/demo/", {"attune_preview": tokens[kind]})
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]

"""The recommender pages as an editor uses them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from apps.recommendations import services
from apps.recommendations.models import Recommender
from apps.work.models import Intent
from tests.apps.recommendations.world import NOW, Seen, make_site, new_person, store


@pytest.fixture
def editor(client, db):
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    return client


def test_an_editor_adds_a_recommender_and_asks_for_its_training(editor):
    site = make_site()
    fields = {"site": site.pk, "key": "next", "name": "Next", "kind": "followed_by",
              "event_name": "Product Viewed", "window_days": 90, "is_enabled": "on"}  # fmt: skip
    assert editor.post("/admin/recommendations/recommender/add/", fields).status_code == 302
    recommender = Recommender.objects.get(site=site)
    page = editor.get("/admin/recommendations/recommender/").content.decode()
    assert "never: it serves nothing yet" in page

    chosen = {"_selected_action": [recommender.pk], "action": "train"}
    page = editor.post("/admin/recommendations/recommender/", chosen, follow=True)
    intent = Intent.objects.get(kind="recommendations.train")
    assert f"/admin/work/intent/{intent.pk}/change/" in page.content.decode()


def test_the_pages_show_how_well_it_does_and_what_it_learned(editor):
    site = make_site()
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    events = []
    for day in (0, 3):
        visitor = new_person()
        start = NOW - timedelta(days=8 - day)
        events += [Seen(visitor, start, "<A>"), Seen(visitor, start + timedelta(minutes=1), "B")]
    store(site, events)
    ((_, version),) = services.train_now(recommenders=[recommender], now=NOW)
    page = editor.get(f"/admin/recommendations/recommender/{recommender.pk}/change/")
    text = page.content.decode()
    assert "4 views and 2 consecutive pairs" in text
    assert "100.0%" in text
    assert "&lt;A&gt; (50.0%)" in text
    for path in (
        "recommenderversion/",
        f"recommenderversion/{version.pk}/change/",
        "itemlist/",
        "item/",
    ):
        assert editor.get(f"/admin/recommendations/{path}").status_code == 200, path
    assert "B (100.0%)" in editor.get("/admin/recommendations/itemlist/").content.decode()
    assert editor.get("/admin/recommendations/item/add/").status_code == 403

"""The recommender pages as an editor uses them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from apps.access.models import AuditEntry
from apps.access.roles import ensure_roles
from apps.profiles.models import Identity
from apps.recommendations import services
from apps.recommendations.models import Recommender
from apps.work import clock
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
    assert "4 views since" in text and "2 of them with one before" in text
    assert "How methods did" in text and "Nobody was here both before and after" not in text
    tried = editor.get(
        f"/admin/recommendations/recommender/{recommender.pk}/change/", {"met": "<A>, <Z>"}
    ).content.decode()
    assert "Others looked at this next." in tried
    assert "Not in the catalogue: &lt;Z&gt;." in tried
    for path in (
        "recommenderversion/",
        f"recommenderversion/{version.pk}/change/",
        "itemlist/",
        "item/",
    ):
        assert editor.get(f"/admin/recommendations/{path}").status_code == 200, path
    assert "100.0%" in editor.get("/admin/recommendations/recommenderversion/").content.decode()
    assert "B (100.0%)" in editor.get("/admin/recommendations/itemlist/").content.decode()
    assert editor.get("/admin/recommendations/item/add/").status_code == 403


def test_weights_and_filters_are_a_table_and_check_boxes_and_no_json(editor):
    site = make_site()
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    address = f"/admin/recommendations/recommender/{recommender.pk}/change/"
    fields = {"name": "Next", "kind": "auto", "event_name": "Product Viewed", "window_days": 30,
              "half_life_days": 7, "diversity": 0.2, "exploration": 0, "is_enabled": "on",
              "purpose": "recommendation", "bought_event": "Order Completed", "bought_days": 60,
              "leaves_seen_out": "on", "weights-0-event": "Product Added",
              "weights-0-weight": "3,5",
              "weights-3-event": "Order Completed", "weights-3-weight": "",
              "rules-0-segment": "vip", "rules-0-what": "only", "rules-0-by": "items",
              "rules-0-values": "A1, A2", "rules-1-segment": "minors", "rules-1-what": "never",
              "rules-1-by": "categories", "rules-1-values": "wine"}  # fmt: skip
    assert editor.post(address, fields).status_code == 302
    recommender.refresh_from_db()
    assert recommender.weights == {"Product Added": 3.5, "Order Completed": 1.0}
    assert recommender.filters == {
        "current": False,
        "seen": True,
        "bought": 60,
        "only": [{"segment": "vip", "items": ["A1", "A2"]}],
        "never": [{"segment": "minors", "categories": ["wine"]}],
    }
    page = editor.get(address).content.decode()
    assert 'value="A1, A2"' in page and 'value="3.5"' in page and 'value="minors"' in page

    refused = editor.post(address, fields | {"weights-0-weight": "much"}).content.decode()
    assert "Product Added: say how much it counts, a number from 0 to 100." in refused
    refused = editor.post(address, fields | {"rules-0-values": ""}).content.decode()
    assert "vip: say which categories or items the rule is about." in refused


def test_a_page_of_nothing_says_what_to_do_next(editor):
    recommender = services.create_recommender(site_id=make_site().pk, key="next", name="Next")
    page = editor.get(f"/admin/recommendations/recommender/{recommender.pk}/change/")
    text = page.content.decode()
    assert "Not trained yet" in text and "Train it" in text
    door = f"/admin/recommendations/recommender/{recommender.pk}/decide/"
    assert editor.get(door).status_code == 405
    said = editor.post(door, {"step": "choose"}, follow=True).content.decode()
    assert "It was asked for." in said and "Training waits for the trainer" in said
    assert Intent.objects.get(kind="recommendations.train").payload["chooses"] is True


def test_a_version_is_rolled_back_to_and_new_ones_wait_for_a_yes(editor):
    site = make_site()
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    visitor = new_person()
    start = NOW - timedelta(days=1)
    store(site, [Seen(visitor, start, "A"), Seen(visitor, start + timedelta(minutes=1), "B")])
    first, second = (
        services.train_now(recommenders=[recommender], now=NOW + timedelta(hours=n))[0][1]
        for n in range(2)
    )
    door = f"/admin/recommendations/recommender/{recommender.pk}/decide/"
    page = editor.post(door, {"step": "serve", "version": first.pk}, follow=True)
    assert "ed chose this version." in page.content.decode()
    services.train_now(recommenders=[recommender], now=NOW + timedelta(hours=3))
    recommender.refresh_from_db()
    assert recommender.active_id == first.pk
    editor.post(door, {"step": "release"})
    recommender.refresh_from_db()
    assert recommender.active.trained_at == NOW + timedelta(hours=3)
    told = AuditEntry.objects.filter(action__startswith="recommendations.").order_by("pk")
    assert [(one.actor_label, one.action.split(".")[1], one.detail.get("why")) for one in told] == [
        ("system", "activated", "trained"),
        ("system", "activated", "trained"),
        ("ed", "activated", "chosen"),
        ("system", "activated", "released"),
        ("ed", "released", None),
    ]
    assert editor.post(door, {"step": "serve", "version": second.pk}).status_code in (302, 404)


def test_who_may_only_look_sees_what_serves_and_no_button(client, db):
    site = make_site()
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    store(site, [Seen(new_person(), NOW - timedelta(days=1), "A")])
    services.train_now(recommenders=[recommender], now=NOW)
    user = User.objects.create_user("aud", password="x", is_staff=True)
    ensure_roles()
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    address = f"/admin/recommendations/recommender/{recommender.pk}/"
    page = client.get(f"{address}change/")
    text = page.content.decode()
    assert page.status_code == 200 and "Followed by serves" in text
    assert "Only train" not in text and "Roll back" not in text
    assert client.post(f"{address}decide/", {"step": "train"}).status_code == 403


def test_what_a_person_would_see_needs_a_reason_and_leaves_word(editor):
    site = make_site()
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    now = clock.now()
    visitor, start = new_person(), now - timedelta(days=1)
    store(site, [Seen(visitor, start, "A"), Seen(visitor, start + timedelta(minutes=1), "B"),
                 Seen(visitor, start + timedelta(minutes=2), "A")])  # fmt: skip
    services.train_now(recommenders=[recommender], now=now)
    Identity.objects.create(
        site=site, kind="user_id", value="u1", profile_id=visitor, created_at=NOW
    )
    address = f"/admin/recommendations/recommender/{recommender.pk}/"
    asked = {"kind": "user_id", "value": "u1", "reason": "why"}
    refused = editor.post(f"{address}look/", asked, follow=True).content.decode()
    assert "Say why you look at this person" in refused
    assert "By what this person met last." not in refused
    nobody = editor.post(f"{address}look/", asked | {"value": "u2"}, follow=True)
    assert "Nobody is known by that." in nobody.content.decode()
    asked["reason"] = "They ask why they see boots"
    shown = editor.post(f"{address}look/", asked, follow=True).content.decode()
    assert "By what this person met last." in shown and 'value="A, B"' in shown
    assert "u1" not in shown
    assert AuditEntry.objects.filter(action="profiles.viewed").count() == 1

"""The start tour ticks itself off by what somebody has made, and is theirs to put away."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.content import services as content
from apps.content.revisions import changing
from apps.decisions import services as decisions
from apps.segments import services as segments
from apps.studio.tour import Shown, Stop, tour
from apps.studio.types import SiteChoice
from tests.apps.studio.conftest import NOW, VIEWED_BLOUSES, Shop

AsRole = Callable[[str], Client]
TITLES = {
    "editor": [
        "Make a segment",
        "Write a variant for it",
        "See it as one of them",
        "Publish it",
        "Look who sees what",
        "Bring back an old publication",
    ],
    "analyst": [
        "Look who sees what",
        "Try a change on past decisions",
        "See which segments share people",
    ],
    "privacy_officer": [
        "Ask why somebody saw something",
        "Look at what visitors agreed to",
        "Read the audit trail",
    ],
    "auditor": ["Read what was published", "Read the audit trail"],
}


def shown_to(name: str, shop: Shop) -> Shown:
    # A fresh user: permissions are read once for each.
    asked: Any = SimpleNamespace(user=User.objects.get(username=name))
    site = SiteChoice(shop.site.pk, shop.site.key, shop.site.name)
    found = tour(asked, site)
    assert found is not None
    return found


def ticked(name: str, shop: Shop) -> list[str]:
    return [stop.title for stop in shown_to(name, shop).stops if stop.is_done]


def stop_of(name: str, shop: Shop, title: str) -> Stop:
    return next(stop for stop in shown_to(name, shop).stops if stop.title == title)


@pytest.mark.parametrize("role", sorted(TITLES))
def test_each_role_has_steps_that_it_can_take(shop: Shop, as_role: AsRole, role: str) -> None:
    client = as_role(role)
    shop.publish()
    stops = shown_to(role, shop).stops
    assert [stop.title for stop in stops] == TITLES[role]
    for stop in stops:
        answer = client.get(stop.url, follow=True)
        assert answer.status_code == 200, stop
        assert answer.request["PATH_INFO"] != "/admin/", stop


def test_who_may_do_nothing_of_it_has_no_tour(shop: Shop, client: Client) -> None:
    client.force_login(User.objects.create_user("new", is_staff=True))
    assert "Start here" not in client.get("/admin/").content.decode()


def test_a_step_is_ticked_by_what_its_person_has_made(shop: Shop, as_role: AsRole) -> None:
    as_role("editor")
    editor = User.objects.get(username="editor")
    shop.publish()
    assert ticked("editor", shop) == []
    site_id = shop.site.pk
    made = segments.create_segment(
        site_id=site_id, key="mine", name="Mine", condition=VIEWED_BLOUSES, now=NOW
    )
    with changing("segment", made.pk, actor=editor, now=NOW):
        type(made).objects.filter(pk=made.pk).update(description="Of mine")
    assert ticked("editor", shop) == ["Make a segment"]
    assert [stop.title for stop in shown_to("editor", shop).stops if stop.is_next] == [
        "Write a variant for it"
    ]
    segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=NOW)
    content.create_variant(
        block=shop.hero, key="mine", segment_keys=["mine"], fields={"headline": "Mine"}
    )
    assert ticked("editor", shop) == ["Make a segment", "Write a variant for it"]
    decisions.publish(site_id=site_id, actor=editor, note="", now=NOW)
    assert ticked("editor", shop)[-1] == "Publish it"
    decisions.rollback(site_id=site_id, number=1, actor=editor, now=NOW)
    assert ticked("editor", shop)[-1] == "Bring back an old publication"


def test_a_look_is_ticked_when_its_page_is_opened_from_the_tour(
    shop: Shop, as_role: AsRole
) -> None:
    client = as_role("editor")
    stop = stop_of("editor", shop, "See it as one of them")
    answer = client.get(stop.url)
    assert answer.status_code == 302
    address = answer.headers["Location"]
    for part in ("placements=home.hero", "a.segments=blouses", "a.by=drafts", "b.who=nobody"):
        assert part in address
    assert ticked("editor", shop) == ["See it as one of them"]
    client.get(stop.url)
    assert ticked("editor", shop) == ["See it as one of them"]


def test_a_step_of_another_role_leads_home_and_is_not_kept(shop: Shop, as_role: AsRole) -> None:
    client = as_role("auditor")
    for step in ("preview", "no-such-step", ""):
        assert client.get("/admin/tour/", {"step": step}).headers["Location"] == "/admin/"
    assert ticked("auditor", shop) == []


def test_the_tour_is_put_away_and_brought_back_by_each_for_themselves(
    shop: Shop, as_role: AsRole
) -> None:
    editor, analyst = as_role("editor"), as_role("analyst")
    assert "Start here" in editor.get("/admin/").content.decode()
    editor.post("/admin/tour/", {"do": "away"})
    page = editor.get("/admin/").content.decode()
    assert "Start here" not in page
    assert "Start tour" in page
    assert "Start here" in analyst.get("/admin/").content.decode()
    editor.post("/admin/tour/", {"do": "back"})
    assert "Start here" in editor.get("/admin/").content.decode()


def test_the_pages_are_filled_with_what_the_site_has(shop: Shop, as_role: AsRole) -> None:
    client = as_role("editor")
    variant = stop_of("editor", shop, "Write a variant for it")
    assert variant.url == f"/admin/content/block/{shop.hero.pk}/change/"
    segment = client.get(stop_of("editor", shop, "Make a segment").url).content.decode()
    assert 'value="Three in ten minutes"' in segment
    shop.hero.placements.update(archived_at=NOW)
    assert "block/add/" in stop_of("editor", shop, "Write a variant for it").url

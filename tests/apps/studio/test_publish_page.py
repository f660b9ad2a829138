"""The publish page in the small: what its ticks would do, whom rules mean, what is under way."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.access import approvals
from apps.access.models import Site
from apps.content import services as content
from apps.content.models import Theme
from apps.content.revisions import changing
from apps.decisions import parts
from apps.decisions.served_models import DryRunAsked
from apps.rules import services as rules
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.studio.conftest import NOW, VIEWED_BLOUSES, Shop
from tests.apps.studio.crowd import people
from tests.apps.studio.publishing_pages import PUBLISH, post, ticks

AsRole = Callable[[str], Client]

EFFECT = "/admin/effect/?part=1"


@pytest.fixture
def editor(as_role: AsRole) -> Client:
    return as_role("editor")


def words(page: str) -> str:
    return " ".join(unescape(page).split())


# Who would see something else, by what is ticked


@pytest.fixture
def two_changes(shop: Shop) -> Shop:
    """A block with other words for 15 people, and another block for everybody else."""
    side = content.create_block(site_id=shop.site.pk, key="side", schema=[])
    plain = content.create_variant(block=side, key="plain", is_default=True, template="<p>x</p>")
    content.create_placement(site_id=shop.site.pk, key="home.side", block=side)
    shop.publish()
    people(shop.site, 15, [shop.blouses.number])
    people(shop.site, 30)
    shop.headline("Summer blouses")
    content.update_variant(variant_id=plain.pk, template="<p>y</p>")
    return shop


def test_the_effect_is_that_of_what_is_ticked(two_changes: Shop, editor: Client) -> None:
    offered = {one.split(":")[1]: one for one in ticks(editor.get(PUBLISH).content.decode())}
    assert set(offered) == {"hero", "side"}
    both = words(editor.post(EFFECT, {"change": list(offered.values())}).content.decode())
    assert "home.hero: blouses" in both and "home.side: plain" in both
    for ticked, other in (("hero", "side"), ("side", "hero")):
        page = words(editor.post(EFFECT, {"change": offered[ticked]}).content.decode())
        assert f"in home.{ticked}:" in page and f"home.{other}:" not in page
    nothing = words(editor.post(EFFECT, {}).content.decode())
    assert "Nothing is ticked" in nothing and "people would see" not in nothing


def test_the_form_leads_there_without_a_script(two_changes: Shop, editor: Client) -> None:
    page = editor.get(PUBLISH).content.decode()
    assert 'form="publish-form" formaction="/admin/effect/?site=shop"' in page
    assert 'data-of="publish-form"' in page
    [hero] = [one for one in ticks(page) if one.startswith("block:hero:")]
    whole = editor.post("/admin/effect/?site=shop", {"change": hero}).content.decode()
    assert "<h1>Who will see what</h1>" in whole and "To the publish page" in whole


def test_what_has_moved_since_is_said(two_changes: Shop, editor: Client) -> None:
    [hero] = [
        one for one in ticks(editor.get(PUBLISH).content.decode()) if one.startswith("block:hero:")
    ]
    two_changes.headline("Typed since")
    page = words(editor.post(EFFECT, {"change": hero}).content.decode())
    assert "The drafts have changed since this page was opened" in page


def test_a_new_block_comes_along_with_the_placement_that_it_fills(
    shop: Shop, editor: Client
) -> None:
    shop.publish()
    people(shop.site, 12)
    block = content.create_block(site_id=shop.site.pk, key="new", schema=[])
    content.create_variant(block=block, key="all", is_default=True, template="<p>x</p>")
    content.create_placement(site_id=shop.site.pk, key="home.new", block=block)
    [place] = [
        one for one in ticks(editor.get(PUBLISH).content.decode()) if one.startswith("placement:")
    ]
    page = words(editor.post(EFFECT, {"change": place}).content.decode())
    assert "<td>home.new</td>" in page and "12" in page


def test_what_is_ticked_is_tried_on_past_decisions_too(two_changes: Shop, editor: Client) -> None:
    [hero] = [
        one for one in ticks(editor.get(PUBLISH).content.decode()) if one.startswith("block:hero:")
    ]
    page = editor.post(EFFECT, {"change": hero}).content.decode()
    assert f'<input type="hidden" name="change" value="{hero}">' in page
    editor.post("/admin/dry-run/", {"what": "drafts", "change": hero})
    asked = DryRunAsked.objects.get()
    assert asked.asked == {"what": "drafts", "only": [hero.split(":")]}
    assert asked.intent_id is not None and perform(asked.intent_id, now=NOW)
    asked.refresh_from_db()
    assert asked.found is not None
    assert (asked.refused, asked.found["words"]) == ("", "the drafts that were ticked")


# Whom a rule means


def test_a_new_rule_on_what_people_did_says_so_before_it_was_ever_published(
    shop: Shop, editor: Client
) -> None:
    shop.publish()
    phone = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    rules.create_rule(
        site_id=shop.site.pk, key="bought", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": {"all": [phone, VIEWED_BLOUSES["where"]]}},
    )  # fmt: skip
    said = (
        'to: <ins>everybody whose device is "mobile" and whose category of the last viewed'
        ' product is "blouses"</ins>'
    )
    page = words(editor.get(PUBLISH).content.decode())
    assert said in page and "auto:" not in page
    release = editor.post(
        PUBLISH, {"site": "shop", "change": ticks(page), "release": "1", "name": "R"}, follow=True
    )
    assert said in words(release.content.decode())
    post(editor, editor.get(PUBLISH).content.decode())
    assert said in words(editor.get("/admin/publications/2/").content.decode())


# While a worker is at it


def test_the_page_goes_on_by_itself_while_drafts_are_looked_through(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish()
    monkeypatch.setattr(parts, "AT_ONCE", 1)
    for text in ("One", "Two", "Three"):
        shop.headline(text)
    page = editor.get(PUBLISH).content.decode()
    assert 'data-refresh="3" data-then="open"' in page and "admin-attune/live.js" in page
    assert "<progress" in page and "Waiting for a worker" in page
    assert '<a href="/admin/publish/">Look again</a>' in page
    intent = Intent.objects.get(kind="decisions.parts")
    Intent.objects.filter(pk=intent.pk).update(
        state="running", done_steps=1, total_steps=4, note="Looking through what was changed"
    )
    page = editor.get(PUBLISH).content.decode()
    assert 'value="25.0"' in page and "Looking through what was changed" in page
    Intent.objects.filter(kind="decisions.parts").exclude(pk=intent.pk).delete()
    Intent.objects.filter(pk=intent.pk).update(state="waiting")
    assert perform(intent.pk, now=NOW)
    intent.refresh_from_db()
    assert intent.total_steps >= 3
    done = editor.get(PUBLISH).content.decode()
    assert "data-then" not in done and len(ticks(done)) == 1


def test_while_very_much_is_being_published_nothing_is_offered_twice(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.studio.publishing.AT_ONCE", 1)
    shop.publish()
    shop.headline("New")
    shop.rule()
    post(editor, editor.get(PUBLISH).content.decode())
    page = editor.get(PUBLISH).content.decode()
    assert "Being published" in page and "2 changes are being published" in page
    assert ticks(page) == []
    assert perform(Intent.objects.get(kind="decisions.publish").pk, now=NOW)
    assert "Nothing: the drafts are what serves." in editor.get(PUBLISH).content.decode()


# Who had a part in it


def test_who_wrote_the_theme_of_a_block_is_among_its_writers(shop: Shop, editor: Client) -> None:
    theme = Theme.objects.create(site=shop.site, key="t", name="T", messages={"cta": {"en": "A"}})
    shop.tagged.theme = theme
    shop.tagged.fields = {"headline": "{{ theme.cta }}"}
    shop.tagged.save(update_fields=["theme", "fields"])
    shop.publish()
    later = NOW + timedelta(hours=1)
    with changing("theme", theme.pk, actor=User.objects.create_user("tea"), now=later):
        theme.messages = {"cta": {"en": "B"}}
        theme.save(update_fields=["messages"])
    page = editor.get(PUBLISH).content.decode()
    assert "Written by tea" in page
    assert "<del>A</del> <ins>B</ins>" in page


def test_when_four_eyes_were_switched_stands_beside_the_publications(
    shop: Shop, editor: Client
) -> None:
    shop.publish()
    assert "Four eyes" not in editor.get("/admin/publications/").content.decode()
    Site.objects.update(needs_approval=True)
    ada = User.objects.create_user("ada")
    approvals.note_change(
        site_id=shop.site.pk, is_on=False, reason="Cora is away", actor=ada, now=NOW
    )
    page = words(editor.get("/admin/publications/").content.decode())
    assert "switched off" in page and "by ada: Cora is away" in page

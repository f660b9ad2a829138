"""The audit names what wants a look, says what to do, and stays quiet about what was set aside."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.content import services as content
from apps.content.models import Placement, Variant
from apps.decisions import findings
from apps.decisions.models import ContentFinding, CountedDay, ServedDay
from apps.profiles.models import ProfileState
from apps.rules.models import Rule
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.studio import audit
from apps.work import performing
from apps.work.models import Intent
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.crowd import people

AsRole = Callable[[str], Client]


def looked(shop: Shop, now: datetime = NOW) -> dict[str, list[str]]:
    """Run the audit as a worker does; the open lines, name and text, by kind."""
    audit.ask(shop.site.pk, now)
    intent = Intent.objects.get(kind=audit.KIND, state="waiting")
    assert performing.perform(intent.pk, now=now), Intent.objects.get(pk=intent.pk).error
    found: dict[str, list[str]] = {}
    for one in findings.lines(shop.site.pk):
        found.setdefault(one.kind, []).append(f"{one.name}: {one.text}")
    return found


def live(segment: Segment) -> None:
    SegmentVersion.objects.filter(segment=segment).update(state="live")


def members(shop: Shop, segment: Segment, count: int) -> None:
    version = segment.versions.get()
    Membership.objects.bulk_create(
        Membership(
            site=shop.site, segment=segment, version=version, profile_id=one, since=NOW
        )
        for one in people(shop.site, count, [segment.number])
    )  # fmt: skip


def given(shop: Shop, variant: str, days_ago: int = 0) -> None:
    day = (NOW - timedelta(days=days_ago)).date()
    ServedDay.objects.create(
        site=shop.site, day=day, placement="home.hero", variant=variant, reason="DEFAULT",
        calls=1_200, visitors=50,
    )  # fmt: skip


def test_a_site_in_order_has_no_line(shop: Shop):
    shop.publish()
    assert looked(shop) == {}


def test_what_is_old_and_still_shown(shop: Shop):
    shop.publish()
    Variant.objects.update(published_at=NOW - timedelta(days=200))
    given(shop, "all")
    (line,) = looked(shop)["stale"]
    assert line == (
        "Hero / all: It has said the same since 22 August 2025, and was given 1,200 times in the "
        "last 30 days."
    )


def test_what_was_never_served_though_days_were_counted(shop: Shop):
    shop.publish()
    Variant.objects.update(published_at=NOW - timedelta(days=40))
    given(shop, "all")
    assert "never_served" not in looked(shop)
    CountedDay.objects.create(
        site=shop.site, day=(NOW - timedelta(days=31)).date(), records=1, counted_at=NOW, took_ms=1
    )
    assert looked(shop)["never_served"] == [
        "Hero / blouses: It is published, and nobody was given it in the last 30 days."
    ]


def test_segments_that_nothing_speaks_to(shop: Shop):
    shop.publish()
    lonely = shop.segment("lonely", "Lonely")
    for one in (shop.blouses, lonely):
        live(one)
        members(shop, one, 12)
    assert looked(shop)["unused_segment"] == [
        "Lonely: 12 people are in it, and no variant, theme, rule or trigger is for them."
    ]
    shop.rule()
    Rule.objects.update(condition={"v": 1, "where": {"kind": "segment", "key": "lonely"}})
    assert "unused_segment" not in looked(shop)


def test_placements_with_nothing_in_them(shop: Shop):
    Placement.objects.create(site=shop.site, key="home.foot", name="Foot")
    assert looked(shop)["no_block"] == [
        "Foot: Pages that ask for home.foot get nothing: no block fills it."
    ]


def test_languages_that_are_missing(shop: Shop):
    shop.site.locales = ["en", "de"]
    shop.site.save(update_fields=["locales"])
    content.set_translation(variant_id=shop.tagged.pk, locale="de", fields={"headline": "Blusen"})
    assert looked(shop)["locale_missing"] == ["Hero: 1 of 2 variants are not translated into de."]


def test_two_variants_for_the_same_people(shop: Shop):
    other = content.create_variant(
        block=shop.hero, key="sale", name="Sale", segment_keys=["blouses"],
        fields={"headline": "Sale"},
    )  # fmt: skip
    (line,) = looked(shop)["conflict"]
    assert "“blouses” and “Sale” are both for Browsing blouses, with the same priority" in line
    content.update_variant(variant_id=other.pk, priority=5)
    assert "conflict" not in looked(shop)


def test_two_variants_for_the_same_people_by_a_theme(shop: Shop):
    content.create_theme(
        site_id=shop.site.pk, key="deals", name="Deals", segment_keys=["blouses"], messages={}
    )
    content.create_variant(
        block=shop.hero, key="sale", name="Sale", theme_key="deals", fields={"headline": "Sale"}
    )
    assert len(looked(shop)["conflict"]) == 1


def test_a_rule_that_never_serves(shop: Shop):
    shop.rule("one")
    shop.rule("two")
    lines = looked(shop)["shadowed"]
    assert len(lines) == 1
    assert lines[0].startswith("two: The rule 'two'")


def test_what_is_over_and_what_ends_soon(shop: Shop):
    shop.rule()
    Rule.objects.update(ends_at=NOW + timedelta(days=2))
    Variant.objects.filter(pk=shop.tagged.pk).update(ends_at=NOW - timedelta(days=1))
    found = looked(shop)
    assert found["ends_soon"] == ["phones: This rule ends on 12 March 2026 at 12:00 UTC."]
    assert found["expired"] == [
        "Hero / blouses: This variant ended on 9 March 2026 at 12:00 UTC: it serves nobody."
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("traits.nick", "It shows traits.nick, which none of 12 people has."),
        ("traits.first_name", ""),
        ("segments.nobody.last", "the segment “nobody”, which does not exist"),
        ("traits.score.churn", "It shows the score “churn”, but no model has this key."),
        ("context.page.title", ""),
    ],
)
def test_variables_that_nobody_has(shop: Shop, name: str, said: str):
    people(shop.site, 12)
    ProfileState.objects.update(traits={"first_name": ["Ann", 0, "m"]})
    shop.headline(f"Hello {{{{ {name} }}}}")
    lines = looked(shop).get("broken_variable", [])
    assert bool(lines) == bool(said)
    assert said in "".join(lines)


def test_pictures_without_words(shop: Shop):
    content.update_variant(
        variant_id=shop.tagged.pk, template='<p><img src="https://x.example/a.png"></p>'
    )
    (line,) = looked(shop)["no_alt"]
    assert line.startswith("Hero / blouses: 1 picture has no alt text")
    content.update_variant(
        variant_id=shop.tagged.pk, template='<p><img src="https://x.example/a.png" alt=""></p>'
    )
    assert "no_alt" not in looked(shop)


def test_pictures_in_fields_without_words(shop: Shop):
    image = {"url": "https://x.example/a.png", "focal": [0.5, 0.5]}
    link = {"url": "https://x.example/", "text": "See"}
    Variant.objects.filter(pk=shop.tagged.pk).update(
        fields={"picture": image, "link": link, "text": "<p><img src='/a.png'></p>"}
    )
    (line,) = looked(shop)["no_alt"]
    assert line.startswith("Hero / blouses: 2 pictures have no alt text")


def test_links_that_lead_nowhere(shop: Shop):
    content.update_variant(
        variant_id=shop.tagged.pk, template='<p><a href="https://example.com/">x</a></p>'
    )
    assert len(looked(shop)["dead_link"]) == 1


def test_what_would_make_a_publication_fail(shop: Shop):
    shop.headline("{{ broken")
    assert len(looked(shop)["refused"]) == 1


def test_a_line_set_aside_stays_so_until_it_says_something_else(shop: Shop, as_role: AsRole):
    shop.rule()
    Rule.objects.update(ends_at=NOW + timedelta(days=2))
    looked(shop)
    editor = as_role("editor")
    line = ContentFinding.objects.get()
    page = editor.get("/admin/audit/").content.decode()
    assert "This rule ends on 12 March 2026" in page
    assert f"/admin/rules/rule/{Rule.objects.get().pk}/change/" in page

    short = editor.post("/admin/audit/", {"line": line.pk, "reason": "no"}, follow=True)
    assert "Say in a few words why" in short.content.decode()
    editor.post("/admin/audit/", {"line": line.pk, "reason": "The sale ends as planned"})
    assert looked(shop) == {}
    assert "The sale ends as planned" in editor.get("/admin/audit/?aside=1").content.decode()

    Rule.objects.update(ends_at=NOW + timedelta(days=3))
    assert looked(shop)["ends_soon"] == ["phones: This rule ends on 13 March 2026 at 12:00 UTC."]
    editor.post("/admin/audit/", {"line": line.pk, "reason": "The sale ends as planned"})
    editor.post("/admin/audit/", {"line": line.pk, "take_back": "1"})
    assert ContentFinding.objects.filter(dismissed_at=None).count() == 1
    Rule.objects.update(ends_at=None)
    assert looked(shop) == {}
    assert not ContentFinding.objects.exists()


def test_the_home_page_says_how_much_there_is(shop: Shop, as_role: AsRole):
    shop.publish()
    Placement.objects.create(site=shop.site, key="home.foot", name="Foot")
    looked(shop)
    page = as_role("editor").get("/admin/").content.decode()
    assert "1 thing in the content to look at: 1 with nothing in it." in page
    assert "/admin/audit/" in page


def test_an_analyst_reads_and_may_set_nothing_aside(shop: Shop, as_role: AsRole):
    Placement.objects.create(site=shop.site, key="home.foot", name="Foot")
    looked(shop)
    analyst = as_role("analyst")
    page = analyst.get("/admin/audit/").content.decode()
    assert "home.foot" in page
    assert "Set it aside" not in page
    line = ContentFinding.objects.get().pk
    for sent in ({"line": line, "reason": "because"}, {"again": "1"}):
        body: dict[str, Any] = sent
        assert analyst.post("/admin/audit/", body).status_code == 403
    assert ContentFinding.objects.get().dismissed_at is None


def test_looking_again_is_asked_of_a_worker(shop: Shop, as_role: AsRole):
    editor = as_role("editor")
    assert "Nobody has looked yet" in editor.get("/admin/audit/").content.decode()
    page = editor.post("/admin/audit/", {"again": "1"}, follow=True).content.decode()
    assert "Waiting for a worker" in page
    assert Intent.objects.filter(kind=audit.KIND, state="waiting").count() == 1

"""What editors find in the demo is made once, by the services, and changes nothing for visitors."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User

from apps.content.models import Theme, Variant
from apps.content.services import create_block, update_variant
from apps.decisions import parts, release_reads
from apps.decisions.selectors import latest_publication, publication_document
from apps.demo import editors
from apps.demo.editors import PERSONAS
from apps.demo.models import DemoRun
from apps.demo.run import _furnish
from apps.demo.setup import Plan, set_up
from apps.rules.models import Rule, Trigger
from apps.segments.models import Persona
from apps.segments.personas import segments_of
from engine.snapshot import SnapshotDoc

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLDEST = NOW - timedelta(days=61)
ASKED_FOR = {"home.hero", "home.recs"}  # by the shop's pages


@pytest.fixture
def site_id(db: None) -> UUID:
    plan = Plan("demo", "demo", "d" * 64, date(2008, 6, 1), 300, 1.0, 61)
    return set_up(plan, now=NOW).run.site_id


def furnish(site_id: UUID) -> bool:
    return editors.furnish(DemoRun.objects.get(site_id=site_id), oldest=OLDEST, now=NOW)


def shown(document: SnapshotDoc | None) -> dict[str, list[Any]]:
    """What the shop's placements can show: variants that segments, rules or the default lead to."""
    assert document is not None
    blocks = {block.key: block for block in document.blocks}
    assert not document.rules
    return {
        place.key: [
            variant
            for variant in blocks[place.block].variants
            if variant.segments or variant.key == blocks[place.block].default
        ]
        for place in document.placements
        if place.key in ASKED_FOR
    }


def inside(site_id: UUID, persona: str) -> set[str]:
    """The segments that an invented visitor would be in by the drafts."""
    made = Persona.objects.get(site_id=site_id, key=persona)
    return {one.key for one in segments_of(site_id, made.pk, NOW, drafts=True) if one.is_in}


def test_visitors_of_the_shop_are_shown_what_they_were_shown(site_id: UUID) -> None:
    before = shown(publication_document(site_id))
    assert furnish(site_id)
    assert shown(publication_document(site_id)) == before
    assert len(before) == 2


def test_an_editor_finds_one_of_each(site_id: UUID) -> None:
    editor = User.objects.create_user("editor")
    editor.groups.add(Group.objects.get_or_create(name="editor")[0])
    furnish(site_id)

    assert Persona.objects.filter(site_id=site_id).count() == 3
    theme = Theme.objects.get(site_id=site_id)
    assert theme.segments.count() == 2
    assert {name for name, texts in theme.messages.items() if texts["en"]} == {"promise", "cta"}
    trigger = Trigger.objects.get(site_id=site_id)
    assert not trigger.is_enabled
    assert trigger.variant is not None and trigger.variant.key == "cart-reminder"
    assert trigger.cap is not None
    assert (trigger.most, trigger.cap.most, trigger.cap.cooldown_ms) == (1, 1, 86_400_000)
    scheduled = Variant.objects.exclude(starts_at=None).get(block__site_id=site_id)
    assert scheduled.starts_at is not None and scheduled.starts_at > NOW

    rules = Rule.objects.filter(site_id=site_id).order_by("-priority")
    assert [(one.name, one.is_enabled) for one in rules] == [
        ("Sale on phones", False),
        ("Back for skirts", False),
    ]

    [release] = release_reads.releases_of(site_id)
    assert (release.name, release.state, release.created_by) == ("Autumn hero", "open", editor)
    changed = {(one.kind, one.key) for one in release_reads.items_of(release)}
    assert changed == {("block", "category-hero"), ("block", "delivery-note")}
    assert release_reads.moved_on(release) == []
    waiting = {(one.key, one.verb) for one in parts.waiting(site_id)}
    assert waiting == {(key, "changed") for key in ("category-hero", "delivery-note", "strip")}
    assert parts.problems(site_id) == []


def test_what_somebody_has_begun_meanwhile_stays_a_draft(site_id: UUID) -> None:
    welcome = Variant.objects.get(block__site_id=site_id, key="welcome")
    update_variant(variant_id=welcome.pk, fields={**welcome.fields, "headline": "Half written"})
    before = shown(publication_document(site_id))
    furnish(site_id)
    assert shown(publication_document(site_id)) == before
    assert ("block", "hero") in {(one.kind, one.key) for one in parts.waiting(site_id)}


def test_a_key_that_somebody_has_taken_leaves_the_load_as_it_is(site_id: UUID) -> None:
    create_block(site_id=site_id, key="delivery-note")
    run = DemoRun.objects.get(site_id=site_id)
    screen = io.StringIO()
    _furnish(run, screen, OLDEST)
    assert "Nothing was made for editors" in screen.getvalue()
    assert "'delivery-note'" in screen.getvalue()
    assert not Persona.objects.exists()
    assert not Theme.objects.exists()


def test_it_is_made_once(site_id: UUID) -> None:
    assert furnish(site_id)
    served = latest_publication(site_id)
    assert served is not None
    Variant.objects.filter(block__key="strip").update(archived_at=NOW)
    assert not furnish(site_id)
    assert Persona.objects.count() == 3
    again = latest_publication(site_id)
    assert again is not None and again.number == served.number


def test_the_invented_visitors_are_whom_they_are_said_to_be(site_id: UUID) -> None:
    furnish(site_id)
    assert {key for key, *_ in PERSONAS} == {"new-on-a-phone", "three-blouses", "left-a-cart"}
    assert inside(site_id, "new-on-a-phone") == set()
    assert inside(site_id, "three-blouses") == {"browsing-blouses-now"}
    assert "cart-left" in inside(site_id, "left-a-cart")

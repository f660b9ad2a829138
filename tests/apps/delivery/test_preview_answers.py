"""A preview shows what somebody would see, says why and what it takes for granted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.access.errors import InvalidRequest
from apps.content import rendering
from apps.content import services as content
from apps.content.models import Variant
from apps.delivery.previewing import answer
from apps.delivery.previewing.types import (
    AsPerson,
    AsPersona,
    AsSegments,
    Drafts,
    Nobody,
    OfPublication,
    PreviewSpec,
)
from apps.rules import services as rules
from apps.segments import pretending
from apps.segments import services as segments
from apps.segments.models import Membership, Persona
from tests.apps.delivery.conftest import INSIDE, LAST_VIEWED, NOW, NOW_MS, World, inside
from tests.apps.delivery.previewed import compiled_anew, rows, shown

__all__ = ["compiled_anew"]  # a fixture

DAY = timedelta(days=1)
THREE_VIEWS = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": "ever",
    "op": "gte", "value": 3,
}  # fmt: skip


def test_nobody_somebody_in_a_segment_and_somebody_who_refuses(world: World) -> None:
    world.hero()
    assert (shown(world).variant, shown(world).reason) == ("everyone", "DEFAULT")
    in_it = shown(world, who=AsSegments(("blouses",)))
    assert (in_it.variant, in_it.reason) == ("blouses", "TARGETING_MATCH")
    assert in_it.fields == {"headline": "Blouses"}
    assert [step.outcome for step in in_it.steps] == ["in, serves 'blouses'"]
    assert shown(world, who=Nobody(is_allowed=False)).reason == "NO_CONSENT"


def test_a_segment_that_the_request_answers_is_pretended_too(world: World) -> None:
    world.hero()
    phones = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    world.segment("phones", {"v": 1, "where": phones})
    hero = Variant.objects.get(key="blouses").block
    content.create_variant(
        block=hero, key="small", segment_keys=["phones"], fields={"headline": "Small"}
    )
    world.publish()
    assert shown(world, who=AsSegments(("phones",))).variant == "small"
    assert shown(world, who=AsSegments()).variant == "everyone"
    iphone = {"userAgent": "Mozilla/5.0 (iPhone) Mobile Safari/604.1"}
    assert shown(world, context=iphone).variant == "small"


def test_whoever_is_in_a_segment_is_in_what_it_stands_on(world: World) -> None:
    world.hero()
    nested = {"all": [{"kind": "segment", "key": "blouses"}, THREE_VIEWS]}
    world.segment("keen", {"v": 1, "where": nested})
    assert pretending.implied(world.site.pk, ["keen"]) == {"keen", "blouses"}
    either = {"any": [{"kind": "segment", "key": "blouses"}, THREE_VIEWS]}
    world.segment("either", {"v": 1, "where": either})
    assert pretending.implied(world.site.pk, ["either"]) == {"either"}
    found = answer(
        PreviewSpec(world.site.pk, who=AsSegments(("keen",)), placements=("home.hero",)), NOW
    )
    assert found.panes[0].variant == "blouses"
    assert "also in “blouses”" in found.notes[0]


def test_a_hidden_part_of_a_rule_is_a_switch_and_counts_as_no_until_it_is_said(
    world: World,
) -> None:
    world.hero()
    rules.create_rule(
        site_id=world.site.pk, key="keen", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": THREE_VIEWS},
    )  # fmt: skip
    world.publish()
    spec = PreviewSpec(world.site.pk, who=AsSegments(), placements=("home.hero",))
    found = answer(spec, NOW)
    (switch,) = found.switches
    assert (switch.answer, switch.words) == (None, "viewed at least 3 products")
    assert found.panes[0].variant == "everyone"
    said = AsSegments((), {switch.key: True})
    told = answer(PreviewSpec(world.site.pk, who=said, placements=("home.hero",)), NOW)
    assert (told.panes[0].variant, told.switches[0].answer) == ("blouses", True)


def test_a_draft_rule_on_history_is_previewed_before_it_is_published_and_nothing_is_made(
    world: World,
) -> None:
    world.hero()
    rules.create_rule(
        site_id=world.site.pk, key="keen", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": THREE_VIEWS},
    )  # fmt: skip
    before = rows()
    spec = PreviewSpec(world.site.pk, who=AsSegments(), content=Drafts(), placements=("home.hero",))
    (switch,) = answer(spec, NOW).switches
    told = answer(
        PreviewSpec(
            world.site.pk,
            who=AsSegments((), {switch.key: True}),
            content=Drafts(),
            placements=("home.hero",),
        ),
        NOW,
    )
    assert told.panes[0].rule == "keen"
    assert rows() == before


def test_a_block_is_shown_by_itself_and_any_of_its_variants_on_purpose(world: World) -> None:
    world.hero()
    block = content.create_block(site_id=world.site.pk, key="loose")
    content.create_variant(block=block, key="plain", is_default=True, template="<p>Loose</p>")
    spec = PreviewSpec(world.site.pk, content=Drafts(), blocks=("loose",))
    (pane,) = answer(spec, NOW).panes
    assert (pane.key, pane.is_block, pane.html) == ("loose", True, "<p>Loose</p>")
    chosen = shown(world, variants={"home.hero": "blouses"})
    assert (chosen.variant, chosen.reason) == ("blouses", "PREVIEW")


def test_an_earlier_publication_is_shown_as_it_was(world: World) -> None:
    world.hero()
    Variant.objects.filter(key="everyone").update(fields={"headline": "Soon"})
    world.publish()
    assert shown(world).fields == {"headline": "Soon"}
    assert shown(world, content=OfPublication(1)).fields == {"headline": "Welcome"}
    with pytest.raises(InvalidRequest, match="no publication 7"):
        shown(world, content=OfPublication(7))


def test_a_rule_is_shown_before_it_begins(world: World) -> None:
    world.hero()
    rules.create_rule(
        site_id=world.site.pk, key="christmas", placement_key="home.hero",
        variant_key="blouses", starts_at=NOW + DAY,
    )  # fmt: skip
    world.publish()
    today = shown(world)
    assert (today.variant, today.valid_until_ms) == ("everyone", NOW_MS + 86_400_000)
    assert shown(world, at_ms=NOW_MS + 2 * 86_400_000).rule == "christmas"


def test_a_share_of_visitors_is_said_to_be_drawn_by_lot(world: World) -> None:
    world.hero()
    share = {"kind": "percent", "seed": "half", "from": 0, "to": 50}
    rules.create_rule(
        site_id=world.site.pk, key="half", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": share},
    )  # fmt: skip
    world.publish()
    found = answer(PreviewSpec(world.site.pk, placements=("home.hero",)), NOW)
    assert any("“half”: for a share of visitors" in note for note in found.notes)


def somebody(world: World, **fields: Any) -> UUID:
    blouses = world.hero()
    row = world.person(("user_id", "anna"), stays=inside([blouses]), **fields)
    return row.profile_id


def test_a_person_is_shown_what_they_would_see(world: World) -> None:
    traits = {"name": ["Anna Schmidt", NOW_MS, "m1"]}
    profile_id = somebody(world, traits=traits)
    pane = shown(world, who=AsPerson(profile_id, is_masked=False))
    assert pane.html == "<p>Blouses for Anna Schmidt</p>"


def test_of_a_masked_person_nothing_is_said(world: World) -> None:
    traits = {"name": ["Anna Schmidt", NOW_MS, "m1"], "age": [44, NOW_MS, "m1"]}
    profile_id = somebody(world, traits=traits)
    old = {"kind": "trait", "name": "age", "op": "gte", "value": 40}
    rules.create_rule(
        site_id=world.site.pk, key="old", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": old},
    )  # fmt: skip
    world.publish()
    spec = PreviewSpec(
        world.site.pk, who=AsPerson(profile_id, is_masked=True), placements=("home.hero",)
    )
    found = answer(spec, NOW)
    (pane,) = found.panes
    assert (pane.rule, pane.html) == ("old", "<p>Blouses for ‹name›</p>")
    assert "44" not in repr(pane) and "Anna" not in repr(pane)
    assert any("stays hidden" in note for note in found.notes)
    assert rendering._kept.texts == {} or "Anna" not in repr(rendering._kept.texts)


def test_a_person_in_the_past_is_in_the_segments_of_then(world: World) -> None:
    blouses = world.hero()
    row = world.person(("user_id", "anna"), first_seen_ms=NOW_MS - 10 * 86_400_000)
    version = blouses.versions.get()
    Membership.objects.create(
        site_id=world.site.pk, segment=blouses, version=version, profile_id=row.profile_id,
        since=NOW - 5 * DAY, left_at=NOW - 3 * DAY,
    )  # fmt: skip
    who = AsPerson(row.profile_id, is_masked=False)
    assert shown(world, who=who).variant == "everyone"
    then = shown(world, who=who, at_ms=NOW_MS - 4 * 86_400_000)
    assert (then.variant, then.valid_until_ms) == ("blouses", NOW_MS - 3 * 86_400_000)
    spec = PreviewSpec(
        world.site.pk, who=who, at_ms=NOW_MS - 20 * 86_400_000, placements=("home.hero",)
    )
    before = answer(spec, NOW)
    assert before.panes[0].variant == "everyone"
    assert "not here yet" in before.notes[0]


def test_a_person_in_the_future_does_nothing_until_then(world: World) -> None:
    blouses = world.hero()
    leaves = (True, NOW_MS + 86_400_000, False, None, 0)
    row = world.person(("user_id", "anna"), stays={blouses.number: leaves})
    who = AsPerson(row.profile_id, is_masked=False)
    assert shown(world, who=who).variant == "blouses"
    assert shown(world, who=who, at_ms=NOW_MS + 2 * 86_400_000).variant == "everyone"


def test_an_erased_person_is_no_longer_known(world: World) -> None:
    world.hero()
    with pytest.raises(InvalidRequest, match="no longer known"):
        shown(world, who=AsPerson(UUID(int=7), is_masked=False))


def test_a_persona_is_in_the_segments_that_their_events_lead_to(world: World) -> None:
    world.hero()
    persona = Persona.objects.create(
        site_id=world.site.pk, key="keen", name="Keen on blouses", created_at=NOW,
        traits={"name": "Invented"}, consents={},
        events=[{"name": "Product Viewed", "ago_ms": 60_000,
                 "properties": {"category": "blouses"}}],
    )  # fmt: skip
    pane = shown(world, who=AsPersona(persona.pk))
    assert (pane.variant, pane.html) == ("blouses", "<p>Blouses for Invented</p>")
    Persona.objects.filter(pk=persona.pk).update(consents={"personalization": False})
    assert shown(world, who=AsPersona(persona.pk)).reason == "NO_CONSENT"


def test_fewer_than_ten_members_give_no_sample(world: World) -> None:
    blouses = world.hero()
    version = blouses.versions.get()
    for number in range(10):
        assert pretending.drawn_member(world.site.pk, "blouses") is None
        row = world.person(("anonymous_id", f"a{number}"))
        Membership.objects.create(
            site_id=world.site.pk, segment=blouses, version=version,
            profile_id=row.profile_id, since=NOW,
        )  # fmt: skip
    assert pretending.drawn_member(world.site.pk, "blouses") is not None


def test_two_sites_do_not_see_each_others_drafts(world: World) -> None:
    world.hero()
    other = World("other")
    spec = PreviewSpec(other.site.pk, content=Drafts(), placements=("home.hero",))
    assert answer(spec, NOW).panes[0].error == "placement_not_found"


def test_a_segment_that_is_only_a_draft_can_be_pretended_with_the_drafts(world: World) -> None:
    world.hero()
    segments.create_segment(
        site_id=world.site.pk, key="soon", name="Soon", condition=LAST_VIEWED, now=NOW
    )
    hero = Variant.objects.get(key="blouses").block
    content.create_variant(
        block=hero, key="soon", segment_keys=["soon"], fields={"headline": "Soon"}
    )
    who = AsSegments(("soon",))
    assert shown(world, who=who, content=Drafts()).variant == "soon"
    assert shown(world, who=who).variant == "everyone"


def test_inside_is_what_a_stay_of_the_live_path_is() -> None:
    assert pretending.INSIDE == INSIDE

"""Segment keys: what everybody of the same segments gets from caches, and who gets the default."""

from typing import Any

import msgspec

from apps.access import services as access
from apps.content import services as content
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from apps.delivery import cacheable, segment_key
from apps.segments.models import Segment
from engine.capping import CapDoc
from engine.compiling import compile_snapshot
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)
from tests.apps.delivery.conftest import NOW, NOW_MS, World, forget_everything, inside

PATH = "/v1/content/home.hero?site=shop"


def cacheable_hero(world: World) -> tuple[Segment, Segment]:
    """home.hero, cacheable: variants for two segments, one that greets by name, and a default."""
    first, second = world.segment("blouses"), world.segment("skirts")
    world.segment("named")
    block = content.create_block(
        site_id=world.site.pk,
        key="hero",
        is_cacheable=True,
        schema=[{"name": "headline", "type": "string", "required": True}],
    )
    for key, text in (
        ("blouses", "Blouses"),
        ("skirts", "Skirts"),
        ("named", "Hi {{ traits.name }}"),
    ):
        content.create_variant(
            block=block,
            key=key,
            segment_keys=[key],
            priority=-1 if key == "named" else 0,
            fields={"headline": text},
            template=f"<p>{text}</p>",
        )
    content.create_variant(
        block=block,
        key="everyone",
        is_default=True,
        fields={"headline": "Welcome"},
        template="<p>Welcome</p>",
    )
    content.create_placement(site_id=world.site.pk, key="home.hero", block=block)
    world.publish()
    return first, second


def latest_document(world: World) -> SnapshotDoc:
    """What serves now."""
    document = publication_document(world.site.pk)
    assert document is not None
    return document


def republish(world: World, **parts: Any) -> SnapshotDoc:
    """Publish what serves with other parts: what no editor's page can make yet."""
    document = latest_document(world)
    changed = msgspec.structs.replace(document, number=document.number + 1, **parts)
    Publication.objects.create(
        site_id=world.site.pk,
        number=changed.number,
        document=msgspec.to_builtins(changed),
        digest=f"by hand {changed.number}",
        published_at=NOW,
    )
    forget_everything()
    return changed


def key_of(world: World, anonymous_id: str | None = "a1", **body: Any) -> str:
    answer = world.ask("home.hero", anonymousId=anonymous_id, **body)
    return answer["segmentKey"]  # type: ignore[no-any-return]


def shown(world: World, key: str) -> tuple[str, str]:
    response = world.client.get(f"{PATH}&sk={key}")
    assert response.status_code == 200
    return response.json()["variant"], response.headers["Cache-Control"][:18]


def test_a_key_brings_the_variant_that_decide_gives(world: World):
    blouses, skirts = cacheable_hero(world)
    for name, stays in (("a1", [blouses]), ("a2", [skirts]), ("a3", [])):
        world.tell(world.person(("anonymous_id", name), stays=inside(stays)).profile_id)
        decided = world.hero_of(name)
        variant, told = shown(world, key_of(world, name))
        assert (variant, told) == (decided["variant"], "public, max-age=30")


def test_who_would_get_the_same_has_the_same_key(world: World):
    blouses, skirts = cacheable_hero(world)
    stays = {"a1": [blouses], "a2": [blouses], "a3": [blouses, skirts], "a4": [], "a5": [skirts]}
    for name, inner in stays.items():
        world.tell(world.person(("anonymous_id", name), stays=inside(inner)).profile_id)
    keys = {name: key_of(world, name) for name in stays}
    # Whoever looks at blouses sees them, with skirts or without.
    assert keys["a1"] == keys["a2"] == keys["a3"]
    assert len({keys["a1"], keys["a4"], keys["a5"]}) == 3
    assert all(len(key) == segment_key.LENGTH for key in keys.values())


def test_without_consent_the_key_is_the_same_for_all(world: World):
    blouses, _ = cacheable_hero(world)
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    allowed = key_of(world)
    source = access.create_source(
        site_id=world.site.pk, name="strict", now=NOW, consent_mode="required"
    )
    strict = access.issue_key(source_id=source.pk, kind="pk", now=NOW)[1]
    assert key_of(world, key=strict) == key_of(world, "somebody", key=strict) != allowed
    assert shown(world, key_of(world, key=strict))[0] == "everyone"


def test_what_is_of_one_visitor_is_never_cached(world: World):
    cacheable_hero(world)
    named = Segment.objects.get(site_id=world.site.pk, key="named")
    world.tell(
        world.person(
            ("anonymous_id", "a1"), stays=inside([named]), traits={"name": ["Ann", NOW_MS]}
        ).profile_id
    )
    assert world.hero_of("a1")["html"] == "<p>Hi Ann</p>"
    assert shown(world, key_of(world))[0] == "everyone"


def test_what_a_key_cannot_say_is_the_default(world: World):
    blouses, _ = cacheable_hero(world)
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    plain = latest_document(world)
    [block] = plain.blocks
    arms = [ArmDoc("a", "everyone", 0.5), ArmDoc("b", "skirts", 0.5)]
    member = {"v": 1, "where": {"kind": "segment", "key": "blouses"}}
    nothing: dict[str, Any] = {"caps": [], "experiments": [], "rules": [], "holdouts": []}
    for parts in (
        {
            "caps": [CapDoc(1, "twice", most=2)],
            "blocks": [msgspec.structs.replace(block, caps=[1])],
        },
        {"experiments": [ExperimentDoc("e", "home.hero", "s", arms)]},
        {
            "experiments": [ExperimentDoc("e", "home.hero", "s", arms, by_rule=True)],
            "rules": [RuleDoc("r", "home.hero", "", member, experiment="e")],
        },
        {"holdouts": [HoldoutDoc("h", "s", 1.0)]},
    ):
        republish(world, **nothing, blocks=[block])
        assert shown(world, key_of(world))[0] == "blouses"
        republish(world, **{**nothing, **parts})
        assert shown(world, key_of(world))[0] == "everyone", parts.keys()


def test_rules_that_ask_for_segments_alone_are_followed(world: World):
    blouses, skirts = cacheable_hero(world)
    both = {
        "v": 1,
        "where": {"all": [{"kind": "segment", "key": k} for k in ("blouses", "skirts")]},
    }
    phones = {"v": 1, "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}}
    republish(
        world,
        rules=[
            RuleDoc("both", "home.hero", "skirts", both, priority=2),
            RuleDoc("phones", "home.hero", "skirts", phones, priority=9),
        ],
    )
    for name, stays in (("a1", [blouses, skirts]), ("a2", [blouses])):
        world.tell(world.person(("anonymous_id", name), stays=inside(stays)).profile_id)
    assert shown(world, key_of(world, "a1"))[0] == "skirts"
    assert shown(world, key_of(world, "a2"))[0] == "blouses"


def test_a_rule_that_ends_some_day_is_not_kept_on_while_the_server_is_away(world: World):
    blouses, _ = cacheable_hero(world)
    member = {"v": 1, "where": {"kind": "segment", "key": "blouses"}}
    rule = RuleDoc("sale", "home.hero", "skirts", member, ends_at_ms=NOW_MS + 3_600_000)
    republish(world, rules=[rule])
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    response = world.client.get(f"{PATH}&sk={key_of(world)}")
    assert response.json()["rule"] == "sale"
    lasts = "public, max-age=30, s-maxage=60, stale-while-revalidate=300"
    assert response.headers["Cache-Control"] == lasts
    assert world.client.get(PATH).headers["Cache-Control"] == f"{lasts}, stale-if-error=86400"


def test_a_rule_that_ends_soon_is_not_cached_beyond_its_end(world: World):
    blouses, _ = cacheable_hero(world)
    member = {"v": 1, "where": {"kind": "segment", "key": "blouses"}}
    rule = RuleDoc("sale", "home.hero", "skirts", member, ends_at_ms=NOW_MS + 9_500)
    republish(world, rules=[rule])
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    response = world.client.get(f"{PATH}&sk={key_of(world)}")
    assert response.json()["rule"] == "sale"
    assert response.headers["Cache-Control"] == "public, max-age=9, must-revalidate"


def test_unknown_stale_and_foreign_keys_bring_the_default_for_five_seconds(world: World):
    blouses, _ = cacheable_hero(world)
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    good = key_of(world)
    other = segment_key.issue("0" * 32, b"\0" * 4, 1)
    last = "A" if good[-1] != "A" else "Q"
    for bad in (good[:-1] + last, "s3k9", good + "=", other, "\u00e9" * 23, good[:-1] + "\n"):
        assert shown(world, bad) == ("everyone", "public, max-age=5")
    rule = RuleDoc("all", "home.hero", "skirts", {"v": 1, "where": {"all": []}})
    republish(world, rules=[rule])
    assert shown(world, good) == ("everyone", "public, max-age=5")


def test_a_publication_that_decides_alike_keeps_its_keys(world: World):
    cacheable_hero(world)
    before = key_of(world)
    latest = latest_document(world)
    [block] = latest.blocks
    texts = [msgspec.structs.replace(one, fields={"headline": "New"}) for one in block.variants]
    republish(world, blocks=[msgspec.structs.replace(block, variants=texts)])
    assert key_of(world) == before


def test_at_most_32_segments_are_told_and_the_rest_is_the_default():
    document = crowded(placements=5, each=10)
    plan = cacheable.make_plan(compile_snapshot(document))
    assert (len(plan.segments), sorted(plan.placements)) == (30, ["p0", "p1", "p2"])
    place = compile_snapshot(document).placements["p4"]
    assert plan.choice(place, (1 << 33) - 1, NOW_MS).variant == "plain"


def crowded(placements: int, each: int) -> SnapshotDoc:
    """Placements that each look at segments of their own."""
    total = placements * each
    return SnapshotDoc(
        "00000000-0000-0000-0000-000000000001",
        1,
        0,
        placements=[PlacementDoc(f"p{n}", f"b{n}") for n in range(placements)],
        blocks=[
            BlockDoc(
                f"b{n}",
                "content",
                [VariantDoc("plain", 1)]
                + [
                    VariantDoc(f"v{number}", 1, segments=[number])
                    for number in range(n * each, (n + 1) * each)
                ],
                "plain",
                cacheable=True,
            )
            for n in range(placements)
        ],
        segments=[SegmentDoc(number, f"s{number}") for number in range(total)],
    )


def test_a_new_key_makes_a_new_answer_even_where_the_content_is_the_same(world: World):
    blouses, _ = cacheable_hero(world)
    other = content.create_block(site_id=world.site.pk, key="strip")
    content.create_variant(block=other, key="plain", is_default=True, template="<p>Strip</p>")
    content.create_placement(site_id=world.site.pk, key="strip", block=other)
    world.publish()
    body = {"placements": ["strip"], "anonymousId": "a1"}
    first = world.post("/v1/decide", body)
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    again = world.post("/v1/decide", body, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert again.json()["segmentKey"] != first.json()["segmentKey"]


def test_what_cannot_be_rendered_is_the_default_and_then_nothing(world: World):
    cacheable_hero(world)
    latest = latest_document(world)
    [block] = latest.blocks
    broken = [
        msgspec.structs.replace(one, liquid="{% for %}", template=None) for one in block.variants
    ]
    republish(world, blocks=[msgspec.structs.replace(block, variants=broken)])
    response = world.client.get(PATH)
    assert (response.status_code, response.json()["reason"]) == (200, "ERROR")
    assert (response.json()["html"], response.headers["Cache-Control"]) == (
        None,
        "public, max-age=5",
    )
    fragment = world.client.get(PATH.replace("content", "fragments"))
    assert (fragment.status_code, fragment.content) == (200, b"")


def test_fragments_are_the_html_of_the_same_content(world: World):
    blouses, _ = cacheable_hero(world)
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    path = f"{PATH}&sk={key_of(world)}".replace("content", "fragments")
    response = world.client.get(path)
    assert response.content == b"<p>Blouses</p>"
    headers = response.headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Surrogate-Key"] == "placement-home.hero block-hero"
    assert headers["Vary"] == "Accept-Encoding"
    again = world.client.get(path, headers={"If-None-Match": headers["ETag"]})
    assert again.status_code == 304

"""What a change would have done to the decisions of the last days, and how sure that is."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from django.db import connection

from apps.content import services as content
from apps.content.models import Variant
from apps.decisions import records
from apps.decisions import services as decisions
from apps.decisions.models import DecisionRecord
from apps.decisions.selectors import Served
from apps.delivery import deciding, dry_running
from apps.delivery.deciding import Decided
from apps.delivery.drafted import with_hidden
from apps.delivery.dry_running import DryRun, Move
from apps.rules import services as rules
from apps.segments.models import Membership
from engine.compiling import compile_snapshot
from engine.decide import decide_placement
from engine.snapshot import PlacementDoc, RuleDoc, SnapshotDoc
from tests.apps.delivery import past_shop
from tests.apps.delivery.conftest import NOW, NOW_MS, World, inside
from tests.apps.segments.world import Happened, store_events

CALLS = 600
SINCE = NOW - timedelta(days=1)
UNTIL = NOW + timedelta(days=1)


def opened(document: SnapshotDoc) -> Served:
    return Served(compile_snapshot(document))


def tried(world: World, candidate: Served, **given: Any) -> DryRun:
    return dry_running.run(
        world.site.pk, candidate, since=SINCE, now=UNTIL, **{"serving": None, **given}
    )


def naive_moves(world: World, serving: Served, candidate: Served) -> Counter[Any]:
    """Every call decided twice with all that was known when it came; only what changed is kept."""
    random = Random(1)
    found: Counter[Any] = Counter()
    for index in range(CALLS):
        call, arrival = past_shop._call(world, random, index)
        for key, _ in call.asked:
            variants = [
                naive_variant(key, Decided(call, arrival, one)) for one in (serving, candidate)
            ]
            if variants[0] != variants[1]:
                found[(key, *variants)] += 1
    return found


def naive_variant(key: str, decided: Decided) -> str | None:
    compiled = decided.served.compiled
    placement = compiled.placements.get(key)
    if placement is None or not deciding.is_open(placement, decided.call.caller):
        return None
    if decided.is_away and placement.doc.enabled:
        return placement.block.default.key
    now_ms = decided.call.now_ms
    return decide_placement(compiled, key, decided.visitor, decided.context, now_ms).variant


def other(document: SnapshotDoc, name: str) -> SnapshotDoc:
    """The document with one change that reads no more than it did."""
    replace = msgspec.structs.replace
    rules = {rule.key: rule for rule in document.rules}
    match name:
        case "another condition":
            asked = {"kind": "segment", "key": "asked"}
            rules["phone"] = replace(rules["phone"], condition={"v": 1, "where": {"not": asked}})
        case "a new rule on the request":
            parts = [past_shop.context("device", "mobile"), {"kind": "segment", "key": "seg1"}]
            rules["new"] = RuleDoc("new", "hero", "cart", past_shop.where({"all": parts}), 99)
        case "a rule switched off":
            del rules["gold"]
        case "another order":
            rules["late"] = replace(rules["late"], priority=99, starts_at_ms=None)
        case "a placement closed":
            placements = [replace(one, enabled=one.key != "hero") for one in document.placements]
            return replace(document, placements=placements)
        case "a placement gone":
            placements = [one for one in document.placements if one.key != "promo"]
            kept = [rule for rule in document.rules if rule.placement != "promo"]
            return replace(document, placements=placements, rules=kept)
        case "another split":
            split = document.experiments[0]
            arms = [replace(split.arms[0], weight=0.75), replace(split.arms[1], weight=0.25)]
            return replace(document, experiments=[replace(split, arms=arms)])
    return replace(document, rules=list(rules.values()))


@pytest.mark.parametrize(
    "name",
    [
        "another condition",
        "a new rule on the request",
        "a rule switched off",
        "another order",
        "a placement closed",
        "a placement gone",
    ],
)
def test_what_was_kept_is_decided_as_with_all_that_was_known(world: World, name: str):
    serving = past_shop.publish(world)
    calls = list(past_shop.decide_many(world, serving, CALLS))
    records.flush()
    candidate = opened(other(past_shop.document(world.site.pk, 2), name))

    found = tried(world, candidate, serving=serving)

    expected = naive_moves(world, serving, candidate)
    assert all(expected[tuple(one[:3])] >= one.decisions > 0 for one in found.moves)
    assert found.changed == sum(one.decisions for one in found.moves)
    # What cannot be told are facts that a call brought, and what nobody asked after a rule held.
    assert found.unknown < found.known // 4
    assert sum(expected.values()) - found.changed <= found.unknown
    assert found.estimated == 0
    places = set(serving.compiled.placements) | set(candidate.compiled.placements)
    asked = sum(key in places for call in calls for key, _ in call.asked)
    assert found.known + found.unknown == asked
    assert found.records == CALLS


def test_without_facts_of_calls_nothing_is_unknown_and_all_moves_are_there(world: World):
    serving = past_shop.publish(world)
    list(past_shop.decide_many(world, serving, CALLS))
    records.flush()
    candidate = opened(other(past_shop.document(world.site.pk, 2), "another condition"))

    found = tried(world, candidate, serving=serving)

    expected = naive_moves(world, serving, candidate)
    assert found.changed > 10
    assert {tuple(one[:3]): one.decisions for one in found.moves} == dict(expected)
    assert (found.unknown, found.estimated) == (0, 0)


def test_a_stand_in_for_a_visitor_says_nothing_of_another_split(world: World):
    """Of who has no profile an id is kept that is dealt as they were, by the split of that day."""
    serving = past_shop.publish(world)
    list(past_shop.decide_many(world, serving, CALLS))
    records.flush()
    candidate = opened(other(past_shop.document(world.site.pk, 2), "another split"))

    found = tried(world, candidate, serving=serving)

    expected = naive_moves(world, serving, candidate)
    assert found.unknown > 0
    assert all(expected[tuple(one[:3])] >= one.decisions for one in found.moves)
    assert sum(expected.values()) - found.changed <= found.unknown


def hero_with_visits(world: World) -> Sequence[Any]:
    """Two people who asked for home.hero: one in the segment, one not."""
    blouses = world.hero()
    one = world.person(
        ("anonymous_id", "a1"), stays=inside([blouses]), traits={"tier": ["gold", NOW_MS, "m"]}
    )
    two = world.person(("anonymous_id", "a2"), traits={"tier": ["silver", NOW_MS, "m"]})
    world.tell(one.profile_id, two.profile_id)
    for name in ("a1", "a2", "a2"):
        world.hero_of(name)
    records.flush()
    return one, two


def rule(world: World, where: dict[str, Any]) -> None:
    rules.create_rule(
        site_id=world.site.pk, key="new", placement_key="home.hero", variant_key="blouses",
        condition={"v": 1, "where": where},
    )  # fmt: skip


def drafts(world: World) -> dict[str, Any]:
    drafted = with_hidden(world.site.pk, decisions.draft_document(world.site.pk))
    return {"candidate": drafted.served, "hidden": drafted.hidden}


def test_a_trait_that_nobody_read_then_is_estimated_by_what_is_known_today(world: World):
    hero_with_visits(world)
    rule(world, {"kind": "trait", "name": "tier", "op": "eq", "value": "silver"})

    found = tried(world, **drafts(world))

    assert found.moves == [Move("home.hero", "everyone", "blouses", 2)]
    assert (found.changed, found.same, found.estimated, found.unknown) == (2, 1, 3, 0)


def test_a_fact_of_the_request_that_nobody_read_then_cannot_be_told(world: World):
    hero_with_visits(world)
    rule(world, {"kind": "context", "name": "device", "op": "eq", "value": "mobile"})

    found = tried(world, **drafts(world))

    assert (found.changed, found.same, found.estimated, found.unknown) == (0, 0, 0, 3)


PHONE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
SILVER = {"kind": "trait", "name": "tier", "op": "eq", "value": "silver"}


@pytest.mark.parametrize(
    ("where", "unknown"),
    [
        ({"all": [PHONE, SILVER]}, 2),
        ({"all": [PHONE, {"not": SILVER}]}, 1),
        ({"any": [{"not": PHONE}, SILVER]}, 1),
        ({"all": [{"kind": "context", "name": "device", "op": "is_missing"}, SILVER]}, 3),
    ],
    ids=["and", "and not", "or", "is missing"],
)
def test_an_unknown_fact_leaves_open_only_what_depends_on_it(
    world: World, where: dict[str, Any], unknown: int
):
    """Of three decisions two are of somebody with the tier silver."""
    hero_with_visits(world)
    rule(world, where)

    found = tried(world, **drafts(world))

    assert found.unknown == unknown
    assert found.known == 3 - unknown


def test_whether_somebody_was_known_is_always_known(world: World):
    hero_with_visits(world)
    world.hero_of("nobody")
    records.flush()
    rule(world, {"kind": "context", "name": "visitor", "op": "eq", "value": "new"})

    found = tried(world, **drafts(world))

    assert found.moves == [Move("home.hero", "everyone", "blouses", 1)]
    assert (found.unknown, found.estimated) == (0, 0)


def test_a_new_rule_about_events_is_asked_of_the_events_before_each_decision(world: World):
    _, two = hero_with_visits(world)
    view = {"kind": "event", "name": "Viewed", "aggregate": "count", "window": "ever"}
    rule(world, {**view, "op": "gte", "value": 2})
    before = [Happened(NOW_MS - 5_000, "Viewed"), Happened(NOW_MS - 4_000, "Viewed")]
    store_events(world.site, two.profile_id, [before[0], Happened(NOW_MS + 5_000, "Viewed")])

    assert tried(world, **drafts(world)).changed == 0
    store_events(world.site, two.profile_id, [before[1]])
    found = tried(world, **drafts(world))
    assert found.moves == [Move("home.hero", "everyone", "blouses", 2)]
    assert (found.estimated, found.unknown) == (3, 0)


def test_a_segment_that_nobody_asked_for_then_is_looked_up_as_it_stood(world: World):
    _, two = hero_with_visits(world)
    late = world.segment("late")
    block = content.update_variant
    variant = world_variant("blouses")
    block(variant_id=variant, segment_keys=["blouses", "late"])
    stay = {
        "site_id": world.site.pk, "segment": late, "version": late.versions.get(),
        "profile_id": two.profile_id,
    }  # fmt: skip
    Membership.objects.create(since=NOW + timedelta(hours=1), **stay)
    assert tried(world, **drafts(world)).changed == 0

    Membership.objects.update(since=NOW - timedelta(hours=1), left_at=NOW + timedelta(hours=1))
    found = tried(world, **drafts(world))
    assert found.moves == [Move("home.hero", "everyone", "blouses", 2)]


def world_variant(key: str) -> Any:
    return Variant.objects.get(key=key).pk


def test_a_placement_that_is_as_it_was_is_the_same_whatever_was_kept(world: World):
    hero_with_visits(world)
    DecisionRecord.objects.update(inputs=None)
    document = decisions.draft_document(world.site.pk)
    assert tried(world, opened(document)).same == 3

    more = msgspec.structs.replace(
        document, placements=[*document.placements, PlacementDoc("home.foot", "hero")]
    )
    assert tried(world, opened(more)).same == 3
    always = RuleDoc("r", "home.hero", "blouses", {"v": 1, "where": {"all": []}})
    changed = msgspec.structs.replace(document, rules=[always])
    assert tried(world, opened(changed)).unknown == 3


def test_another_text_of_the_same_variant_is_told_apart(world: World):
    hero_with_visits(world)
    content.update_variant(variant_id=world_variant("everyone"), template="<p>Hello</p>")

    found = tried(world, **drafts(world))

    assert (found.changed, found.same, found.reworded) == (0, 3, 2)


def test_a_dry_run_writes_nothing_and_looks_at_the_newest_only(world: World):
    hero_with_visits(world)
    rule(world, {"kind": "trait", "name": "tier", "op": "eq", "value": "silver"})
    before = rows()
    steps: list[tuple[int, int]] = []

    found = tried(world, **drafts(world), most=2, progress=lambda *at: steps.append(at))

    assert found.records == 2
    assert steps == [(2, 2)]
    assert records.flush() == 0
    assert rows() == before


def rows() -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts

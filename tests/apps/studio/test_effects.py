"""Who would newly see what: counted over everybody as decisions would come out."""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.content import services as content
from apps.decisions import parts
from apps.decisions.selectors import Served, publication_document
from apps.studio import effects, people_meant
from apps.studio.domain.coverage import is_met, plan_of
from apps.work import clock
from engine.compiling import compile_snapshot
from engine.decide import decide_placement
from engine.members import Visitor
from engine.snapshot import BlockDoc, PlacementDoc, RuleDoc, SegmentDoc, SnapshotDoc, VariantDoc
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.crowd import DENIED, people

SEGMENTS = range(1, 8)


def in_segment(number: int) -> dict[str, Any]:
    return {"kind": "segment", "key": f"s{number}"}


def random_condition(random: Random, depth: int = 2) -> dict[str, Any]:
    kind = random.choice(["segment", "all", "any", "none", "not", "context"])
    if depth == 0 or kind == "segment":
        return in_segment(random.choice(SEGMENTS))
    if kind == "context":
        return {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    parts = [random_condition(random, depth - 1) for _ in range(random.randint(kind != "all", 3))]
    if kind == "not":
        return {"not": parts[0]} if parts else {"all": []}
    return {kind: parts}


def random_document(site_id: str, random: Random) -> SnapshotDoc:
    variants = [VariantDoc("default", 1)] + [
        VariantDoc(
            f"v{at}", 1, sorted(random.sample(list(SEGMENTS), random.randint(0, 3))),
            random.randint(0, 2), starts_at_ms=random.choice([None, clock.to_ms(NOW) + 1]),
        )
        for at in range(4)
    ]  # fmt: skip
    block = BlockDoc("hero", "content", variants, "default", purpose=random.choice(PURPOSES))
    return SnapshotDoc(
        site_id, 1, 0, [PlacementDoc("hero", "hero", random.random() < 0.9)], [block],
        [SegmentDoc(n, f"s{n}", depth=random.randint(0, 2)) for n in SEGMENTS],
        [
            RuleDoc(f"r{at}", "hero", random.choice(["v0", "v1", "default"]),
                {"v": 1, "where": random_condition(random)}, random.randint(0, 3),
                ends_at_ms=random.choice([None, None, clock.to_ms(NOW)]))
            for at in range(random.randint(0, 3))
        ],
    )  # fmt: skip


PURPOSES: Any = ["personalization", "personalization", "necessary"]


def decided(served: Served, inside: set[int], allowed: bool) -> str | None:
    stays = dict.fromkeys(inside, (True, None, None, None))
    visitor = Visitor("u", stays, allowed=allowed)
    return decide_placement(served.compiled, "hero", visitor, {}, clock.to_ms(NOW)).variant


@pytest.mark.parametrize("seed", range(60))
def test_the_order_by_memberships_comes_out_as_the_engine_decides(seed: int):
    random = Random(seed)
    served = Served(compile_snapshot(random_document("x", random)))
    plan = plan_of(served.compiled, served.compiled.placements["hero"], clock.to_ms(NOW))
    if plan.untold:
        return  # a device is asked for: nobody can say it by memberships
    for _ in range(20):
        inside = {n for n in SEGMENTS if random.random() < 0.4}
        first = next(s for s in plan.steps if s.test is not None and is_met(s.test, inside))
        chosen = plan.steps[-1].variant if plan.is_off else first.variant
        assert decided(served, inside, True) == chosen


def test_everybody_is_counted_where_the_engine_would_send_them(shop: Shop):
    random = Random(7)
    crowd = []
    for _ in range(40):
        inside, denied = {n for n in SEGMENTS if random.random() < 0.4}, random.random() < 0.2
        count = random.randint(1, 4)
        people(shop.site, count, inside, denied=DENIED if denied else 0)
        crowd.append((inside, not denied, count))
    for _ in range(25):
        pair = [Served(compile_snapshot(random_document("x", random))) for _ in range(2)]
        plans = [
            plan_of(one.compiled, one.compiled.placements["hero"], clock.to_ms(NOW)) for one in pair
        ]
        expected: Counter[Any] = Counter()
        if plans[0].untold or plans[1].untold:
            continue
        for inside, allowed, count in crowd:
            expected[tuple(decided(one, inside, allowed) for one in pair)] += count
        found: Counter[Any] = Counter()
        for one in people_meant.moved(shop.site.pk, [(plans[0], plans[1])]).found:
            found[one.before, one.after] += one.people
        assert found == expected


def retag(shop: Shop, *keys: str) -> None:
    content.update_variant(variant_id=shop.tagged.pk, segment_keys=list(keys))


def test_people_whose_variant_changes_are_told_with_whom_it_is_for(shop: Shop):
    shop.publish()
    late = shop.segment("late", "Late visitors")
    people(shop.site, 12, [late.number])
    people(shop.site, 20, [shop.blouses.number])
    people(shop.site, 3, [late.number], denied=DENIED)
    people(shop.site, 30)
    retag(shop, "blouses", "late")

    found = effects.panel(shop.site.pk, None, NOW)

    assert found.refused == ""
    assert found.everyone == 65
    (line,) = found.moves
    assert (line.placement, line.before, line.after, line.people) == (
        "home.hero", "all", "blouses", 12,
    )  # fmt: skip
    assert set(line.who.split(" or ")) == {"Browsing blouses", "Late visitors"}
    assert (found.few, found.untold, found.rewords) == (0, [], [])


def test_fewer_than_ten_people_are_not_told(shop: Shop):
    shop.publish()
    late = shop.segment("late", "Late visitors")
    people(shop.site, 9, [late.number])
    people(shop.site, 30)
    retag(shop, "blouses", "late")
    found = effects.panel(shop.site.pk, None, NOW)
    assert (found.moves, found.few) == ([], 1)


def test_other_words_of_the_same_variant_are_told_apart(shop: Shop):
    shop.publish()
    people(shop.site, 15, [shop.blouses.number])
    people(shop.site, 30)
    shop.headline("Summer blouses")
    found = effects.panel(shop.site.pk, None, NOW)
    assert found.moves == []
    assert [(one.after, one.people) for one in found.rewords] == [("blouses", 15)]


def test_nothing_changes_for_nobody(shop: Shop):
    shop.publish()
    people(shop.site, 30)
    assert effects.panel(shop.site.pk, None, NOW).is_nothing


def test_what_a_request_decides_is_said_to_be_untold(shop: Shop):
    shop.publish()
    people(shop.site, 30)
    shop.rule("phones")
    found = effects.panel(shop.site.pk, None, NOW)
    assert found.moves == []
    (line,) = found.untold
    assert "The rule “phones” of home.hero" in line


def test_the_first_publication_is_told_too(shop: Shop):
    people(shop.site, 15, [shop.blouses.number])
    found = effects.panel(shop.site.pk, None, NOW)
    assert [(one.before, one.after, one.people) for one in found.moves] == [("", "blouses", 15)]


def test_drafts_that_contradict_themselves_are_refused_in_words(shop: Shop):
    shop.publish()
    shop.headline("{{ broken")
    found = effects.panel(shop.site.pk, None, NOW)
    assert found.refused.startswith("Nothing can be said of it as it is.")


def test_counting_costs_the_same_for_many_changes(shop: Shop):
    shop.publish()
    people(shop.site, 12)

    def asked() -> int:
        parts.refresh_parts(shop.site.pk)  # what was written costs, once
        with CaptureQueriesContext(connection) as queries:
            effects.panel(shop.site.pk, None, NOW)
        return len(queries)

    def add(at: int) -> None:
        block = content.create_block(site_id=shop.site.pk, key=f"b{at}", schema=[])
        content.create_variant(block=block, key="all", is_default=True, template="<p>x</p>")
        content.create_placement(site_id=shop.site.pk, key=f"p{at}", block=block)

    retag(shop)
    add(0)  # one of each kind: bodies are read kind by kind
    few = asked()
    for at in range(1, 6):
        add(at)
    assert asked() == few


def test_shares_are_of_recent_visitors(shop: Shop):
    shop.publish()
    people(shop.site, 10, [shop.blouses.number])
    people(shop.site, 30)
    people(shop.site, 50, seen_at=NOW - timedelta(days=40))
    document = publication_document(shop.site.pk)
    assert document is not None
    served = Served(compile_snapshot(document))
    plan = plan_of(served.compiled, served.compiled.placements["home.hero"], clock.to_ms(NOW))
    found = people_meant.shares(shop.site.pk, [plan], since=NOW - timedelta(days=28))
    assert (found.people, found.everyone) == ([{"blouses": 10, "all": 30}], 40)


def test_of_very_many_people_a_sample_is_looked_at(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish()
    late = shop.segment("late", "Late visitors")
    people(shop.site, 2_000, [late.number])
    retag(shop, "blouses", "late")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_profilestate")
    assert not effects.panel(shop.site.pk, None, NOW).is_estimated
    monkeypatch.setattr(people_meant, "SAMPLED", 400)

    found = effects.panel(shop.site.pk, None, NOW)

    assert found.is_estimated
    [line] = found.moves
    assert line.people == found.everyone
    assert 800 < found.everyone < 4_000


def test_a_site_of_few_is_looked_at_whole_beside_one_of_many(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish()
    late = shop.segment("late", "Late visitors")
    people(shop.site, 30, [late.number])
    retag(shop, "blouses", "late")
    people(access.create_site(key="other", name="Other", now=NOW), 2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_profilestate")
    monkeypatch.setattr(people_meant, "SAMPLED", 400)

    found = effects.panel(shop.site.pk, None, NOW)

    assert not found.is_estimated
    assert [line.people for line in found.moves] == [30]

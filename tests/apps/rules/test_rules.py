"""Rules: what a publication freezes of them, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.access.models import Site
from apps.content.models import Placement
from apps.content.selectors import block_documents, placement_documents
from apps.content.services import freeze_versions
from apps.rules.errors import InvalidRule
from apps.rules.models import Rule
from apps.rules.selectors import problems, rule_documents
from apps.rules.services import create_rule, prepare_rules
from apps.segments.errors import SegmentInUse
from apps.segments.models import Segment
from apps.segments.services import archive_segment, snapshot_documents
from apps.work.clock import to_ms
from engine.compiling import compile_snapshot
from engine.decide import Reason, decide_placement
from engine.errors import InvalidCondition
from engine.members import Visitor
from engine.snapshot import SnapshotDoc, decode_snapshot, encode_snapshot
from tests.apps.rules.conftest import NOW, PHONE, VIEWED, new_shop, where


def add(site: Site, key: str = "r", **fields: Any) -> Rule:
    settings = {"placement_key": "home.hero", "variant_key": "phone", **fields}
    return create_rule(site_id=site.pk, key=key, **settings)


def test_a_request_condition_is_frozen_as_it_is(shop: Site) -> None:
    add(
        shop,
        condition=where(PHONE),
        priority=7,
        starts_at=NOW,
        ends_at=NOW + timedelta(days=1),
    )
    prepare_rules(site_id=shop.pk, now=NOW)
    (rule,) = rule_documents(shop.pk)
    assert (rule.key, rule.placement, rule.variant, rule.priority) == (
        "r",
        "home.hero",
        "phone",
        7,
    )
    assert rule.condition == where(PHONE)
    assert (rule.starts_at_ms, rule.ends_at_ms) == (to_ms(NOW), to_ms(NOW) + 86_400_000)
    assert not Segment.objects.filter(is_hidden=True).exists()


def test_history_moves_into_a_hidden_segment_that_the_publication_holds(shop: Site) -> None:
    add(shop, condition=where({"all": [PHONE, VIEWED]}))
    prepare_rules(site_id=shop.pk, now=NOW)
    prepare_rules(site_id=shop.pk, now=NOW)

    hidden = Segment.objects.get(is_hidden=True)
    (rule,) = rule_documents(shop.pk)
    assert rule.condition == where({"all": [PHONE, {"kind": "segment", "key": hidden.key}]})
    assert [doc.key for doc in snapshot_documents(shop.pk) if doc.hidden] == [hidden.key]


def test_the_frozen_rule_decides(shop: Site, gold: Segment) -> None:
    add(shop, "phones", condition=where({"all": [PHONE, {"kind": "segment", "key": "gold"}]}))
    freeze_versions(site_id=shop.pk, now=NOW)
    prepare_rules(site_id=shop.pk, now=NOW)
    document = SnapshotDoc(
        site_id=str(shop.pk),
        number=1,
        published_at_ms=0,
        placements=placement_documents(shop.pk),
        blocks=block_documents(shop.pk),
        segments=snapshot_documents(shop.pk),
        rules=rule_documents(shop.pk),
    )
    snapshot = compile_snapshot(decode_snapshot(encode_snapshot(document)))

    def shown(*, is_gold: bool, device: str) -> tuple[str | None, Reason]:
        stays = {gold.number: (True, None, None, None)} if is_gold else {}
        visitor = Visitor(unit_id="u", memberships=stays, traits={}, allowed=True, known=True)
        decision = decide_placement(
            snapshot, "home.hero", visitor, {"device": device}, to_ms(NOW), None
        )
        return decision.variant, decision.reason

    assert shown(is_gold=True, device="phone") == ("phone", Reason.TARGETING_MATCH)
    assert shown(is_gold=True, device="desktop") == ("all", Reason.DEFAULT)
    assert shown(is_gold=False, device="phone") == ("all", Reason.DEFAULT)


def test_rules_that_are_off_or_without_a_block_are_not_published(shop: Site) -> None:
    add(shop, "off", is_enabled=False)
    add(shop, "on")
    assert [rule.key for rule in rule_documents(shop.pk)] == ["on"]
    Placement.objects.update(block=None)
    assert rule_documents(shop.pk) == []
    assert problems(shop.pk) == ["The rule 'on' waits: no block fills its placement."]


def test_one_site_never_publishes_the_rules_of_another(shop: Site) -> None:
    other = new_shop("other")
    add(shop, "same")
    add(other, "same", variant_key="vip")
    assert [rule.variant for rule in rule_documents(shop.pk)] == ["phone"]
    assert [rule.variant for rule in rule_documents(other.pk)] == ["vip"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": "Not a key"}, "key"),
        ({"placement_key": "nowhere"}, "placement"),
        ({"variant_key": "nobody"}, "variant"),
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(
    shop: Site, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRule) as refusal:
        add(shop, **fields)
    assert refusal.value.field == field
    assert not Rule.objects.exists()


def test_a_key_is_taken_once_a_site(shop: Site) -> None:
    add(shop, "r")
    with pytest.raises(InvalidRule, match="already"):
        add(shop, "r")


def test_a_condition_is_refused_with_its_path(shop: Site) -> None:
    with pytest.raises(InvalidCondition) as refusal:
        add(shop, condition=where({"all": [PHONE, {**VIEWED, "value": "three"}]}))
    assert refusal.value.path == "all[1].value"


def test_a_rule_that_names_an_unpublished_segment_is_not_published(shop: Site) -> None:
    add(shop, condition=where({"all": [VIEWED, {"kind": "segment", "key": "gone"}]}))
    with pytest.raises(InvalidCondition, match="'gone', which is not published") as refusal:
        prepare_rules(site_id=shop.pk, now=NOW)
    assert refusal.value.path == "rules.r.condition"


def test_a_segment_that_a_rule_or_a_variant_uses_is_not_archived(shop: Site, gold: Segment) -> None:
    rule = add(shop, condition=where({"kind": "segment", "key": "gold"}))
    variant = rule.placement.block.variants.get(key="vip")  # type: ignore[union-attr]  # it has a block
    variant.segments.add(gold)
    with pytest.raises(SegmentInUse, match="variant 'Hero of shop / vip', rule 'r'"):
        archive_segment(site_id=shop.pk, segment_id=gold.pk, actor=None, now=NOW)
    rule.delete()
    variant.segments.clear()
    archive_segment(site_id=shop.pk, segment_id=gold.pk, actor=None, now=NOW)
    gold.refresh_from_db()
    assert gold.is_archived


def test_a_rule_ends_after_it_starts_whoever_writes_it(shop: Site) -> None:
    rule = add(shop, starts_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(ends_at=NOW)


def test_a_variant_of_another_block_is_named_as_a_problem(shop: Site) -> None:
    rule = add(shop)
    other = new_shop("other").blocks.get()
    Placement.objects.filter(pk=rule.placement_id).update(block=other)
    (problem,) = problems(shop.pk)
    assert "is not of the block that fills its placement now" in problem

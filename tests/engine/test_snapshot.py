"""A publication goes to JSON and back, and is refused when it contradicts itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.compiling import compile_snapshot
from engine.errors import InvalidSnapshot
from engine.snapshot import (
    BlockDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
    decode_snapshot,
    encode_snapshot,
)
from engine.templating import Slot

EVERYONE = {"v": 1, "where": {"all": []}}


def segment_condition(key: str) -> dict[str, Any]:
    return {"v": 1, "where": {"kind": "segment", "key": key}}


def document(**changes: Any) -> SnapshotDoc:
    template = ["<h1>", Slot(("traits", "name"), "text", "you"), "</h1>"]
    variants = [
        VariantDoc(key="plain", version=1, template=["<h1>Hello</h1>"]),
        VariantDoc(key="vip", version=4, segments=[7], priority=2, template=template),
    ]
    doc = SnapshotDoc(
        site_id="site",
        number=12,
        published_at_ms=1_700_000_000_000,
        placements=[PlacementDoc(key="home.hero", block="hero")],
        blocks=[BlockDoc(key="hero", kind="content", variants=variants, default="plain")],
        segments=[SegmentDoc(number=7, key="vip", name="Best customers")],
        rules=[
            RuleDoc(key="all", placement="home.hero", variant="vip", condition=EVERYONE),
            RuleDoc(
                key="gold", placement="home.hero", variant="vip", condition=EVERYONE, priority=9
            ),
            RuleDoc(key="also", placement="home.hero", variant="plain", condition=EVERYONE),
        ],
    )
    return msgspec.structs.replace(doc, **changes)


def test_a_snapshot_is_the_same_after_being_stored() -> None:
    doc = document()

    assert decode_snapshot(encode_snapshot(doc)) == doc
    assert encode_snapshot(decode_snapshot(encode_snapshot(doc))) == encode_snapshot(doc)


def test_a_compiled_snapshot_has_its_rules_in_order_and_its_templates_ready() -> None:
    snapshot = compile_snapshot(document())

    placement = snapshot.placements["home.hero"]
    assert [rule.key for rule in placement.rules] == ["gold", "all", "also"]
    render = placement.block.variants["vip"].render
    assert render is not None
    assert render({"traits": {"name": "Ann"}}) == "<h1>Ann</h1>"
    assert (snapshot.number, snapshot.site_id) == (12, "site")


def test_a_disabled_rule_is_checked_but_never_a_candidate() -> None:
    off = RuleDoc(
        key="off", placement="home.hero", variant="vip", condition=EVERYONE, enabled=False
    )

    assert compile_snapshot(document(rules=[off])).placements["home.hero"].rules == ()


HERO = document().blocks[0]
VIP_RULE = document().rules[0]


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"placements": [PlacementDoc(key="x", block="no")], "rules": []}, "placements.x", "'no'"),
        ({"placements": []}, "rules.all", "names 'home.hero'"),
        ({"segments": []}, "blocks.hero.variants.vip", "names '7'"),
        ({"segments": [SegmentDoc(7, "a"), SegmentDoc(7, "b")]}, "segments.7", "twice"),
        ({"segments": [SegmentDoc(7, "a"), SegmentDoc(8, "a")]}, "segments.a", "twice"),
        ({"blocks": [HERO, HERO]}, "blocks.hero", "twice"),
        ({"rules": [VIP_RULE, VIP_RULE]}, "rules.all", "twice"),
        (
            {"blocks": [msgspec.structs.replace(HERO, default="gone")]},
            "blocks.hero.default",
            "names 'gone'",
        ),
        (
            {"rules": [msgspec.structs.replace(VIP_RULE, variant="gone")]},
            "rules.all",
            "names 'gone'",
        ),
        (
            {"rules": [msgspec.structs.replace(VIP_RULE, condition=segment_condition("gone"))]},
            "rules.all.condition",
            "names the segment 'gone'",
        ),
        (
            {
                "rules": [
                    msgspec.structs.replace(VIP_RULE, condition={"v": 1, "where": {"any": []}})
                ]
            },
            "rules.all.condition.any",
            "expected at least one condition",
        ),
        (
            {
                "segments": [
                    SegmentDoc(7, "a", request_condition=segment_condition("b")),
                    SegmentDoc(8, "b", request_condition=segment_condition("a")),
                ]
            },
            "segments.a",
            "contains itself",
        ),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused_with_the_place(
    changes: dict[str, Any], path: str, problem: str
) -> None:
    with pytest.raises(InvalidSnapshot) as refused:
        compile_snapshot(document(**changes))

    assert refused.value.path == path
    assert problem in refused.value.problem


@pytest.mark.parametrize("body", [b"", b"[]", b'{"site_id": 3}', b"\xff"])
def test_bytes_that_are_no_snapshot_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidSnapshot):
        decode_snapshot(body)

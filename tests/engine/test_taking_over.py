"""Compiling a publication with another one at hand gives what compiling it alone gives."""

from dataclasses import fields
from typing import Any

import pytest

from engine.compiling import compile_snapshot
from engine.errors import InvalidSnapshot
from engine.snapshot import (
    BlockDoc,
    CompiledSnapshot,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)

VIP, NEW = SegmentDoc(1, "vip"), SegmentDoc(2, "new")
HERO = BlockDoc("hero", "content", [VariantDoc("all", 1), VariantDoc("vip", 1, [1])], "all")
STRIP = BlockDoc("strip", "content", [VariantDoc("all", 1)], "all")
RULE = RuleDoc("vips", "home", "vip", {"v": 1, "where": {"kind": "segment", "key": "vip"}})


def document(**parts: Any) -> SnapshotDoc:
    own: dict[str, Any] = {
        "placements": [PlacementDoc("home", "hero"), PlacementDoc("top", "strip")],
        "blocks": [HERO, STRIP],
        "segments": [VIP, NEW],
        "rules": [RULE],
    }
    return SnapshotDoc("s", 2, 0, **(own | parts))


def said(compiled: CompiledSnapshot) -> Any:
    """All of it that can be compared: no functions."""
    return (
        compiled.doc,
        {key: (one.doc, [(s.doc.key, v.key) for s, v in one.tagged]) for key, one in
         compiled.blocks.items()},
        {key: (one.block.key, [rule.key for rule in one.rules],
               [rule.variant and rule.variant.doc for rule in one.rules])
         for key, one in compiled.placements.items()},
        list(compiled.segments),
    )  # fmt: skip


CHANGED = {
    "nothing": document(),
    "a_block": document(
        blocks=[
            BlockDoc("hero", "content", [VariantDoc("all", 2), VariantDoc("vip", 2, [2])], "all"),
            STRIP,
        ]
    ),
    "a_segment": document(segments=[SegmentDoc(1, "vip", depth=3), NEW]),
    "a_rule": document(rules=[RuleDoc("vips", "home", "all", RULE.condition)]),
    "a_block_away": document(blocks=[HERO], placements=[PlacementDoc("home", "hero")]),
}


@pytest.mark.parametrize("change", CHANGED)
def test_taken_over_or_made_anew_it_is_the_same(change: str) -> None:
    before = compile_snapshot(document())
    after = compile_snapshot(CHANGED[change], previous=before)
    assert said(after) == said(compile_snapshot(CHANGED[change]))
    for key, block in after.blocks.items():
        assert block.doc is {one.key: one for one in CHANGED[change].blocks}[key]
        for segment, _ in block.tagged:
            assert segment is after.segments[segment.doc.key]


def test_only_the_very_same_document_is_taken_over() -> None:
    before = compile_snapshot(document())
    after = compile_snapshot(document(), previous=before)
    assert after.blocks["strip"] is before.blocks["strip"]
    equal = BlockDoc("strip", "content", [VariantDoc("all", 1)], "all")
    after = compile_snapshot(document(blocks=[HERO, equal]), previous=before)
    assert after.blocks["strip"] is not before.blocks["strip"]


def test_a_rule_that_is_taken_over_is_refused_when_its_segment_is_gone() -> None:
    before = compile_snapshot(document())
    bare = BlockDoc("hero", "content", [VariantDoc("all", 1), VariantDoc("vip", 1)], "all")
    with pytest.raises(InvalidSnapshot):
        compile_snapshot(document(segments=[NEW], blocks=[bare, STRIP]), previous=before)


def test_every_part_of_a_compiled_block_is_looked_at_here() -> None:
    """A new part of a compiled block may depend on more than its document and its segments."""
    names = {one.name for one in fields(type(compile_snapshot(document()).blocks["hero"]))}
    assert names == {"doc", "key", "variants", "default", "tagged"}

"""Compiling a publication with another one at hand gives what compiling it alone gives."""

from dataclasses import fields
from typing import Any

import pytest

from engine.capping import CapDoc
from engine.compiling import compile_snapshot
from engine.errors import InvalidSnapshot
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    ChangesDoc,
    CompiledSnapshot,
    ExperimentDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)

VIP, NEW = SegmentDoc(1, "vip"), SegmentDoc(2, "new")
HERO = BlockDoc("hero", "content", [VariantDoc("all", 1), VariantDoc("vip", 1, [1])], "all")
STRIP = BlockDoc("strip", "content", [VariantDoc("all", 1)], "all")
FOOT = BlockDoc("foot", "content", [VariantDoc("all", 1), VariantDoc("vip", 1, [1])], "all")
PLACES = [PlacementDoc("home", "hero"), PlacementDoc("top", "strip"), PlacementDoc("end", "foot")]
CAPPED = [*PLACES[:2], PlacementDoc("end", "foot", caps=[1])]
RULE = RuleDoc("vips", "home", "vip", {"v": 1, "where": {"kind": "segment", "key": "vip"}})


def document(**parts: Any) -> SnapshotDoc:
    own: dict[str, Any] = {
        "placements": CAPPED,
        "blocks": [HERO, STRIP, FOOT],
        "segments": [VIP, NEW],
        "caps": [CapDoc(1, "weekly", most=2)],
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
               [rule.variant and rule.variant.doc for rule in one.rules], one.doc,
               one.tagged_caps, one.experiment and one.experiment.doc)
         for key, one in compiled.placements.items()},
        list(compiled.segments),
    )  # fmt: skip


RULE_OF_END = RuleDoc("ends", "end", "vip", RULE.condition)
SPLIT = ExperimentDoc("split", "end", "s", [ArmDoc("a", "all", 0.5), ArmDoc("b", "vip", 0.5)])
BY_CHANGE = ExperimentDoc(
    "deeper",
    "end",
    "s",
    [ArmDoc("a", "", 0.5), ArmDoc("b", "", 0.5, ChangesDoc(depth="none"))],
    by_change=True,
)
CHANGED = {
    "nothing": document(),
    "a_block": document(
        blocks=[
            BlockDoc("hero", "content", [VariantDoc("all", 2), VariantDoc("vip", 2, [2])], "all"),
            STRIP,
            FOOT,
        ]
    ),
    "a_segment": document(segments=[SegmentDoc(1, "vip", depth=3), NEW]),
    "a_rule": document(rules=[RuleDoc("vips", "home", "all", RULE.condition)]),
    "a_rule_away": document(rules=[]),
    "a_rule_where_none_was": document(rules=[RULE, RULE_OF_END]),
    "an_experiment": document(experiments=[SPLIT]),
    "an_experiment_by_change": document(experiments=[BY_CHANGE]),
    "a_cap": document(caps=[CapDoc(1, "weekly", most=3)]),
    "a_place": document(placements=PLACES),
    "a_block_away": document(blocks=[HERO], placements=PLACES[:1]),
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
    assert after.placements["top"] is before.placements["top"]
    equal = BlockDoc("strip", "content", [VariantDoc("all", 1)], "all")
    after = compile_snapshot(document(blocks=[HERO, equal, FOOT]), previous=before)
    assert after.blocks["strip"] is not before.blocks["strip"]
    assert after.placements["top"].block is after.blocks["strip"]


def test_what_a_rule_or_an_experiment_has_left_is_not_taken_over() -> None:
    before = compile_snapshot(document(rules=[RULE_OF_END]))
    assert compile_snapshot(document(rules=[]), previous=before).placements["end"].rules == ()
    before = compile_snapshot(document(experiments=[SPLIT]))
    assert compile_snapshot(document(), previous=before).placements["end"].experiment is None
    before = compile_snapshot(document(experiments=[BY_CHANGE]))
    assert before.placements["end"].choice is not None
    assert compile_snapshot(document(), previous=before).placements["end"].choice is None


def test_a_rule_that_is_taken_over_is_refused_when_its_segment_is_gone() -> None:
    before = compile_snapshot(document())
    bare = BlockDoc("hero", "content", [VariantDoc("all", 1), VariantDoc("vip", 1)], "all")
    with pytest.raises(InvalidSnapshot):
        places, blocks = CAPPED[:2], [bare, STRIP]
        one = document(segments=[NEW], blocks=blocks, placements=places)
        compile_snapshot(one, previous=before)


def test_every_part_of_a_compiled_block_is_looked_at_here() -> None:
    """A new part of a compiled block may depend on more than its document and its segments."""
    names = {one.name for one in fields(type(compile_snapshot(document()).blocks["hero"]))}
    assert names == {"doc", "key", "variants", "default", "tagged"}


def test_every_part_of_a_compiled_placement_is_looked_at_here() -> None:
    """As above: of its document, its block, its rules, its experiments and the caps.

    `arm` is of a form that is made with its placement, and never taken over by itself.
    """
    names = {one.name for one in fields(type(compile_snapshot(document()).placements["home"]))}
    assert names == {"doc", "key", "block", "rules", "experiment", "tagged_caps", "choice", "arm"}

"""A holdout of a topic keeps its visitors from some placements only."""

import msgspec

from engine.compiling import compile_snapshot
from engine.decide import Reason, decide_placement
from engine.members import Visitor
from engine.snapshot import (
    BlockDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SnapshotDoc,
    VariantDoc,
)

EVERYBODY = {"v": 1, "where": {"all": []}}


def shop(*holdouts: HoldoutDoc) -> SnapshotDoc:
    block = BlockDoc("hero", "content", [VariantDoc("all", 1), VariantDoc("new", 1)], "all")
    return SnapshotDoc(
        site_id="s", number=1, published_at_ms=0,
        placements=[PlacementDoc("top", "hero"), PlacementDoc("foot", "hero")],
        blocks=[block],
        rules=[
            RuleDoc(key=f"r-{place}", placement=place, variant="new", condition=EVERYBODY)
            for place in ("top", "foot")
        ],
        holdouts=list(holdouts),
    )  # fmt: skip


def seen(document: SnapshotDoc, placement: str, people: int = 400) -> float:
    """The share of visitors that are held out of a placement."""
    compiled = compile_snapshot(document)
    found = [
        decide_placement(compiled, placement, Visitor(f"user-{n}", {}), {}, 0).reason
        for n in range(people)
    ]
    assert set(found) <= {Reason.HOLDOUT, Reason.TARGETING_MATCH}
    return found.count(Reason.HOLDOUT) / people


def test_a_holdout_of_everything_is_in_every_placement() -> None:
    document = shop(HoldoutDoc("all", "seed", 0.5))
    assert 0.4 < seen(document, "top") < 0.6 and seen(document, "top") == seen(document, "foot")


def test_a_holdout_of_a_topic_is_in_its_placements_only() -> None:
    document = shop(HoldoutDoc("topic", "seed", 0.5, ["top"]))
    assert 0.4 < seen(document, "top") < 0.6
    assert seen(document, "foot") == 0.0


def test_without_a_topic_the_document_says_nothing_of_it() -> None:
    """Publications of before read and write as they did."""
    assert msgspec.json.encode(HoldoutDoc("all", "seed", 0.5)) == (
        b'{"key":"all","seed":"seed","share":0.5}'
    )

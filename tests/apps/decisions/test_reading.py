"""What placements can look at together, whatever a caller calls them."""

from uuid import uuid4

from apps.decisions.reading import MAX_UNIONS, reads_together
from apps.decisions.snapshots import Served
from engine.compiling import compile_snapshot
from engine.snapshot import BlockDoc, PlacementDoc, SegmentDoc, SnapshotDoc, VariantDoc


def served() -> Served:
    """Two placements, each with a variant for a segment of its own."""
    variants = [[VariantDoc("d", 1, []), VariantDoc("v", 1, [number])] for number in (1, 2)]
    return Served(
        compile_snapshot(
            SnapshotDoc(
                str(uuid4()),
                1,
                0,
                placements=[PlacementDoc("p1", "b1"), PlacementDoc("p2", "b2")],
                blocks=[
                    BlockDoc(f"b{n}", "content", docs, "d") for n, docs in enumerate(variants, 1)
                ],
                segments=[SegmentDoc(1, "s1"), SegmentDoc(2, "s2")],
            )
        )
    )


def test_one_placement_that_is_named_like_two_is_not_taken_for_them():
    site = served()
    assert not reads_together(site, ["p1\np2"]).segments
    assert reads_together(site, ["p1", "p2"]).segments == {1, 2}


def test_what_does_not_exist_leaves_nothing_behind():
    site = served()
    for number in range(MAX_UNIONS + 1):
        reads_together(site, ["p1", f"nowhere {number}"])
    before = {key: len(kept) for key, kept in site.prepared.items()}
    reads_together(site, ["p1", "p2"])
    after = {key: len(kept) for key, kept in site.prepared.items()}
    assert sum(after.values()) - sum(before.values()) <= 2
    assert sum(after.values()) <= 3

"""What of a publication goes to the edge is enough to decide there as the server does.

`EDGE_EXAMPLES=20000 pytest tests/sdk/test_edge_views.py` makes a longer run.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import msgspec

from apps.delivery.edge_view import view_of
from engine.compiling import compile_snapshot
from engine.snapshot import BlockDoc, SnapshotDoc
from tests.engine.choices import Seeded
from tests.sdk import publications
from tests.sdk.deciding import Asked, edge_turns, engine_turns

EXAMPLES = int(os.environ.get("EDGE_EXAMPLES", "600"))
QUESTIONS = 4
PHONE: dict[str, Any] = {
    "v": 1,
    "where": {"kind": "context", "name": "device", "op": "eq", "value": "phone"},
}


def open_to_the_edge(snapshot: SnapshotDoc) -> SnapshotDoc:
    """The publication about the request alone, and without caps: so that the edge may decide."""
    conditions = [PHONE, {"v": 1, "where": {"all": []}}, {"v": 1, "where": {"not": PHONE["where"]}}]

    def plain(block: BlockDoc) -> BlockDoc:
        variants = [msgspec.structs.replace(one, caps=[]) for one in block.variants]
        return msgspec.structs.replace(block, variants=variants, caps=[])

    replaced = msgspec.structs.replace
    return replaced(
        snapshot,
        placements=[replaced(one, caps=[]) for one in snapshot.placements],
        blocks=[plain(one) for one in snapshot.blocks],
        segments=[
            replaced(one, request_condition=conditions[number % 3])
            for number, one in enumerate(snapshot.segments)
        ],
        rules=[
            replaced(one, caps=[], condition=conditions[number % 3])
            for number, one in enumerate(snapshot.rules)
        ],
        experiments=[
            replaced(
                one,
                condition=None if one.condition is None else PHONE,
                contexts=[],
                arms=[
                    arm
                    if arm.changes is None
                    else replaced(arm, changes=replaced(arm.changes, thresholds=[], models={}))
                    for arm in one.arms
                ],
            )
            for one in snapshot.experiments
        ],
        caps=[],
    )


def test_the_edge_decides_from_its_part_as_the_server_from_the_whole() -> None:
    worlds, wholes, by_change = [], [], Counter[str]()
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        whole = open_to_the_edge(publications.publication(choices))
        view = view_of(compile_snapshot(whole))
        own = [place for place in view.placements if place.origin is None]
        document = msgspec.to_builtins(view) | {
            "site_id": "site", "number": whole.number, "published_at_ms": 0,
            "placements": [msgspec.to_builtins(place) for place in own],
        }  # fmt: skip
        asked = [
            Asked(
                choices.pick([place.key for place in own]),
                {"unit_id": choices.pick(publications.UNITS), "may_split": True},
                {"device": choices.pick(("phone", "desktop"))},
                publications.now_ms(choices),
            )
            for _ in range(QUESTIONS if own else 0)
        ]
        worlds.append((document, asked))
        wholes.append(whole)

    for (_, asked), whole, found in zip(worlds, wholes, edge_turns(worlds), strict=True):
        expected = engine_turns(whole, asked)
        assert found == expected, asked
        for turn in expected:
            by_change[(turn[0]["experiment"] or "").partition("-")[0]] += 1

    # It is about something: arms that change, arms that show, and nobody's.
    assert all(by_change[kind] > 50 for kind in ("changes", "own", "ruled", "")), by_change

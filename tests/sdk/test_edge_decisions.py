"""The edge decides as the engine does: every case of the file, and random publications.

`EDGE_EXAMPLES=20000 pytest tests/sdk/test_edge_decisions.py` makes a longer run.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.engine.choices import Seeded
from tests.sdk import publications
from tests.sdk.deciding import (
    BUILT,
    SOURCES,
    Asked,
    asked,
    edge_turns,
    engine_turns,
)
from tests.vectors import make_decide, vectors

EXAMPLES = int(os.environ.get("EDGE_EXAMPLES", "300"))
QUESTIONS = 3


@pytest.mark.parametrize("module", [SOURCES, BUILT], ids=["sources", "built"])
def test_every_case_of_the_file_is_decided_as_it_says(module: Path) -> None:
    cases = vectors("decide")
    found = edge_turns(
        ((case["snapshot"], [Asked(**one) for one in case["asked"]]) for case in cases), module
    )
    wrong = [
        (case["name"], expected, turns)
        for case, each in zip(cases, found, strict=True)
        for expected, turns in zip(case["turns"], each, strict=True)
        if expected != turns
    ]
    assert not wrong
    assert sum(len(case["asked"]) for case in cases) > 330


def test_the_file_of_decisions_is_what_its_sources_give() -> None:
    assert make_decide.written(make_decide.made()) == make_decide.TARGET.read_text("utf-8")


def test_random_publications_are_decided_alike() -> None:
    worlds = []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        snapshot = publications.publication(choices)
        worlds.append((snapshot, [asked(choices) for _ in range(QUESTIONS)]))

    reasons: Counter[str] = Counter()
    for (snapshot, questions), found in zip(worlds, edge_turns(worlds), strict=True):
        expected = engine_turns(snapshot, questions)
        for question, ours, theirs in zip(questions, expected, found, strict=True):
            assert theirs == ours, question
            reasons[ours[0]["reason"]] += 1

    # It is about something.
    wanted = ("TARGETING_MATCH", "SPLIT", "DEFAULT", "HOLDOUT", "CAPPED", "NO_CONSENT", "DISABLED")
    assert all(reasons[reason] > 0 for reason in wanted), reasons


def test_a_publication_that_names_what_it_does_not_hold_is_refused() -> None:
    snapshot = publications.publication(Seeded(1))
    document = msgspec.to_builtins(snapshot)
    document["placements"][0]["block"] = "nowhere"
    with pytest.raises(Exception, match="returned non-zero exit status"):
        edge_turns([(document, [])])

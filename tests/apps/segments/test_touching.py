"""Which segments are asked of a person, and how those are asked at once."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest

from apps.segments import live, touching
from engine.conditions.nodes import Node
from engine.conditions.together import Together, compile_together
from engine.facts import Facts, Happening

NOW_MS = 1_770_000_000_000
NAMES = ("Product Viewed", "Product Added", "Order Completed", "Page Viewed")


def counted(name: str, value: int) -> dict[str, Any]:
    where = {"kind": "event", "name": name, "aggregate": "count", "window": "ever"}
    return {"v": 1, "where": {**where, "op": "gte", "value": value}}


def live_set_of(conditions: Sequence[dict[str, Any]]) -> live.LiveDefinitions:
    return live.define(1, [(n, f"s{n}", where) for n, where in enumerate(conditions)])


EACH_NAME_THREE_TIMES = [counted(name, value) for value in (1, 2, 3) for name in NAMES]


def test_however_names_are_combined_no_more_functions_are_made_than_there_are_kinds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Sequence[Node]] = []

    def compile_and_count(nodes: Sequence[Node]) -> Together:
        made.append(nodes)
        return compile_together(nodes)

    monkeypatch.setattr(touching, "OFTEN", 1)
    monkeypatch.setattr(touching, "FEW", 1)
    monkeypatch.setattr(touching, "compile_together", compile_and_count)
    live_set = live_set_of(EACH_NAME_THREE_TIMES)
    for size in range(1, len(NAMES) + 1):
        for names in combinations(NAMES, size):
            asked = live_set.touched(frozenset(names))
            for _ in range(3):
                live_set.evaluate(Facts(), {}, NOW_MS, asked=asked)
    assert len(made) == len(NAMES)


def test_answers_at_once_stand_in_the_order_in_which_they_were_asked_for() -> None:
    live_set = live_set_of(EACH_NAME_THREE_TIMES)
    asked = live_set.touched(frozenset(NAMES[:3]))
    history = [Happening(NOW_MS - n, NAMES[n % 2], 1) for n in (3, 2, 1)]
    facts = Facts(history=history)
    together = live_set.index.together(tuple(asked))
    assert together is not None
    alone = [one.compiled(facts, NOW_MS) for one in asked]
    assert len({verdict for verdict, _ in alone}) == 2
    for _ in range(touching.OFTEN + 2):  # before and after the functions are made
        assert together(facts, NOW_MS) == alone


def test_a_part_of_those_that_belong_together_can_be_asked_alone() -> None:
    live_set = live_set_of([counted(NAMES[0], n) for n in range(1, 20)])
    some = live_set.definitions[3:15]
    facts = Facts(history=[Happening(NOW_MS - n, NAMES[0], 1) for n in range(9, 0, -1)])
    together = live_set.index.together(some)
    assert together is not None
    assert together(facts, NOW_MS) == [one.compiled(facts, NOW_MS) for one in some]


def test_events_of_names_that_nobody_reads_ask_only_what_every_event_can_change() -> None:
    live_set = live_set_of(
        [*EACH_NAME_THREE_TIMES, {"v": 1, "where": {**counted("x", 1)["where"], "name": "*"}}]
    )
    assert [one.number for one in live_set.touched(frozenset({"Nobody reads it"}))] == [12]

"""Which scores segments read, and where the edges lie: what decides who is looked at."""

from typing import Any

import pytest

from apps.predictions.types import InForce
from apps.segments.scores_read import reads_of, wanted_of
from engine.conditions.parse import parse_condition

HOUR_MS = 3_600_000
NOBODY = InForce((float("-inf"),))


def model(op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"kind": "model", "name": "order", "op": op, "value": value, **more}


def trait(name: str, op: str, value: Any) -> dict[str, Any]:
    return {"kind": "trait", "name": name, "op": op, "value": value}


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (model("gte", 0.75), InForce((0.75,))),
        (model("lt", 0.2, max_age="1h"), InForce((0.2,), HOUR_MS)),
        (model("between", [0.2, 0.4]), InForce((0.2, 0.4))),
        (model("eq", "shoes"), InForce(is_any=True)),
        (model("in", ["shoes", "hats"]), InForce(is_any=True)),
        ({"kind": "model", "name": "order", "op": "is_set"}, NOBODY),
        (trait("score.order", "gt", 5), InForce((5.0,))),
        (trait("score.order", "changed_within", "1h"), InForce(is_any=True)),
        ({"not": model("gte", 0.5)}, InForce((0.5,))),
        (
            {"all": [model("gte", 0.5, max_age="2h"), model("lt", 0.9, max_age="1h")]},
            InForce((0.5, 0.9), HOUR_MS),
        ),
    ],
    ids=["above", "below", "between", "label", "labels", "set", "trait", "time", "not", "two"],
)
def test_how_a_condition_reads_a_score(leaf: dict[str, Any], expected: InForce) -> None:
    assert reads_of([parse_condition({"v": 1, "where": leaf})]) == {"score.order": expected}


def test_what_is_no_score_is_not_told() -> None:
    assert reads_of([parse_condition({"v": 1, "where": trait("tier", "eq", "gold")})]) == {}


def test_two_conditions_share_their_edges() -> None:
    nodes = [parse_condition({"v": 1, "where": model("gte", edge)}) for edge in (0.5, 0.8)]
    assert reads_of(nodes) == {"score.order": InForce((0.5, 0.8))}


@pytest.mark.parametrize(
    ("document", "is_wanted"), [({"scores": ["score.order"]}, False), ({"online": ["x"]}, True)],
    ids=["stored", "online"],
)  # fmt: skip
def test_events_go_along_only_for_what_is_answered_online(
    document: dict[str, Any], is_wanted: bool
) -> None:
    assert (wanted_of(document) is not None) is is_wanted

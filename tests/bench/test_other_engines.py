"""The engines that are compared are asked the same: in the words of each, with one answer."""

import pytest

from bench import other_engines
from bench.evaluation import SEGMENTS, Asked

ALL = Asked("all", "team", 28, "desktop", "Product Viewed", "hats", 1, 1, "Product Added", 1)


def test_a_segment_is_said_in_the_words_of_flagsmith():
    segment = other_engines.as_flagsmith("s0", ALL)
    (rule,) = segment["rules"]
    assert rule["type"] == "ALL"
    said = [(one["property"], one["operator"], one["value"]) for one in rule["conditions"]]
    assert said == [
        ("plan", "EQUAL", "team"),
        ("age", "GREATER_THAN_INCLUSIVE", "28"),
        ("favourite", "IN", ["hats", "bags"]),
        ("device", "NOT_EQUAL", "mobile"),
        ("orders", "LESS_THAN", "4"),
    ]


def test_a_segment_is_said_in_the_words_of_growthbook():
    assert other_engines.as_growthbook(ALL) == {
        "plan": "team",
        "age": {"$gte": 28},
        "favourite": {"$in": ["hats", "bags"]},
        "device": {"$ne": "mobile"},
        "orders": {"$lt": 4},
    }
    assert len(other_engines.as_growthbook(ALL._replace(group="any"))["$or"]) == 5


def test_three_segments_in_four_have_visitors_inside_and_outside():
    ask = other_engines.ours()[other_engines.OURS]
    answers = [ask(traits) for traits in other_engines.visitors()]
    varied = [len(set(of_segment)) == 2 for of_segment in zip(*answers, strict=True)]
    assert sum(varied) >= len(SEGMENTS) * 3 / 4


def test_all_at_once_answers_as_one_by_one():
    assert other_engines.disagreements(other_engines.ours(), other_engines.visitors()) == []


def test_a_side_that_answers_otherwise_is_named():
    ask = other_engines.ours()[other_engines.OURS]
    sides = {"right": ask, "wrong": lambda traits: [not said for said in ask(traits)]}
    (sentence,) = other_engines.disagreements(sides, other_engines.visitors()[:1])
    assert sentence.startswith("wrong differs from right about {'plan'")


def test_the_other_engines_give_the_same_answers():
    try:
        others = other_engines.others()
    except ImportError:
        pytest.skip("the other engines are installed by `make bench-segments`")
    sides = {**other_engines.ours(), **others}
    assert other_engines.disagreements(sides, other_engines.visitors()) == []

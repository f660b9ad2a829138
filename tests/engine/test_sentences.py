"""Whom a condition means, read aloud: sentences that a person could have written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from tests.engine import trees
from tests.engine.test_describe import (
    ADDED,
    BLOUSES,
    ORDERS,
    PLAN,
    PRODUCTS,
    SUM,
    TRAIT,
    VIEWS,
    VIP,
)

STAFF = {"kind": "segment", "key": "staff"}
PRESS = {"kind": "list", "key": "press"}
PHONE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
SCORE = {"kind": "model", "name": "buys", "op": "gte", "value": 0.75}
LAST_CATEGORY = ORDERS | {"aggregate": "last", "of": "category", "op": "eq", "value": "blouses"}
TWICE = VIEWS | {"where": BLOUSES * 2}
SEQUENCE = {"kind": "sequence", "steps": [ADDED, {"name": "checkout", "within": "5m"}]}
LEFT = {
    "kind": "absence", "after": ADDED, "without": {"name": "Order Completed"}, "for": "1m",
    "window": "session",
}  # fmt: skip
POINTS = {
    "kind": "score", "events": [{"name": "Product Viewed", "weight": 1}], "op": "gte", "value": 50,
}  # fmt: skip


def said(where: dict[str, Any]) -> str:
    return people(parse_condition({"v": 1, "where": where}))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (VIEWS, "who viewed at least 3 products in the last 10 minutes"),
        (VIEWS | {"op": "eq", "value": 0}, "who never viewed a product in the last 10 minutes"),
        (VIEWS | {"name": "*", "value": 1}, "who did something in the last 10 minutes"),
        (VIEWS | {"aggregate": "days_active"},
         "who viewed products on at least 3 days in the last 10 minutes"),
        (ORDERS | {"aggregate": "recency", "op": "lte", "value": "7d"},
         "who last completed an order at most 7 days ago"),
        (LAST_CATEGORY, 'whose category of the last completed order is "blouses"'),
        (SUM | {"window": "session"},
         "whose sum of value of completed orders in this session is at least 99.5"),
        (SUM | {"aggregate": "most_frequent", "of": "sku", "op": "eq", "value": "a1"},
         'whose most frequent sku of completed orders is "a1"'),
        (VIEWS | {"aggregate": "rate", "per": "1m"},
         "whose number of viewed products per minute in the last 10 minutes is at least 3"),
        (VIEWS | {"aggregate": "ratio", "over": ADDED, "op": "lt", "value": 0.05},
         "whose number of viewed products for each added product in the last 10 minutes is less"
         " than 0.05"),
        (PLAN, 'whose trait plan is "pro" or "team"'),
        (TRAIT | {"op": "is_missing"}, "whose trait since is not known"),
        (TRAIT | {"op": "within_last", "value": "1d"},
         "whose trait since is within the last day"),
        (PHONE, 'whose device is "mobile"'),
        ({"kind": "context", "name": "geo", "op": "within_km", "value": [48.85, 2.35, 10]},
         "whose geo is within 10 km of 48.85, 2.35"),
        ({"kind": "context", "name": "local_hour", "op": "between", "value": [18, 22]},
         "whose local hour is between 18 and 22"),
        ({"kind": "context", "name": "visitor", "op": "eq", "value": "new"},
         "who is here for the first time"),
        (SCORE, 'whose score "buys" is at least 0.75'),
        (SCORE | {"op": "is_missing", "value": None}, 'who has no score "buys"'),
        (POINTS, "whose score of 1 for each viewed product is at least 50"),
        (VIP, 'who is in the segment "vip"'),
        (PRESS, 'who is on the list "press"'),
        ({"kind": "percent", "seed": "s1", "from": 0, "to": 12.5},
         'who is in the share from 0 % to 12.5 % of "s1"'),
        ({"kind": "consent", "purpose": "sale"}, "who has agreed to sale"),
        ({"kind": "experiment", "key": "e1"}, 'who has seen the experiment "e1"'),
        ({"kind": "relation", "type": "member_of", "to": "acme"}, 'who is member_of "acme"'),
        ({"kind": "exposure", "placement": "hero", "window": "session", "op": "lt", "value": 2},
         'who has seen the placement "hero" fewer than 2 times in this session'),
        ({"kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m"},
         "who was active on pages for more than 3 minutes in this session"),
        (SEQUENCE, 'who added a product, then within 5 minutes did "checkout"'),
        (LEFT, "who added a product in this session, and for 1 minute no completed order has"
         " followed"),
    ],
)  # fmt: skip
def test_each_kind_of_question_is_a_clause_about_somebody(
    where: dict[str, Any], words: str
) -> None:
    where = {name: value for name, value in where.items() if value is not None}
    assert said(where) == f"everybody {words}"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"all": []}, "everybody"),
        ({"all": [VIP]}, 'everybody who is in the segment "vip"'),
        ({"all": [VIP, VIEWS]}, 'everybody who is in the segment "vip" and viewed at least 3'
         " products in the last 10 minutes"),
        ({"all": [PLAN, VIP, PRESS]}, 'everybody whose trait plan is "pro" or "team" and who is in'
         ' the segment "vip" and is on the list "press"'),
        ({"any": [VIP, PHONE, PRESS]}, 'everybody who is in the segment "vip" or whose device is'
         ' "mobile" or who is on the list "press"'),
        ({"all": [VIP, {"any": [PLAN, PRESS]}]}, 'everybody who is in the segment "vip" and'
         ' (whose trait plan is "pro" or "team" or who is on the list "press")'),
        ({"all": [TWICE, VIP]}, "everybody (who viewed at least 3 products in the last 10 minutes"
         ' where category is "blouses" and category is "blouses") and who is in the segment'
         ' "vip"'),
        ({"any": [VIP, STAFF]}, 'everybody who is in one of the segments "vip", "staff"'),
        ({"all": [PRESS, {"none": [VIP, STAFF]}]}, 'everybody who is on the list "press" and is in'
         ' none of the segments "vip", "staff"'),
        ({"not": VIP}, 'everybody who is not in the segment "vip"'),
        ({"none": [PRESS]}, 'everybody who is not on the list "press"'),
        ({"not": {"kind": "consent", "purpose": "sale"}}, "everybody who has not agreed to sale"),
        ({"not": VIEWS}, "everybody who is not somebody who viewed at least 3 products in the last"
         " 10 minutes"),
        ({"not": PLAN}, 'everybody who is not somebody whose trait plan is "pro" or "team"'),
        ({"not": {"all": []}}, "everybody who is not somebody at all"),
        ({"none": [VIP, PLAN]}, 'everybody to whom none of these applies: (is in the segment'
         ' "vip"; trait plan is "pro" or "team")'),
        ({"at_least": {"k": 2, "of": [VIP, PLAN, {"all": [PRESS, PHONE]}]}},
         'everybody to whom at least 2 of these apply: (is in the segment "vip"; trait plan is'
         ' "pro" or "team"; is somebody who is on the list "press" and whose device is'
         ' "mobile")'),
        ({"all": [PRODUCTS, {"not": {"any": [VIP, PLAN]}}]}, "everybody who viewed at least 3"
         ' products in the last 10 minutes where category is "blouses" and is not somebody who is'
         ' in the segment "vip" or whose trait plan is "pro" or "team"'),
    ],
)  # fmt: skip
def test_groups_join_clauses_that_go_on_with_a_verb(where: dict[str, Any], words: str) -> None:
    assert said(where) == words


def test_who_they_are_can_be_said_otherwise() -> None:
    node = parse_condition({"v": 1, "where": VIP})
    assert people(node, "any visitor") == 'any visitor who is in the segment "vip"'
    assert people(parse_condition({"v": 1, "where": {"all": []}}), "any visitor") == "any visitor"


def test_a_segment_that_nobody_knows_by_name_says_what_it_asks() -> None:
    auto = {"kind": "segment", "key": "auto:12"}
    hidden = {"auto:12": parse_condition({"v": 1, "where": LAST_CATEGORY})}
    both = parse_condition({"v": 1, "where": {"all": [PHONE, auto]}})
    category = 'whose category of the last completed order is "blouses"'
    assert people(both, hidden=hidden) == (f'everybody whose device is "mobile" and {category}')
    denied = parse_condition({"v": 1, "where": {"not": auto}})
    assert people(denied, hidden=hidden) == f"everybody who is not somebody {category}"
    either = parse_condition({"v": 1, "where": {"any": [auto, VIP]}})
    assert "auto:" not in people(either, hidden=hidden)


@given(trees.conditions())
@settings(max_examples=200, deadline=None)
def test_every_condition_means_somebody_in_balanced_words(node: Node) -> None:
    words = people(node)
    assert words.startswith("everybody")
    assert words == "everybody" or words[10:].startswith(("who ", "whose ", "to whom ", "("))
    quoted = "".join(words.split('"')[::2])
    assert "who who" not in quoted and "who whose" not in quoted and "who to whom" not in quoted

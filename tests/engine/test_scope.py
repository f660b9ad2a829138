"""What a condition reads, so that nothing else is asked for or looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions import evaluate
from engine.conditions.nodes import Match, Node
from engine.conditions.scope import (
    consent_purposes,
    context_names,
    event_names,
    event_properties,
    leaves_of,
    matches_of,
    needs_any_event,
    reads_zone,
    segment_keys,
    trait_names,
)
from engine.facts import Facts, Happening
from tests.engine import trees
from tests.engine.scoped import (
    ADDS,
    EVER,
    MOBILE,
    PAGES,
    PLAN,
    SAME,
    VIEWS,
    VIP,
    WIDE,
    parsed,
)


def test_a_condition_names_what_it_reads() -> None:
    node = parsed({"all": [VIEWS, {"not": {"any": [ADDS, MOBILE, PLAN, VIP]}}]})

    assert event_names(node) == {"Product Viewed", "Product Added"}
    assert event_properties(node) == {"category", "price"}
    assert trait_names(node) == {"plan"}
    assert context_names(node) == {"device"}
    assert segment_keys(node) == {"vip"}


@pytest.mark.parametrize(
    ("leaf", "names", "properties"),
    [
        (WIDE, {"A", "B", "C", "D"}, {"x", "y", "k", "z", "w"}),
        (EVER | {"bind": {"b": "c"}}, {"A"}, {"c"}),
        (EVER | {"name": "*", "where": [SAME]}, {"*"}, {"product_id"}),
        (EVER | {"window": "page_view"}, {"A"}, {"page_view_id"}),
        (EVER | {"aggregate": "ratio", "over": {"name": "B"}}, {"A", "B"}, set()),
        (
            {
                "kind": "absence",
                "after": {"name": "A"},
                "for": "1m",
                "without": {"name": "B"},
                "by": ["k"],
                "window": "ever",
            },
            {"A", "B"},
            {"k"},
        ),
        ({"kind": "absence", "without": {"name": "B"}, "window": "ever"}, {"B"}, set()),
        (
            PAGES | {"where": [{"property": "type", "op": "eq", "value": "x"}]},
            {"Page Viewed", "Page Heartbeat", "Page Left"},
            {"type", "page_view_id", "active_ms"},
        ),
        (PAGES | {"on": "element"}, {"Element Hovered"}, {"dwell_ms"}),
        (PAGES | {"on": "section"}, {"Section Viewed"}, {"visible_ms"}),
        (PAGES | {"on": "session"}, set(), set()),
        (
            {
                "kind": "score",
                "events": [{"name": "A", "of": "value", "weight": 1}],
                "op": "gt",
                "value": 1,
            },
            {"A"},
            {"value"},
        ),
        (
            {"kind": "exposure", "block": "b", "window": "ever", "op": "lt", "value": 2},
            {"Exposure"},
            {"block"},
        ),
        (
            {"kind": "experiment", "key": "e", "arm": "b"},
            {"Experiment Viewed"},
            {"experiment_id", "variation_id"},
        ),
        (PLAN, set(), set()),
    ],
)
def test_a_leaf_names_the_events_and_properties_that_it_reads(
    leaf: dict[str, Any], names: set[str], properties: set[str]
) -> None:
    assert event_names(parsed(leaf)) == names
    assert event_properties(parsed(leaf)) == properties


def test_every_match_of_a_leaf_is_named_the_one_of_its_window_too() -> None:
    (leaf,) = leaves_of(parsed(WIDE))

    assert [match.name for match in matches_of(leaf)] == ["A", "B", "C", "D"]
    assert matches_of(next(leaves_of(parsed(PLAN)))) == ()
    assert Match("Page Viewed") in matches_of(next(leaves_of(parsed(PAGES))))


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (EVER, False),
        (EVER | {"name": "*"}, True),
        (EVER | {"window": "session"}, True),
        (EVER | {"window": "page_view"}, True),
        (EVER | {"window": {"visit": -1}}, True),
        (EVER | {"window": {"since": {"name": "*"}}}, True),
        (WIDE, False),
        (WIDE | {"strict": True}, True),
        (WIDE | {"in_session": True}, True),
        (PAGES | {"on": "session"}, True),
        (PAGES | {"window": "ever"}, False),
        (PLAN, False),
    ],
)
def test_some_leaves_may_change_with_any_event(leaf: dict[str, Any], expected: bool) -> None:
    assert needs_any_event(next(leaves_of(parsed(leaf)))) is expected


def test_traits_are_read_for_lists_models_edges_scores_and_zones_too() -> None:
    node = parsed(
        {
            "all": [
                PLAN,
                {"kind": "list", "key": "press"},
                {"kind": "model", "name": "buys", "op": "is_set"},
                {"kind": "relation", "type": "member_of"},
                {
                    "kind": "score",
                    "traits": [{"name": "age", "op": "gt", "value": 1, "weight": 1}],
                    "op": "gt",
                    "value": 0,
                },
                EVER | {"window": {"calendar": "day", "tz": "visitor"}},
                {"kind": "consent", "purpose": "sale"},
            ]
        }
    )

    assert trait_names(node) == {
        "plan", "list.press", "score.buys", "edge.member_of", "age", "timezone",
    }  # fmt: skip
    assert reads_zone(node)
    assert not reads_zone(parsed(EVER | {"window": {"calendar": "day"}}))
    assert consent_purposes(node) == {"sale"}


@given(trees.conditions(), trees.facts())
@settings(max_examples=150, deadline=None)
def test_what_the_scope_does_not_name_makes_no_difference(node: Node, facts: Facts) -> None:
    names, properties, traits = event_names(node), event_properties(node), trait_names(node)
    any_event = "*" in names or any(needs_any_event(leaf) for leaf in leaves_of(node))
    less = Facts(
        traits={name: value for name, value in facts.traits.items() if name in traits},
        history=[
            Happening(
                event.at_ms,
                event.name,
                event.device,
                {of: value for of, value in event.properties.items() if of in properties},
            )
            for event in facts.history
            if any_event or event.name in names
        ],
        memberships={k: v for k, v in facts.memberships.items() if k in segment_keys(node)},
        context={name: facts.context[name] for name in context_names(node) & set(facts.context)},
        unit_id=facts.unit_id,
        trait_meta={name: meta for name, meta in facts.trait_meta.items() if name in traits},
        consents={p: facts.consents[p] for p in consent_purposes(node) & set(facts.consents)},
        site_zone=facts.site_zone,
    )
    for now_ms in trees.moments(node, facts)[::5]:
        assert evaluate.truth(node, less, now_ms) is evaluate.truth(node, facts, now_ms)

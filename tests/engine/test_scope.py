"""What a condition reads, and where each part of it is answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.nodes import All, Match, Nested, Node, Not, SegmentLeaf
from engine.conditions.parse import digest, parse_condition, to_json
from engine.conditions.scope import (
    MAX_NESTING,
    Reach,
    consent_purposes,
    context_names,
    covers,
    event_names,
    event_properties,
    history_leaves,
    inline_segments,
    leaves_of,
    matches_of,
    needs_any_event,
    reach,
    reads_request,
    reads_zone,
    segment_keys,
    split_history,
    trait_names,
)
from engine.errors import InvalidCondition
from engine.facts import NO_DEVICE, Facts, Happening
from tests.engine import trees

MINUTE_MS = 60_000
DAY_MS = 86_400_000
VIEWS = {
    "kind": "event",
    "name": "Product Viewed",
    "where": [{"property": "category", "op": "eq", "value": "blouses"}],
    "aggregate": "sum",
    "of": "price",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
ADDS = {
    "kind": "event",
    "name": "Product Added",
    "aggregate": "recency",
    "window": "ever",
    "op": "lte",
    "value": "5m",
}
MOBILE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
PLAN = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
VIP = {"kind": "segment", "key": "vip"}


def parsed(where: dict[str, Any]) -> Node:
    return parse_condition({"v": 1, "where": where})


def test_a_condition_names_what_it_reads() -> None:
    node = parsed({"all": [VIEWS, {"not": {"any": [ADDS, MOBILE, PLAN, VIP]}}]})

    assert event_names(node) == {"Product Viewed", "Product Added"}
    assert event_properties(node) == {"category", "price"}
    assert trait_names(node) == {"plan"}
    assert context_names(node) == {"device"}
    assert segment_keys(node) == {"vip"}


def test_reach_is_the_widest_of_the_leaves() -> None:
    week = VIEWS | {"window": {"last": "1w"}}

    assert reach(parsed(PLAN)) == Reach()
    assert not reach(parsed(PLAN))
    assert reach(parsed({"any": [VIEWS, week]})) == Reach(last_ms=7 * 24 * 60 * MINUTE_MS)
    assert reach(parsed({"any": [VIEWS, ADDS]})) == Reach(ever=True, last_ms=10 * MINUTE_MS)
    assert reach(parsed(VIEWS | {"window": "session"})) == Reach(session=True)


@pytest.mark.parametrize(
    ("needed", "held_from_ms", "expected"),
    [
        (Reach(), 10**9, True),
        (Reach(ever=True), None, True),
        (Reach(ever=True), 0, False),
        (Reach(last_ms=1000), 9001, True),
        (Reach(last_ms=1000), 9002, False),
    ],
)
def test_a_window_is_covered_when_all_its_events_are_held(
    needed: Reach, held_from_ms: int | None, expected: bool
) -> None:
    assert covers(Facts(complete_from_ms=held_from_ms), needed, 10_000) is expected


@pytest.mark.parametrize(
    ("ago_min", "held_min", "expected"),
    [
        ([], 31, True),  # an event before the held part would be idle for too long
        ([], 29, False),
        ([31], 32, True),  # over, whatever came before
        ([5], 36, True),
        ([5], 34, False),  # an event 34.5 minutes ago would belong to it
        ([40, 20, 5], 60, False),
        ([40, 5], 41, True),  # the gap lies inside the held part
    ],
)
def test_a_session_is_covered_when_its_start_is_certain(
    ago_min: list[int], held_min: int, expected: bool
) -> None:
    now_ms = 100 * MINUTE_MS
    history = [Happening(now_ms - ago * MINUTE_MS, "Page Viewed", 1) for ago in ago_min]
    facts = Facts(history=history, complete_from_ms=now_ms - held_min * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms) is expected


def test_history_becomes_one_hidden_segment_and_the_request_keeps_the_rest() -> None:
    request, hidden = split_history(parsed({"all": [MOBILE, {"any": [VIEWS, PLAN]}, VIP]}))

    ((key, kept),) = hidden.items()
    assert kept == parsed({"any": [VIEWS, PLAN]})
    assert key == f"auto:{digest(kept)[:12]}"
    assert to_json(request)["where"] == {
        "all": [MOBILE, {"kind": "segment", "key": key}, VIP],
    }


def test_a_condition_of_history_alone_becomes_one_segment_leaf() -> None:
    request, hidden = split_history(parsed({"all": [VIEWS, PLAN]}))

    assert request == SegmentLeaf(next(iter(hidden)))
    assert len(hidden) == 1


def test_a_condition_without_history_stays_as_it_is() -> None:
    node = parsed({"all": [MOBILE, PLAN]})

    assert split_history(node) == (node, {})


def test_below_a_negation_the_hidden_segment_keeps_the_negated_part() -> None:
    """Never added: the recency is unknown, so "not added lately" must not match either."""
    node = parsed({"none": [MOBILE, ADDS]})

    request, hidden = split_history(node)

    ((key, kept),) = hidden.items()
    assert kept == Not(parsed(ADDS))
    assert compile_condition(kept)(Facts(), 0)[0] is None
    assert to_json(request)["where"] == {"none": [MOBILE, {"not": {"kind": "segment", "key": key}}]}


def test_a_segment_that_depends_on_the_request_is_not_hidden_with_history() -> None:
    request, hidden = split_history(parsed({"all": [VIEWS, VIP]}), request_segments={"vip"})

    assert segment_keys(request) == {"vip", *hidden}
    assert list(hidden.values()) == [parsed(VIEWS)]


def test_inlined_segments_carry_their_own_end_into_the_answer() -> None:
    lately = parsed(ADDS)
    node = inline_segments(parsed({"all": [VIP]}), {"vip": lately})
    facts = Facts(history=[Happening(0, "Product Added", 1)])

    assert node == All((Nested("vip", lately),))
    assert compile_condition(node)(facts, 0) == (True, 5 * MINUTE_MS + 1)
    assert to_json(node)["where"] == {"all": [VIP]}


def test_an_inlined_membership_is_known_even_where_its_condition_is_not() -> None:
    """Without a profile's plan nobody is in "pro", so "not in pro" holds, as for a kept stay."""
    node = inline_segments(parsed({"not": VIP}), {"vip": parsed(PLAN)})

    assert evaluate.truth(node, Facts(), 0) is True
    assert compile_condition(node)(Facts(), 0) == (True, None)
    assert evaluate.truth(parsed({"not": PLAN}), Facts(), 0) is None


def test_a_segment_inside_itself_is_refused_with_the_chain() -> None:
    segments = {"vip": parsed({"any": [PLAN, {"kind": "segment", "key": "gold"}]})}
    segments["gold"] = parsed({"not": VIP})

    with pytest.raises(InvalidCondition) as refused:
        inline_segments(parsed(VIP), segments)

    assert refused.value.path == "vip > gold > vip"


# Every leaf

SAME = {"property": "product_id", "op": "eq", "fact": "page.product_id"}
WIDE = {
    "kind": "sequence",
    "steps": [{"name": "A", "where": [{"property": "x", "op": "eq", "value": 1}]}, {"name": "B"}],
    "without": [{"after": 1, "name": "C", "where": [{"property": "y", "op": "is_set"}]}],
    "by": ["k"],
    "bind": {"z": {"step": 1, "property": "z"}},
    "window": {"since": {"name": "D", "where": [{"property": "w", "op": "is_set"}]}},
}
COUNT = {"kind": "event", "name": "A", "aggregate": "count", "op": "gte", "value": 1}
EVER = COUNT | {"window": "ever"}
PAGES = {"kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m"}


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


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (COUNT | {"window": {"last": "2mo"}}, Reach(last_ms=62 * DAY_MS)),
        (
            COUNT | {"window": {"between_ago": {"from": "9d", "to": "1d"}}},
            Reach(last_ms=9 * DAY_MS),
        ),
        (COUNT | {"window": {"calendar": "week"}}, Reach(last_ms=9 * DAY_MS)),
        (COUNT | {"window": {"visit": -1}}, Reach(ever=True)),
        (COUNT | {"window": {"since": {"name": "A"}}}, Reach(ever=True)),
        (COUNT | {"window": {"absolute": {"from": "2026-01-01"}}}, Reach(ever=True)),
        (COUNT | {"window": "page_view"}, Reach(session=True)),
        (COUNT | {"window": {"session": "2h"}}, Reach(session=True, idle_ms=120 * MINUTE_MS)),
        (COUNT | {"window": {"session": "1m"}}, Reach(session=True)),
        (
            COUNT | {"aggregate": "trend", "window": {"last": "1d"}},
            Reach(last_ms=2 * DAY_MS),
        ),
        (PAGES, Reach(ever=True, session=True)),
        (PAGES | {"on": "element"}, Reach(session=True)),
        ({"kind": "experiment", "key": "e"}, Reach(ever=True)),
        (
            {
                "kind": "score",
                "events": [{"name": "A", "weight": 1, "window": {"last": "1d"}}],
                "op": "gt",
                "value": 1,
            },
            Reach(last_ms=DAY_MS),
        ),
    ],
)
def test_every_window_has_its_reach(leaf: dict[str, Any], expected: Reach) -> None:
    assert reach(parsed(leaf)) == expected


@pytest.mark.parametrize(
    ("events", "held_min", "expected"),
    [
        # (minutes ago, device); idle for 30 minutes ends a session.
        ([(5, NO_DEVICE)], 29, False),  # a device may have been there half a minute earlier
        ([(5, NO_DEVICE)], 36, True),
        ([(40, 1), (5, NO_DEVICE)], 41, True),  # over on the device; the lone piece is sure
        ([(40, 1), (25, NO_DEVICE), (5, NO_DEVICE)], 41, False),
        ([(33, NO_DEVICE), (20, 1), (5, NO_DEVICE)], 51, False),  # what follows it is not sure
        ([(33, NO_DEVICE), (20, 1), (2, NO_DEVICE)], 64, True),
    ],
)
def test_events_without_a_device_may_be_the_session(
    events: list[tuple[int, int]], held_min: int, expected: bool
) -> None:
    now_ms = 100 * MINUTE_MS
    history = [Happening(now_ms - ago * MINUTE_MS, "A", device) for ago, device in events]
    facts = Facts(history=history, complete_from_ms=now_ms - held_min * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms) is expected


def test_a_longer_idle_time_asks_for_more_history() -> None:
    now_ms = 200 * MINUTE_MS
    facts = Facts(history=[Happening(now_ms, "A", 1)], complete_from_ms=now_ms - 60 * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms)
    assert not covers(facts, Reach(session=True, idle_ms=120 * MINUTE_MS), now_ms)


@given(trees.conditions(), trees.facts())
@settings(max_examples=150, deadline=None)
def test_a_history_that_covers_a_condition_answers_it_like_the_whole(
    node: Node, facts: Facts
) -> None:
    needed, compiled = reach(node), compile_condition(node)
    for now_ms in trees.moments(node, facts)[::7]:
        for held_from_ms in {event.at_ms for event in facts.history}:
            held = with_history(
                facts, [e for e in facts.history if e.at_ms >= held_from_ms], held_from_ms
            )
            if covers(held, needed, now_ms):
                whole = with_history(facts, list(facts.history), None)
                assert evaluate.truth(node, held, now_ms) is evaluate.truth(node, whole, now_ms)
                assert forecast(compiled, held, now_ms) == forecast(compiled, whole, now_ms)


def with_history(facts: Facts, history: list[Happening], held_from_ms: int | None) -> Facts:
    return Facts(
        traits=facts.traits,
        history=history,
        complete_from_ms=held_from_ms,
        memberships=facts.memberships,
        context=facts.context,
        unit_id=facts.unit_id,
        trait_meta=facts.trait_meta,
        consents=facts.consents,
        site_zone=facts.site_zone,
    )


def test_a_filter_that_reads_the_request_stays_in_the_request() -> None:
    """It is answered there from the newest events; the rest of the history is kept as ever."""
    same = EVER | {"where": [SAME]}
    node = parsed({"all": [same, EVER, PLAN]})

    request, hidden = split_history(node)

    assert reads_request(parsed(same))
    assert context_names(parsed(same)) == {"page.product_id"}
    assert list(hidden.values()) == [parsed(EVER)]
    assert list(history_leaves(request)) == [parsed(same)]


@pytest.mark.parametrize("leaf", [WIDE, PAGES, {"kind": "experiment", "key": "e"}])
def test_every_leaf_with_a_history_is_kept_as_a_hidden_segment(leaf: dict[str, Any]) -> None:
    request, hidden = split_history(parsed({"all": [leaf, MOBILE]}))

    assert list(hidden.values()) == [parsed(leaf)]
    assert list(history_leaves(request)) == []


def test_segments_nest_twelve_deep_and_no_deeper() -> None:
    segments = {
        f"s{i}": parsed({"any": [{"kind": "segment", "key": f"s{i + 1}"}, PLAN]})
        for i in range(MAX_NESTING - 1)
    }
    segments[f"s{MAX_NESTING - 1}"] = parsed(PLAN)
    assert inline_segments(SegmentLeaf("s0"), segments)

    segments[f"s{MAX_NESTING - 1}"] = parsed({"kind": "segment", "key": "last"})
    segments["last"] = parsed(PLAN)
    with pytest.raises(InvalidCondition, match="nest at most 12 deep"):
        inline_segments(SegmentLeaf("s0"), segments)


def test_a_segment_named_often_is_built_once() -> None:
    """Each level names the next one fifty times: written out these would be 50^10 leaves."""
    segments: dict[str, Node] = {"s10": parsed(PLAN)}
    for i in range(10):
        segments[f"s{i}"] = parsed({"any": [{"kind": "segment", "key": f"s{i + 1}"}] * 50})

    whole = inline_segments(SegmentLeaf("s0"), segments)

    assert isinstance(whole, Nested)
    parts = whole.where.parts  # type: ignore[union-attr]  # an AnyOf
    assert all(part is parts[0] for part in parts)


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

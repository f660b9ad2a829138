"""Where each part of a condition is answered: hidden segments, the request, nested segments."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import All, Nested, Node, Not, SegmentLeaf
from engine.conditions.parse import digest, to_json
from engine.conditions.scope import (
    MAX_NESTING,
    context_names,
    history_leaves,
    inline_segments,
    reads_request,
    segment_keys,
    split_history,
)
from engine.errors import InvalidCondition
from engine.facts import Facts, Happening
from tests.engine.scoped import (
    ADDS,
    EVER,
    MINUTE_MS,
    MOBILE,
    PAGES,
    PLAN,
    SAME,
    VIEWS,
    VIP,
    WIDE,
    parsed,
)


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

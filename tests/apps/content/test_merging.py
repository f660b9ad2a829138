"""Two changes of one document: what is joined, what is asked about, and what is never lost."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.content.domain.merging import ABSENT, at, differences, is_same, merged, with_values
from apps.content.revisions_rows import Shape, is_made_of_fields

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), JSON)


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "document"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}),
        ({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}),
        ({"v": {"1": {"h": "x", "n": 0}}}, {"v": {"1": {"h": "y", "n": 0}}},
         {"v": {"1": {"h": "x", "n": 1}}}, {"v": {"1": {"h": "y", "n": 1}}}),
    ],
    ids=["other fields", "the same change", "both add", "one takes away", "inside a variant"],
)  # fmt: skip
def test_changes_of_different_fields_are_joined(
    base: Any, theirs: Any, mine: Any, document: Any
) -> None:
    found = merged(base, theirs, mine)
    assert found.clashes == []
    assert found.document == document


def test_a_field_that_both_changed_is_asked_about_with_all_three_texts() -> None:
    found = merged({"v": {"h": "old"}}, {"v": {"h": "theirs"}}, {"v": {"h": "mine"}})
    (clash,) = found.clashes
    assert (clash.path, clash.base, clash.theirs, clash.mine) == (
        ("v", "h"), "old", "theirs", "mine",
    )  # fmt: skip
    assert found.document == {"v": {"h": "mine"}}


def test_what_one_took_away_and_the_other_changed_is_asked_about() -> None:
    (clash,) = merged({"a": 1}, {}, {"a": 2}).clashes
    assert clash.theirs is ABSENT


def test_without_a_common_beginning_every_difference_is_asked_about() -> None:
    found = merged(None, {"a": 1, "b": 1}, {"a": 2, "b": 1})
    assert [clash.path for clash in found.clashes] == [("a",)]


def test_what_is_one_field_is_never_put_together_of_two() -> None:
    """Half of her condition and half of his would be a third that nobody wrote."""
    base = {"condition": {"op": "gt", "value": 1}, "fields": {"link": {"url": "/a", "text": "A"}}}
    theirs = {"condition": {"op": "lt", "value": 1}, "fields": {"link": {"url": "/b", "text": "A"}}}
    mine = {"condition": {"op": "gt", "value": 5}, "fields": {"link": {"url": "/a", "text": "B"}}}
    shape = Shape()
    found = merged(base, theirs, mine, lambda path: is_made_of_fields(shape, path))
    assert [clash.path for clash in found.clashes] == [("condition",), ("fields", "link")]
    assert found.document == mine


def test_true_is_not_one() -> None:
    assert merged({"a": 1}, {"a": True}, {"a": 1}).document == {"a": True}


@given(DOCUMENTS, DOCUMENTS)
def test_a_change_of_one_side_alone_is_that_side(base: Any, mine: Any) -> None:
    assert is_same(merged(base, base, mine).document, mine)
    assert is_same(merged(base, mine, base).document, mine)
    assert merged(base, base, mine).clashes == []


@settings(max_examples=300)
@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
@example({"b": None}, {"b": {"x": None, "y": None}}, {"b": {"x": False}})
def test_whatever_either_wrote_is_in_the_result_or_in_a_clash(
    base: Any, theirs: Any, mine: Any
) -> None:
    found = merged(base, theirs, mine)
    asked = [clash.path for clash in found.clashes]
    for side, other in ((theirs, mine), (mine, theirs)):
        for one in differences(base, side):
            is_asked = any(one.path[: len(path)] == path for path in asked)
            # What the other did to a whole that this is a part of was asked about, too.
            held = at(found.document, one.path)
            assert is_asked or is_same(held, one.after) or is_same(at(other, one.path), held)
    chosen = {clash.path: clash.theirs for clash in found.clashes}
    assert merged(base, theirs, with_values(found.document, chosen)).clashes == []

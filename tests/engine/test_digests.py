"""Conditions that mean the same have one digest, others have not."""

from __future__ import annotations

import pytest

from engine.conditions.parse import (
    digest,
    parse_condition,
)
from tests.engine.leaves import (
    EVENT,
    MATCH,
    PERCENT,
    RATIO,
    SAME,
    SEQUENCE,
    TRAIT,
    trait,
    where,
)


def digest_of(node: object) -> str:
    return digest(parse_condition(where(node)))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"all": [TRAIT, EVENT]}, {"all": [EVENT, TRAIT, TRAIT]}),
        ({"all": [TRAIT]}, TRAIT),
        ({"any": [TRAIT, {"any": [EVENT, PERCENT]}]}, {"any": [PERCENT, TRAIT, EVENT]}),
        ({"none": [TRAIT, EVENT]}, {"not": {"any": [EVENT, TRAIT]}}),
        ({"not": {"not": TRAIT}}, TRAIT),
        (EVENT, EVENT | {"value": 3.0, "window": {"last": "600s"}, "where": []}),
        (TRAIT | {"op": "in", "value": [1, "a"]}, TRAIT | {"op": "in", "value": ["a", 1.0, 1]}),
        (
            {"at_least": {"k": 1, "of": [TRAIT, EVENT]}},
            {"at_least": {"k": 1, "of": [EVENT, TRAIT]}},
        ),
    ],
)
def test_conditions_that_plainly_mean_the_same_hash_alike(one: object, same: object) -> None:
    assert digest_of(one) == digest_of(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TRAIT | {"value": 1}, TRAIT | {"value": True}),
        (TRAIT | {"value": 1}, TRAIT | {"value": "1"}),
        (TRAIT, {"not": TRAIT}),
        ({"all": [TRAIT, EVENT]}, {"any": [TRAIT, EVENT]}),
        (EVENT, EVENT | {"window": {"last": "11m"}}),
        (EVENT, EVENT | {"window": "session"}),
        (TRAIT, TRAIT | {"kind": "context"}),
        (
            {"at_least": {"k": 1, "of": [TRAIT, TRAIT]}},
            {"at_least": {"k": 2, "of": [TRAIT, TRAIT]}},
        ),
    ],
)
def test_conditions_that_differ_do_not(one: object, other: object) -> None:
    assert digest_of(one) != digest_of(other)


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    pinned = "f5accc584037b4b3fa61b9436d5f900ae72d25e6f601bb234b953bdf3db16df6"
    assert digest_of({"all": [TRAIT, EVENT]}) == pinned


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (SEQUENCE | {"by": ["a", "b"]}, SEQUENCE | {"by": ["b", "a"]}),
        (trait("has_any", ["a", 1]), trait("has_any", [1.0, "a", "a"])),
        (trait("before", "2026-01-01"), trait("before", "2026-01-01T01:00:00+01:00")),
        (trait("version_gt", "2.0"), trait("version_gt", "02")),
        (trait("within_last", "7d"), trait("within_last", "1w")),
        (RATIO | {"over": MATCH | {"where": MATCH["where"] * 2}}, RATIO),  # type: ignore[operator]  # a list
        (EVENT | {"window": "session"}, EVENT | {"window": {"session": "1800s"}}),
    ],
)
def test_new_forms_that_plainly_mean_the_same_hash_alike(one: object, same: object) -> None:
    assert digest_of(one) == digest_of(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SEQUENCE, SEQUENCE | {"steps": SEQUENCE["steps"] + [{"name": "c"}]}),
        (
            {"kind": "sequence", "steps": [{"name": "a"}, {"name": "b"}]},
            {"kind": "sequence", "steps": [{"name": "b"}, {"name": "a"}]},
        ),
        (TRAIT, TRAIT | {"from": {"source": "crm"}}),
        (trait("before", "2026-01-01"), trait("before", "2026-01-01T00:00:00.001Z")),
        (EVENT | {"where": [SAME]}, EVENT | {"where": [SAME | {"fact": "page.other"}]}),
        (EVENT | {"window": "session"}, EVENT | {"window": {"session": "31m"}}),
        (EVENT | {"window": {"visit": 1}}, EVENT | {"window": {"visit": -1}}),
        (trait("within_last", "1d"), trait("within_next", "1d")),
    ],
)
def test_new_forms_that_differ_do_not(one: object, other: object) -> None:
    assert digest_of(one) != digest_of(other)

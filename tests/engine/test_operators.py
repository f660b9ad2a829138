"""Operators: what each says of a found value, and that the closures say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.conditions import operators
from engine.conditions.dates import instant_ms, instant_text
from engine.conditions.nodes import Op, Value
from engine.conditions.operators import (
    TIMED_OPS,
    compare,
    distance_km,
    version_of,
)

CASES: list[tuple[Op, object, Value, bool | None]] = [
    (Op.EQ, 1, 1.0, True),
    (Op.EQ, True, 1, False),
    (Op.NE, "1", 1, True),
    (Op.IN, 1.0, (1, "a"), True),
    (Op.CONTAINS, "abc", "b", True),
    (Op.CONTAINS, [1.0, "b"], 1, True),
    (Op.CONTAINS, 5, "5", None),
    (Op.GT, "b", "a", True),
    (Op.GT, "2", 1, None),
    (Op.GT, True, 0, None),
    (Op.BETWEEN, 2, (1, 2), True),
    (Op.BETWEEN, "b", (1, 2), None),
    (Op.MATCHES, "order 17", "\\d+$", True),
    (Op.MATCHES, "order", "\\d+$", False),
    (Op.MATCHES, 17, "\\d+$", None),
    (Op.MATCHES, ["17"], "\\d+$", None),
    (Op.HAS_ANY, ["a", 1], ("b", 1.0), True),
    (Op.HAS_ANY, ["a", True], (1,), False),
    (Op.HAS_ANY, "a", ("a", "b"), True),
    (Op.HAS_ANY, [], ("a",), False),
    (Op.HAS_ALL, ["a", "b", "c"], ("a", "b"), True),
    (Op.HAS_ALL, ["a"], ("a", "b"), False),
    (Op.HAS_NONE, ["a"], ("b",), True),
    (Op.HAS_NONE, False, (False,), False),
    (Op.HAS_NONE, {"a": 1}, ("a",), None),
    (Op.HAS_ANY, [None, {"a": 1}, ["a"]], ("a",), False),
    (Op.VERSION_EQ, "2.10", "2.10.0.0", True),
    (Op.VERSION_GT, "2.10", "2.9", True),
    (Op.VERSION_GTE, "2.1", "2.10", False),
    (Op.VERSION_LT, "02.1", "2.2", True),
    (Op.VERSION_LTE, "2.10.1", "2.10", False),
    (Op.VERSION_GT, "v3", "2", None),
    (Op.VERSION_GT, 3, "2", None),
    (Op.VERSION_GT, "3.", "2", None),
    (Op.VERSION_GT, "1.2.3.4.5", "2", None),
    (Op.VERSION_GT, "1234567890", "2", None),
    (Op.BEFORE, "2026-02-28", "2026-02-28T00:00:00.001Z", True),
    (Op.BEFORE, "2026-02-28T00:30:00+01:00", "2026-02-28", True),
    (Op.BEFORE, "2026-02-28", "2026-02-28", False),
    (Op.AFTER, "2026-02-28T01:00:00-01:00", "2026-02-28T01:59:59.999Z", True),
    (Op.AFTER, "2025-02-29", "2020-01-01", None),
    (Op.AFTER, "28.02.2026", "2020-01-01", None),
    (Op.AFTER, 1_800_000_000_000, "2020-01-01", None),
    (Op.WITHIN_KM, [48.8566, 2.3522], (51.5074, -0.1278, 344), True),
    (Op.WITHIN_KM, [48.8566, 2.3522], (51.5074, -0.1278, 343), False),
    (Op.WITHIN_KM, [0, 180], (0, -179.999, 1), True),
    (Op.WITHIN_KM, [91, 0], (51.5, 0, 20_000), None),
    (Op.WITHIN_KM, ["48", 2], (51.5, 0, 20_000), None),
    (Op.WITHIN_KM, [48], (51.5, 0, 20_000), None),
    (Op.WITHIN_KM, [10**400, 0], (51.5, 0, 20_000), None),
    (Op.WITHIN_KM, "48,2", (51.5, 0, 20_000), None),
]
VALUES: dict[Op, list[Value]] = {}
for each_op, _, each_value, _ in CASES:
    VALUES.setdefault(each_op, []).append(each_value)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_an_operator_says_what_the_table_says(number: int) -> None:
    op, found, value, expected = CASES[number]

    assert compare(op, found, value) is expected
    assert operators.tester(op, value)(found) is expected


@pytest.mark.parametrize("op", sorted(set(Op) - TIMED_OPS - {Op.IS_SET, Op.IS_MISSING}))
def test_a_missing_value_is_unknown_to_every_operator(op: Op) -> None:
    value = VALUES.get(op, ["a"])[0]

    assert compare(op, None, value) is None
    assert operators.tester(op, value)(None) is None


def test_only_presence_is_known_of_a_missing_value() -> None:
    assert compare(Op.IS_SET, None, None) is False
    assert operators.tester(Op.IS_MISSING, None)(None) is True
    assert compare(Op.IS_MISSING, False, None) is False


scalars = st.one_of(
    st.sampled_from(["", "a", "b", "2.10", "2.9", "2026-02-28", "2026-02-28T23:00:00Z", "\uffff"]),
    st.sampled_from([0, 1, -1, 2, 2.5, 2**53, 1e300]),
    st.booleans(),
)
anything = st.one_of(
    scalars,
    st.none(),
    st.lists(st.one_of(scalars, st.none()), max_size=3),
    st.dictionaries(st.text(max_size=2), scalars, max_size=2),
    st.just(10**400),
)


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[Op, Value]:
    op = draw(st.sampled_from(sorted(set(Op) - TIMED_OPS)))
    if op in (Op.IS_SET, Op.IS_MISSING):
        return op, None
    if op in (Op.IN, Op.HAS_ANY, Op.HAS_ALL, Op.HAS_NONE):
        return op, tuple(draw(st.lists(scalars, min_size=1, max_size=3)))
    if op in (Op.STARTS_WITH, Op.ENDS_WITH, Op.GT, Op.GTE, Op.LT, Op.LTE):
        return op, draw(st.sampled_from(["a", "2", "b"]))
    if op is Op.BETWEEN:
        bounds: list[Value] = [(0, 2), ("a", "b"), (1, 1)]
        return op, draw(st.sampled_from(bounds))
    if op in VALUES and op not in (Op.EQ, Op.NE, Op.CONTAINS):
        return op, draw(st.sampled_from(VALUES[op]))
    return op, draw(scalars)


@given(comparisons(), anything)
def test_closures_say_what_compare_says_of_anything(
    comparison: tuple[Op, Value], found: object
) -> None:
    op, value = comparison

    assert operators.tester(op, value)(found) is compare(op, found, value)


# Dates and versions


offsets = st.integers(-15 * 60 - 59, 15 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(timezones=offsets), st.booleans())
def test_an_instant_is_read_as_datetime_reads_it(moment: datetime, with_millis: bool) -> None:
    millis = moment.microsecond // 1000 * 1000 if with_millis else 0
    moment = moment.replace(microsecond=millis)
    text = moment.isoformat(timespec="milliseconds" if with_millis else "seconds")
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assume(FIRST_MS <= expected <= LAST_MS)

    assert instant_ms(text) == expected
    assert instant_ms(instant_text(expected)) == expected


FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01", 0),
        ("1970-01-02", 86_400_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2024-02-29", 1_709_164_800_000),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T00:00:00-00:00", 0),
    ],
)
def test_dates_are_midnight_in_utc(text: str, ms: int) -> None:
    assert instant_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-29",
        "2025-04-31",
        "2025-13-01",
        "2025-00-10",
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2025-1-1",
        "2025-01-01T10:00Z",
        "2025-01-01T10:00:00",
        "2025-01-01 10:00:00Z",
        "2025-01-01t10:00:00z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T10:60:00Z",
        "2025-01-01T10:00:60Z",
        "2025-01-01T10:00:00.1234Z",
        "2025-01-01T10:00:00+16:00",
        "2025-01-01T10:00:00+0100",
        "2025-01-01\n",
        " 2025-01-01",
        "٢٠٢٥-٠١-٠١",
        "",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert instant_ms(text) is None


@pytest.mark.parametrize("found", [None, 5, True, ["2025-01-01"], {"at": 1}])
def test_what_is_no_text_is_neither_date_nor_version(found: Any) -> None:
    assert instant_ms(found) is None
    assert version_of(found) is None


def test_versions_compare_by_numbers_not_by_letters() -> None:
    texts = ["1", "1.0.0.1", "1.2", "1.10", "2", "10.0"]

    assert sorted(texts, key=lambda text: version_of(text) or ()) == texts
    assert version_of("1.2") == (1, 2, 0, 0)


@given(
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)
def test_distances_are_the_same_both_ways_and_at_most_half_way_around(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    away = distance_km(list(one), *other)
    back = distance_km(list(other), *one)

    assert away is not None and back is not None
    assert away == pytest.approx(back, abs=1e-6)
    assert 0 <= away <= 20_015.2

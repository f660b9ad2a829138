"""Leaves without history: origin of traits, dates near now, lists, models, consent, edges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions.answers import FOREVER
from engine.conditions.dates import DAY_MS, instant_ms, instant_text
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.plain_leaves import BUILDERS, FINDERS, MOMENTS
from engine.facts import Facts, TraitMeta

HOUR_MS = 3_600_000


def parsed(**leaf: Any) -> Node:
    return parse_condition({"v": 1, "where": leaf})


def at(text: str) -> int:
    ms = instant_ms(text)
    assert ms is not None
    return ms


def answered(node: Node, facts: Facts, now_ms: int) -> tuple[bool | None, int | None]:
    """The verdict of both evaluators and the next flip of both, which must agree."""
    finder, moments = FINDERS[type(node)], MOMENTS.get(type(node))
    verdict = finder(node, facts, now_ms).verdict
    changing = sorted(moments(node, facts, now_ms)) if moments is not None else []
    flips = (
        moment
        for moment in changing
        if moment > now_ms and finder(node, facts, moment).verdict is not verdict
    )
    until = next(flips, None)
    expected = (verdict, FOREVER if until is None else until)
    assert BUILDERS[type(node)](node)(facts, now_ms) == expected
    return verdict, until


def trait(value: object, **meta: Any) -> Facts:
    return Facts(traits={"t": value}, trait_meta={"t": TraitMeta(**meta)})


# Where a trait comes from


@pytest.mark.parametrize(
    ("origin", "meta", "verdict"),
    [
        ({"source": "crm"}, {"source": "crm"}, True),
        ({"source": "crm"}, {"source": "model"}, None),
        ({"source": "crm"}, {}, None),
        ({"min_confidence": 0.8}, {"confidence": 0.8}, True),
        ({"min_confidence": 0.8}, {"confidence": 0.79}, None),
        ({"min_confidence": 0.8}, {}, None),
        ({"min_confidence": 0}, {"confidence": 0.0}, True),
        ({"source": "crm", "min_confidence": 0.5}, {"source": "crm", "confidence": 1.0}, True),
        ({"source": "crm", "min_confidence": 0.5}, {"source": "crm"}, None),
    ],
)
def test_a_value_from_elsewhere_is_missing(
    origin: dict[str, Any], meta: dict[str, Any], verdict: bool | None
) -> None:
    facts = trait("pro", **meta)
    equal = parsed(kind="trait", name="t", op="eq", value="pro", **{"from": origin})
    missing = parsed(kind="trait", name="t", op="is_missing", **{"from": origin})

    assert answered(equal, facts, 0) == (verdict, None)
    assert answered(missing, facts, 0) == (verdict is None, None)
    assert answered(equal, Facts(traits={"t": "pro"}), 0) == (None, None)


# Dates near now


@pytest.mark.parametrize(
    ("op", "now", "verdict", "until"),
    [
        ("within_last", "2026-03-01T00:00:00Z", True, "2026-03-08T00:00:00Z"),
        ("within_last", "2026-03-07T23:59:59.999Z", True, "2026-03-08T00:00:00Z"),
        ("within_last", "2026-03-08T00:00:00Z", False, None),
        ("within_last", "2026-02-28T23:59:59.999Z", False, "2026-03-01T00:00:00Z"),
        ("within_next", "2026-02-21T23:59:59.999Z", False, "2026-02-22T00:00:00Z"),
        ("within_next", "2026-02-22T00:00:00Z", True, "2026-03-01T00:00:00Z"),
        ("within_next", "2026-03-01T00:00:00Z", False, None),
        ("anniversary_within", "2027-02-21T23:59:59.999Z", False, "2027-02-22T00:00:00Z"),
        ("anniversary_within", "2027-02-22T00:00:00Z", True, "2027-03-02T00:00:00Z"),
        ("anniversary_within", "2027-03-01T12:00:00Z", True, "2027-03-02T00:00:00Z"),
        ("anniversary_within", "2027-03-02T00:00:00Z", False, "2028-02-23T00:00:00Z"),
    ],
)
def test_a_date_comes_near_and_passes_to_the_millisecond(
    op: str, now: str, verdict: bool, until: str | None
) -> None:
    node = parsed(kind="trait", name="t", op=op, value="7d")

    assert answered(node, trait("2026-03-01"), at(now)) == (
        verdict,
        at(until) if until is not None else None,
    )


@pytest.mark.parametrize(
    ("born", "width", "now", "verdict", "until"),
    [
        # 29 February is 1 March in common years.
        ("2024-02-29", "0d", "2026-02-28T12:00:00Z", False, "2026-03-01T00:00:00Z"),
        ("2024-02-29", "0d", "2026-03-01T00:00:00Z", True, "2026-03-02T00:00:00Z"),
        ("2024-02-29", "0d", "2028-02-29T00:00:00Z", True, "2028-03-01T00:00:00Z"),
        ("2024-02-29", "1d", "2028-03-01T00:00:00Z", False, "2029-02-28T00:00:00Z"),
        # Over the turn of the year.
        ("1990-01-02", "3d", "2026-12-30T00:00:00Z", True, "2027-01-03T00:00:00Z"),
        ("1990-12-31", "0d", "2027-01-01T00:00:00Z", False, "2027-12-31T00:00:00Z"),
        # An instant counts by its day in UTC.
        ("1990-05-01T23:30:00-02:00", "0d", "2026-05-02T00:00:00Z", True, "2026-05-03T00:00:00Z"),
        # The next one is always near enough, except where a leap year makes it a day later.
        ("1990-05-01", "365d", "2026-05-02T00:00:00Z", True, None),
        ("1990-05-01", "364d", "2026-05-02T00:00:00Z", True, "2027-05-02T00:00:00Z"),
        ("1990-05-01", "52w", "1896-05-02T00:00:00Z", True, "1903-05-02T00:00:00Z"),
    ],
)
def test_anniversaries_know_the_calendar(
    born: str, width: str, now: str, verdict: bool, until: str | None
) -> None:
    node = parsed(kind="trait", name="t", op="anniversary_within", value=width)

    assert answered(node, trait(born), at(now)) == (
        verdict,
        at(until) if until is not None else None,
    )


def test_a_change_is_recent_for_as_long_as_the_editor_said() -> None:
    node = parsed(kind="trait", name="t", op="changed_within", value="1h")

    assert answered(node, trait("x", changed_ms=1000), 999) == (False, 1000)
    assert answered(node, trait("x", changed_ms=1000), 1000) == (True, 1000 + HOUR_MS)
    assert answered(node, trait("x", changed_ms=1000), 1000 + HOUR_MS) == (False, None)
    assert answered(node, trait("x"), 1000) == (None, None)
    assert answered(node, trait(None, changed_ms=1000), 1000) == (None, None)
    assert answered(node, Facts(traits={"t": "x"}), 1000) == (None, None)


@pytest.mark.parametrize("op", ["within_last", "within_next", "anniversary_within"])
@pytest.mark.parametrize("found", ["soon", "2025-02-29", 20260301, True, ["2026-03-01"], None])
def test_what_is_no_date_is_unknown(op: str, found: object) -> None:
    node = parsed(kind="trait", name="t", op=op, value="7d")

    assert answered(node, trait(found), at("2026-03-01")) == (None, None)


@given(
    st.sampled_from(["within_last", "within_next", "anniversary_within", "changed_within"]),
    st.sampled_from(["1ms", "1d", "26h", "7d", "364d", "365d", "366d", "800d"]),
    st.integers(at("1895-01-01"), at("2035-01-01")),
    st.integers(-3 * DAY_MS, 3 * DAY_MS),
    st.integers(-9, 9),
)
def test_both_evaluators_agree_on_dates_and_nothing_flips_before_its_time(
    op: str, width: str, found_ms: int, offset_ms: int, years: int
) -> None:
    node = parsed(kind="trait", name="t", op=op, value=width)
    facts = trait(instant_text(found_ms), changed_ms=found_ms)
    now_ms = found_ms + offset_ms + years * 365 * DAY_MS
    finder = FINDERS[type(node)]

    verdict, until = answered(node, facts, now_ms)

    end_ms = until if until is not None else now_ms + 10 * 366 * DAY_MS
    steps = (end_ms - now_ms) // 50 or 1
    probes = {*range(now_ms, end_ms, steps), end_ms - 1}
    assert {finder(node, facts, probe).verdict for probe in probes} == {verdict}
    if until is not None:
        assert finder(node, facts, until).verdict is not verdict


# Lists, edges, consent


@pytest.mark.parametrize(
    ("entry", "verdict", "until"),
    [
        (True, True, None),
        (2000, True, 2000),
        (1000.5, True, 1001),
        (1000, False, None),
        (999, False, None),
        (False, False, None),
        ("yes", False, None),
        (None, False, None),
        (10**400, True, None),
    ],
)
def test_a_list_entry_holds_until_it_expires(
    entry: object, verdict: bool, until: int | None
) -> None:
    node = parsed(kind="list", key="press")

    assert answered(node, Facts(traits={"list.press": entry}), 1000) == (verdict, until)


@pytest.mark.parametrize(
    ("found", "to", "verdict"),
    [
        (["acme", "beta"], "acme", True),
        (["beta"], "acme", False),
        ("acme", "acme", True),
        ([], None, False),
        (["beta"], None, True),
        (None, "acme", False),
        (None, None, False),
        (7, "acme", False),
        ({"a": 1}, None, True),
    ],
)
def test_an_edge_is_known_to_be_there_or_not(found: object, to: str | None, verdict: bool) -> None:
    leaf = {"kind": "relation", "type": "member_of"} | ({"to": to} if to else {})

    assert answered(parsed(**leaf), Facts(traits={"edge.member_of": found}), 0) == (verdict, None)


@pytest.mark.parametrize(
    ("purpose", "choices", "verdict"),
    [
        ("analytics", {"analytics": True}, True),
        ("analytics", {"analytics": False}, False),
        ("analytics", {"sale": True}, None),
        ("necessary", {}, True),
        ("necessary", {"necessary": False}, True),
    ],
)
def test_consent_that_nobody_gave_or_refused_is_unknown(
    purpose: str, choices: dict[str, bool], verdict: bool | None
) -> None:
    node = parsed(kind="consent", purpose=purpose)

    assert answered(node, Facts(consents=choices), 0) == (verdict, None)


# Models


def score(value: object, observed_ms: int | None = 1000) -> Facts:
    return Facts(
        traits={"score.buys": value}, trait_meta={"score.buys": TraitMeta(observed_ms=observed_ms)}
    )


@pytest.mark.parametrize(
    ("leaf", "facts", "verdict", "until"),
    [
        ({"op": "gte", "value": 0.75}, score(0.75), True, None),
        ({"op": "gte", "value": 0.75}, score(0.7), False, None),
        ({"op": "gte", "value": 0.75}, score("high"), None, None),
        ({"op": "gte", "value": 0.75}, Facts(), None, None),
        ({"op": "gte", "value": 0.75, "fallback": True}, Facts(), True, None),
        ({"op": "gte", "value": 0.75, "fallback": True}, score(0.1), False, None),
        ({"op": "eq", "value": "hot"}, score("hot"), True, None),
        ({"op": "gte", "value": 0.75, "max_age": "1s"}, score(0.8), True, 2000),
        ({"op": "gte", "value": 0.75, "max_age": "1s", "fallback": True}, score(0.8), True, None),
        ({"op": "gte", "value": 0.75, "max_age": "1s", "fallback": True}, score(0.1), False, 2000),
        ({"op": "gte", "value": 0.75, "max_age": "500ms"}, score(0.8), None, None),
        ({"op": "gte", "value": 0.75, "max_age": "1s"}, score(0.8, None), None, None),
        ({"op": "is_missing", "max_age": "1s"}, score(0.8), False, 2000),
        ({"op": "is_missing", "max_age": "500ms"}, score(0.8), True, None),
        ({"op": "is_set", "max_age": "1s"}, score(0.8), True, 2000),
        ({"op": "is_set"}, Facts(), False, None),
    ],
)
def test_a_stale_score_is_a_missing_one(
    leaf: dict[str, Any], facts: Facts, verdict: bool | None, until: int | None
) -> None:
    node = parsed(kind="model", name="buys", **leaf)

    assert answered(node, facts, 1500) == (verdict, until)

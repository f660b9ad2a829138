"""The one rule: which purposes a choice, a signal and a source's mode allow."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consent import gates, regimes
from apps.consent.regimes import EU_OPT_IN, STRICT_UNKNOWN, US_OPT_OUT
from apps.consent.types import (
    ALL_PURPOSES,
    CATEGORY_OF,
    NOT_ASKED,
    OPTED_OUT,
    OWN_YES,
    Choice,
    Hold,
    Purpose,
)

NOW = 1_000
EVERY = 2**15 - 1
BITS = st.integers(0, EVERY)
HOLDS = st.sampled_from([0, *map(int, Hold)])
CHOICES = st.builds(
    Choice, BITS, BITS, st.integers(0, 9), st.sampled_from([0, NOW, NOW + 1]), HOLDS
)
MODES = st.sampled_from(["assumed", "required", "by_regime"])
REGIMES = st.sampled_from([EU_OPT_IN, US_OPT_OUT, STRICT_UNKNOWN])
KEPT = int(Hold.ADVERTISING_CHOSEN)


def allowed(
    choice: Choice,
    *,
    mode: str,
    regime: str = EU_OPT_IN,
    carried_yes: int = 0,
    carried_no: int = 0,
    gpc: bool = False,
) -> int:
    return gates.permitted(
        choice,
        mode=mode,
        regime=regime,
        now_ms=NOW,
        carried_yes=carried_yes,
        carried_no=carried_no,
        refused_by_signal=OPTED_OUT if gpc else 0,
    )


@given(CHOICES, MODES, BITS, BITS, st.booleans())
def test_necessary_is_always_allowed_and_a_denial_always_holds(
    choice: Choice, mode: str, yes: int, no: int, gpc: bool
) -> None:
    bits = allowed(choice, mode=mode, carried_yes=yes, carried_no=no, gpc=gpc)
    assert bits & Purpose.NECESSARY
    assert not bits & (choice.denied | no) & ~Purpose.NECESSARY
    if not choice.holds & KEPT:
        assert not (gpc and bits & (Purpose.ADVERTISING | Purpose.SALE))


@given(CHOICES, MODES, BITS, BITS, BITS)
def test_one_more_denial_never_permits_more(
    choice: Choice, mode: str, yes: int, no: int, more: int
) -> None:
    before = allowed(choice, mode=mode, carried_yes=yes, carried_no=no)
    stricter = replace(choice, denied=choice.denied | more)
    assert allowed(stricter, mode=mode, carried_yes=yes, carried_no=no) & ~before == 0
    assert allowed(choice, mode=mode, carried_yes=yes, carried_no=no | more) & ~before == 0
    assert allowed(choice, mode=mode, carried_yes=yes, carried_no=no, gpc=True) & ~before == 0


@given(CHOICES, CHOICES, MODES)
def test_joining_two_people_permits_no_more_than_the_stricter_denial(
    one: Choice, other: Choice, mode: str
) -> None:
    joint = allowed(one.stricter(other), mode=mode)
    refused = (one.denied | other.denied) & ~Purpose.NECESSARY
    assert not joint & refused
    assert one.stricter(other) == other.stricter(one)


@pytest.mark.parametrize(
    ("mode", "regime", "expected"),
    [
        ("required", EU_OPT_IN, 1),
        ("required", US_OPT_OUT, 1),
        ("assumed", EU_OPT_IN, ALL_PURPOSES),
        ("assumed", US_OPT_OUT, ALL_PURPOSES | Purpose.SESSION_RECORDING),
        ("by_regime", EU_OPT_IN, 1),
        ("by_regime", STRICT_UNKNOWN, 1),
        ("by_regime", US_OPT_OUT, ALL_PURPOSES | Purpose.SESSION_RECORDING),
    ],
)
def test_silence_is_what_the_source_says_it_is(mode: str, regime: str, expected: int) -> None:
    bits = allowed(NOT_ASKED, mode=mode, regime=regime)
    assert bits & (ALL_PURPOSES | OWN_YES) == expected


def test_nothing_is_sold_that_may_not_be_advertised() -> None:
    choice = Choice(granted=int(Purpose.SALE), denied=int(Purpose.ADVERTISING))
    assert allowed(choice, mode="assumed") & Purpose.SALE == 0


@given(CHOICES, MODES, REGIMES, BITS, BITS, st.booleans())
def test_no_finer_purpose_is_wider_than_its_category(
    choice: Choice, mode: str, regime: str, yes: int, no: int, gpc: bool
) -> None:
    bits = allowed(choice, mode=mode, regime=regime, carried_yes=yes, carried_no=no, gpc=gpc)
    for finer, category in CATEGORY_OF.items():
        assert not bits & finer or bits & category


def test_a_category_brings_its_finer_purposes_but_those_that_need_a_yes_of_their_own() -> None:
    choice = Choice(granted=int(Purpose.ANALYTICS | Purpose.PERSONALIZATION))
    bits = allowed(choice, mode="required")
    for finer, category in CATEGORY_OF.items():
        assert bool(bits & finer) == bool(choice.granted & category and not finer & OWN_YES), finer
    refused = replace(choice, denied=int(Purpose.MODEL_TRAINING))
    assert allowed(refused, mode="required") == bits & ~int(Purpose.MODEL_TRAINING)


@given(MODES, REGIMES)
def test_sensitive_traits_are_used_only_after_a_yes(mode: str, regime: str) -> None:
    assert not allowed(NOT_ASKED, mode=mode, regime=regime) & Purpose.SENSITIVE
    yes = Choice(granted=int(Purpose.SENSITIVE))
    assert allowed(yes, mode=mode, regime=regime) & Purpose.SENSITIVE


@given(CHOICES, MODES, REGIMES, BITS)
@pytest.mark.parametrize("hold", [Hold.ERASING, Hold.RESTRICTED, Hold.MINOR], ids=lambda h: h.name)
def test_a_hold_leaves_only_what_is_necessary(
    hold: Hold, choice: Choice, mode: str, regime: str, yes: int
) -> None:
    held = replace(choice, holds=choice.holds | hold)
    assert allowed(held, mode=mode, regime=regime, carried_yes=yes) == Purpose.NECESSARY


@given(CHOICES, MODES, REGIMES, BITS)
@pytest.mark.parametrize("hold", [Hold.OBJECTED, Hold.CLEARING], ids=lambda h: h.name)
def test_an_objection_stops_what_is_personal_and_nothing_is_gained_by_it(
    hold: Hold, choice: Choice, mode: str, regime: str, yes: int
) -> None:
    held = replace(choice, holds=choice.holds | hold)
    bits = allowed(held, mode=mode, regime=regime, carried_yes=yes)
    assert not bits & (Purpose.PERSONALIZATION | Purpose.ADVERTISING | Purpose.TARGETING)
    assert not bits & ~allowed(choice, mode=mode, regime=regime, carried_yes=yes)


@pytest.mark.parametrize(("until", "is_allowed"), [(0, True), (NOW + 1, True), (NOW, False)])
def test_a_yes_counts_until_it_ends(until: int, is_allowed: bool) -> None:
    choice = Choice(granted=int(Purpose.PERSONALIZATION), consent_until_ms=until)
    assert bool(allowed(choice, mode="required") & Purpose.PERSONALIZATION) is is_allowed


@pytest.mark.parametrize(
    ("treats", "regime", "is_refused"),
    [
        (None, EU_OPT_IN, True), (None, STRICT_UNKNOWN, True), (None, US_OPT_OUT, False),
        (True, US_OPT_OUT, True), (False, EU_OPT_IN, False),
    ],
)  # fmt: skip
def test_the_signal_refuses_personalization_where_the_site_or_the_regime_says_so(
    treats: bool | None, regime: str, is_refused: bool
) -> None:
    refused = regimes.refused_by_gpc(regime, treats)
    assert refused & OPTED_OUT == OPTED_OUT
    assert bool(refused & Purpose.PERSONALIZATION) is is_refused


@given(BITS, CHOICES)
def test_the_stamp_of_an_event_says_what_was_permitted_and_a_later_no_narrows_it(
    granted: int, later: Choice
) -> None:
    bits = allowed(Choice(granted=granted), mode="required")
    stamp = gates.stamp_of(bits)
    for purpose in Purpose:
        if purpose is not Purpose.SESSION_RECORDING:
            assert gates.stamp_allows(stamp, purpose) == bool(bits & purpose), purpose
    narrowed = gates.narrowed(stamp, later)
    for purpose in Purpose:
        if gates.stamp_allows(narrowed, purpose):
            assert gates.stamp_allows(stamp, purpose)
            assert not later.denied & purpose or purpose is Purpose.NECESSARY


def test_the_stamp_of_an_event_from_before_there_were_finer_purposes_means_what_it_did() -> None:
    for finer, category in CATEGORY_OF.items():
        if not finer & OWN_YES:
            assert gates.stamp_allows(int(category), finer)
            assert not gates.stamp_allows(1, finer)
    assert gates.stamp_of(allowed(NOT_ASKED, mode="assumed")) == ALL_PURPOSES

"""The one rule: which purposes a choice, a signal and a source's mode allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consent.types import ALL_PURPOSES, NOT_ASKED, Choice, Purpose, allowed

BITS = st.integers(0, ALL_PURPOSES)
CHOICES = st.builds(Choice, BITS, BITS, st.integers(0, 9))
MODES = st.sampled_from(["assumed", "required"])


@given(CHOICES, MODES, BITS, BITS, st.booleans())
def test_necessary_is_always_allowed_and_a_denial_always_holds(
    choice: Choice, mode: str, yes: int, no: int, gpc: bool
) -> None:
    bits = allowed(choice, mode=mode, carried_yes=yes, carried_no=no, gpc=gpc)
    assert bits & Purpose.NECESSARY
    assert not bits & (choice.denied | no) & ~Purpose.NECESSARY
    assert not (gpc and bits & (Purpose.ADVERTISING | Purpose.SALE))


@given(CHOICES, MODES, BITS, BITS, BITS)
def test_one_more_denial_never_permits_more(
    choice: Choice, mode: str, yes: int, no: int, more: int
) -> None:
    before = allowed(choice, mode=mode, carried_yes=yes, carried_no=no)
    stricter = Choice(choice.granted, choice.denied | more, choice.epoch)
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


@pytest.mark.parametrize(("mode", "expected"), [("assumed", ALL_PURPOSES), ("required", 1)])
def test_silence_is_what_the_source_says_it_is(mode: str, expected: int) -> None:
    assert allowed(NOT_ASKED, mode=mode) == expected


def test_nothing_is_sold_that_may_not_be_advertised() -> None:
    choice = Choice(granted=int(Purpose.SALE), denied=int(Purpose.ADVERTISING))
    assert allowed(choice, mode="assumed") & Purpose.SALE == 0

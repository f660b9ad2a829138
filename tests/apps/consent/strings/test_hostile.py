"""Damaged strings: no reader raises, nothing damaged grants, more strings never grant more."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consent.strings import signal_of
from apps.consent.strings.bits import MAX_LENGTH
from apps.consent.types import Purpose
from tests.apps.consent.strings.damage import (
    GPP,
    TCF,
    USP,
    check,
    heard_as_gpp,
    heard_as_tcf,
    run,
)
from tests.apps.consent.strings.writing import LETTERS, NOW, VENDOR, Asked, gpp, unweb, us, web

ASKED = Asked()
WHOLE = replace(ASKED, consents=range(1, 12)).text()
# The core's bits that say who consented to what; a flip of one of them is another whole string.
PURPOSES = range(152, 176)
ANY_TCF = st.none() | st.sampled_from(TCF) | st.text(max_size=60)
ANY_GPP = st.none() | st.sampled_from(GPP) | st.text(max_size=60)
ANY_USP = st.none() | st.sampled_from(USP) | st.text(max_size=6)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_strings_break_no_law() -> None:
    told = run(100_000, seed=1)
    assert told.strings == 100_000
    assert 5_000 < told.readable < 95_000
    assert 100 < told.granting < told.readable
    assert len(told.kinds) == 7


@given(st.text() | st.text(LETTERS + ".~1YN-", max_size=200))
def test_no_text_at_all_makes_a_reader_raise(text: str) -> None:
    check("text", text, text)


@given(st.sampled_from(TCF + GPP), st.data())
def test_what_is_cut_grants_no_more_than_the_whole(whole: str, data: st.DataObject) -> None:
    text = whole[: data.draw(st.integers(0, len(whole)))]
    check("cut", text, whole)


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_a_string_that_grants_everything_grants_no_more_wherever_it_is_cut(end: int) -> None:
    text, whole = WHOLE[:end], heard_as_tcf(WHOLE)
    assert heard_as_tcf(text).yes in (0, whole.yes)
    platform = gpp({2: WHOLE})
    inside = platform[: len(platform) - len(WHOLE) + end]
    assert heard_as_gpp(inside).yes in (0, whole.yes)


def test_a_flip_of_one_bit_adds_a_grant_only_where_it_says_so_itself() -> None:
    refusing = replace(ASKED, consents=(1, 5, 6, 8))  # one purpose short of analytics
    core, told = refusing.core(), refusing.text().partition(".")[2]
    before = heard_as_tcf(refusing.text()).yes
    assert before == Purpose.PERSONALIZATION
    adding = []
    for place in range(len(core)):
        flipped = core[:place] + "10"[int(core[place])] + core[place + 1 :]
        if heard_as_tcf(f"{web(flipped)}.{told}").yes & ~before:
            adding.append(place)
    assert adding == [PURPOSES[9 - 1]]


def test_a_flip_of_one_bit_takes_no_opt_out_into_a_grant() -> None:
    whole = us(7, sale_opt_out=1, sharing_opt_out=1, gpc=True)
    core, _, rest = whole.partition(".")
    bits = unweb(core)
    for place in range(len(bits)):
        flipped = bits[:place] + "10"[int(bits[place])] + bits[place + 1 :]
        text = gpp({2: WHOLE, 7: f"{web(flipped)}.{rest}"})
        signal = heard_as_gpp(text)
        assert signal.yes == 0 or signal.no & Purpose.ADVERTISING, place


@given(ANY_TCF, ANY_GPP, ANY_USP, st.booleans())
def test_one_more_signal_never_grants_more_and_never_refuses_less(
    tcf: str | None, platform: str | None, usp: str | None, gpc: bool
) -> None:
    def heard(**strings: str | None) -> tuple[int, int]:
        signal = signal_of(gpc=gpc, vendor_id=VENDOR, now=NOW, **strings)
        return signal.yes, signal.no

    yes, no = heard(tcf=tcf, gpp=platform, usp=usp)
    for fewer in ({"tcf": tcf}, {"tcf": tcf, "usp": usp}, {"tcf": tcf, "gpp": platform}):
        its_yes, its_no = heard(**fewer)
        assert not its_no & ~no
        if tcf is not None:
            assert not yes & ~its_yes
    quiet = signal_of(tcf=tcf, gpp=platform, usp=usp, vendor_id=VENDOR, now=NOW)
    assert not yes & ~quiet.yes and not quiet.no & ~no


def test_the_longest_string_is_read_and_one_letter_more_is_not() -> None:
    padded = WHOLE + ".I" + "A" * (MAX_LENGTH - len(WHOLE) - 2)
    assert heard_as_tcf(padded).notes == ("tcf_unreadable",)  # too many zeros, and yet looked at
    assert heard_as_tcf("C" * (MAX_LENGTH + 1)).notes == ("tcf_unreadable",)
    assert heard_as_gpp("D" * (MAX_LENGTH + 1)).notes == ("gpp_unreadable",)

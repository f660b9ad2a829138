"""Caps against the plainest of readings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.capping import CapDoc, FatigueDoc, allows, counted, intensity

VECTORS = Path(__file__).parents[1] / "vectors" / "allocation.json"
CASES = json.loads(VECTORS.read_text())["cases"]
INSTANTS = st.lists(st.integers(0, 60), max_size=12).map(sorted)


def test_a_session_cap_is_that_of_the_published_case() -> None:
    [case] = [case for case in CASES if case["op"] == "cap.sliding"]
    [rule] = case["input"]["rules"]
    cap = CapDoc(1, "offers", most=rule["max"], per="session")
    began: dict[str, int] = {}
    shown: list[int] = []
    verdicts = []
    for asked in case["input"]["requests"]:
        now_ms = asked["t"] * 1000
        since_ms = began.setdefault(asked["session"], now_ms)
        verdicts.append(allows(cap, shown, now_ms, since_ms))
        if verdicts[-1]:
            shown.append(now_ms)
    assert verdicts == case["expected"]["shown"]


def test_fatigue_is_that_of_the_published_case() -> None:
    [case] = [case for case in CASES if case["op"] == "decay.fatigue"]
    given_: dict[str, Any] = case["input"]
    fatigue = FatigueDoc(given_["half_life"], given_["step"], given_["floor"])
    now_ms = 100
    shown = sorted(now_ms - age for age in given_["ages"])
    assert intensity(fatigue, shown, now_ms) == pytest.approx(case["expected"]["multiplier"])


@given(
    INSTANTS,
    st.integers(60, 90),
    st.integers(1, 5),
    st.none() | st.integers(1, 40),
    st.none() | st.integers(0, 60),
    st.integers(0, 30),
)
def test_a_cap_counts_as_one_would_by_hand(
    shown: list[int],
    now: int,
    most: int,
    window: int | None,
    session_since: int | None,
    cooldown: int,
) -> None:
    for per in ("visitor", "session"):
        cap = CapDoc(1, "c", most=most, window_ms=window, per=per, cooldown_ms=cooldown)
        since = now if session_since is None else session_since
        by_hand = [
            at
            for at in shown
            if (window is None or now - window < at <= now) and (per == "visitor" or at >= since)
        ]
        assert counted(cap, shown, now, session_since) == len(by_hand)
        rested = not shown or now - max(shown) >= cooldown
        assert allows(cap, shown, now, session_since) is (len(by_hand) < most and rested)


def test_what_is_worn_off_comes_back_as_showings_grow_old() -> None:
    cap = CapDoc(1, "c", fatigue=FatigueDoc(1_000, step=0.5, skip_below=0.4))
    shown = [0, 0]  # twice: an intensity of 0
    assert not allows(cap, shown, 0)
    assert not allows(cap, shown, 500)
    assert allows(cap, shown, 1_000)

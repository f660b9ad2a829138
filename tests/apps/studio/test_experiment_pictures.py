"""Words and pictures of an experiment, whatever numbers they are made of."""

import math
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.studio.domain import experiment_figures as say
from apps.studio.domain.experiment_changes import change_words
from apps.studio.domain.experiment_parts import bandit, factorials, forests
from apps.studio.domain.experiment_plots import HEIGHT, Scale, levels, panels, seen_by_arm
from apps.studio.domain.experiment_results import Plan, harm_begins, metric_views, progress
from apps.studio.domain.experiment_terms import TERMS
from apps.studio.domain.experiment_withheld import days_withheld, withheld
from apps.work import clock

ANY = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=3))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NO_NUMBER = re.compile(r"nan|inf|None", re.IGNORECASE)
KINDS = ("conversion", "mean", "ratio", "quantile", "retention", "odd")


@given(value=ANY, other=ANY, kind=st.sampled_from(KINDS))
def test_words_are_of_numbers_or_say_that_there_is_none(value: Any, other: Any, kind: str) -> None:
    for words in (
        say.value_words(kind, value),
        say.difference_words(kind, value),
        say.relative_words(value),
        say.interval_words(kind, (value, other)),
        say.relative_interval_words((value, other)),
        say.p_words(value),
        say.chance_words(value),
        say.share_words(value),
    ):
        assert words and not NO_NUMBER.search(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (say.value_words("conversion", 0.1234), "12.34%"),
        (say.value_words("mean", 40.536), "40.54"),
        (say.value_words("mean", -3.0), "−3.000"),
        (say.value_words("mean", 0.0), "0"),
        (say.difference_words("conversion", 0.0203), "+2.03 points"),
        (say.difference_words("conversion", -0.0), "0.00 points"),
        (say.difference_words("mean", -1.8634), "−1.86"),
        (say.interval_words("mean", (0.06436, 3.662)), "+0.06 to +3.66"),
        (say.interval_words("conversion", (-0.01, 0.02)), "−1.00 to +2.00 points"),
        (say.relative_words(0.2), "+20.0%"),
        (say.p_words(0.00001), "< 0.0001"),
        (say.chance_words(1.0), "> 99.9%"),
        (say.share_words(1 / 3), "33.3%"),
        (say.people(7), "<10"),
        (say.people(None), "<10"),
        (say.people(12_345), "12,345"),
    ],
)
def test_numbers_in_words(words: str, said: str) -> None:
    assert words == said


@given(diffs=st.lists(st.tuples(FINITE, FINITE, FINITE), max_size=40), margin=st.none() | FINITE)
def test_a_picture_over_time_stays_in_its_frame(
    diffs: list[tuple[float, float, float]], margin: float | None
) -> None:
    looks = [
        (date(2026, 1, 1) + timedelta(days=n), [["m", "a", mid, *sorted((low, high))]])
        for n, (mid, low, high) in enumerate(diffs)
    ]
    for panel in panels(seen_by_arm(looks, "m"), {"a": "A"}, "mean", margin):
        for point in panel.points:
            assert point.left >= 0 and point.left + point.width <= 100.01
            assert point.top >= 0 and point.top + point.height <= HEIGHT
            assert 0 <= point.y <= HEIGHT
        assert all(0 <= tick.y <= HEIGHT for tick in panel.ticks)


@given(intervals=st.lists(st.tuples(FINITE, FINITE), max_size=10))
def test_an_interval_lies_on_its_line(intervals: list[tuple[float, float]]) -> None:
    scale = Scale.around(intervals)
    for low, high in map(sorted, intervals):
        whisker = scale.whisker("mean", low, (low, high))
        if whisker is not None:
            assert 0 <= whisker.low <= whisker.low + whisker.width <= 100.01
            assert 0 <= whisker.zero <= 100


@given(low=FINITE, high=FINITE)
def test_levels_are_few_and_round(low: float, high: float) -> None:
    if 0 < high - low < math.inf:
        assert len(levels(low, high)) <= 12


def test_looks_of_an_older_or_a_broken_shape_are_passed_over() -> None:
    odd: Any = [(date(2026, 1, 1), [["m", "a"], ["m", 3, 1, 0, 2], ["m", "a", None, 0, 1]])]
    assert seen_by_arm(odd, "m") == {}


def effect(**more: Any) -> dict[str, Any]:
    return {"arm": "b", "n": 500, "n_control": 500, "value": 0.1, "of_control": 0.1, **more}


def result(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    arms = [
        {"key": key, "name": key.upper(), "n": n, "weight": 0.5, "is_control": key == "a"}
        for key, n in more.pop("people", {"a": 500, "b": 500}).items()
    ]
    return {"participants": sum(arm["n"] for arm in arms), "arms": arms, "metrics": list(metrics),
            "alpha": 0.05, "verdict": {"kind": "open"}, **more}  # fmt: skip


def metric(**more: Any) -> dict[str, Any]:
    return {"key": "m", "name": "M", "kind": "conversion", "role": "goal", "effects": [effect()],
            **more}  # fmt: skip


SURE = effect(diff=0.1, interval=[0.0, 0.2], p_adjusted=0.01)


@pytest.mark.parametrize(
    ("given_metric", "kind", "mark"),
    [
        (metric(effects=[SURE]), "open", "better"),
        (metric(effects=[{**SURE, "p_adjusted": 0.5}]), "open", "not sure"),
        (metric(direction="down", effects=[SURE]), "open", "worse"),
        (metric(is_late=True, effects=[SURE]), "open", "better, but added later"),
        (metric(), "open", "nothing to tell yet"),
        (metric(effects=[SURE]), "unhealthy", ""),
        (metric(role="guardrail", margin=0.1, effects=[effect(guarded={"noninferior": True})]),
         "open", "holds"),
        (metric(role="guardrail", margin=0.1, effects=[effect(guarded={"harm_confirmed": True})]),
         "open", "does harm"),
        (metric(role="guardrail", margin=0.1), "open", "not known yet"),
        (metric(role="guardrail"), "open", "no margin agreed"),
    ],
)  # fmt: skip
def test_a_mark_says_what_is_known_and_nothing_while_the_numbers_are_wrong(
    given_metric: dict[str, Any], kind: str, mark: str
) -> None:
    [view] = metric_views(result(given_metric, verdict={"kind": kind}), ())
    row = view.rows[1]
    assert (row.mark[1] if row.mark else "") == mark


def test_harm_begins_on_the_side_that_is_worse() -> None:
    guard = metric(role="guardrail", margin=0.1)
    assert harm_begins(guard) == pytest.approx(-0.01)
    assert harm_begins({**guard, "direction": "down"}) == pytest.approx(0.01)
    assert harm_begins(metric()) is None


def test_progress_says_when_the_next_planned_look_comes() -> None:
    document = result(people={"a": 260, "b": 250}, days=10)
    told = progress(document, Plan(1_000, 14, "planned", 4, 2, False))
    assert told.days == "Day 10 of at least 14"
    assert told.pct == 25.0 and told.planned == "250 of 1,000 in the smallest arm."
    assert told.look == "Look 2 of 4 comes at 500 participants in each arm."
    assert told.pace == "At the pace so far it takes 30 more days."
    unplanned = progress(document, Plan(None, 7, "any_time", 4, 2, False))
    assert unplanned.pct is None and "not planned" in unplanned.planned


@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_what_is_withheld_cannot_be_worked_out_from_the_rest(counts: list[int]) -> None:
    shown = days_withheld(counts)
    hidden = [n for n, one in zip(counts, shown, strict=True) if one is None]
    assert all(one is None or one >= 10 for one in shown)
    if any(n < 10 for n in counts) and sum(counts) >= 10:
        assert len(hidden) != 1


def test_a_small_arm_takes_its_effects_and_the_total_with_it() -> None:
    check = {"name": "split", "level": "bad", "words": "500, 7 participants",
             "table": {"head": ["Day", "n"], "rows": [["Monday", 3], ["Tuesday", 30]]}}  # fmt: skip
    told = withheld(
        result(metric(effects=[effect(n=7, diff=0.1)]), people={"a": 500, "b": 7}, health=[check])
    )
    assert 7 not in [arm["n"] for arm in told["arms"]]
    assert told["metrics"][0]["effects"][0]["diff"] is None
    assert "7 participants" not in told["health"][0]["words"]
    assert told["health"][0]["table"]["rows"] == [["Monday", "<10"], ["Tuesday", 30]]


def test_segments_factors_and_shares_are_shown_and_may_be_missing() -> None:
    now = clock.now()
    assert forests(result(metric()), {}) == []
    assert factorials(result()) == [] and bandit(result(), {}, now) is None
    apart = [{"arm": "b", "p_heterogeneity": 0.01, "Q": 9.0, "df": 1, "i2": 0.9, "reason": None,
              "rows": [{"segment": "s", "n": 40, "diff": 0.1, "interval": [0.0, 0.2], "p": 0.1},
                       {"segment": "t", "n": None, "reason": "Too small."}]}]  # fmt: skip
    [told] = forests(result(metric(segments=apart)), {"s": "Some"})
    assert told.arms[0].differs and "Cochran's Q = 9.00" in told.arms[0].words
    assert [row.name for row in told.arms[0].rows] == ["Some", "t"]
    assert told.arms[0].rows[1].whisker is None and told.arms[0].rows[1].reason == "Too small."
    crossed = {"metric": "m", "p_interaction": 0.01, "effects": [
        {"kind": "main", "name": "long", "against": "short", "diff": 0.1, "interval": [0, 0.2]},
        {"kind": "interaction", "name": "x", "diff": None, "interval": None, "reason": "Few."}],
        "others": [{"metric": "gone", "effects": [], "reason": "Too few."}]}  # fmt: skip
    first, second = factorials(result(metric(), factorial=crossed))
    assert "do not act on their own" in first.words and first.rows[1].reason == "Few."
    assert second.words == "Too few."
    moved = {"goal": "m", "floor": 0.05, "burn_in": 100, "is_ready": True, "matured": {"a": 50},
             "shares": [[now.isoformat(), {"a": 0.5, "b": 0.5}],
                        [(now + timedelta(days=1)).isoformat(), {"a": 0.2, "b": 0.8}]],
             "best": {"a": 0.001, "b": 0.999}, "gain": {"value": 0.01, "interval": [0, 0.02]},
             "contexts": {"s": {"a": 0.1, "b": 0.9}},
             "best_by_segment": {"s": {"b": 0.9}}}  # fmt: skip
    shown = bandit(result(metric(), bandit=moved), {}, now + timedelta(days=4))
    assert shown is not None
    assert [column.width for column in shown.columns] == [25.0, 75.0]
    assert [arm.share for arm in shown.arms] == ["20%", "80%"]
    assert shown.gain.startswith("+1.00 points") and shown.by_segment[0][0] == "s"


def test_changes_are_told_in_words() -> None:
    arms = {"b": "Bold"}
    assert change_words("ramped", {"from": 0.1, "to": 0.5}, arms) == "More take part (10% to 50%)"
    stopped = change_words("arm_stopped", {"arm": "b", "cause": "harm"}, arms)
    assert "“Bold”" in stopped and "a guardrail showed harm" in stopped
    assert change_words("something_new", {}, arms) == "Something new"
    assert "Bold 50%" in change_words("shares", {"to": {"b": 0.5}}, arms)


def test_every_number_is_explained_in_whole_sentences() -> None:
    for term in TERMS.values():
        assert term.name and term.words.endswith(".") and len(term.words) > 40

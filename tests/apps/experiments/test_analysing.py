"""Verdicts from sums: what is said, and when nothing is."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from apps.experiments.analysing import analyse
from apps.experiments.domain.effects import Looking, effect_of, guarded
from apps.experiments.domain.sums import Sums
from apps.experiments.models import DaySum, Experiment, Goal, Look, Metric, Participant, Phase
from apps.profiles.models import Profile
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)
ENDS = NOW + timedelta(days=14)


def took_part(lab: Lab, phase: Phase, arm: int, people: int, **fields: Any) -> None:
    """Rows of participants who did nothing yet."""
    profiles = Profile.objects.bulk_create(
        Profile(pk=uuid7(), site=lab.site, bucketing_key=str(uuid7()), created_at=NOW)
        for _ in range(people)
    )
    Participant.objects.bulk_create(
        Participant(phase=phase, profile=one, arm=arm, first_at=NOW, day=NOW.date(), **fields)
        for one in profiles
    )


def did(phase: Phase, metric: Metric, arm: int, n: int, y: float, **fields: Any) -> None:
    DaySum.objects.create(
        phase=phase, metric=metric, arm=arm, n=n, y=y,
        **{"day": NOW.date(), "yy": y, "counted_at": NOW, **fields},
    )  # fmt: skip


def running(lab: Lab, **more: Any) -> tuple[Experiment, Phase]:
    experiment = lab.design(**more)
    lab.start(experiment)
    return experiment, Phase.objects.get()


def test_a_clear_winner_is_told_in_a_sentence(lab: Lab) -> None:
    _, phase = running(lab, per_arm=5_000)
    did(phase, lab.metric, 0, 5_000, 500)
    did(phase, lab.metric, 1, 5_000, 700)
    result = analyse(phase, now=ENDS)
    assert result["verdict"] == {
        "kind": "winner", "arm": "arm1", "words": "'Arm 1' raises Orders by 40.0%.",
    }  # fmt: skip
    [effect] = result["metrics"][0]["effects"]
    low, high = effect["interval"]
    assert 0 < low < effect["diff"] < high
    assert Look.objects.get().figures == [["orders", "arm1", effect["diff"], low, high]]


def test_nothing_is_decided_before_whole_weeks_are_over(lab: Lab) -> None:
    _, phase = running(lab, per_arm=5_000)
    did(phase, lab.metric, 0, 5_000, 500)
    did(phase, lab.metric, 1, 5_000, 700)
    verdict = analyse(phase, now=NOW + timedelta(days=3))["verdict"]
    assert (verdict["kind"], verdict["arm"]) == ("early", "")


def test_a_wrong_split_hides_the_winner_and_names_its_cause(lab: Lab) -> None:
    _, phase = running(lab)
    for arm, browser, people in ((0, "chrome", 300), (1, "chrome", 300), (0, "safari", 100)):
        took_part(lab, phase, arm, people, facts={"browser": browser})
    did(phase, lab.metric, 0, 5_000, 500)
    did(phase, lab.metric, 1, 5_000, 700)
    result = analyse(phase, now=ENDS)
    assert result["verdict"]["kind"] == "unhealthy"
    assert result["verdict"]["arm"] == ""
    assert "browser" in result["health"][0]["words"]


def test_many_who_were_shown_both_arms_make_it_unhealthy(lab: Lab) -> None:
    _, phase = running(lab)
    took_part(lab, phase, 0, 50)
    took_part(lab, phase, 1, 50)
    took_part(lab, phase, 1, 5, is_mixed=True)
    result = analyse(phase, now=ENDS)
    assert [one["level"] for one in result["health"] if one["name"] == "mixed"] == ["bad"]


def test_arms_that_were_different_before_make_it_unhealthy(lab: Lab) -> None:
    _, phase = running(lab)
    for arm, before in ((0, 500), (1, 900)):
        did(phase, lab.metric, arm, 5_000, 500, x=before, xx=before, xy=100)
    checks = {one["name"]: one["level"] for one in analyse(phase, now=ENDS)["health"]}
    assert checks["balance"] == "bad"


def test_harm_beyond_the_margin_says_stop(lab: Lab) -> None:
    experiment, phase = running(lab, per_arm=20_000)
    guard = Metric.objects.create(site=lab.site, key="stays", name="Stays", event="Stayed")
    Goal.objects.create(
        experiment=experiment, metric=guard, role="guardrail", margin=0.05, added_at=NOW
    )
    did(phase, lab.metric, 0, 20_000, 2_000)
    did(phase, lab.metric, 1, 20_000, 2_600)
    did(phase, guard, 0, 20_000, 10_000)
    did(phase, guard, 1, 20_000, 7_000)
    verdict = analyse(phase, now=ENDS)["verdict"]
    assert verdict["kind"] == "harm" and "Stays" in verdict["words"]


def test_a_winner_waits_until_its_guardrail_is_known_to_hold(lab: Lab) -> None:
    experiment, phase = running(lab, per_arm=20_000)
    guard = Metric.objects.create(site=lab.site, key="stays", name="Stays", event="Stayed")
    Goal.objects.create(
        experiment=experiment, metric=guard, role="guardrail", margin=0.01, added_at=NOW
    )
    did(phase, lab.metric, 0, 20_000, 2_000)
    did(phase, lab.metric, 1, 20_000, 2_600)
    did(phase, guard, 0, 2_000, 1_000)
    did(phase, guard, 1, 2_000, 1_000)
    assert analyse(phase, now=ENDS)["verdict"]["kind"] == "open"


def test_a_metric_added_after_the_start_never_decides(lab: Lab) -> None:
    experiment, phase = running(lab, per_arm=5_000)
    Goal.objects.update(role="watched")
    late = Metric.objects.create(site=lab.site, key="late", name="Late", event="Late")
    Goal.objects.create(experiment=experiment, metric=late, added_at=NOW + timedelta(hours=1))
    did(phase, late, 0, 5_000, 500)
    did(phase, late, 1, 5_000, 900)
    result = analyse(phase, now=ENDS)
    assert result["verdict"]["kind"] != "winner"
    assert "late" in {one["name"] for one in result["health"]}


NOTHING: dict[str, list[tuple[int, int, float, dict[str, Any]]]] = {
    "nobody": [],
    "an_empty_arm": [(0, 100, 10, {})],
    "one_visitor_each": [(0, 1, 1, {}), (1, 1, 0, {})],
    "nobody_did_it": [(0, 100, 0, {}), (1, 100, 0, {})],
    "everybody_did_it": [(0, 100, 100, {}), (1, 100, 100, {})],
    "a_handful": [(0, 1_000, 0, {}), (1, 1_000, 4, {})],
    "huge": [(0, 100, 1e200, {"yy": 1e308}), (1, 100, 2e200, {"yy": 1e308})],
}


@pytest.mark.parametrize("kind", ["conversion", "mean", "ratio"])
@pytest.mark.parametrize("rows", NOTHING.values(), ids=NOTHING.keys())
def test_what_cannot_be_said_has_a_reason_and_is_never_a_number_without_end(
    lab: Lab, rows: list[tuple[int, int, float, dict[str, Any]]], kind: str
) -> None:
    Metric.objects.update(kind=kind, per_event="Product Viewed")
    _, phase = running(lab)
    lab.metric.refresh_from_db()
    for arm, n, y, more in rows:
        did(phase, lab.metric, arm, n, y, **more)
    if kind == "conversion" and any("yy" in more for *_, more in rows):
        pytest.skip("a share is at most everybody")
    result = analyse(phase, now=ENDS)
    json.dumps(result, allow_nan=False)
    assert result["verdict"]["kind"] not in ("winner", "harm")


def test_of_nothing_there_is_no_relative_change(lab: Lab) -> None:
    Metric.objects.update(kind="mean")
    _, phase = running(lab)
    lab.metric.refresh_from_db()
    did(phase, lab.metric, 0, 1_000, 0)
    did(phase, lab.metric, 1, 1_000, 50)
    [effect] = analyse(phase, now=ENDS)["metrics"][0]["effects"]
    assert effect["diff"] == 0.05 and effect["relative"] is None


def test_planned_looks_tell_nothing_in_between(lab: Lab) -> None:
    _, phase = running(lab, looking="planned", looks=2, per_arm=4_000)
    did(phase, lab.metric, 0, 1_000, 100)
    did(phase, lab.metric, 1, 1_000, 200)
    [effect] = analyse(phase, now=ENDS)["metrics"][0]["effects"]
    assert effect["interval"] is None and "planned look" in effect["reason"]
    DaySum.objects.update(n=4_000)
    [effect] = analyse(phase, now=ENDS)["metrics"][0]["effects"]
    assert effect["interval"] is not None and effect["p_adjusted"] < 0.05


def test_between_planned_looks_the_figures_stand_still(lab: Lab) -> None:
    _, phase = running(lab, looking="planned", looks=2, per_arm=4_000)
    for arm, y in ((0, 200), (1, 220)):
        did(phase, lab.metric, arm, 2_000, y)
    first = analyse(phase, now=ENDS)["metrics"][0]["effects"]
    for arm, y in ((0, 50), (1, 400)):  # not enough for the second look, whatever they say
        did(phase, lab.metric, arm, 1_000, y, day=NOW.date() + timedelta(days=1))
    assert analyse(phase, now=ENDS)["metrics"][0]["effects"] == first
    for arm, y in ((0, 50), (1, 400)):
        did(phase, lab.metric, arm, 1_000, y, day=NOW.date() + timedelta(days=2))
    today = NOW + timedelta(days=2)  # which is not over
    assert analyse(phase, now=today)["metrics"][0]["effects"] == first
    [effect] = analyse(phase, now=ENDS)["metrics"][0]["effects"]
    assert effect["n"] == 4_000 and effect["p_adjusted"] < 0.05


def test_a_goal_that_is_added_later_takes_nothing_from_what_decides(lab: Lab) -> None:
    experiment, phase = running(lab)
    did(phase, lab.metric, 0, 5_000, 500)
    did(phase, lab.metric, 1, 5_000, 600)
    before = analyse(phase, now=ENDS)["metrics"][0]["effects"][0]["p_adjusted"]
    for number in range(6):
        late = Metric.objects.create(site=lab.site, key=f"late{number}", name="Late", event="Late")
        Goal.objects.create(
            experiment=experiment, metric=late, added_at=phase.started_at + timedelta(days=1)
        )
        did(phase, late, 0, 5_000, 500)
        did(phase, late, 1, 5_000, 505)
    assert analyse(phase, now=ENDS)["metrics"][0]["effects"][0]["p_adjusted"] == before


def test_a_stopped_arm_does_not_win(lab: Lab) -> None:
    _, phase = running(lab, shares=(0.4, 0.3, 0.3))
    phase.stopped = ["arm1"]
    did(phase, lab.metric, 0, 5_000, 500)
    did(phase, lab.metric, 1, 5_000, 700)
    did(phase, lab.metric, 2, 5_000, 500)
    assert analyse(phase, now=ENDS)["verdict"]["kind"] != "winner"


def test_small_segments_are_not_told_apart(lab: Lab) -> None:
    _, phase = running(lab, segments=["few", "many"])
    for arm in (0, 1):
        did(phase, lab.metric, arm, 1_000, 100)
        did(phase, lab.metric, arm, 500, 50, segment="many")
        did(phase, lab.metric, arm, 9, 5, segment="few")
    [apart] = analyse(phase, now=ENDS)["metrics"][0]["segments"]
    rows = apart["rows"]
    assert [(row["segment"], row["n"]) for row in rows] == [("few", None), ("many", 1_000)]


def test_planted_harm_of_twice_the_margin_is_stopped() -> None:
    """In at least 95 of 100 of 500 runs of 70,000 in each arm, looked at 70 times."""
    draw = np.random.default_rng(8)
    looking = Looking("any_time", 0.05, 50_000)
    base, margin, looks, people = 0.2, 0.05, 70, 1_000
    stopped = 0
    for _ in range(500):
        sums = [Sums(), Sums()]
        for _ in range(looks):
            for arm, rate in enumerate((base, base * (1 - 2 * margin))):
                did_it = int(draw.binomial(people, rate))
                sums[arm] += Sums(people, did_it, did_it)
            effect = effect_of("b", sums[0], sums[1], "conversion", looking)
            found = guarded(effect, margin, "up", looking).guarded
            if found is not None and found.harm_confirmed:
                stopped += 1
                break
    assert stopped >= 475, stopped


def test_no_harm_is_hardly_ever_stopped() -> None:
    draw = np.random.default_rng(9)
    looking = Looking("any_time", 0.05, 20_000)
    stopped = 0
    for _ in range(300):
        sums = [Sums(), Sums()]
        for _ in range(20):
            for arm, rate in enumerate((0.2, 0.2 * 0.95)):  # at the margin itself
                did_it = int(draw.binomial(1_000, rate))
                sums[arm] += Sums(1_000, did_it, did_it)
            effect = effect_of("b", sums[0], sums[1], "conversion", looking)
            found = guarded(effect, 0.05, "up", looking).guarded
            if found is not None and found.harm_confirmed:
                stopped += 1
                break
    assert stopped <= 15, stopped

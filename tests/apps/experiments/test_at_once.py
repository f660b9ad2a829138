"""Many experiments worked out at once say what each says alone, and no more statements are made."""

import math
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.decisions.models import ArmDay
from apps.experiments import analysing, working_out
from apps.experiments.analysing import analyse, analyse_all
from apps.experiments.domain.effects import ANY_TIME, Looking, effect_of
from apps.experiments.domain.sums import Sums
from apps.experiments.models import Change, Goal, Look, Metric, Phase, Result, Uncounted
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab
from tests.apps.experiments.test_analysing import did, took_part

pytestmark = pytest.mark.django_db(transaction=True)
ENDS = NOW + timedelta(days=14)
LATER = NOW.date() + timedelta(days=1)


@pytest.fixture
def phases(lab: Lab) -> list[Phase]:
    """Three that have little in common: sums, segments, single values, stops, faults."""
    times = Metric.objects.create(
        site=lab.site, key="t", name="Time", event="Page Viewed", kind="quantile", of="value",
        quantile=0.5,
    )  # fmt: skip
    made = []
    for place, key in enumerate(("words", "colours", "prices")):
        experiment = lab.design(key, segments=["vip"] if place else [])
        Goal.objects.create(experiment=experiment, metric=times, role="watched", added_at=NOW)
        lab.start(experiment)
        phase = Phase.objects.select_related("experiment__site").get(experiment=experiment)
        for arm in (0, 1):
            n = 400 + 10 * place + arm
            took_part(lab, phase, arm, n // 10)
            took_part(lab, phase, arm, 2 + place, is_bot=True)
            took_part(lab, phase, arm, 1 + arm, is_mixed=True, is_bot=bool(arm))
            did(phase, lab.metric, arm, n, 40 + 5 * place + 9 * arm)
            did(phase, lab.metric, arm, n, 44 + 5 * place + 9 * arm, day=LATER)
            did(phase, lab.metric, arm, n // 4, 12 + place, segment="vip")
            sample = [[float(one % (17 + place + arm))] for one in range(60)]
            did(phase, times, arm, n, 0, sample=sample)
            ArmDay.objects.create(
                site=lab.site, day=LATER, experiment=key, arm=f"arm{arm}", calls=1_000 + place,
                failed=0, shown=500 + place,
            )  # fmt: skip
        Uncounted.objects.create(
            site=lab.site, experiment=key, arm="other", why="arm", day=LATER, n=7 + place
        )
        made.append(phase)
    Change.objects.create(
        experiment=made[1].experiment, phase=1, at=NOW + timedelta(days=1), action="arm_stopped",
        detail={"arm": "arm1"},
    )  # fmt: skip
    Phase.objects.filter(pk=made[1].pk).update(stopped=["arm1"])
    made[1].refresh_from_db()
    return made


def test_together_they_say_what_each_says_alone(phases: list[Phase]) -> None:
    alone: list[Any] = [analyse(phase, now=ENDS) for phase in phases]
    Result.objects.all().delete()
    Look.objects.all().delete()
    together = [found.document for found in analyse_all(phases, now=ENDS)]
    assert together == alone
    assert len({str(document) for document in together}) == 3
    for phase, document in zip(phases, together, strict=True):
        assert Result.objects.get(phase=phase).document == document
        assert Look.objects.get(phase=phase).figures
    said = {check["name"]: check["words"] for check in together[2]["health"]}
    assert said["bots"].startswith("10 of 95") and said["unknown_arm"].startswith("9 exposures")
    assert together[2]["arms"][0]["n"] == 42
    assert together[0]["metrics"][1]["effects"][0]["interval"] is not None


def test_an_answer_belongs_to_its_own_phase_of_the_same_experiment(phases: list[Phase]) -> None:
    first = phases[0]
    Phase.objects.filter(pk=first.pk).update(ended_at=NOW + timedelta(hours=1))
    second = Phase.objects.create(
        experiment=first.experiment, number=2, seed="anew", arms=first.arms, coverage=1.0,
        started_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    first.refresh_from_db()
    ArmDay.objects.create(
        site=first.experiment.site, day=NOW.date(), experiment="words", arm="arm0", calls=3,
        failed=0, shown=1,
    )  # fmt: skip
    second.started_at = NOW + timedelta(days=1)
    known = [found.known.answers for found in analyse_all([first, second], now=ENDS)]
    calls = [{one.arm: one.calls for one in answers} for answers in known]
    assert calls == [{"arm0": 3}, {"arm0": 1_000, "arm1": 1_000}]


def test_two_take_as_many_statements_as_one(phases: list[Phase]) -> None:
    counts = []
    # Of the one in between an arm is stopped: that is looked into for itself.
    for some in (phases[:1], phases[:1] + phases[2:]):
        with CaptureQueriesContext(connection) as made:
            analyse_all(some, now=ENDS)
        counts.append(len(made))
    assert counts[0] == counts[1] <= 14


def test_one_that_cannot_be_worked_out_keeps_no_other_from_it(
    phases: list[Phase], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = analysing._worked_out

    def broken(phase: Phase, *more: Any) -> Any:
        if phase.pk == phases[1].pk:
            raise ZeroDivisionError
        return really(phase, *more)

    monkeypatch.setattr(analysing, "_worked_out", broken)
    with pytest.raises(ZeroDivisionError):
        working_out.work_out(phases, now=ENDS)
    assert set(Result.objects.values_list("phase", flat=True)) == {phases[0].pk, phases[2].pk}


@pytest.mark.parametrize("kind", ["mean", "ratio"])
@pytest.mark.parametrize("value", [1e70, 1e80, 1e90, 1e99, 1e120, 1e150])
def test_one_absurd_value_is_no_figure_and_no_fault(kind: str, value: float) -> None:
    looking = Looking(ANY_TIME, 0.05, 1_000)
    control = Sums(500, 25_000.0, 1.3e6, 1_000.0, 3_000.0, 60_000.0)
    own = Sums(500, value, value * value, 1_000.0, 3_000.0, 2 * value)
    for pair in ((control, own), (own, control), (own, own)):
        effect = effect_of("b", *pair, kind, looking)
        told = [effect.diff, effect.p, *(effect.interval or ())]
        assert all(one is None or math.isfinite(one) for one in told)
        assert effect.interval is not None or effect.reason

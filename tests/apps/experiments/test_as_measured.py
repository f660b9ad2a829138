"""What is measured stays what it is: currencies, metrics of what ended lately, stopped arms."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from apps.content import revisions
from apps.content.errors import RestoreRefused
from apps.experiments import running, stopping
from apps.experiments.analysing import analyse
from apps.experiments.designing import KEPT_OPEN, judges_now, money_problems
from apps.experiments.errors import InvalidExperiment
from apps.experiments.models import Goal, Metric, Participant, Phase, Result, Uncounted
from apps.pipeline import fold
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_analysing import did
from tests.apps.experiments.test_stopping import running_with_guardrail

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def usual_clock() -> Iterator[None]:
    yield
    clock.replace(None)


def spent(lab: Lab, **more: str) -> Metric:
    return Metric.objects.create(
        site=lab.site, key="spent", name="Spent", event="Order Completed", kind="mean",
        of="value", **more,
    )  # fmt: skip


def test_amounts_of_several_currencies_are_not_added_up(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    metric = spent(lab)
    pieces = Metric.objects.create(
        site=lab.site, key="pieces", name="Pieces", event="Order Completed", kind="mean",
        of="property", property="quantity",
    )  # fmt: skip
    for one in (metric, pieces):
        Goal.objects.create(experiment=experiment, metric=one, role="watched", added_at=NOW)
    audience.order("ann", currency="EUR", quantity=2)
    assert money_problems(experiment.pk, clock.now()) == []  # one currency: they add up
    audience.order("bob", currency="usd", quantity=3)
    [found] = money_problems(experiment.pk, clock.now())  # and pieces are no money
    assert found["pointer"] == "/goals/spent"
    with pytest.raises(InvalidExperiment, match="EUR and USD are added up"):
        running.start(experiment_id=experiment.pk, actor=None, now=clock.now())
    metric.currency = "EUR"
    metric.save()
    running.start(experiment_id=experiment.pk, actor=None, now=clock.now())


def test_a_currency_that_shows_after_the_start_ends_what_can_be_told(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    goal = Goal.objects.create(
        experiment=experiment, metric=spent(lab), role="goal", added_at=NOW
    )  # fmt: skip
    lab.start(experiment)
    audience.join(experiment, 6)

    def told(day: int) -> tuple[Any, list[str]]:
        audience.refresh()
        phase = Phase.objects.get()
        document = analyse(phase, now=NOW + timedelta(days=day))
        [effect] = next(one for one in document["metrics"] if one["key"] == "spent")["effects"]
        return effect, [one["words"] for one in document["health"] if one["name"] == "money"]

    audience.order("visitor-0", "visitor-1", "visitor-2", "visitor-3", currency="EUR")
    effect, checks = told(1)
    assert effect["diff"] is not None and checks == []
    audience.order("visitor-4", currency="JPY", value=1_500)
    effect, [words] = told(2)
    assert effect["diff"] is None and "EUR and JPY" in effect["reason"] and "EUR and JPY" in words
    assert Result.objects.get().document["verdict"]["kind"] == "unhealthy"
    effect, checks = told(20)  # nobody looks at those days again: it is known
    assert effect["diff"] is None and checks == [words]
    json.dumps(Result.objects.get().document, allow_nan=False)

    goal.metric.currency = "EUR"
    goal.metric.save()
    assert told(21)[1] == []


def test_what_a_metric_measures_stays_until_late_events_count_no_more(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    kind = revisions.kind_named("metric")
    assert kind is not None
    before = kind.document_of(lab.metric.pk)
    ended = NOW + timedelta(days=20)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=ended)

    def judged(days: float) -> bool:
        return Metric.objects.filter(judges_now(ended + timedelta(days=days))).exists()

    assert judged(0)
    assert judged(KEPT_OPEN.days - 1)
    assert not judged(KEPT_OPEN.days + 1)
    moved = before | {"event": "Order Refunded"}
    with pytest.raises(RestoreRefused, match="Make another metric"):
        kind.restore(lab.metric.pk, moved, None, ended)
    kind.restore(lab.metric.pk, before | {"name": "Bought"}, None, ended)
    assert Metric.objects.get(pk=lab.metric.pk).name == "Bought"
    kind.restore(lab.metric.pk, moved, None, ended + KEPT_OPEN + timedelta(days=1))
    assert Metric.objects.get(pk=lab.metric.pk).event == "Order Refunded"


def test_nobody_takes_part_by_claiming_an_arm_that_was_stopped_then(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    hours = [NOW + timedelta(hours=n) for n in range(6)]
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="", now=hours[2])
    running.let_go_on(experiment_id=experiment.pk, arm="arm1", actor=None, note="", now=hours[4])
    clock.replace(lambda: hours[5])
    for who, arm, at in (
        ("before", "arm1", hours[1]),
        ("while", "arm1", hours[3]),
        ("control", "arm0", hours[3]),
        ("after", "arm1", hours[5]),
    ):
        body = {
            "event": "Experiment Viewed",
            "anonymousId": who,
            "properties": {"experiment_id": "words", "variation_id": arm},
            "timestamp": at.isoformat(),
        }
        response = lab.world.post("/v1/track", body, key=lab.world.sk)
        assert response.status_code == 200, response.content
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    audience.refresh()
    found = dict(Participant.objects.values_list("profile__identities__value", "arm"))
    assert found == {"before": 1, "control": 0, "after": 1}
    told = Uncounted.objects.values_list("experiment", "arm", "why", "n")
    assert list(told) == [("words", "arm1", "arm", 1)]


def test_the_more_metrics_may_stop_an_arm_the_surer_each_has_to_be(lab: Lab) -> None:
    experiment, phase, guard = running_with_guardrail(lab)

    def worse(metric: Metric) -> set[str]:
        found = stopping.causes(phase, {}, now=NOW + timedelta(days=3))
        return {one.figures["metric"] for one in found if one.figures["metric"] == metric.key}

    # The largest share of the arm at which it is stopped, with a judge beside it and with nine.
    def stopped_below() -> float:
        for share in np.arange(0.475, 0.40, -0.001):
            phase.sums.all().delete()
            did(phase, guard, 0, 5_000, 2_500)
            did(phase, guard, 1, 5_000, 5_000 * share)
            if worse(guard):
                return float(share)
        raise AssertionError("It is never stopped.")

    alone = stopped_below()
    for number in range(8):
        other = Metric.objects.create(
            site=lab.site, key=f"m{number}", name=f"M {number}", event=f"E{number}"
        )
        Goal.objects.create(
            experiment=experiment, metric=other, role="guardrail", margin=0.05, added_at=NOW
        )
    assert stopped_below() < alone
    assert Phase.objects.get().stopped == []


def test_an_arm_that_has_few_people_yet_counts_among_those_that_may_be_stopped(lab: Lab) -> None:
    _, phase, guard = running_with_guardrail(lab, (0.4, 0.3, 0.3), stops_for=["harm"])

    def stopped_below() -> float:
        for share in np.arange(0.475, 0.40, -0.001):
            phase.sums.all().delete()
            for arm, kept in enumerate((0.5, share, 0.5)):
                did(phase, guard, arm, 5_000, 5_000 * kept)
            if stopping.causes(phase, {}, now=NOW + timedelta(days=3)):
                return float(share)
        raise AssertionError("It is never stopped.")

    both = stopped_below()
    phase.participants.filter(arm=2).delete()
    assert stopped_below() == both

"""The worker's pass over a site: it stops what does harm, and works out what has something new."""

from datetime import timedelta
from typing import Any

import pytest

from apps.experiments import refresh_due, refreshing, running, tasks
from apps.experiments.models import Change, Phase, Result
from apps.work import clock
from apps.work import services as work
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab

pytestmark = pytest.mark.django_db(transaction=True)


def carry_out(kind: str) -> int:
    asked = list(Intent.objects.filter(kind=kind, state="waiting"))
    for intent in asked:
        assert perform(intent.pk, now=clock.now())
    return len(asked)


def at(lab: Lab, moment: Any, **payload: str) -> None:
    """A pass of the worker at a moment."""
    clock.replace(lambda: moment)
    key = f"experiment:{payload['experiment']}" if payload else "site"
    work.ask(tasks.REFRESH, key=key, site_id=lab.site.pk, payload=payload, now=moment)
    assert carry_out(tasks.REFRESH) == 1


def test_an_arm_in_which_nobody_buys_is_stopped_from_events_to_what_visitors_see(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design(stop_least=30)
    lab.start(experiment)
    shown = audience.join(experiment, 90)
    buyers = [who for who, variant in shown.items() if variant == "v0"]
    audience.order(*buyers)
    at(lab, NOW + timedelta(days=1))

    change = Change.objects.get(action="arm_stopped")
    assert change.detail["cause"] == "harm" and change.by_id is None
    assert change.detail["figures"]["participants"] == [len(buyers), 90 - len(buyers)]
    assert Result.objects.get().document["arms"][1]["is_stopped"]
    assert carry_out("decisions.publish_experiment") == 1
    assert set(lab.shown(experiment, 90).values()) == {"v0"}

    at(lab, NOW + timedelta(days=1, minutes=5))
    running.let_go_on(
        experiment_id=experiment.pk, arm="arm1", actor=None, note="The shop was down.",
        now=clock.now(),
    )  # fmt: skip
    at(lab, NOW + timedelta(days=1, minutes=10))
    assert Phase.objects.get().stopped == []


def test_a_result_is_worked_out_anew_when_something_is_new(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 4)
    early = NOW + timedelta(minutes=10)
    at(lab, early)

    def worked_out() -> Any:
        return Result.objects.get().worked_out_at

    assert worked_out() == early
    at(lab, NOW + timedelta(minutes=20))
    assert worked_out() == early  # nothing came in
    asked = NOW + timedelta(minutes=30)
    at(lab, asked, experiment=str(experiment.pk))
    assert worked_out() == asked
    audience.order("visitor-1", at=(NOW + timedelta(minutes=31)).isoformat(), told_days=0)
    ordered = NOW + timedelta(minutes=40)
    at(lab, ordered)
    assert worked_out() == ordered
    clock.replace(lambda: NOW + timedelta(minutes=45))
    running.pause(experiment_id=experiment.pk, actor=None, now=clock.now())
    paused = NOW + timedelta(minutes=50)
    at(lab, paused)
    assert worked_out() == paused
    tomorrow = NOW + timedelta(days=1)
    at(lab, tomorrow)
    assert worked_out() == tomorrow
    running.conclude(
        experiment_id=experiment.pk, winner="", learnings="", actor=None, now=tomorrow
    )  # fmt: skip
    at(lab, tomorrow + timedelta(minutes=5))
    assert worked_out() == tomorrow
    later = tomorrow + timedelta(minutes=10)
    audience.order("visitor-2", at=(NOW + timedelta(minutes=31)).isoformat(), told_days=2)
    at(lab, later + timedelta(days=2))
    assert worked_out() == later + timedelta(days=2)  # late events of what has ended


def test_what_a_broken_pass_has_counted_reaches_the_result_of_what_is_over(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 4)
    over = NOW + timedelta(minutes=20)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=over)
    at(lab, over)
    Result.objects.all().delete()
    assert refresh_due.due(lab.site.pk, (), None, over) == [experiment.phases.get()]  # never told
    at(lab, over)

    audience.order("visitor-1", at=(NOW + timedelta(minutes=15)).isoformat(), told_days=0)
    counted = NOW + timedelta(days=9)
    assert refreshing.refresh(site_id=lab.site.pk, now=counted)  # and then the worker is killed
    assert Result.objects.get().worked_out_at == over
    later = NOW + timedelta(days=9, minutes=5)
    at(lab, later)
    assert Result.objects.get().worked_out_at == later
    assert Result.objects.get().document["days"] == 0  # it ran for twenty minutes
    at(lab, NOW + timedelta(days=9, minutes=10))
    assert Result.objects.get().worked_out_at == later

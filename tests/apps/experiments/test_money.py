"""Whose amounts and which events decide that currencies are mixed, and what moves by them then."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from apps.access.models import Site
from apps.experiments import money, running, sharing
from apps.experiments.analysing import analyse
from apps.experiments.models import Experiment, Goal, Metric, Participant, Phase, Result
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_as_measured import spent
from tests.apps.experiments.test_bandits import LATER, learned
from tests.apps.profiles.conftest import track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def usual_clock() -> Iterator[None]:
    yield
    clock.replace(None)


def watched(experiment: Experiment, metric: Metric) -> None:
    Goal.objects.create(experiment=experiment, metric=metric, role="watched", added_at=NOW)


def seen(metric: Metric) -> list[str]:
    """The currencies of the one phase's metric."""
    phase = Phase.objects.select_related("experiment").get()
    goals = Goal.objects.select_related("metric").filter(metric=metric)
    found = money.currencies_of([phase], {phase.experiment_id: list(goals)})
    return found[phase.pk].get(metric.key, [])


def test_only_amounts_that_are_counted_say_a_currency(lab: Lab, audience: Audience) -> None:
    experiment, metric = lab.design(), spent(lab)
    watched(experiment, metric)
    lab.start(experiment)
    audience.join(experiment, 4)
    audience.order("visitor-0", currency="EUR")
    audience.order("visitor-1", currency="eur ")
    audience.order("visitor-1", currency="")
    audience.order("visitor-1", currency="CHF", value="n/a")
    audience.order("visitor-1", currency="CHF", value=None)
    audience.order("visitor-2", currency="USD", at=(NOW - timedelta(hours=1)).isoformat())
    audience.order("nobody-in-it", currency="JPY")
    audience.order("visitor-3", currency="GBP")
    audience.refresh()
    assert seen(metric) == ["EUR", "GBP"]
    analyse(Phase.objects.get(), now=NOW + timedelta(days=1))
    theirs = Participant.objects.filter(profile__identities__value="visitor-3")
    theirs.update(is_mixed=True)  # shown several arms
    assert seen(metric) == ["EUR"]
    theirs.update(is_mixed=False, is_bot=True)
    assert seen(metric) == ["EUR"]
    # Retention has begun to take what would tell whose it was: what is known stays.
    Site.objects.update(retention_days=1)
    assert seen(metric) == ["EUR", "GBP"]


def test_what_is_no_code_cannot_be_added_up_either(lab: Lab, audience: Audience) -> None:
    experiment, metric = lab.design(), spent(lab)
    watched(experiment, metric)
    lab.start(experiment)
    audience.join(experiment, 2)
    audience.order("visitor-0", currency="€")
    audience.order("visitor-1", currency="X" * 400)
    audience.refresh()
    assert seen(metric) == ["XXXXXXXX", "€"]


def test_what_came_before_its_time_says_none(lab: Lab, audience: Audience) -> None:
    experiment, metric = lab.design(), spent(lab, after_hours=24, window_hours=48)
    watched(experiment, metric)
    lab.start(experiment)
    audience.join(experiment, 1)
    audience.order("visitor-0", currency="USD")
    at = (NOW + timedelta(hours=30)).isoformat()
    audience.order("visitor-0", currency="EUR", at=at, told_days=2)
    audience.refresh()
    assert seen(metric) == ["EUR"]


def test_what_came_too_late_to_count_says_none(lab: Lab, audience: Audience) -> None:
    experiment, metric = lab.design(), spent(lab, window_hours=24)
    watched(experiment, metric)
    lab.start(experiment)
    audience.join(experiment, 2)
    audience.order("visitor-0", currency="EUR")
    audience.refresh()
    ended = NOW + timedelta(hours=12)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=ended)
    audience.order("visitor-1", currency="USD", at=(NOW + timedelta(hours=30)).isoformat(),
                   told_days=2)  # fmt: skip
    assert seen(metric) == ["EUR"]
    # It is counted though the phase has ended: within the day that each participant has.
    audience.order("visitor-1", currency="CHF", at=(NOW + timedelta(hours=20)).isoformat(),
                   told_days=2)  # fmt: skip
    assert seen(metric) == ["CHF", "EUR"]


def test_the_event_that_a_ratio_only_counts_says_none(lab: Lab, audience: Audience) -> None:
    metric = Metric.objects.create(
        site=lab.site, key="per_view", name="Per view", event="Order Completed", kind="ratio",
        of="value", per_event="Product Viewed", per_of="count",
    )  # fmt: skip
    experiment = lab.design()
    watched(experiment, metric)
    lab.start(experiment)
    audience.join(experiment, 2)
    audience.order("visitor-0", currency="EUR")
    at = (NOW + timedelta(minutes=40)).isoformat()
    viewed = {"currency": "USD", "value": 3}
    audience.shop.send(
        track("Product Viewed", anonymousId="visitor-1", timestamp=at, properties=viewed)
    )
    audience.refresh()
    assert seen(metric) == ["EUR"]


def test_a_metric_added_later_is_looked_at_since_the_start(lab: Lab, audience: Audience) -> None:
    experiment, metric = lab.design(), spent(lab)
    lab.start(experiment)
    audience.join(experiment, 4)
    audience.order("visitor-0", currency="EUR")
    audience.order("visitor-1", currency="USD")
    audience.refresh()
    phase = Phase.objects.get()
    analyse(phase, now=NOW + timedelta(days=9))
    watched(experiment, metric)
    analyse(Phase.objects.get(), now=NOW + timedelta(days=10))
    assert Result.objects.get().document["currencies"] == {"spent": ["EUR", "USD"]}


def test_a_bandit_does_not_move_by_a_sum_of_several_currencies(
    lab: Lab, audience: Audience
) -> None:
    lab.metric.kind, lab.metric.of = Metric.Kind.MEAN, Metric.Of.VALUE
    lab.metric.save()
    experiment = lab.design(kind=Experiment.Kind.BANDIT, bandit_burn_in=100, bandit_hours=24)
    lab.start(experiment)
    audience.join(experiment, 4)
    audience.order("visitor-0", currency="EUR")
    audience.order("visitor-1", currency="USD")
    audience.refresh()
    phase = Phase.objects.get()
    phase.bandit_sums.all().delete()
    learned(phase, lab.metric, (400, 30), (400, 80))
    assert not sharing.share_anew(phase, now=LATER)
    told = analyse(phase, now=LATER)["bandit"]
    assert told["best"] == {} and told["gain"] is None and told["best_by_segment"] == {}

    lab.metric.currency = "EUR"
    lab.metric.save()
    phase = Phase.objects.get()
    told = analyse(phase, now=LATER)["bandit"]
    assert told["best"] and told["gain"]
    assert sharing.share_anew(phase, now=LATER)

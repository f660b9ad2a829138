"""Who takes part, and what is counted of them, through the API and the events."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import Site
from apps.decisions import services as decisions
from apps.experiments import refreshing, running
from apps.experiments.domain.sums import NAMES, Sums, total
from apps.experiments.models import DaySum, Goal, Metric, Participant, Phase, Serving
from apps.profiles.models import Identity
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.profiles.conftest import identify, track

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 24


def sums_of(metric: Metric, arm: int, segment: str = "") -> Sums:
    rows = DaySum.objects.filter(metric=metric, arm=arm, segment=segment)
    return total(Sums(*one) for one in rows.values_list(*NAMES))


def goal(lab: Lab, experiment: Any, **fields: Any) -> Metric:
    """Another metric of an experiment."""
    key = f"metric-{Metric.objects.count()}"
    metric = Metric.objects.create(
        site=lab.site, key=key, name=key, **{"event": "Order Completed", **fields}
    )
    Goal.objects.create(experiment=experiment, metric=metric, role="watched", added_at=NOW)
    return metric


def test_who_was_exposed_takes_part_in_the_arm_that_was_shown(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    shown = audience.join(experiment, PEOPLE)
    audience.look(experiment, "only-looked")
    audience.refresh()

    arms = dict(Participant.objects.values_list("profile__identities__value", "arm"))
    assert arms == {who: int(variant[1]) for who, variant in shown.items()}
    assert set(Participant.objects.values_list("first_at", "is_mixed")) == {(NOW, False)}


def test_an_exposure_says_in_which_experiment_and_how_likely_it_was(
    lab: Lab, audience: Audience
) -> None:
    from apps.events.models import Event

    experiment = lab.design(shares=(0.25, 0.75))
    lab.start(experiment)
    shown = audience.join(experiment, 6)
    rows = Event.objects.filter(kind=Event.Kind.EXPOSURE)
    told = {
        (one["experiment"], one["arm"], one["probability"])
        for one in rows.values_list("properties", flat=True)
    }
    likely = {"v0": 0.25, "v1": 0.75}
    assert told == {
        ("words", f"arm{variant[1]}", likely[variant]) for variant in set(shown.values())
    }


def test_what_they_did_afterwards_is_counted_once_however_often(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    value = goal(lab, experiment, kind="mean", of="value", most=25.0)
    lab.start(experiment)
    shown = audience.join(experiment, PEOPLE)
    first = [who for who, variant in shown.items() if variant == "v0"]
    other = [who for who, variant in shown.items() if variant == "v1"]
    audience.order(*first[:2], value=10)
    audience.order(first[0], value=100)
    audience.order(*other[:3], value=20)
    audience.order("nobody-here")
    audience.order(other[4], at=(NOW - timedelta(hours=1)).isoformat())
    audience.order(other[4], at=(NOW + timedelta(days=8)).isoformat(), told_days=9)

    assert audience.refresh() == 2
    assert audience.refresh() == 0
    for phase in Phase.objects.all():
        refreshing.count_anew(phase, now=clock.now())

    orders = [sums_of(lab.metric, arm) for arm in (0, 1)]
    assert [(one.n, one.y) for one in orders] == [(len(first), 2.0), (len(other), 3.0)]
    assert orders[1].x == 1.0  # an hour before the first exposure
    values = [sums_of(value, arm) for arm in (0, 1)]
    assert values[0].y == 25 + 10 and values[0].yy == 25**2 + 10**2
    assert values[1].y == 60


def test_a_late_event_reopens_the_day_it_belongs_to(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    shown = audience.join(experiment, 4)
    audience.refresh()
    assert sums_of(lab.metric, 0).y + sums_of(lab.metric, 1).y == 0

    audience.order(*shown)
    assert audience.refresh() == 1
    assert sums_of(lab.metric, 0).y + sums_of(lab.metric, 1).y == 4


def test_a_ratio_is_one_sum_over_another_and_a_return_comes_later(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    ratio = goal(
        lab, experiment, kind="ratio", of="value", per_event="Product Viewed", per_of="count"
    )
    back = goal(lab, experiment, kind="retention", event="", after_hours=24)
    lab.start(experiment)
    audience.join(experiment, 1)
    audience.order("visitor-0", value=30)
    later = (NOW + timedelta(hours=25)).isoformat()
    clock.replace(lambda: NOW + timedelta(days=2))
    audience.shop.send(track(anonymousId="visitor-0", timestamp=later))
    audience.shop.send(track(anonymousId="visitor-0", timestamp=later))
    audience.refresh()

    arm = Participant.objects.get().arm
    assert (sums_of(ratio, arm).y, sums_of(ratio, arm).d) == (30.0, 2.0)
    assert (sums_of(back, arm).n, sums_of(back, arm).y) == (1, 1.0)


def test_another_currency_is_left_out_and_counted(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    value = goal(lab, experiment, kind="mean", of="value", currency="EUR")
    lab.start(experiment)
    audience.join(experiment, 1)
    audience.order("visitor-0", value=30, currency="EUR")
    audience.order("visitor-0", value=40, currency="USD")
    audience.refresh()
    row = DaySum.objects.get(metric=value)
    assert (row.y, row.left_out) == (30.0, 1)


def test_who_was_shown_two_arms_is_mixed_and_left_out(lab: Lab, audience: Audience) -> None:
    experiment = lab.design(kind="bandit")
    lab.start(experiment)
    before = audience.join(experiment, PEOPLE)
    running.set_shares(experiment_id=experiment.pk, shares={"arm0": 0.05, "arm1": 0.95}, now=NOW)
    lab.world.publish()
    after = audience.join(experiment, PEOPLE)
    audience.refresh()

    moved = {who for who in before if before[who] != after[who]}
    assert moved
    mixed = Participant.objects.filter(is_mixed=True)
    assert set(mixed.values_list("profile__identities__value", flat=True)) == moved
    assert sum(sums_of(lab.metric, arm).n for arm in (0, 1)) == PEOPLE - len(moved)
    # The first exposure counts: who was moved is still told with the arm that came first.
    assert set(mixed.values_list("arm", flat=True)) == {0}


def test_a_stopped_arm_takes_nobody_in(lab: Lab, audience: Audience) -> None:
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="harm", now=NOW)
    lab.world.publish()
    audience.join(experiment, 3)
    audience.refresh()
    assert not Participant.objects.exists()


def test_a_phase_has_its_own_participants_also_when_a_publication_is_brought_back(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    first = lab.world.publish().number
    audience.join(experiment, 3)
    early = audience.look(experiment, "late-teller")
    running.begin_phase(experiment_id=experiment.pk, actor=None, note="again", now=NOW)
    lab.world.publish()
    audience.join(experiment, 5)
    audience.expose(early)  # told after the new phase had begun
    decisions.rollback(site_id=lab.site.pk, number=first, actor=None, now=NOW)
    audience.expose(audience.look(experiment, "after-the-rollback"))
    audience.refresh()

    phases = Phase.objects.order_by("number")
    assert [phase.participants.count() for phase in phases] == [3 + 1 + 1, 5]
    servings = Serving.objects.order_by("publication")
    assert list(servings.values_list("phase__number", flat=True)) == [1, 2, 1]


def test_two_devices_of_one_person_are_one_participant(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    shown = audience.join(experiment, PEOPLE)
    audience.refresh()
    one = next(who for who, variant in shown.items() if variant == "v0")
    other = next(who for who, variant in shown.items() if variant == "v1")
    same = next(who for who in shown if shown[who] == "v0" and who != one)

    for device in (one, same, other):
        audience.shop.send(identify("u1", anonymousId=device))
        audience.refresh()
        person = Identity.objects.get(kind="user_id", value="u1").profile_id
        assert Participant.objects.get(profile_id=person).is_mixed == (device == other)

    assert Participant.objects.count() == PEOPLE - 2
    assert sum(sums_of(lab.metric, arm).n for arm in (0, 1)) == PEOPLE - 3


def test_splits_of_other_tools_come_in_as_events(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    viewed = {"experiment_id": "words", "variation_id": "arm1"}
    audience.shop.send(
        track("Experiment Viewed", anonymousId="a9", properties=viewed),
        track("Experiment Viewed", anonymousId="a8", properties={**viewed, "variation_id": "x"}),
        track("Experiment Viewed", anonymousId="a7", properties={"experiment_id": "unknown"}),
    )
    audience.refresh()
    assert list(Participant.objects.values_list("profile__identities__value", "arm")) == [("a9", 1)]


def test_segments_are_told_apart_as_they_were_at_the_first_exposure(
    lab: Lab, audience: Audience
) -> None:
    from apps.segments.models import Membership

    segment = lab.world.segment("blouses")
    experiment = lab.design(segments=["blouses"])
    lab.start(experiment)
    audience.join(experiment, 4)
    version = segment.versions.get()
    for n, (since, left) in enumerate([(-2, None), (-2, -1), (1, None)]):
        profile_id = Identity.objects.get(value=f"visitor-{n}").profile_id
        Membership.objects.create(
            site=lab.site, segment=segment, version=version, profile_id=profile_id,
            since=NOW + timedelta(hours=since),
            left_at=None if left is None else NOW + timedelta(hours=left),
        )  # fmt: skip
    audience.refresh()

    inside = Participant.objects.exclude(segments=[])
    assert list(inside.values_list("profile__identities__value", "segments")) == [
        ("visitor-0", [["blouses", version.number]])
    ]
    assert sum(sums_of(lab.metric, arm, "blouses").n for arm in (0, 1)) == 1


def test_who_takes_the_consent_back_is_counted_no_more(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 4)
    audience.order("visitor-1")
    audience.refresh()
    assert sum(sums_of(lab.metric, arm).n for arm in (0, 1)) == 4

    clock.replace(lambda: NOW + timedelta(days=2))
    told = {
        "anonymousId": "visitor-1",
        "purposes": {"analytics": False},
        "source": "banner",
    }
    response = lab.world.post("/v1/consent", told, key=lab.world.sk)
    assert response.status_code == 200, response.content
    assert Participant.objects.count() == 3
    audience.refresh()
    assert sum(sums_of(lab.metric, arm).n for arm in (0, 1)) == 3
    assert sum(sums_of(lab.metric, arm).y for arm in (0, 1)) == 0


def test_another_site_is_not_touched(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 2)
    other = Site.objects.create(key="other", name="Other", created_at=NOW)
    assert refreshing.refresh(site_id=other.pk, now=NOW) == 0
    assert not Participant.objects.exists()


def test_a_worker_counts_what_runs_and_keeps_what_it_says(lab: Lab, audience: Audience) -> None:
    from apps.experiments import tasks
    from apps.experiments.models import Result
    from apps.work import performing
    from apps.work.models import Intent

    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 4)
    tasks.refresh_all()
    [intent] = Intent.objects.filter(kind=tasks.REFRESH)
    assert performing.perform(intent.pk, now=clock.now())
    assert Result.objects.get().document["participants"] == 4

"""A bandit from its design to the shares that visitors are dealt by, published by a worker."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.access.models import AuditEntry
from apps.content import services as content
from apps.decisions import stored
from apps.decisions.models import Publication
from apps.events.models import Event
from apps.experiments import analysing, bandit_figures, running, sharing, tasks
from apps.experiments.errors import InvalidExperiment
from apps.experiments.models import (
    BanditSum,
    Change,
    DaySum,
    Experiment,
    Goal,
    Metric,
    Participant,
    Phase,
    Result,
)
from apps.work import clock
from apps.work import services as work
from apps.work.models import Intent
from apps.work.performing import perform
from engine.snapshot import ExperimentDoc
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(days=10)
GOLD = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"}}


def bandit(lab: Lab, arms: int = 2, **more: Any) -> tuple[Experiment, Phase]:
    even = tuple([1 / arms] * arms)
    options = {"bandit_burn_in": 100, "bandit_hours": 24, **more}
    experiment = lab.design(shares=even, kind=Experiment.Kind.BANDIT, **options)
    lab.start(experiment)
    return experiment, Phase.objects.get()


def learned(
    phase: Phase,
    metric: Metric,
    *arms: tuple[int, int],
    context: str = "",
    day: datetime = NOW,
    p: float = 0.5,
) -> None:
    """So many participants of each arm, and so many who did it, at a probability."""
    for number, (n, y) in enumerate(arms):
        BanditSum.objects.create(
            phase=phase, metric=metric, arm=number, context=context, day=day.date(), n=n, w=n / p,
            ww=n / p**2, wy=y / p, wwy=y / p**2, wwyy=y / p**2, counted_at=NOW,
        )  # fmt: skip


def carry_out() -> int:
    """Carry out what workers were asked to publish; how many."""
    asked = list(Intent.objects.filter(kind="decisions.publish_experiment", state="waiting"))
    for intent in asked:
        assert perform(intent.pk, now=intent.run_after)
    return len(asked)


def serves(lab: Lab) -> ExperimentDoc:
    """The one experiment that is served."""
    newest = stored.newest(lab.site.pk)
    assert newest is not None
    [found] = stored.document_of(newest).experiments
    return found


def weights(phase: Phase) -> list[float]:
    phase.refresh_from_db()
    return [arm["weight"] for arm in phase.arms]


def test_it_begins_with_even_shares_and_moves_once_it_has_seen_enough(lab: Lab) -> None:
    experiment, phase = bandit(lab, arms=3)
    assert phase.bandit == {"floor": 0.05, "burn_in": 100, "hours": 24, "is_contextual": False}
    assert weights(phase) == [1 / 3] * 3
    learned(phase, lab.metric, (99, 5), (400, 80), (400, 30))
    assert not sharing.share_anew(phase, now=LATER)  # one arm has too few
    learned(phase, lab.metric, (1, 0), day=NOW + timedelta(days=1))
    assert sharing.share_anew(phase, now=LATER)
    first = weights(phase)
    assert first[1] == pytest.approx(1 / 3 + 0.2, abs=2e-4) and sum(first) == pytest.approx(1)
    assert all(round(one * 10_000) / 10_000 == one for one in first)

    before = Publication.objects.count()
    assert carry_out() == 1
    assert Publication.objects.count() == before + 1
    newest = Publication.objects.order_by("-number").first()
    assert newest is not None and newest.published_by_id is None
    assert newest.note == "New shares of 'words'"
    seen = Counter(lab.shown(experiment, 400).values())
    assert seen["v1"] > 170 > 120 > max(seen["v0"], seen["v2"])
    assert lab.waiting() == []  # what serves is what is drafted

    told = AuditEntry.objects.filter(action="experiments.shares")
    assert told.count() == 1
    change = Change.objects.get(action="shares")
    assert change.by_id is None and change.detail["to"]["arm1"] == first[1]


def test_shares_move_no_more_often_than_was_asked_for_and_come_to_rest(lab: Lab) -> None:
    _, phase = bandit(lab)
    learned(phase, lab.metric, (500, 20), (500, 80))
    assert not sharing.share_anew(phase, now=NOW + timedelta(hours=23))
    assert sharing.share_anew(phase, now=LATER)
    phase.refresh_from_db()
    assert not sharing.share_anew(phase, now=LATER + timedelta(hours=23, minutes=59))
    at = LATER
    for _ in range(6):
        at += timedelta(days=1)
        phase.refresh_from_db()
        sharing.share_anew(phase, now=at)
    assert weights(phase) == [0.05, 0.95]  # the floor
    phase.refresh_from_db()
    assert not sharing.share_anew(phase, now=at + timedelta(days=1))


def test_only_those_whose_time_is_over_speak(lab: Lab) -> None:
    _, phase = bandit(lab)  # the goal has a week
    learned(phase, lab.metric, (500, 20), (500, 80), day=NOW + timedelta(days=3))
    assert not sharing.share_anew(phase, now=NOW + timedelta(days=10))
    assert sharing.share_anew(phase, now=NOW + timedelta(days=12))


def test_a_stopped_arm_gets_nothing_and_the_control_learns_on(lab: Lab) -> None:
    experiment, phase = bandit(lab, arms=3)
    learned(phase, lab.metric, (500, 50), (500, 60), (500, 70))
    running.stop_arm(
        experiment_id=experiment.pk, arm="arm2", actor=None, note="harm", cause="harm", now=NOW
    )
    phase.refresh_from_db()
    assert sharing.share_anew(phase, now=LATER)
    shares = weights(phase)
    assert shares[2] == 0 and min(shares[:2]) >= 0.05 and sum(shares) == pytest.approx(1)


def test_what_an_editor_has_not_published_stays_unpublished(lab: Lab) -> None:
    """The worker serves new shares, and neither the wider coverage nor the changed block."""
    experiment, phase = bandit(lab, coverage=0.5)
    learned(phase, lab.metric, (500, 20), (500, 80))
    running.ramp(experiment_id=experiment.pk, coverage=1.0, actor=None, now=NOW)
    content.update_variant(variant_id=lab.variants["words"][1].pk, template="<p>new</p>")
    waiting = lab.waiting()
    phase.refresh_from_db()
    assert sharing.share_anew(phase, now=LATER)
    assert carry_out() == 1
    assert lab.waiting() == waiting
    served = serves(lab)
    assert served.coverage == 0.5
    assert [arm.weight for arm in served.arms] == weights(phase)


def test_nothing_is_published_of_what_a_person_has_taken_out(lab: Lab) -> None:
    experiment, phase = bandit(lab)
    learned(phase, lab.metric, (500, 20), (500, 80))
    assert sharing.share_anew(phase, now=LATER)
    running.pause(experiment_id=experiment.pk, actor=None, now=LATER)
    lab.world.publish()
    number = Publication.objects.count()
    carry_out()
    assert Publication.objects.count() == number
    phase.refresh_from_db()
    assert not sharing.share_anew(phase, now=LATER + timedelta(days=2))


def test_a_pass_of_the_worker_does_all_of_it(lab: Lab, audience: Audience) -> None:
    """From exposures and orders that came in to shares that are served."""
    experiment, phase = bandit(lab, bandit_burn_in=10)
    shown = audience.join(experiment, 80)
    audience.order(*(who for who, variant in shown.items() if variant == "v1"))
    clock.replace(lambda: LATER)
    asked = work.ask(tasks.REFRESH, key="site", site_id=lab.site.pk, now=LATER)
    assert perform(asked.pk, now=LATER)
    assert weights(phase) == [0.3, 0.7]
    assert carry_out() == 1
    assert [arm.weight for arm in serves(lab).arms] == [0.3, 0.7]
    told = Result.objects.get(phase=phase).document["bandit"]
    assert told["shares"][-1][1] == {"arm0": 0.3, "arm1": 0.7} and told["best"]["arm1"] > 0.99


def test_a_fixed_experiment_is_never_shared_anew(lab: Lab) -> None:
    lab.start(lab.design())
    phase = Phase.objects.get()
    assert phase.bandit == {} and not sharing.share_anew(phase, now=LATER)
    assert analysing.analyse(phase, now=LATER)["bandit"] is None


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"shares": (0.7, 0.3)}, "begins with even shares"),
        ({"bandit_floor": 0.5, "shares": (0.3334, 0.3333, 0.3333)}, "cannot all keep 50%"),
        ({"is_contextual": True}, "Name the segments"),
        ({"is_contextual": True, "segments": ["nobody"]}, "'nobody' is not published"),
    ],
)
def test_a_design_that_cannot_move_is_refused(lab: Lab, more: dict[str, Any], wrong: str) -> None:
    experiment = lab.design(kind=Experiment.Kind.BANDIT, **more)
    with pytest.raises(InvalidExperiment, match=wrong):
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)


def test_a_goal_that_is_no_share_and_no_average_is_refused(lab: Lab) -> None:
    experiment = lab.design(kind=Experiment.Kind.BANDIT)
    Metric.objects.update(kind=Metric.Kind.RATIO, per_event="Product Viewed")
    with pytest.raises(InvalidExperiment, match="A bandit cannot follow 'Orders'"):
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    Metric.objects.update(kind=Metric.Kind.MEAN)
    second = Metric.objects.create(site=lab.site, key="visits", name="Visits", event="Page")
    Goal.objects.create(experiment=experiment, metric=second, added_at=NOW)
    with pytest.raises(InvalidExperiment, match="follows one goal"):
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)


# --- what participants did, weighted --------------------------------------------------------------


def test_participants_carry_the_probability_they_were_dealt_with(
    lab: Lab, audience: Audience
) -> None:
    experiment, phase = bandit(lab, coverage=0.8)
    shown = audience.join(experiment, 60)
    audience.refresh()
    rows = Participant.objects.filter(phase=phase)
    assert rows.count() > 30
    assert set(rows.values_list("probability", flat=True)) == {0.5}
    exposures = Event.objects.filter(properties__has_key="propensity")
    told = {(one.properties["variant"], one.properties["propensity"]) for one in exposures}
    # The control is the default, which is shown to the other fifth of the visitors, too.
    assert told == {("v0", 0.6), ("v1", 0.4)}
    assert set(shown.values()) == {"v0", "v1"}


def test_who_was_shown_several_arms_counts_for_the_first(lab: Lab, audience: Audience) -> None:
    """Shares move: some change their arm. The sums keep them, by the first probability."""
    experiment, phase = bandit(lab)
    first = audience.join(experiment, 60)
    running.set_shares(
        experiment_id=experiment.pk, shares={"arm0": 0.1, "arm1": 0.9}, now=clock.now()
    )
    lab.world.publish()
    clock.replace(lambda: NOW + timedelta(minutes=10))
    second = audience.join(experiment, 60)
    changed = [who for who in first if first[who] != second[who]]
    assert changed and all(second[who] == "v1" for who in changed)
    audience.order(*changed, at=(NOW + timedelta(hours=2)).isoformat())
    audience.refresh()

    assert Participant.objects.filter(is_mixed=True).count() == len(changed)
    phase.refresh_from_db()
    cells = bandit_figures.cells_of(phase, lab.metric)
    assert sum(one.n for one in cells.values()) == 60
    started_with_control = sum(variant == "v0" for variant in first.values())
    control = cells["", 0]
    assert (control.n, control.w) == (started_with_control, pytest.approx(2 * control.n))
    assert control.wy == pytest.approx(2 * len(changed))
    assert DaySum.objects.filter(phase=phase, arm=0).exists()
    result = analysing.analyse(phase, now=clock.now())
    assert result["participants"] == 60
    shares = result["bandit"]["shares"]
    assert shares[0][1] == {"arm0": 0.5, "arm1": 0.5}
    assert shares[1][1] == {"arm0": 0.1, "arm1": 0.9}


def test_the_result_says_who_is_likely_the_best(lab: Lab) -> None:
    _, phase = bandit(lab)
    learned(phase, lab.metric, (500, 20), (500, 80))
    told = analysing.analyse(phase, now=LATER)["bandit"]
    assert told["best"]["arm1"] > 0.99 and sum(told["best"].values()) == pytest.approx(1)
    assert told["is_ready"] and told["matured"] == {"arm0": 500, "arm1": 500}
    assert told["gain"]["value"] == pytest.approx(0)  # even so far
    empty = analysing.analyse(phase, now=NOW)["bandit"]
    assert (empty["best"], empty["gain"], empty["is_ready"]) == ({}, None, False)


def test_effects_are_weighted(lab: Lab) -> None:
    """The treatment got its people when everybody ordered: the plain figures say it is better."""
    _, phase = bandit(lab)
    for day, (share, rate) in enumerate(((0.1, 0.05), (0.9, 0.30))):
        for arm, part in ((0, 1 - share), (1, share)):
            n = round(10_000 * part)
            learned_at = NOW + timedelta(days=day)
            y = round(n * rate)
            BanditSum.objects.create(
                phase=phase, metric=lab.metric, arm=arm, day=learned_at.date(), n=n, w=n / part,
                ww=n / part**2, wy=y / part, wwy=y / part**2, wwyy=y / part**2, counted_at=NOW,
            )  # fmt: skip
            DaySum.objects.create(
                phase=phase, metric=lab.metric, arm=arm, day=learned_at.date(), n=n, y=y, yy=y,
                counted_at=NOW,
            )  # fmt: skip
    [effect] = analysing.analyse(phase, now=LATER)["metrics"][0]["effects"]
    assert effect["diff"] == pytest.approx(0, abs=1e-9)
    low, high = effect["interval"]
    assert low < 0 < high and effect["bayes"] is None


# --- shares by segment ----------------------------------------------------------------------------


def test_each_segment_has_its_own_shares_and_small_ones_borrow(lab: Lab) -> None:
    lab.world.segment("vip", GOLD)
    _, phase = bandit(lab, is_contextual=True, segments=["vip"], bandit_burn_in=50)
    learned(phase, lab.metric, (2_000, 100), (2_000, 260))
    learned(phase, lab.metric, (15, 4), (15, 4), context="vip")
    assert sharing.share_anew(phase, now=LATER)
    phase.refresh_from_db()
    own = phase.bandit["contexts"]["vip"]
    assert own["arm1"] > 0.5  # of thirty people nothing could be said
    assert carry_out() == 1
    assert [(one.segment, one.weights) for one in serves(lab).contexts] == [
        ("vip", [own["arm0"], own["arm1"]])
    ]
    told = analysing.analyse(phase, now=LATER)["bandit"]
    assert told["best_by_segment"]["vip"]["arm1"] > 0.6
    assert told["contexts"] == {"vip": own}

"""Experiments that run: what visitors are shown, and what never changes under them."""

from collections import Counter
from typing import Any

import pytest

from apps.access.models import AuditEntry
from apps.decisions.errors import PublicationRefused
from apps.experiments import running
from apps.experiments.errors import InvalidExperiment, NotAsItStands
from apps.experiments.layering import free_parts
from apps.experiments.models import Arm, Change, Experiment, Goal, Holdout, Layer, Phase
from tests.apps.delivery.conftest import LAST_VIEWED, NOW
from tests.apps.experiments.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


def wrong_places(error: InvalidExperiment) -> set[str]:
    return {one["pointer"] for one in error.errors}


def test_a_design_shows_nobody_anything(lab: Lab) -> None:
    lab.design()
    lab.world.publish()
    assert lab.waiting() == []


def test_its_arms_get_their_shares_once_it_runs(lab: Lab) -> None:
    experiment = lab.design(shares=(0.5, 0.3, 0.2))
    running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    kinds = ("block", "experiment", "placement")
    assert [(verb, kind) for verb, kind, _ in lab.waiting()] == [("added", one) for one in kinds]

    lab.world.publish()

    seen = Counter(lab.shown(experiment, 400).values())
    assert seen.keys() == {"v0", "v1", "v2"}
    assert 160 < seen["v0"] < 240 and 80 < seen["v1"] < 160 and 45 < seen["v2"] < 115


def test_somebody_keeps_their_arm_when_more_take_part(lab: Lab) -> None:
    experiment = lab.design(coverage=0.4)
    lab.start(experiment)
    before = lab.shown(experiment)

    running.ramp(experiment_id=experiment.pk, coverage=1.0, actor=None, now=NOW)
    lab.world.publish()

    after = lab.shown(experiment)
    assert all(after[one] == "v1" for one, variant in before.items() if variant == "v1")
    assert Counter(after.values())["v1"] > Counter(before.values())["v1"] * 2
    with pytest.raises(InvalidExperiment, match="lose their arm"):
        running.ramp(experiment_id=experiment.pk, coverage=0.5, actor=None, now=NOW)


def test_a_stopped_arm_shows_the_control_and_moves_nobody_else(lab: Lab) -> None:
    experiment = lab.design(shares=(0.4, 0.3, 0.3))
    lab.start(experiment)
    before = lab.shown(experiment)

    stop: dict[str, Any] = {
        "experiment_id": experiment.pk,
        "arm": "arm1",
        "actor": None,
        "note": "harm",
    }
    assert running.stop_arm(**stop, cause="harm", now=NOW)
    assert not running.stop_arm(**stop, cause="harm", now=NOW)
    lab.world.publish()

    after = lab.shown(experiment)
    assert after == {one: "v0" if shown == "v1" else shown for one, shown in before.items()}
    assert running.let_go_on(**stop, now=NOW)
    lab.world.publish()
    assert lab.shown(experiment) == before
    assert list(Change.objects.order_by("pk").values_list("action", flat=True)) == [
        "started", "arm_stopped", "arm_resumed",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="experiments.arm_stopped").exists()


def test_the_control_cannot_be_stopped(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    with pytest.raises(InvalidExperiment):
        running.stop_arm(experiment_id=experiment.pk, arm="arm0", actor=None, note="", now=NOW)


def test_a_pause_shows_the_default_and_the_same_arms_again_afterwards(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    before = lab.shown(experiment, 60)

    running.pause(experiment_id=experiment.pk, actor=None, now=NOW)
    assert lab.waiting() == [("removed", "experiment", "words")]
    lab.world.publish()
    assert set(lab.shown(experiment, 60).values()) == {"v0"}

    running.resume(experiment_id=experiment.pk, actor=None, now=NOW)
    lab.world.publish()
    assert lab.shown(experiment, 60) == before


def test_a_change_of_the_design_waits_for_a_new_phase(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    before = lab.shown(experiment)
    Arm.objects.filter(experiment=experiment, key="arm0").update(weight=0.1)
    Arm.objects.filter(experiment=experiment, key="arm1").update(weight=0.9)
    Experiment.objects.filter(pk=experiment.pk).update(coverage=0.2)
    assert lab.waiting() == []

    with pytest.raises(InvalidExperiment, match="Say why"):
        running.begin_phase(experiment_id=experiment.pk, actor=None, note="", now=NOW)
    running.begin_phase(experiment_id=experiment.pk, actor=None, note="other shares", now=NOW)
    lab.world.publish()

    assert lab.shown(experiment) != before
    first, second = Phase.objects.order_by("number")
    assert first.ended_at == NOW and second.ended_at is None
    assert first.seed != second.seed and second.coverage == 0.2
    assert [arm["weight"] for arm in first.arms] == [0.5, 0.5]


def test_what_is_concluded_is_shown_no_more(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    end: dict[str, Any] = {
        "experiment_id": experiment.pk,
        "learnings": "Short words.",
        "actor": None,
        "now": NOW,
    }
    with pytest.raises(InvalidExperiment):
        running.conclude(winner="nobody", **end)
    running.conclude(winner="arm1", **end)
    lab.world.publish()
    assert set(lab.shown(experiment, 60).values()) == {"v0"}
    with pytest.raises(NotAsItStands, match="it is concluded now"):
        running.pause(experiment_id=experiment.pk, actor=None, now=NOW)


def test_only_those_who_are_meant_take_part(lab: Lab) -> None:
    lab.world.segment("blouses")
    condition = {"v": 1, "where": {"kind": "segment", "key": "blouses"}}
    experiment = lab.design(condition=condition)
    lab.start(experiment)
    assert set(lab.shown(experiment, 60).values()) == {"v0"}


def test_history_in_its_condition_becomes_a_hidden_segment(lab: Lab) -> None:
    experiment = lab.design(condition=LAST_VIEWED)
    lab.start(experiment)
    document = lab.world.publish()
    assert document is not None
    assert [kind for _, kind, _ in lab.waiting()] == []
    assert set(lab.shown(experiment, 30).values()) == {"v0"}


def test_experiments_of_one_layer_share_nobody(lab: Lab) -> None:
    layer = Layer.objects.create(site=lab.site, key="checkout", name="Checkout")
    one = lab.design("one", layer=layer, layer_share=0.5, shares=(0.0, 1.0))
    two = lab.design("two", layer=layer, layer_share=0.5, shares=(0.0, 1.0))
    three = lab.design("three", layer=layer, layer_share=0.1)
    lab.start(one)
    lab.start(two)

    first, second = lab.shown(one), lab.shown(two)

    assert all((first[who] == "v1") != (second[who] == "v1") for who in first)
    with pytest.raises(InvalidExperiment, match="has 0% free"):
        running.start(experiment_id=three.pk, actor=None, now=NOW)
    running.conclude(experiment_id=one.pk, winner="", learnings="", actor=None, now=NOW)
    running.start(experiment_id=three.pk, actor=None, now=NOW)
    assert Phase.objects.get(experiment=three).layer_start == 0.0


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], [(0.0, 1.0)]),
        ([(0.0, 1.0)], []),
        ([(0.2, 0.4), (0.4, 0.5)], [(0.0, 0.2), (0.5, 1.0)]),
        ([(0.5, 1.0), (0.0, 0.1)], [(0.1, 0.5)]),
    ],
    ids=["nothing", "all", "between", "in_the_middle"],
)
def test_what_is_free_of_a_layer(
    taken: list[tuple[float, float]], free: list[tuple[float, float]]
) -> None:
    assert free_parts(taken) == free


def test_a_placement_runs_one_experiment(lab: Lab) -> None:
    one = lab.design("words")
    lab.start(one)
    lab.placements["other"], lab.variants["other"] = lab.placements["words"], lab.variants["words"]
    other = lab.design("other")
    with pytest.raises(InvalidExperiment, match="'words' runs in this placement"):
        running.start(experiment_id=other.pk, actor=None, now=NOW)
    # Two that were begun all the same, by older code: what is published has one.
    running.pause(experiment_id=one.pk, actor=None, now=NOW)
    with pytest.raises(InvalidExperiment, match="'words' runs in this placement"):
        running.start(experiment_id=other.pk, actor=None, now=NOW)
    running.conclude(experiment_id=one.pk, winner="", learnings="", actor=None, now=NOW)
    running.start(experiment_id=other.pk, actor=None, now=NOW)
    Phase.objects.filter(experiment=one).update(ended_at=None)
    one.refresh_from_db()
    one.state = one.State.RUNNING
    one.save(update_fields=["state"])
    with pytest.raises(PublicationRefused, match="runs another one"):
        lab.world.publish()


DESIGNS: dict[str, tuple[dict[str, Any], str]] = {
    "shares_beyond_one": ({"shares": (0.5, 0.6)}, "/arms"),
    "one_arm": ({"shares": (1.0,)}, "/arms"),
    "no_coverage": ({"coverage": 0.0}, "/coverage"),
    "no_condition": ({"condition": {"v": 1}}, "/condition"),
    "factors_of_nothing": ({"kind": "factorial"}, "/factors"),
}


@pytest.mark.parametrize(("more", "place"), DESIGNS.values(), ids=DESIGNS.keys())
def test_a_design_that_cannot_be_run_says_where(lab: Lab, more: dict[str, Any], place: str) -> None:
    experiment = lab.design(**more)
    with pytest.raises(InvalidExperiment) as refused:
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    assert place in wrong_places(refused.value)
    assert not Phase.objects.exists()


def test_a_guardrail_needs_a_margin_and_something_has_to_decide(lab: Lab) -> None:
    experiment = lab.design()
    Goal.objects.update(role=Goal.Role.GUARDRAIL)
    with pytest.raises(InvalidExperiment) as refused:
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    assert wrong_places(refused.value) == {"/goals", "/goals/orders"}


def test_a_start_without_a_planned_size_is_marked(lab: Lab) -> None:
    experiment = lab.design(per_arm=None)
    lab.start(experiment)
    experiment.refresh_from_db()
    assert experiment.is_unplanned


def test_a_variant_that_runs_cannot_be_taken_away_by_a_publication(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    lab.variants["words"][1].archived_at = NOW
    lab.variants["words"][1].save(update_fields=["archived_at"])
    with pytest.raises(PublicationRefused, match="archived"):
        lab.world.publish()
    assert set(lab.shown(experiment, 60).values()) == {"v0", "v1"}


def test_only_a_bandit_changes_its_shares(lab: Lab) -> None:
    fixed, bandit = lab.design("fixed"), lab.design("bandit", kind="bandit")
    lab.start(fixed)
    lab.start(bandit)
    shares = {"arm0": 0.1, "arm1": 0.9}
    with pytest.raises(NotAsItStands):
        running.set_shares(experiment_id=fixed.pk, shares=shares, now=NOW)
    with pytest.raises(InvalidExperiment):
        running.set_shares(experiment_id=bandit.pk, shares={"arm0": 1.0}, now=NOW)
    assert running.set_shares(experiment_id=bandit.pk, shares=shares, now=NOW)
    lab.world.publish()
    seen = Counter(lab.shown(bandit).values())
    assert seen["v1"] > 160


def test_who_is_held_out_sees_nothing_personalized(lab: Lab) -> None:
    experiment = lab.design(shares=(0.0, 1.0))
    Holdout.objects.create(site=lab.site, key="all", name="All", share=0.3, seed="h1")
    lab.start(experiment)
    seen = Counter(lab.shown(experiment).values())
    assert 35 < seen["v0"] < 85
    Holdout.objects.update(is_enabled=False)
    assert lab.waiting() == [("removed", "holdout", "all")]


def test_the_part_of_a_layer_stays_taken_when_the_design_moves_on(lab: Lab) -> None:
    one = Layer.objects.create(site=lab.site, key="one", name="One")
    other = Layer.objects.create(site=lab.site, key="other", name="Other")
    first = lab.design("first", layer=one, layer_share=0.6)
    lab.start(first)
    Experiment.objects.filter(pk=first.pk).update(layer=other)
    second = lab.design("second", layer=one, layer_share=0.6)
    with pytest.raises(InvalidExperiment, match="free in one piece"):
        running.start(experiment_id=second.pk, actor=None, now=NOW)


def test_planned_looks_need_a_planned_size(lab: Lab) -> None:
    design = lab.design(looking="planned", per_arm=None)
    with pytest.raises(InvalidExperiment, match="planned size"):
        running.start(experiment_id=design.pk, actor=None, now=NOW)
